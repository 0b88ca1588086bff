"""A disk that breaks under every command, one call at a time: nothing half-written under a final name, no wrong answer, a message.

broken_disk.py [--faults N] [--seed S] [--only COMMAND] [--all]

Each command runs once undisturbed under broken_disk.c, which counts the calls that ask the disk for something below the work
folder. Then N of them, drawn at random, fail one at a time (--all: every one): reading with EIO, writing with EIO or ENOSPC, opening with
EIO or EMFILE, a mapped array with SIGBUS where its last page is looked at. Every third fault stays: all later calls fail too, as on a
disk that is gone. After each
 - the exit code is one of those that docs say, never a signal;
 - with 0 or 3 everything written is what the undisturbed run wrote, but for rows of pictures that could not be read, which say so;
 - with 1 or 2 there is a message, and nothing under the final name that differs from the undisturbed run's;
 - the same command again (with --resume where there is one) on the mended disk leaves the undisturbed run's bytes.
"""

import argparse
import collections
import csv
import errno
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no NumPy, which makes the stores to work on")
    sys.exit(77)

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
NETWORKS = pathlib.Path(os.environ["OPENSET_TEST_NETWORKS"])
PICTURES = pathlib.Path(os.environ["OPENSET_TEST_PICTURES"])
SHIM = os.environ["OPENSET_BROKEN_DISK"]

ERRORS = {"read": [errno.EIO], "map": [errno.EIO], "list": [errno.EIO], "stat": [errno.EIO], "sync": [errno.EIO], "open": [errno.EIO, errno.EMFILE],
          "write": [errno.EIO, errno.ENOSPC], "cut": [errno.EIO], "rename": [errno.EIO, errno.ENOSPC], "remove": [errno.EIO], "mkdir": [errno.ENOSPC]}
TIMED = ("run.json", "training.json")  # records tell how long it took


def make_world(folder):
    """Pictures, networks, stores, scores and rows to work on."""
    shutil.copytree(PICTURES, folder / "pictures")
    (folder / "models").mkdir()
    for name in ("gate", "species", "classifier"):
        shutil.copy(NETWORKS / f"{name}.pt", folder / "models")
    config = {"openset": 1, "name": "fruit",
              "gate": {"model": "models/gate.pt", "accept": ["red", "orange", "yellow"], "k": 3},
              "species": {"model": "models/species.pt", "accept": ["FRUIT"], "min_probability": 0.5},
              "classifier": {"model": "models/classifier.pt", "min_probability": 0.6}}
    (folder / "fruit.json").write_text(json.dumps(config))

    draw = np.random.default_rng(1)
    head = draw.normal(size=(3, 8)).astype(np.float32)
    for name, rows, known in (("train", 300, True), ("known", 120, True), ("unknown", 100, False)):
        labels = draw.integers(0, 3, rows)
        features = (np.eye(8)[labels] * 4 * known + draw.gamma(2, 0.3, (rows, 8))).astype(np.float32)
        store = folder / f"{name}.store"
        store.mkdir()
        np.save(store / "features.npy", features)
        np.save(store / "logits.npy", features @ head.T)
        np.save(store / "labels.npy", labels if known else np.full(rows, -1))
        np.save(store / "head_weight.npy", head)
        np.save(store / "head_bias.npy", np.zeros(3, np.float32))
    for name in ("known", "unknown"):
        openset(folder, "score", f"{name}.store", "--method", "all", "-o", f"{name}.csv")
    for shard in "01":
        openset(folder, "infer", "-q", "-c", "fruit.json", "pictures", "--shard", f"{shard}/2", "-o", f"rows-{shard}.jsonl", codes=(0, 3))
        openset(folder, "extract", "-q", "-c", "fruit.json", "pictures", "--shard", f"{shard}/2", "-o", f"shard-{shard}.store", codes=(0, 3))
    openset(folder, "infer", "-q", "-c", "fruit.json", "pictures", "--all-stages", "-o", "rows.jsonl", codes=(0, 3))
    openset(folder, "sweep", "--known", "known.csv", "--unknown", "unknown.csv", "--method", "msp", "-o", "table.csv")


def openset(folder, *arguments, codes=(0,), **more):
    result = subprocess.run([BIN / "openset", *arguments], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, **more)
    assert result.returncode in codes, (arguments, result.returncode, result.stderr.decode())
    return result


