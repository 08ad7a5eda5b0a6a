"""Process sales data: leads and their forecasted revenue by day, in calendar order, as Parquet.

--sales LOCATION of the CSV, --output folder that is replaced; and the options of sluice_rows.py, which lies beside the
folder of this script. Runs on Glue, EMR, Livy and a laptop.
"""

from pyspark.sql import functions as F

from sluice_rows import RowJob, run


def calendar_order(date):
    """Ascending by calendar date; what is no date comes last, by its text."""
    day = F.when(date.rlike(r"^\d{1,2}/\d{1,2}/\d{4}$"), F.to_date(date, "M/d/yyyy"))
    return [day.asc_nulls_last(), date.asc_nulls_last()]


def exact_sum(column, location):
    """A 64-bit sum that fails rather than wraps."""
    total = F.sum(column.cast("decimal(38,0)"))
    fits = total.isNull() | total.between(F.lit(-(2**63)).cast("decimal(38,0)"), F.lit(2**63 - 1).cast("decimal(38,0)"))
    message = "BadData: %s: a sum of forecasted_monthly_revenue needs more than 64 bits" % location
    return F.when(fits, total.cast("long")).otherwise(F.raise_error(F.lit(message)).cast("long"))


def main():
    job = RowJob("process sales data", "--sales", "--output")
    location = job.arguments.sales
    rows = job.read_csv(
        location, {"date": "VARCHAR", "opportunity_stage": "VARCHAR", "forecasted_monthly_revenue": "BIGINT"}
    )
    leads = (
        rows.where(F.col("opportunity_stage") == "Lead")
        .groupBy("date")
        .agg(
            # A bare count would make the Parquet column a required one.
            F.expr("nullif(count(1), 0)").alias("leads_generated"),
            exact_sum(F.col("forecasted_monthly_revenue"), location).alias("forecasted_lead_revenue"),
        )
        # Sorted in the one partition that is written: a merge of sorted partitions keeps no order on a cluster.
        .coalesce(1)
        .sortWithinPartitions(*calendar_order(F.col("date")))
    )
    job.write(leads, "parquet")


if __name__ == "__main__":
    run(main)
