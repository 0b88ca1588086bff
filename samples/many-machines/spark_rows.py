#!/usr/bin/env python3
"""Rows of openset infer by PySpark: spark_rows.py CONFIG LIST OUTPUT [WORKERS]. LIST: a path a line, readable on every machine.

On this machine, or where spark-submit --master says. Every partition starts a worker (openset_worker.py) and pipes its paths through it; Spark
runs a partition again that a lost machine had. Give partitions a few thousand pictures: a worker takes seconds to load its networks."""

import pathlib
import sys

from pyspark import SparkConf
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).resolve().parent


def classify(config):
    def rows(partition):
        from openset_worker import Worker
        numbered = list(partition)
        worker = Worker(config)
        yield from zip((number for _, number in numbered), worker.rows(path for path, _ in numbered))
        worker.close()
    return rows


def main(config, listing, output, workers="2"):
    builder = SparkSession.builder
    if "spark.master" not in dict(SparkConf().getAll()):  # not by spark-submit --master
        builder = builder.master(f"local[{workers}]").config("spark.ui.enabled", "false")
    spark = builder.getOrCreate()
    context = spark.sparkContext
    context.setLogLevel("ERROR")
    context.addPyFile(str(HERE / "openset_worker.py"))
    paths = pathlib.Path(listing).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    numbered = context.parallelize(list(zip(paths, range(len(paths)))), int(workers) * 2)
    rows = numbered.mapPartitions(classify(str(pathlib.Path(config).resolve()))).sortByKey()
    with open(output, "w") as file:
        for _, row in rows.toLocalIterator():
            file.write(row + "\n")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