SCORES = ["--known", "known.csv", "--unknown", "unknown.csv"]
# Name -> arguments; `out` is the place of what is written. With a third entry: what takes it up after it broke.
COMMANDS = {
    "infer": (["infer", "-q", "-c", "fruit.json", "pictures", "--threads", "2", "-o", "out/rows.jsonl"], ["--resume"]),
    "infer-csv": (["infer", "-q", "-c", "fruit.json", "pictures", "-f", "csv", "-o", "out/rows.csv"], ["--resume"]),
    "infer-stdout": (["infer", "-q", "-c", "fruit.json", "pictures", "-f", "jsonl"], []),
    "extract": (["extract", "-q", "-c", "fruit.json", "pictures", "-o", "out/store"], ["--resume"]),
    "fit": (["fit", "train.store", "-o", "out/openmax.json"], []),
    "fit-all": (["fit", "train.store", "--method", "all", "-o", "out/fits"], ["--force"]),
    "score": (["score", "known.store", "--method", "energy", "-o", "out/scores.csv"], []),
    "sweep": (["sweep", *SCORES, "--method", "msp", "-o", "out/table.csv", "--pick", "tpr=0.9"], []),
    "eval": (["eval", *SCORES, "--bootstrap", "20", "-f", "json"], []),
    "compare": (["compare", "--train", "train.store", "--known", "known.store", "--unknown", "unknown.store", "--bootstrap", "20", "-f", "csv"], []),
    "calibrate": (["calibrate", "known.csv", "--method", "msp", "--budget", "0.1", "-o", "out/calibration.json"], []),
    "discover": (["discover", "rows.jsonl", "whole.store", "--groups", "2", "-o", "out/found"], ["--force"]),
    "report": (["report", *SCORES, "--method", "msp", "-o", "out/report.html"], []),
    "report-rows": (["report", "--rows", "rows.jsonl", "-o", "out/report.html"], []),
    "merge-rows": (["merge", "rows-0.jsonl", "rows-1.jsonl", "-o", "out/rows.jsonl"], []),
    "merge-stores": (["merge", "shard-0.store", "shard-1.store", "-o", "out/store"], ["--force"]),
    "inspect-store": (["inspect", "train.store"], []),
    "inspect-table": (["inspect", "table.csv"], []),
    "inspect-rows": (["inspect", "rows.jsonl"], []),
    "draw": (["draw", "--task", "classifier", "-n", "2", "--size", "32x32", "-f", "png", "-q", "-o", "out/world"], ["--force"]),
    "train": (["train", "-q", "--data", "world/train", "--trunk", "models/classifier.pt", "--validation", "world/val", "-o", "out/net.pt"], ["--force"]),
}


class Broken:
    """One command under the shim."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.arguments, self.again = COMMANDS[name]
        self.log = world.parent / "calls"

    def clear(self):
        shutil.rmtree(self.world / "out", ignore_errors=True)
        (self.world / "out").mkdir()

    def run(self, at, error=0, stays=False, more=()):
        self.log.unlink(missing_ok=True)
        environment = {**os.environ, "LD_PRELOAD": SHIM, "BROKEN_BELOW": str(self.world), "BROKEN_AT": str(at), "BROKEN_ERRNO": str(error), "BROKEN_LOG": str(self.log),
                       "BROKEN_STAYS": "1" if stays else ""}
        return subprocess.run([BIN / "openset", *self.arguments, *more], cwd=self.world, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, env=environment)

    def calls(self):
        return [line.split(" ", 2) for line in self.log.read_text(errors="surrogateescape").splitlines()] if self.log.exists() else []

    def failed_call(self):
        return next((" ".join(call)[1:] for call in self.calls() if call[0].startswith("!")), None)

    def content(self):
        """Relative path -> bytes, of everything under its final name that is the same each time."""
        return {str(file.relative_to(self.world / "out")): file.read_bytes() for file in sorted((self.world / "out").rglob("*"))
                if file.is_file() and not file.name.endswith(TIMED) and ".partial" not in str(file) and not file.name.startswith(".")
                and ".features" not in str(file)}  # what train keeps for its next run


def rows_of(content):
    """(path, whether it failed, row) of each row: jsonl, csv, or the samples.csv of a store."""
    text = content.decode(errors="surrogateescape")
    if text.startswith("{"):
        parsed = [(json.loads(line), line) for line in text.splitlines()]
        return [(row["path"], row["outcome"] == "failed", line) for row, line in parsed]
    rows = list(csv.DictReader(io.StringIO(text)))
    return [(row["path"], row.get("outcome") == "failed" or bool(row.get("error") or row.get("error_kind")), tuple(value for name, value in row.items() if name != "row")) for row in rows]


def every_picture_has_its_row(found, expected):
    """Whether rows are the undisturbed run's but for failed ones, and what is missing lay in a folder that has a failed row."""
    usual = {row for _, _, row in rows_of(expected)}
    rows = rows_of(found)
    failed = [path for path, has_failed, _ in rows if has_failed]
    there = {path for path, _, _ in rows}
    return (all(has_failed or row in usual for _, has_failed, row in rows)
            and all(path in there or any(path.startswith(folder + "/") for folder in failed) for path, _, _ in rows_of(expected)))


