"""Rate code status: fares by RatecodeID beside the stored miles, as one CSV with header.

ROOT [--if-exists overwrite|error]: reads ROOT/emr-step-functions/input/tripdata.csv and ROOT/emr-step-functions/miles-per-rate,
replaces ROOT/emr-step-functions/rate-code-status; and the options of sluice_rows.py, which lies beside the folder of this
script. Null equals nothing, so trips without a code are not in it.
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
    job, base = open_job("RateCodeStatus")
    output = base + "/rate-code-status"
    check_output(job, output)
    trips = job.read_csv(base + "/input/tripdata.csv", {"ratecodeid": "BIGINT", "fare_amount": "DOUBLE"})
    fares = trips.groupBy(F.col("ratecodeid").alias("rate_code")).agg(F.sum("fare_amount").alias("total_fare_amount"))
    miles = job.read_complete(base + "/miles-per-rate", ["rate_code", "total_distance"])
    status = miles.join(fares, "rate_code").select(
        F.col("rate_code").alias("rate_code_id"), "total_distance", "total_fare_amount"
    )
    job.write(status, "csv", output)


if __name__ == "__main__":
    run(main)
