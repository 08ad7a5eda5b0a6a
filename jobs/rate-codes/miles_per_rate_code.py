"""Miles per rate code: sums trip_distance by RatecodeID, as Parquet.

ROOT [--if-exists overwrite|error]: reads ROOT/emr-step-functions/input/tripdata.csv, replaces
ROOT/emr-step-functions/miles-per-rate. Rows without a code form a group of their own.
"""

import argparse
import re
import sys
import traceback
import uuid

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.utils import AnalysisException


class BadData(Exception):
    """The input is not what the job expects."""


def read_trips(spark, location, columns):
    """The taxi CSV's columns, matched whatever their case: the first is an integer, the rest are doubles."""
    try:
        trips = spark.read.csv(location, header=True, ignoreLeadingWhiteSpace=True, ignoreTrailingWhiteSpace=True)
    except AnalysisException as error:
        raise BadData("%s: cannot be read: %s" % (location, str(error).splitlines()[0]))
    names = {name.strip().lower(): name for name in trips.columns}
    for column in columns:
        if column.lower() not in names:
            raise BadData("%s: no column '%s'; the header has %s" % (location, column, ", ".join(trips.columns) or "nothing"))
    types = ["long"] + ["double"] * (len(columns) - 1)
    return trips.select(
        [F.col("`%s`" % names[column.lower()]).cast(kind).alias(column) for column, kind in zip(columns, types)]
    )


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--if-exists", choices=["overwrite", "error"], default="overwrite")
    arguments, _ = parser.parse_known_args()
    return arguments.root.rstrip("/") + "/emr-step-functions", arguments.if_exists


def check_output(spark, output, if_exists):
    jvm = spark.sparkContext._jvm
    target = jvm.org.apache.hadoop.fs.Path(output)
    files = target.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    if if_exists == "error" and files.exists(target):
        raise BadData("%s: is there already; start with ifExists=overwrite, or move it away" % output)


def replace_output(spark, output, write):
    """Writes aside with `write(folder)`, then swaps: a job that fails leaves the output as it was.

    `_SUCCESS` goes first and comes last: in S3 a rename is a copy of one object after the other.
    """
    jvm = spark.sparkContext._jvm
    target = jvm.org.apache.hadoop.fs.Path(output.rstrip("/"))
    aside = jvm.org.apache.hadoop.fs.Path(target.getParent(), "_aside-" + uuid.uuid4().hex)
    files = target.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    # Checksum files of the local file system would lie in the bucket as objects of their own.
    files.setWriteChecksum(False)
    try:
        write(aside.toString())
        files.delete(jvm.org.apache.hadoop.fs.Path(aside, "_SUCCESS"), False)
        files.delete(jvm.org.apache.hadoop.fs.Path(target, "_SUCCESS"), False)
        files.delete(target, True)
        files.mkdirs(target.getParent())
        if not files.rename(aside, target):
            raise OSError("cannot rename %s to %s" % (aside, target))
        files.create(jvm.org.apache.hadoop.fs.Path(target, "_SUCCESS")).close()
    finally:
        files.delete(aside, True)


def describe(error):
    """The innermost cause, in one line: the last lines of the log are what a person sees."""
    causes = re.findall(r"^Caused by: (.*)$", str(error), re.MULTILINE)
    reason = causes[-1] if causes else "%s: %s" % (type(error).__name__, (str(error).splitlines() or ["no reason given"])[0])
    return reason[reason.find("BadData: ") :] if "BadData: " in reason else reason


def main():
    base, if_exists = parse_arguments()
    output = base + "/miles-per-rate"
    spark = SparkSession.builder.appName("MilesPerRateCode").getOrCreate()
    # Casts that do not fit are null, as the reading rules say.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    check_output(spark, output, if_exists)
    trips = read_trips(spark, base + "/input/tripdata.csv", ["RatecodeID", "trip_distance"])
    miles = trips.groupBy(F.col("RatecodeID").alias("rate_code")).agg(F.sum("trip_distance").alias("total_distance"))
    replace_output(spark, output, lambda folder: miles.coalesce(1).write.parquet(folder, compression="snappy"))


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
    except Exception as error:
        traceback.print_exc()
        sys.exit(describe(error))
