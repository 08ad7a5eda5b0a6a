"""Join marketing and sales data by day, in calendar order, as CSV with header.

--sales-leads and --marketing: the outputs of the two jobs before; --output: folder that is replaced.
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


def read_complete(spark, location, columns):
    """The columns of a folder that its job has finished: `_SUCCESS` is written last."""
    jvm = spark.sparkContext._jvm
    marker = jvm.org.apache.hadoop.fs.Path(location.rstrip("/"), "_SUCCESS")
    if not marker.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(marker):
        raise BadData("%s: has no _SUCCESS, so it is missing or only half written" % location)
    rows = spark.read.parquet(location)
    for column in columns:
        if column not in rows.columns:
            raise BadData("%s: no column '%s'; the columns are %s" % (location, column, ", ".join(rows.columns)))
    return rows.select(*columns)


def calendar_order(date):
    """Ascending by calendar date; what is no date comes last, by its text."""
    day = F.when(date.rlike(r"^\d{1,2}/\d{1,2}/\d{4}$"), F.to_date(date, "M/d/yyyy"))
    return [day.asc_nulls_last(), date.asc_nulls_last()]


def write_csv(spark, frame, folder):
    """One CSV file with its header, also when there are no rows: Spark alone writes none then."""
    if frame.isEmpty():
        path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(folder, "part-00000.csv")
        stream = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).create(path)
        stream.write(bytearray((",".join(frame.columns) + "\n").encode()))
        stream.close()
    else:
        options = {"emptyValue": "", "nullValue": "", "quote": '"', "escape": '"'}
        # Spark would trim values on writing.
        options.update(ignoreLeadingWhiteSpace=False, ignoreTrailingWhiteSpace=False)
        frame.write.csv(folder, header=True, **options)


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
    parser = argparse.ArgumentParser()
    parser.add_argument("--sales-leads", required=True)
    parser.add_argument("--marketing", required=True)
    parser.add_argument("--output", required=True)
    arguments, _ = parser.parse_known_args()
    spark = SparkSession.builder.appName("join marketing and sales data").getOrCreate()
    # Casts that do not fit are null, as the reading rules say.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    counts = ["leads_generated", "forecasted_lead_revenue"]
    visitors = ["new_visitors_seo", "new_visitors_cpc", "new_visitors_social_media", "return_visitors"]
    sales = read_complete(spark, arguments.sales_leads, ["date", *counts])
    marketing = read_complete(spark, arguments.marketing, ["date", *visitors])
    # A day that is there more than once: in a fixed order, so that every engine gives the same bytes.
    ties = [F.col(name).asc_nulls_last() for name in counts + visitors]
    joined = (
        sales.join(marketing, "date")
        .select("date", *counts, *visitors)
        # Sorted in the one partition that is written: a merge of sorted partitions keeps no order on a cluster.
        .coalesce(1)
        .sortWithinPartitions(*calendar_order(F.col("date")), *ties)
    )
    replace_output(spark, arguments.output, lambda folder: write_csv(spark, joined, folder))


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
    except Exception as error:
        traceback.print_exc()
        sys.exit(describe(error))
