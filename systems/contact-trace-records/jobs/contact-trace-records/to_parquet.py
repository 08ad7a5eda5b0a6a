"""Convert flattened contact trace records to Parquet, one object for each flat one; what was converted is left alone.

--from folder of JSON lines, --to folder of Parquet that is added to, --columns dotted names of texts that every object has.
--rows-to as of sluice_rows.py, which goes with it. Runs on Glue, EMR, Livy and a laptop. The rules are those of the task
convert-records: a number is a 64-bit integer or a double where that is exact, else a text with all its digits; kinds that do
not fit together become text; a column of which only nulls are known is left out.
"""

import decimal
import json
import math
import re
import uuid

from pyspark.sql import types as T
from sluice_rows import BadData, RowJob, describe, run

# A wide integer has 64 bits, and more than a double holds exactly.
NULL, BOOLEAN, LONG, WIDE, DOUBLE, TEXT = ("null",), ("boolean",), ("long",), ("wide",), ("double",), ("text",)
SPARK_TYPES = {BOOLEAN: T.BooleanType, LONG: T.LongType, WIDE: T.LongType, DOUBLE: T.DoubleType, TEXT: T.StringType}


class Integer(str):
    """A number as it is written."""


class Fraction(str):
    """A number as it is written, with a point or an exponent."""


def is_exact(fraction):
    """Whether a double has all its digits."""
    number = float(fraction)
    return math.isfinite(number) and decimal.Decimal(repr(number)) == decimal.Decimal(fraction)


def kind_of(value):
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, Integer):
        number = int(value)
        if abs(number) <= 2**53:
            return LONG
        return WIDE if -(2**63) <= number < 2**63 else TEXT
    if isinstance(value, Fraction):
        return DOUBLE if is_exact(value) else TEXT
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
    pair = {a[0], b[0]}
    return WIDE if pair == {"long", "wide"} else DOUBLE if pair == {"long", "double"} else TEXT


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


def parse(line):
    return json.loads(line, parse_int=Integer, parse_float=Fraction)


def has_inexact(value):
    """Whether there is a fraction whose digits a reader of JSON would lose."""
    if isinstance(value, Fraction):
        return not is_exact(value)
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return any(has_inexact(each) for each in values)


def with_texts(value):
    """The value with those fractions as texts."""
    if isinstance(value, Fraction):
        return float(value) if is_exact(value) else str(value)
    if isinstance(value, Integer):
        return int(value)
    if isinstance(value, list):
        return [with_texts(each) for each in value]
    return {name: with_texts(each) for name, each in value.items()} if isinstance(value, dict) else value


def rewrite(line):
    value = parse(line) if line else None
    return json.dumps(with_texts(value), ensure_ascii=False) if has_inexact(value) else line


def survey(rows):
    """The kind of all lines, how many there are, and whether any has an inexact fraction."""
    kind, count, inexact = ("struct", {}), 0, False
    for row in rows:
        if row.value:
            value = parse(row.value)
            kind = merge(kind, kind_of(value))
            count, inexact = count + 1, inexact or has_inexact(value)
    yield kind, count, inexact


def merge_surveys(a, b):
    return merge(a[0], b[0]), a[1] + b[1], a[2] or b[2]


def read(job, location, columns):
    lines = job.spark.read.text(location, lineSep="\n")
    kind, count, inexact = lines.rdd.mapPartitions(survey).fold((("struct", {}), 0, False), merge_surveys)
    job.read += count
    schema = spark_type(without_unknown(merge(struct_of(columns), kind)) or struct_of(["_"]))
    if inexact:
        rewritten = lines.rdd.map(lambda row: rewrite(row.value))
        return job.spark.read.json(rewritten, schema=schema, mode="FAILFAST")
    return job.spark.read.json(location, schema=schema, mode="FAILFAST", lineSep="\n", encoding="UTF-8")


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


def convert(job, source, target, columns):
    spark = job.spark
    flat = Folder(spark, source).list(".json")
    parquet = Folder(spark, target)
    converted = set(parquet.list(".parquet"))
    for name in sorted(flat):
        output = re.sub(r"\.json$", "", name) + ".snappy.parquet"
        if output in converted:
            continue
        try:
            parquet.add(output, read(job, flat[name], columns))
        except Exception as error:
            if "MALFORMED_RECORD" in str(error) or "JSONDecodeError" in str(error):
                raise BadData("%s: %s" % (flat[name], describe(error)))
            raise
        converted.add(output)
    if not converted:
        empty = spark.createDataFrame([], spark_type(struct_of(columns or ["_"])))
        parquet.add("no-records.snappy.parquet", empty)


def main():
    job = RowJob("contact trace records to Parquet", "--from", "--to", "--columns")
    arguments = vars(job.arguments)
    convert(job, arguments["from"], arguments["to"], [name for name in arguments["columns"].split(",") if name])
    job.tell_rows(job.read)


if __name__ == "__main__":
    run(main)
