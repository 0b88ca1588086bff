#!/usr/bin/env python3
"""Time and peak memory of sweep and eval on score files of a million rows and twelve columns.

    benchmarks/scores_million.py [--rows N] [--bin build/release/bin] [--folder DIR]

Two files, known and unknown, each with path, label, predicted, confidence and eight score columns. Prints a line a command: wall
seconds, peak resident memory, and that as a share of the bytes of both files.
"""

import argparse
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

METHODS = ["openmax", "msp", "max-logit", "energy", "entropy", "gen", "knn", "vim"]
CLASSES = 100


def write_scores(path, rows, shift, labelled, seed):
    draw = random.Random(seed)
    with open(path, "w") as file:
        file.write(",".join(["path", "label", "predicted", "confidence", *METHODS]) + "\r\n")
        for row in range(rows):
            label = draw.randrange(CLASSES)
            predicted = label if draw.random() < 0.8 else draw.randrange(CLASSES)
            scores = ",".join(repr(draw.gauss(shift, 1)) for _ in METHODS)
            name = f"class{label}" if labelled else ""
            file.write(f"photos/{row:07d}.jpg,{name},class{predicted},{draw.random()!r},{scores}\r\n")


def measured(command):
    """Wall seconds and peak bytes of one program."""
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {command}")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"))
    parser.add_argument("--folder", type=Path, help="keeps the files there, and takes those that are there already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        known, unknown = folder / f"known-{options.rows}.csv", folder / f"unknown-{options.rows}.csv"
        for path, shift, labelled, seed in ((known, 0, True, 1), (unknown, 1.5, False, 2)):
            if not path.exists():
                write_scores(path, options.rows, shift, labelled, seed)
        size = known.stat().st_size + unknown.stat().st_size
        print(f"{options.rows} known and {options.rows} unknown rows, 12 columns, {size / 1e6:.0f} MB in both files")
        files = ["--known", known, "--unknown", unknown]
        one = [*files, "--method", "openmax"]
        for name, arguments in (
                ("sweep, every operating point", ["sweep", *one, "-o", folder / "sweep.csv"]),
                ("sweep --points 1000 --pick tpr=0.95", ["sweep", *one, "--points", 1000, "--pick", "tpr=0.95", "-o", folder / "sweep.csv"]),
                ("sweep --thresholds -3:3:0.01", ["sweep", *one, "--thresholds", "-3:3:0.01", "-o", folder / "sweep.csv"]),
                ("eval, one method", ["eval", *one]),
                ("eval, eight methods", ["eval", *files]),
                ("eval, one method, --bootstrap 10", ["eval", *one, "--bootstrap", 10])):
            program = options.bin / f"openset-{arguments[0]}"
            seconds, peak = measured([program, *arguments[1:]])
            print(f"{name:40s} {seconds:6.2f} s  {peak / 1e6:7.0f} MB  {peak / size:5.2f} of the files")


if __name__ == "__main__":
    main()
