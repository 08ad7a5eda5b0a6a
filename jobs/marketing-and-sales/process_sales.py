"""Process sales data: leads and their forecasted revenue by day, in calendar order, as Parquet.

--sales LOCATION of the CSV, --output folder that is replaced. Runs on Glue, EMR, Livy and a laptop.
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
    """The input is not what the job expects; the message names file and column."""


# A field after its comma: quoted (RFC 4180, no line break inside), or all up to the next comma.
FIELD = r',("(?:[^"]|"")*"[^,]*|[^,]*)'
# The same for Java, whose plain repetition of a group overflows the stack on a long field, so it is possessive; the second
# branch is for a quote that never closes.
JAVA_FIELD = r',("(?:[^"]|"")*+"[^,]*+|".*""[^,]*+|[^,]*+)'


def text_of(field):
    """Quotes taken off, or spaces and tabs at both ends of an unquoted field; an empty field is null."""
    quoted = F.regexp_replace(F.regexp_extract(field, r'^"((?:[^"]|"")*+)"', 1), '""', '"')
    text = F.when(field.rlike(r'^"(?:[^"]|"")*+"[ \t]*$'), quoted).otherwise(F.regexp_replace(field, r"^[ \t]+|[ \t]+$", ""))
    return F.when(text != "", text)


def integer_of(text):
    """A signed 64-bit integer; what is none is null."""
    return F.when(text.rlike(r"^[+-]?[0-9]+$"), F.regexp_replace(text, r"^\+", "")).cast("long")


def read_csv(spark, location, columns):
    """The columns, found by their headers, as text."""
    try:
        lines = spark.read.text(location, lineSep="\n").select(
            F.regexp_replace("value", r"\r+$", "").alias("line"), F.monotonically_increasing_id().alias("n")
        )
        first = lines.orderBy("n").first()
    except AnalysisException as error:
        raise BadData("%s: cannot be read: %s" % (location, str(error).splitlines()[0]))
    header = [] if first is None else fields_of_header(first["line"].lstrip("\ufeff"))
    for column in columns:
        if column not in header:
            raise BadData("%s: no column '%s'; the header has %s" % (location, column, ", ".join(header) or "nothing"))
    rows = lines.where((F.col("n") != first["n"]) & (F.col("line") != "")).select(
        F.expr("regexp_extract_all(concat(',', line), '%s', 1)" % JAVA_FIELD.replace("\\", "\\\\")).alias("fields")
    )
    # A line may have fewer fields than the header: what is not there is null.
    return rows.select([text_of(F.get("fields", F.lit(header.index(column)))).alias(column) for column in columns])


def fields_of_header(line):
    names = []
    for field in re.findall(FIELD, "," + line):
        quoted = re.match(r'^"((?:[^"]|"")*)"[ \t]*$', field)
        name = quoted.group(1).replace('""', '"') if quoted else field
        names.append(re.sub(r"\s+", "_", name.strip().lower()))
    return names


def calendar_order(date):
    """Ascending by calendar date; what is no date comes last, by its text."""
    day = F.when(date.rlike(r"^\d{1,2}/\d{1,2}/\d{4}$"), F.to_date(date, "M/d/yyyy"))
    return [day.asc_nulls_last(), date.asc_nulls_last()]


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


def exact_sum(column, location):
    """A 64-bit sum that fails rather than wraps."""
    total = F.sum(column.cast("decimal(38,0)"))
    fits = total.isNull() | total.between(F.lit(-(2**63)).cast("decimal(38,0)"), F.lit(2**63 - 1).cast("decimal(38,0)"))
    message = "BadData: %s: a sum of forecasted_monthly_revenue needs more than 64 bits" % location
    return F.when(fits, total.cast("long")).otherwise(F.raise_error(F.lit(message)).cast("long"))


def describe(error):
    """The innermost cause, in one line: the last lines of the log are what a person sees."""
    causes = re.findall(r"^Caused by: (.*)$", str(error), re.MULTILINE)
    reason = causes[-1] if causes else "%s: %s" % (type(error).__name__, (str(error).splitlines() or ["no reason given"])[0])
    return reason[reason.find("BadData: ") :] if "BadData: " in reason else reason


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sales", required=True)
    parser.add_argument("--output", required=True)
    arguments, _ = parser.parse_known_args()
    spark = SparkSession.builder.appName("process sales data").getOrCreate()
    # Casts that do not fit are null, as the reading rules say.
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    rows = read_csv(spark, arguments.sales, ["date", "opportunity_stage", "forecasted_monthly_revenue"])
    leads = (
        rows.where(F.col("opportunity_stage") == "Lead")
        .groupBy("date")
        .agg(
            # A bare count would make the Parquet column a required one.
            F.expr("nullif(count(1), 0)").alias("leads_generated"),
            exact_sum(integer_of(F.col("forecasted_monthly_revenue")), arguments.sales).alias("forecasted_lead_revenue"),
        )
        # Sorted in the one partition that is written: a merge of sorted partitions keeps no order on a cluster.
        .coalesce(1)
        .sortWithinPartitions(*calendar_order(F.col("date")))
    )
    replace_output(spark, arguments.output, lambda folder: leads.write.parquet(folder, compression="snappy"))


if __name__ == "__main__":
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
    except Exception as error:
        traceback.print_exc()
        sys.exit(describe(error))
