"""Process marketing data: five columns of every row, as Parquet.

--marketing LOCATION of the CSV, --output folder that is replaced; and the options of sluice_rows.py, which lies beside the
folder of this script. Runs on Glue, EMR, Livy and a laptop.
"""

from sluice_rows import RowJob, run

COUNTS = ["new_visitors_seo", "new_visitors_cpc", "new_visitors_social_media", "return_visitors"]


def main():
    job = RowJob("process marketing data", "--marketing", "--output")
    columns = {"date": "VARCHAR", **{count: "BIGINT" for count in COUNTS}}
    job.write(job.read_csv(job.arguments.marketing, columns), "parquet")


if __name__ == "__main__":
    run(main)
