"""The trio's genotypes of a region as Parquet, and the three answers of them as CSV, with ADAM on Spark.

Variants go by position, REF and ALT, not by name: many have none. ADAM splits a record of several ALTs into one for each, and
counts positions from 0.
"""

import argparse

from pyspark.sql import functions as F
from sluice_rows import RowJob, run
from trio_adam import Adam, Files


def read_genotypes(adam, arguments):
    members = [arguments.child, arguments.father, arguments.mother]
    variant = F.col("variant")
    name = F.concat_ws(";", variant["names"])
    return (
        adam.genotypes(arguments.genotypes)
        .where((F.col("referenceName") == arguments.contig) & F.col("sampleId").isin(members))
        .where(F.col("start").between(arguments.start - 1, arguments.end - 1))
        .where(variant["alternateAllele"].isNotNull())
        .select(
            F.col("referenceName").alias("chrom"),
            (F.col("start") + 1).alias("pos"),
            variant["referenceAllele"].alias("ref"),
            variant["alternateAllele"].alias("alt"),
            F.when(name != "", name).alias("id"),
            F.col("sampleId").alias("sample"),
            "alleles",
        )
    )


def find_variants(genotypes, child):
    is_child = F.col("sample") == child
    has = F.array_contains("alleles", "ALT")
    is_reference = (F.size("alleles") > 0) & F.forall("alleles", lambda allele: allele == "REF")
    return genotypes.groupBy("chrom", "pos", "ref", "alt").agg(
        F.min("id").alias("id"),
        F.max(is_child & has).alias("child_has"),
        F.max(~is_child & has).alias("parent_has"),
        F.min(is_child | is_reference).alias("parents_are_reference"),
    )


def write_csv(files, rows, name):
    aside = files.aside()
    try:
        columns = rows.select("chrom", "pos", "ref", "alt", "id").repartition(1)
        columns.sortWithinPartitions("chrom", "pos", "ref", "alt").write.csv(aside.toString(), header=True, escape='"')
        files.replace(files.only_part(aside), files.path(name))
    finally:
        files.remove(aside)


def main():
    parser = argparse.ArgumentParser()
    for name in ["genotypes", "child", "father", "mother", "contig", "output"]:
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--end", type=int, default=2**62)
    parser.add_argument("--stringency", default="LENIENT")
    job = RowJob("variants of a trio", parser=parser)
    arguments = job.arguments

    adam = Adam(job.spark, arguments.stringency)
    files = Files(adam.spark, arguments.output)
    aside = files.aside()
    try:
        with adam.reading(arguments.genotypes):
            read_genotypes(adam, arguments).write.parquet(aside.toString(), compression="snappy")
        # Read back: the three answers need the VCF no more.
        genotypes = adam.spark.read.parquet(aside.toString())
        variants = find_variants(genotypes, arguments.child).cache()
        child = variants.where("child_has")
        answers = {
            "child_alt.csv": child,
            "denovo_no_alt.csv": child.where("NOT parent_has"),
            "denovo_strict.csv": child.where("parents_are_reference"),
        }
        for name, rows in answers.items():
            write_csv(files, rows, name)
        # ADAM has made one row of each genotype of a line.
        job.read = genotypes.select("chrom", "pos", "ref").distinct().count()
        written = genotypes.count() + sum(rows.count() for rows in answers.values())
        files.replace(aside, files.path("genotypes"))
        job.tell_rows(written)
    finally:
        files.remove(aside)


if __name__ == "__main__":
    run(main)
