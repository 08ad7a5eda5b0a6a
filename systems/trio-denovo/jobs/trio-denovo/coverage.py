"""How many positions of a stretch have how many reads of a sample, with ADAM on Spark, as CSV.

A read counts from its first to its last aligned base when it is mapped, primary, no duplicate and not failed by the vendor.
"""

import argparse

from pyspark.sql import Observation, Window
from pyspark.sql import functions as F
from sluice_rows import RowJob, run
from trio_adam import Adam, Files


def count_depths(reads, start, end):
    """Pairs of a depth above 0 and how many positions have it."""
    first, last = F.greatest(F.col("start"), F.lit(start)), F.least(F.col("end"), F.lit(end))
    kept = reads.select(first.alias("first"), last.alias("last")).where("first < last")
    ends = [F.struct(F.col(at).alias("at"), F.lit(change).alias("change")) for at, change in [("first", 1), ("last", -1)]]
    changes = kept.select(F.explode(F.array(ends)).alias("end")).select("end.*")
    along = Window.orderBy("at")
    runs = (
        changes.groupBy("at")
        .agg(F.sum("change").alias("change"))
        .select(
            F.sum("change").over(along.rowsBetween(Window.unboundedPreceding, 0)).alias("depth"),
            (F.lead("at").over(along) - F.col("at")).alias("positions"),
        )
        .where("depth > 0")
    )
    rows = runs.groupBy("depth").agg(F.sum("positions").alias("positions")).orderBy("depth").collect()
    return [(row.depth, row.positions) for row in rows]


def main():
    parser = argparse.ArgumentParser()
    for name in ["alignments", "sample", "contig", "output", "name"]:
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--stringency", default="LENIENT")
    job = RowJob("coverage", parser=parser)
    arguments = job.arguments

    adam = Adam(job.spark, arguments.stringency)
    all_reads = Observation()
    reads = adam.alignments(arguments.alignments).observe(all_reads, F.count(F.lit(1)).alias("rows")).where(
        (F.col("referenceName") == arguments.contig)
        & F.col("readMapped")
        & F.col("primaryAlignment")
        & ~F.coalesce("duplicateRead", F.lit(False))
        & ~F.coalesce("failedVendorQualityChecks", F.lit(False))
    )
    with adam.reading(arguments.alignments):
        depths = count_depths(reads, arguments.start - 1, arguments.end)
    covered = sum(positions for _, positions in depths)
    rows = ["%s,%d,%d,%.9f" % (arguments.sample, depth, positions, positions / covered) for depth, positions in depths]
    text = "\n".join(["sample,depth,positions,share"] + rows) + "\n"
    Files(adam.spark, arguments.output).write_text(arguments.name, text)
    job.read = all_reads.get["rows"]
    job.tell_rows(len(rows))


if __name__ == "__main__":
    run(main)
