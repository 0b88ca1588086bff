#!/usr/bin/env python3
"""How many known pictures a calibration wrongly rejects, on pictures that it has not seen.

    benchmarks/calibration_coverage.py BIN --scores known.csv [--rows known.jsonl] [--splits 200] [--budget 0.05]

Parts known pictures in two halves at random, calibrates on one (openset calibrate) and counts what is rejected of the other,
so many times over; each score column by itself, and the whole chain of rows that infer --all-stages wrote. The mean of the
counted shares must not exceed the budget by more than chance allows.
BIN: folder of the programs. Needs nothing but Python."""

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def halves(lines, split):
    shuffled = list(lines)
    random.Random(split).shuffle(shuffled)
    return shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]


def rejected_share(program, calibration, held_out, budget, flags, folder):
    output = folder / "calibration.json"
    subprocess.run([program, calibration, "--held-out", held_out, "--budget", str(budget), "-o", output, "-q", *flags], check=True)
    measured = json.loads(output.read_text())["measured"]
    return measured["rejected"] / measured["known_rows"]


def share_of_split(program, file, header, lines, split, budget, flags):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        parts = []
        for name, part in zip(("calibration", "held-out"), halves(lines, split)):
            parts.append(folder / f"{name}{file.suffix}")
            parts[-1].write_text("".join([*header, *part]))
            record = file.with_name(file.name + ".run.json")
            if file.suffix == ".jsonl":
                shutil.copy(record, parts[-1].with_name(parts[-1].name + ".run.json"))
        return rejected_share(program, *parts, budget, flags, folder)


def report(name, shares, budget):
    mean = statistics.mean(shares)
    error = statistics.stdev(shares) / math.sqrt(len(shares))
    verdict = "yes" if mean <= budget + 3 * error else "NO"
    print(f"| {name} | {100 * mean:.2f} | {100 * error:.2f} | {verdict} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--scores", type=Path, help="a score file of known pictures that nothing was fitted on")
    parser.add_argument("--rows", type=Path, help="rows of infer --all-stages of such pictures, their record beside them")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--budget", type=float, default=0.05)
    arguments = parser.parse_args()
    program = arguments.bin / "openset-calibrate"
    print(f"| budget {100 * arguments.budget:g} %, {arguments.splits} splits | mean rejected % | standard error | within the budget |")
    print("| --- | --- | --- | --- |")
    with ThreadPoolExecutor(2) as pool:
        def run(name, file, header, lines, flags):
            report(name, list(pool.map(lambda split: share_of_split(program, file, header, lines, split, arguments.budget, flags),
                                       range(arguments.splits))), arguments.budget)

        if arguments.scores:
            header, *lines = arguments.scores.read_text().splitlines(keepends=True)
            for method in header.strip().split(",")[4:]:
                run(method, arguments.scores, [header], lines, ["--method", method])
        if arguments.rows:
            lines = arguments.rows.read_text().splitlines(keepends=True)
            run("the whole chain", arguments.rows, [], lines, [])
            run("the whole chain, --per-class", arguments.rows, [], lines, ["--per-class"])


if __name__ == "__main__":
    main()
