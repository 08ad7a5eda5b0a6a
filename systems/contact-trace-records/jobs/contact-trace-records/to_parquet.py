"""Convert flattened contact trace records to Parquet, one object for each flat one; what was converted is left alone.

--from folder of JSON lines, --to folder of Parquet that is added to, --columns dotted names of texts that every object has.
Runs on Glue, EMR, Livy and a laptop. The rules are those of the task convert-records: a number is a 64-bit integer or a
double, one that fits into neither is a text; kinds that do not fit together become text; a column of which only nulls
are known is left out.
"""

import argparse
import json
import math
import re
import sys
import traceback
import uuid

from pyspark.sql import SparkSession
from pyspark.sql import types as T

NULL, BOOLEAN, LONG, DOUBLE, TEXT = ("null",), ("boolean",), ("long",), ("double",), ("text",)
SPARK_TYPES = {BOOLEAN: T.BooleanType, LONG: T.LongType, DOUBLE: T.DoubleType, TEXT: T.StringType}


class BadData(Exception):
    """The input is not what the job expects; the message names the file."""


class Integer(str):
    """A number as it is written."""


class Fraction(str):
    """A number as it is written, with a point or an exponent."""


def kind_of(value):
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, Integer):
        return LONG if -(2**63) <= int(value) < 2**63 else TEXT
    if isinstance(value, Fraction):
        return DOUBLE if math.isfinite(float(value)) else TEXT
    if isinstance(value, str):
        return TEXT
    if isinstance(value, list):
        item = NULL
        for element in value:
            item = merge(item, kind_of(element))
        return ("list", item)
    return ("struct", {name: kind_of(field) for name, field in value.items()})


def merge(a, b):
    """The kind that holds the values of both."""
    if a[0] == b[0] == "struct":
        fields = dict(a[1])
        for name, kind in b[1].items():
            fields[name] = merge(fields[name], kind) if name in fields else kind
        return ("struct", fields)
    if a[0] == b[0] == "list":
        return ("list", merge(a[1], b[1]))
    if a[0] == b[0] or b == NULL:
        return a
    if a == NULL:
        return b
    return DOUBLE if {a[0], b[0]} == {"long", "double"} else TEXT


def without_unknown(kind):
    """Without fields that are always null, lists without items and structs without fields; None when nothing is left."""
    if kind == NULL:
        return None
    if kind[0] == "list":
        item = without_unknown(kind[1])
        return item and ("list", item)
    if kind[0] != "struct":
        return kind
    known = {name: without_unknown(kind[1][name]) for name in sorted(kind[1])}
    fields = {name: field for name, field in known.items() if field}
    return ("struct", fields) if fields else None


def spark_type(kind):
    if kind[0] == "list":
        return T.ArrayType(spark_type(kind[1]))
    if kind[0] == "struct":
        return T.StructType([T.StructField(name, spark_type(field)) for name, field in kind[1].items()])
    return SPARK_TYPES[kind]()


def struct_of(columns):
    kind = ("struct", {})
    for column in columns:
        one = TEXT
        for name in reversed(column.split(".")):
            one = ("struct", {name: one})
        kind = merge(kind, one)
    return kind


def kind_of_lines(rows):
    kind = ("struct", {})
    for row in rows:
        if row.value:
            kind = merge(kind, kind_of(json.loads(row.value, parse_int=Integer, parse_float=Fraction)))
    yield kind


def read(spark, location, columns):
    lines = spark.read.text(location, lineSep="\n")
    kind = merge(struct_of(columns), lines.rdd.mapPartitions(kind_of_lines).fold(("struct", {}), merge))
    schema = spark_type(without_unknown(kind) or struct_of(["_"]))
    return spark.read.json(location, schema=schema, mode="FAILFAST", lineSep="\n", encoding="UTF-8")


class Folder:
    """A folder of objects, through Hadoop's file systems."""

    def __init__(self, spark, location):
        self.spark = spark
        self.hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs
        self.path = self.hadoop.Path(location.rstrip("/"))
        self.files = self.path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
        # Checksum files of the local file system would lie in the bucket as objects of their own.
        self.files.setWriteChecksum(False)

    def list(self, ending):
        """Name -> location, at any depth."""
        found = {}
        if self.files.exists(self.path):
            each = self.files.listFiles(self.path, True)
            while each.hasNext():
                path = each.next().getPath()
                if path.getName().endswith(ending):
                    found[path.getName()] = path.toString()
        return found

    def add(self, name, rows):
        """Writes aside, then moves: the object is there whole or not at all."""
        aside = self.hadoop.Path(self.path.getParent(), "_aside-" + uuid.uuid4().hex)
        try:
            rows.coalesce(1).write.parquet(aside.toString(), compression="snappy")
            parts = [found.getPath() for found in self.files.globStatus(self.hadoop.Path(aside, "part-*"))]
            self.files.mkdirs(self.path)
            target = self.hadoop.Path(self.path, name)
            if not self.files.rename(parts[0], target) and not self.files.exists(target):
                raise OSError("cannot rename %s to %s" % (parts[0], target))
        finally:
            self.files.delete(aside, True)


def convert(spark, source, target, columns):
    flat = Folder(spark, source).list(".json")
    parquet = Folder(spark, target)
    converted = set(parquet.list(".parquet"))
    for name in sorted(flat):
        output = re.sub(r"\.json$", "", name) + ".snappy.parquet"
        if output in converted:
            continue
        try:
            parquet.add(output, read(spark, flat[name], columns))
        except Exception as error:
            if "MALFORMED_RECORD" in str(error) or "JSONDecodeError" in str(error):
                raise BadData("%s: %s" % (flat[name], describe(error)))
            raise
        converted.add(output)
    if not converted:
        empty = spark.createDataFrame([], spark_type(struct_of(columns or ["_"])))
        parquet.add("no-records.snappy.parquet", empty)


def describe(error):
    """The innermost cause, in one line: the last lines of the log are what a person sees."""
    causes = re.findall(r"^Caused by: (.*)$", str(error), re.MULTILINE)
    reason = causes[-1] if causes else "%s: %s" % (type(error).__name__, (str(error).splitlines() or ["no reason given"])[0])
    return reason[reason.find("BadData: ") :] if "BadData: " in reason else reason


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", required=True, dest="source")
    parser.add_argument("--to", required=True)
    parser.add_argument("--columns", default="")
    arguments, _ = parser.parse_known_args()
    spark = SparkSession.builder.appName("contact trace records to Parquet").getOrCreate()
    convert(spark, arguments.source, arguments.to, [name for name in arguments.columns.split(",") if name])


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
    except Exception as error:
        traceback.print_exc()
        sys.exit(describe(error))
