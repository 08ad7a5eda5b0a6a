"""Miles per rate code: sums trip_distance by RatecodeID, as Parquet.

ROOT [--if-exists overwrite|error]: reads ROOT/emr-step-functions/input/tripdata.csv, replaces
ROOT/emr-step-functions/miles-per-rate; and the options of sluice_rows.py, which lies beside the folder of this script. Rows
without a code form a group of their own.
"""

import argparse

from pyspark.sql import functions as F

from sluice_rows import BadData, RowJob, run


def open_job(name):
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--if-exists", choices=["overwrite", "error"], default="overwrite")
    job = RowJob(name, parser=parser)
    return job, job.arguments.root.rstrip("/") + "/emr-step-functions"


def check_output(job, output):
    target = job.path(output)
    if job.arguments.if_exists == "error" and job.files_of(target).exists(target):
        raise BadData("%s: is there already; start with ifExists=overwrite, or move it away" % output)


def main():
    job, base = open_job("MilesPerRateCode")
    output = base + "/miles-per-rate"
    check_output(job, output)
    trips = job.read_csv(base + "/input/tripdata.csv", {"ratecodeid": "BIGINT", "trip_distance": "DOUBLE"})
    miles = trips.groupBy(F.col("ratecodeid").alias("rate_code")).agg(F.sum("trip_distance").alias("total_distance"))
    job.write(miles, "parquet", output)


if __name__ == "__main__":
    run(main)
