"""Join marketing and sales data by day, in calendar order, as CSV with header.

--sales-leads and --marketing: the outputs of the two jobs before; --output: folder that is replaced; and the options of
sluice_rows.py, which lies beside the folder of this script.
"""

from pyspark.sql import functions as F

from sluice_rows import RowJob, run


def calendar_order(date):
    """Ascending by calendar date; what is no date comes last, by its text."""
    day = F.when(date.rlike(r"^\d{1,2}/\d{1,2}/\d{4}$"), F.to_date(date, "M/d/yyyy"))
    return [day.asc_nulls_last(), date.asc_nulls_last()]


def main():
    job = RowJob("join marketing and sales data", "--sales-leads", "--marketing", "--output")
    counts = ["leads_generated", "forecasted_lead_revenue"]
    visitors = ["new_visitors_seo", "new_visitors_cpc", "new_visitors_social_media", "return_visitors"]
    sales = job.read_complete(job.arguments.sales_leads, ["date", *counts])
    marketing = job.read_complete(job.arguments.marketing, ["date", *visitors])
    # A day that is there more than once: in a fixed order, so that every engine gives the same bytes.
    ties = [F.col(name).asc_nulls_last() for name in counts + visitors]
    joined = (
        sales.join(marketing, "date")
        .select("date", *counts, *visitors)
        # Sorted in the one partition that is written: a merge of sorted partitions keeps no order on a cluster.
        .coalesce(1)
        .sortWithinPartitions(*calendar_order(F.col("date")), *ties)
    )
    job.write(joined, "csv")


if __name__ == "__main__":
    run(main)
