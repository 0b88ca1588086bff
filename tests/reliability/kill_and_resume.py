"""SIGKILL at random moments of a run over the shared photos, then --resume: the same bytes as an undisturbed run.

kill_and_resume.py [--kills N] [--seed S] [--config FILE] [--format jsonl|csv|store] [PATH...]

With `store` openset extract is killed, else openset infer.

Without --config the networks of the colour world decide, which take no time: most kills then fall into reading,
decoding and writing. Ends with 77 (skipped) where there are no shared photos and no PATH.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))


def colour_world():
    networks = pathlib.Path(os.environ["OPENSET_TEST_NETWORKS"])
    return {"openset": 1, "name": "fruit",
            "gate": {"model": str(networks / "gate.pt"), "accept": ["red", "orange", "yellow", "brown", "grey"], "k": 3},
            "species": {"model": str(networks / "species.pt"), "accept": ["FRUIT"], "min_probability": 0.1},
            "classifier": {"model": str(networks / "classifier.pt"), "min_probability": 0.6}}


class Rows:
    """What openset infer leaves under a name."""

    def __init__(self, config, row_format):
        self.command = [BIN / "openset-infer", "-c", config, "-q", "-f", row_format]

    @staticmethod
    def content(path):
        return path.read_bytes()

    @staticmethod
    def record(path):
        return json.loads(path.with_name(path.name + ".run.json").read_text())

    @staticmethod
    def kept(partial):
        return partial.read_bytes().count(b"\n") if partial.exists() else 0

    names = ["killed", "killed.run.json"]


class Store:
    """What openset extract leaves under a name."""

    def __init__(self, config, _):
        self.command = [BIN / "openset-extract", "-c", config, "-q"]

    @staticmethod
    def content(path):
        return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "run.json"}

    @staticmethod
    def record(path):
        return json.loads((path / "run.json").read_text())

    @staticmethod
    def kept(partial):
        samples = partial / "samples.csv"
        return samples.read_bytes().count(b"\n") if samples.exists() else 0

    names = ["killed"]


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--config")
    parser.add_argument("--format", default="jsonl")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    paths = arguments.paths or [str(SHARED / "data")]
    if not arguments.paths and not (SHARED / "data").is_dir():
        print(f"SKIPPED: no photos in {SHARED}/data", flush=True)
        return 77

    with tempfile.TemporaryDirectory(prefix="openset-kill-") as name:
        folder = pathlib.Path(name)
        config = arguments.config or str(folder / "fruit.json")
        if not arguments.config:
            pathlib.Path(config).write_text(json.dumps(colour_world()))
        output_of = (Store if arguments.format == "store" else Rows)(config, arguments.format)
        command = [*output_of.command, *paths, "-o"]

        start = time.monotonic()
        code = subprocess.run([*command, folder / "whole"]).returncode
        took = time.monotonic() - start
        assert code in (0, 3), code
        expected = output_of.content(folder / "whole")
        record = output_of.record(folder / "whole")
        print(f"undisturbed: {record['counts']['pictures']} pictures in {took:.1f} s, seed {arguments.seed}", flush=True)

        draw = random.Random(arguments.seed)
        kills = runs = 0
        kept = []
        output = folder / "killed"
        while kills < arguments.kills:
            for file in folder.glob("killed*"):
                remove(file)
            while True:
                process = subprocess.Popen([*command, output, "--resume"])
                try:
                    process.wait(timeout=draw.uniform(0, took))
                except subprocess.TimeoutExpired:
                    process.kill()
                if process.wait() != -signal.SIGKILL:
                    break
                kills += 1
                kept.append(output_of.kept(folder / "killed.partial"))
                assert not output.exists() or output_of.content(output) == expected, "half-written under the final name"
            assert process.returncode == code, process.returncode
            assert output_of.content(output) == expected, "other bytes than the undisturbed run"
            counts = output_of.record(output)["counts"]
            assert counts == record["counts"], counts
            left = sorted(file.name for file in folder.glob("killed*"))
            assert left == output_of.names, left
            runs += 1
        print(f"{kills} kills in {runs} runs, all ended with the bytes and counts of the undisturbed one; lines kept at the "
              f"kills: median {sorted(kept)[len(kept) // 2]}, most {max(kept)}")
        assert max(kept) > 0, "no kill ever left a row: nothing was tested"
    return 0


sys.exit(main())
