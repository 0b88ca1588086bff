#!/usr/bin/env python3
"""Rows of openset infer by Ray Data: ray_rows.py CONFIG LIST OUTPUT [WORKERS]. LIST: a path a line, readable on every machine.

A pool of actors holds a worker each (openset_worker.py); Ray gives them batches, takes up what a lost machine had, and the rows are written in
the order of the list by the driver, which holds them all: some 600 bytes each. For more than it can hold give each machine a --shard instead."""

import pathlib
import sys

import ray

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


class Classify:
    def __init__(self, config, folder):
        sys.path.insert(0, folder)
        from openset_worker import Worker
        self.worker = Worker(config)

    def __call__(self, batch):
        return {"number": batch["number"], "row": list(self.worker.rows(batch["path"]))}


def main(config, listing, output, workers="2"):
    paths = pathlib.Path(listing).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    pictures = ray.data.from_items([{"number": number, "path": path} for number, path in enumerate(paths)],
                                   override_num_blocks=max(1, len(paths) // 64))
    rows = pictures.map_batches(Classify, fn_constructor_args=(str(pathlib.Path(config).resolve()), str(pathlib.Path(__file__).resolve().parent)),
                                concurrency=int(workers), batch_size=64)
    with open(output, "w") as file:
        for each in sorted(rows.iter_rows(), key=lambda each: each["number"]):
            file.write(each["row"] + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
