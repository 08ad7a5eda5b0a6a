"""Join marketing and sales data by day, in calendar order, as CSV with header.

--sales-leads and --marketing: the outputs of the two jobs before; --output: folder that is replaced.
"""

import argparse
import sys
import uuid

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.utils import AnalysisException


class BadData(Exception):
    """The input is not what the job expects."""


def read_complete(spark, location):
    """A folder that its job has finished: `_SUCCESS` is written last."""
    jvm = spark.sparkContext._jvm
    marker = jvm.org.apache.hadoop.fs.Path(location.rstrip("/"), "_SUCCESS")
    if not marker.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(marker):
        raise BadData("%s: has no _SUCCESS, so it is missing or only half written" % location)
    return spark.read.parquet(location)


def calendar_order(date):
    """Ascending by calendar date; what is no date comes last, by its text."""
    day = F.when(date.rlike(r"^\d{1,2}/\d{1,2}/\d{4}$"), F.to_date(date, "M/d/yyyy"))
    return [day.asc_nulls_last(), date.asc_nulls_last()]


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
    parser = argparse.ArgumentParser()
    parser.add_argument("--sales-leads", required=True)
    parser.add_argument("--marketing", required=True)
    parser.add_argument("--output", required=True)
    arguments, _ = parser.parse_known_args()
    spark = SparkSession.builder.appName("join marketing and sales data").getOrCreate()
    # Casts that do not fit are null, as the reading rules say.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    sales = read_complete(spark, arguments.sales_leads)
    marketing = read_complete(spark, arguments.marketing)
    counts = ["leads_generated", "forecasted_lead_revenue"]
    visitors = ["new_visitors_seo", "new_visitors_cpc", "new_visitors_social_media", "return_visitors"]
    # A day that is there more than once: in a fixed order, so that every engine gives the same bytes.
    ties = [F.col(name).asc_nulls_last() for name in counts + visitors]
    joined = (
        sales.join(marketing, "date")
        .select("date", *counts, *visitors)
        .orderBy(*calendar_order(F.col("date")), *ties)
    )
    replace_output(spark, arguments.output, lambda folder: write_csv(spark, joined, folder))


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
