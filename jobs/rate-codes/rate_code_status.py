"""Rate code status: fares by RatecodeID beside the stored miles, as one CSV with header.

ROOT [--if-exists overwrite|error]: reads ROOT/emr-step-functions/input/tripdata.csv and ROOT/emr-step-functions/miles-per-rate,
replaces ROOT/emr-step-functions/rate-code-status. Null equals nothing, so trips without a code are not in it.
"""

import argparse
import sys
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


def read_complete(spark, location):
    """A folder that its job has finished: `_SUCCESS` is written last."""
    jvm = spark.sparkContext._jvm
    marker = jvm.org.apache.hadoop.fs.Path(location.rstrip("/"), "_SUCCESS")
    if not marker.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(marker):
        raise BadData("%s: has no _SUCCESS, so it is missing or only half written" % location)
    return spark.read.parquet(location)


def write_csv(spark, frame, folder):
    """One CSV file with its header, also when there are no rows: Spark alone writes none then."""
    if frame.isEmpty():
        header = spark.createDataFrame([(",".join(frame.columns),)], "value string")
        header.coalesce(1).write.text(folder)
    else:
        frame.coalesce(1).write.csv(folder, header=True, emptyValue="", nullValue="", quote='"', escape='"')


def replace_output(spark, output, write):
    """Writes aside with `write(folder)`, then swaps: a job that fails leaves the output as it was."""
    jvm = spark.sparkContext._jvm
    target = jvm.org.apache.hadoop.fs.Path(output.rstrip("/"))
    aside = jvm.org.apache.hadoop.fs.Path(target.getParent(), "_aside-" + uuid.uuid4().hex)
    files = target.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    # Checksum files of the local file system would lie in the bucket as objects of their own.
    files.setWriteChecksum(False)
    try:
        write(aside.toString())
        files.delete(jvm.org.apache.hadoop.fs.Path(target, "_SUCCESS"), False)
        files.delete(target, True)
        files.mkdirs(target.getParent())
        if not files.rename(aside, target):
            raise OSError("cannot rename %s to %s" % (aside, target))
    finally:
        files.delete(aside, True)


def main():
    base, if_exists = parse_arguments()
    output = base + "/rate-code-status"
    spark = SparkSession.builder.appName("RateCodeStatus").getOrCreate()
    # Casts that do not fit are null, as the reading rules say.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    check_output(spark, output, if_exists)
    trips = read_trips(spark, base + "/input/tripdata.csv", ["RatecodeID", "fare_amount"])
    fares = trips.groupBy(F.col("RatecodeID").alias("rate_code")).agg(F.sum("fare_amount").alias("total_fare_amount"))
    miles = read_complete(spark, base + "/miles-per-rate")
    status = miles.join(fares, "rate_code").select(
        F.col("rate_code").alias("rate_code_id"), "total_distance", "total_fare_amount"
    )
    replace_output(spark, output, lambda folder: write_csv(spark, status, folder))


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
