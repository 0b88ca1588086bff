#!/usr/bin/env python3
"""Whether two row files (jsonl) say the same of the same pictures: benchmarks/same_verdicts.py ONE OTHER

Compares verdict and decided_by of every picture, and prints the largest difference of the stages' figures. Rows of openset and of
benchmarks/peers/*.py are understood. Exit code 1 where a verdict differs or a picture is missing from one of them.
"""

import json
import sys


def figures_of(row):
    """The figure that decided in each stage: the gate's mass, the filter's and the classifier's probability."""
    if "figures" in row:
        return row["figures"]
    figures = {stage: row[stage].get("mass" if stage == "gate" else "probability") for stage in ("gate", "classifier") if stage in row}
    if "species" in row and row["species"].get("pass"):
        figures["species"] = row["species"]["probability"]  # of a rejected picture it is another label's
    return figures


def read(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    by_path = {row.get("path", row.get("path_base64")): row for row in rows}
    if not rows or len(by_path) != len(rows):
        sys.exit(f"{path}: {len(rows)} rows of {len(by_path)} pictures, expected one of each, and one at least")
    return by_path


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: same_verdicts.py ONE OTHER")
    one, other = read(sys.argv[1]), read(sys.argv[2])
    only = one.keys() ^ other.keys()
    for path in sorted(only)[:5]:
        print(f"{path}: only in {sys.argv[1] if path in one else sys.argv[2]}")
    differing, largest = 0, {}
    for path in one.keys() & other.keys():
        a, b = one[path], other[path]
        if (a["verdict"], a["decided_by"]) != (b["verdict"], b["decided_by"]):
            differing += 1
            if differing <= 5:
                print(f"{path}: {a['verdict']} by {a['decided_by']}, but {b['verdict']} by {b['decided_by']}")
        figures_a, figures_b = figures_of(a), figures_of(b)
        for stage in figures_a.keys() & figures_b.keys():
            largest[stage] = max(largest.get(stage, 0.0), abs(figures_a[stage] - figures_b[stage]))
    print(
        f"{len(one.keys() & other.keys())} pictures in both, {len(only)} in one only, {differing} verdicts differ; largest differences: "
        + (", ".join(f"{stage} {value:.2g}" for stage, value in sorted(largest.items())) or "none to compare")
    )
    sys.exit(1 if only or differing else 0)


if __name__ == "__main__":
    main()
