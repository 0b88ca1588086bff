#!/usr/bin/env python3
"""Do the rates that models/demo/README.md states hold on freshly drawn pictures?

  rates.py            draws 1,000 pictures a level of a world that nobody has seen, runs the demo's chain over them, and fails
                      where a stated rate lies outside the 99.9 % interval (Clopper-Pearson) of the fresh one
  rates.py --state    draws another world, 4,000 pictures a level, and writes models/demo/rates.json

OPENSET_BIN is the folder of the programs.
"""

import collections
import csv
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["OPENSET_BIN"])
STATED = ROOT / "models/demo/rates.json"
STATED_SEED, FRESH_SEED = 7001, 20261122
# Level -> (what draw is asked for, folders below the drawn world, pictures of each class per 1,000 of the level)
LEVELS = {
    "thing": ("gate", ["gate/test", "far/test"], 48),
    "other_sign": ("species", ["species/test/other", "other/test"], 77),
    "known": ("classifier", ["classifier/test"], 100),
    "never_seen": ("classifier", ["unknown/test"], 250),
}


def openset(*arguments):
    return subprocess.run([BIN / "openset", *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout.decode()


def draw(folder, seed, times):
    """Level -> its pictures with their classes."""
    pictures = {}
    for level, (task, folders, each) in LEVELS.items():
        world = folder / level
        openset("draw", "-o", world, "--task", task, "--count", 0, "--held-out", each * times, "--seed", seed, "-q")
        with open(world / "truth.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        wanted = {"thing": "thing", "other_sign": "other_sign"}.get(level, "family_sign")
        pictures[level] = [(world / row["path"], row["class"]) for row in rows
                           if row["level"] == wanted and any(row["path"].startswith(place + "/") for place in folders)]
    return pictures


def verdicts(paths, folder, *flags):
    """What the chain says, in order."""
    names = folder / "names.txt"
    names.write_text("".join(f"{path}\n" for path in paths))
    rows = openset("infer", "-c", ROOT / "configs/demo.json", "--files-from", names, "-f", "jsonl", "-q", *flags)
    return [json.loads(row) for row in rows.splitlines()]


def measure(seed, times):
    """Level -> (pictures, what became of them by count)."""
    counts = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for level, pictures in draw(folder, seed, times).items():
            found = collections.Counter()
            paths = [path for path, _ in pictures]
            without_openmax = verdicts(paths, folder, "--unknown-threshold", "inf")
            for (_, truth), row, before in zip(pictures, verdicts(paths, folder), without_openmax):
                found["named_without_openmax"] += before["outcome"] == "known"
                found["rightly_named_without_openmax"] += before["verdict"] == truth
                if row["outcome"] == "known":
                    found["named"] += 1
                    found["rightly_named"] += row["verdict"] == truth
                else:
                    found["rejected_by_" + row["decided_by"]] += 1
            counts[level] = {"pictures": len(pictures), **{key: found[key] for key in (
                "rejected_by_gate", "rejected_by_species", "rejected_by_unknown", "named", "rightly_named",
                "named_without_openmax", "rightly_named_without_openmax")}}
    return counts


def interval(successes, trials, confidence=0.999):
    """Clopper and Pearson's, by bisection of the binomial's tails."""
    def log_pmf(k, p):
        if p <= 0 or p >= 1:
            return 0.0 if k == (0 if p <= 0 else trials) else -math.inf
        return (math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * math.log(p) +
                (trials - k) * math.log1p(-p))

    def at_least(p):
        return sum(math.exp(log_pmf(k, p)) for k in range(successes, trials + 1))

    def at_most(p):
        return sum(math.exp(log_pmf(k, p)) for k in range(successes + 1))

    def bisect(rises, target):
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if (rises(middle) < target) else (low, middle)
        return low

    tail = (1 - confidence) / 2
    lower = 0.0 if successes == 0 else bisect(at_least, tail)
    upper = 1.0 if successes == trials else bisect(lambda p: -at_most(p), -tail)
    return lower, upper


def check():
    stated, fresh = json.loads(STATED.read_text())["levels"], measure(FRESH_SEED, 1)
    wrong = 0
    for level, figures in fresh.items():
        assert figures["pictures"] >= 1000, (level, figures)
        for what, count in figures.items():
            if what == "pictures":
                continue
            rate = stated[level][what] / stated[level]["pictures"]
            lower, upper = interval(count, figures["pictures"])
            holds = lower <= rate <= upper
            wrong += not holds
            print(f"{'ok   ' if holds else 'WRONG'} {level:11} {what:31} stated {rate:.4f}, fresh {count} of "
                  f"{figures['pictures']} [{lower:.4f}, {upper:.4f}]")
    return 1 if wrong else 0


def state():
    version = openset("--version").split()[1]
    levels = measure(STATED_SEED, 4)
    STATED.write_text(json.dumps({"openset": version, "seed": STATED_SEED, "levels": levels}, indent=2) + "\n")
    print(STATED.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(state() if "--state" in sys.argv[1:] else check())
