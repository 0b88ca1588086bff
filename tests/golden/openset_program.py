"""Runs the built programs and reads what they wrote; shared by the tests that compare with stored references."""

import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("OPENSET_SHARED", PROJECT.parent / "shared"))
BIN = Path(os.environ.get("OPENSET_BIN", PROJECT / "build" / "dev" / "bin"))
os.environ.setdefault("XDG_CACHE_HOME", str(BIN.parent / "tests" / "cache"))  # not the user's own
ENGINE = os.environ.get("OPENSET_TEST_ENGINE", "torch")
SKIPPED = 77  # ctest: SKIP_RETURN_CODE


def need_shared(*relative):
    """Ends the program as skipped, saying why, where reference files are missing."""
    for path in relative:
        if not (SHARED / path).exists():
            print(f"SKIPPED: no {SHARED / path} (set OPENSET_SHARED)", file=sys.stderr)
            sys.exit(SKIPPED)


def infer(config, arguments, allowed_codes=(0,)):
    """The rows of one run by path. config: the pipeline as a dict."""
    with tempfile.TemporaryDirectory() as folder:
        config_file = Path(folder, "config.json")
        config_file.write_text(json.dumps({"openset": 1, **config}))
        output = Path(folder, "rows.jsonl")
        command = [BIN / "openset", "infer", "-c", config_file, "-o", output, "-q", "--engine", ENGINE, *arguments]
        code = subprocess.run([str(part) for part in command], check=False).returncode
        if code not in allowed_codes:
            raise AssertionError(f"exit code {code}, expected one of {allowed_codes}: {' '.join(map(str, command))}")
        with open(output, encoding="utf-8") as lines:
            return {row["path"]: row for row in map(json.loads, lines)}


def softmax_logits(row):
    """All logits of a row whose `top` lists every label: the largest is given, the others follow from the probabilities."""
    top = row["classifier"]["top"]
    largest = row["classifier"]["max_logit"]
    offset = math.log(top[0]["probability"])
    return {entry["id"]: largest + math.log(entry["probability"]) - offset for entry in top}


def sigmoid_logits(row):
    return {entry["id"]: math.log(entry["probability"] / (1 - entry["probability"])) for entry in row["classifier"]["top"]}


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Comparison:
    """Collects disagreements by name and the largest differences, and reports them."""

    def __init__(self):
        self.failures = []
        self.largest = {}

    def equal(self, where, what, got, expected):
        if got != expected:
            self.failures.append(f"{where}: {what} is {got}, expected {expected}")

    def close(self, where, what, got, expected, tolerance):
        difference = abs(got - expected)
        self.largest[what] = max(self.largest.get(what, 0.0), difference)
        if not difference <= tolerance:
            self.failures.append(f"{where}: {what} is {got}, expected {expected} within {tolerance}")

    def finish(self, rows, expected_rows):
        for failure in self.failures:
            print("FAILED", failure)
        for what, difference in self.largest.items():
            print(f"largest difference in {what}: {difference:.3g}")
        print(f"{rows} rows compared, {len(self.failures)} disagreements")
        complete = rows == expected_rows and rows > 0
        if not complete:
            print(f"FAILED compared {rows} rows, expected {expected_rows}")
        sys.exit(0 if complete and not self.failures else 1)