def judge(command, result, error, whole, expected_out):
    """What is wrong with what a broken run left; empty: nothing."""
    if result.returncode < 0 or result.returncode > 3:
        return f"ended with {result.returncode}"
    content = command.content()
    if result.returncode in (0, 3):
        if content.keys() != whole.keys():
            return f"exit {result.returncode}, but there are {sorted(content)} instead of {sorted(whole)}"
        other = {name: (content[name], whole[name]) for name in whole if content[name] != whole[name]}
        if result.stdout != expected_out:
            other["standard output"] = (result.stdout, expected_out)
        if not other:
            return ""
        rows = "store/samples.csv" if command.name == "extract" else next(iter(other))
        if command.name.startswith(("infer", "extract")) and rows in other:
            if not every_picture_has_its_row(*other[rows]):
                return f"exit {result.returncode} with other rows"
            return "" if result.returncode == 3 else "a picture failed and the exit code is 0"
        # A picture that cannot be shown is told where it would stand, and the others go on.
        told = any(os.strerror(error).encode() in place for place in (result.stderr, *(found for found, _ in other.values())))
        if told and command.name in ("discover", "report", "report-rows"):
            return ""
        # Of a folder that could not be listed the pictures are missing, and the exit code says so.
        return "" if result.returncode == 3 and command.name == "train" else f"exit {result.returncode} with other bytes in {list(other)}"
    if not result.stderr.strip():
        return f"exit {result.returncode} without a message"
    if b"mistake in openset" in result.stderr or b"terminate called" in result.stderr:
        return "the message calls it our mistake"
    half = [name for name in content if content[name] != whole.get(name)]
    return f"exit {result.returncode}, and half-written under the final name: {half}" if half else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=10, help="for each command")
    parser.add_argument("--all", action="store_true", help="every call of each command")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(COMMANDS))
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    total = collections.Counter()
    problems = []
    with tempfile.TemporaryDirectory(prefix="openset-broken-") as name:
        world = pathlib.Path(name).resolve() / "world"
        world.mkdir()
        make_world(world)
        openset(world, "extract", "-q", "-c", "fruit.json", "pictures", "-o", "whole.store", codes=(0, 3))
        openset(world, "draw", "--task", "classifier", "-n", "4", "--size", "32x32", "-f", "png", "-q", "-o", "drawn")
        shutil.move(world / "drawn" / "classifier", world / "world")
        for label in arguments.only or COMMANDS:
            command = Broken(world, label)
            command.clear()
            undisturbed = command.run(0)
            assert undisturbed.returncode in (0, 3), (label, undisturbed.stderr.decode())
            whole, calls = command.content(), command.calls()
            assert calls, f"{label}: no call was seen: nothing would be tested"
            places = range(1, len(calls) + 1) if arguments.all else sorted(draw.sample(range(1, len(calls) + 1), min(arguments.faults, len(calls))))
            maps = [number for number, call in enumerate(calls, 1) if call[1] == "map"]
            if maps:  # what ends by a signal if nobody looks after it: one at least each time
                places = sorted({*places, draw.choice(maps)})
            codes = collections.Counter()
            for number, place in enumerate(places):
                error = draw.choice(ERRORS[calls[place - 1][1]])
                command.clear()
                result = command.run(place, error, stays=number % 3 == 2)
                failed = command.failed_call()
                if failed is None:
                    codes["not reached"] += 1
                    continue
                codes[result.returncode] += 1
                wrong = judge(command, result, error, whole, undisturbed.stdout)
                if not wrong:
                    if b"remove it and run again" in result.stderr:  # train: a picture was not there for one of its walks
                        shutil.rmtree(world / "out" / "net.pt.features")
                    left = any((world / "out").iterdir())
                    after = command.run(0, more=command.again if left and result.returncode not in (0, 3) else ())
                    if result.returncode in (0, 3):
                        pass  # it is there; what to do with an existing output is another test's
                    elif after.returncode != undisturbed.returncode:
                        wrong = f"again: exit {after.returncode}: {after.stderr.decode()[-300:]}"
                    elif command.content() != whole or after.stdout != undisturbed.stdout:
                        wrong = "again: other bytes than the undisturbed run's"
                if wrong:
                    problems.append(f"{label}: {os.strerror(error)} at call {failed}: {wrong}\n    {result.stderr.decode(errors='replace').strip()[-400:]}")
                    print("PROBLEM", problems[-1], flush=True)
            total.update(codes)
            print(f"{label}: {len(calls)} calls, {sum(codes.values())} faults, exit codes {dict(codes)}", flush=True)
    print(f"{sum(total.values())} faults, exit codes {dict(total)}; {len(problems)} problems")
    assert total, "nothing was tried"
    return 1 if problems else 0


sys.exit(main())
