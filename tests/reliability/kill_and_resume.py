"""SIGKILL at random moments of a run over the shared photos, then --resume: the same bytes as an undisturbed run.

kill_and_resume.py [--kills N] [--seed S] [--config FILE] [--format jsonl|csv|store|train|sweep] [PATH...]

With `store` openset extract is killed, with `train` and `sweep` these (sweep has nothing to resume: it is run again), else openset
infer. train learns pictures that openset draws, and its network's bytes are compared; sweep reads scores that are drawn here.

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


class Network:
    """What openset train leaves under a name, by gradient."""

    def __init__(self, folder):
        subprocess.run([BIN / "openset-draw", "--task", "classifier", "-n", "8", "--size", "32x32", "-f", "png", "-q", "-o", folder / "world"], check=True)
        data = folder / "world" / "classifier"
        self.command = [BIN / "openset-train", "-q", "--data", data / "train", "--validation", data / "val", "--threads", "1", "--arch", "resnet18",
                        "--width", "4", "--stem", "cifar", "--input-size", "16", "--batch", "16", "--no-flip", "--epochs", "12", "--name", "net"]

    @staticmethod
    def content(path):
        return path.read_bytes()

    @staticmethod
    def record(path):
        return {"counts": {"pictures": sum(1 for _ in (path.parent / "world" / "classifier" / "train").rglob("*.png"))}}

    @staticmethod
    def kept(partial):
        return 1 if partial.with_name("killed.checkpoint").exists() else 0

    names = ["killed", "killed.loss.svg", "killed.training.json"]


class Sweep:
    """What openset sweep leaves under a name: the table of thresholds."""

    def __init__(self, folder):
        draw = random.Random(1)
        for name, mean in (("known", 0), ("unknown", 2)):
            with open(folder / f"{name}.csv", "w") as file:
                file.write("path,label,predicted,confidence,msp\n")
                file.writelines(f"{row}.jpg,a,a,0.5,{draw.gauss(mean, 1)}\n" for row in range(150_000))
        self.command = [BIN / "openset-sweep", "-q", "--known", folder / "known.csv", "--unknown", folder / "unknown.csv"]

    @staticmethod
    def content(path):
        return path.read_bytes()

    @staticmethod
    def record(path):
        return {"counts": {"pictures": path.read_bytes().count(b"\n") - 1}}

    @staticmethod
    def kept(partial):
        return partial.read_bytes().count(b"\n") if partial.exists() else 0

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
    needs_photos = arguments.format not in ("train", "sweep")
    paths = (arguments.paths or [str(SHARED / "data")]) if needs_photos else []
    if needs_photos and not arguments.paths and not (SHARED / "data").is_dir():
        print(f"SKIPPED: no photos in {SHARED}/data", flush=True)
        return 77

    with tempfile.TemporaryDirectory(prefix="openset-kill-") as name:
        folder = pathlib.Path(name)
        config = arguments.config or str(folder / "fruit.json")
        if not arguments.config:
            pathlib.Path(config).write_text(json.dumps(colour_world()))
        kinds = {"store": Store, "train": Network, "sweep": Sweep}
        output_of = kinds[arguments.format](folder) if not needs_photos else kinds.get(arguments.format, Rows)(config, arguments.format)
        resume = [] if arguments.format == "sweep" else ["--resume"]
        command = [*output_of.command, *paths, "-o"]

        start = time.monotonic()
        code = subprocess.run([*command, folder / "whole"], stdout=subprocess.DEVNULL).returncode
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
            killed = False
            while True:
                process = subprocess.Popen([*command, output, *resume], stdout=subprocess.DEVNULL)
                try:
                    # What cannot go on begins anew, and would never end where a busy machine makes every run longer than `took`.
                    process.wait(timeout=None if killed and not resume else draw.uniform(0, took))
                except subprocess.TimeoutExpired:
                    process.kill()
                if process.wait() != -signal.SIGKILL:
                    break
                kills += 1
                killed = True
                kept.append(output_of.kept(folder / "killed.partial"))
                assert not output.exists() or output_of.content(output) == expected, "half-written under the final name"
            assert process.returncode == code, process.returncode
            assert output_of.content(output) == expected, "other bytes than the undisturbed run"
            counts = output_of.record(output)["counts"]
            assert counts == record["counts"], counts
            left = sorted(file.name for file in folder.glob("killed*") if not file.name.endswith(".partial") or resume)
            assert left == output_of.names, left
            runs += 1
        print(f"{kills} kills in {runs} runs, all ended with the bytes and counts of the undisturbed one; lines kept at the "
              f"kills: median {sorted(kept)[len(kept) // 2]}, most {max(kept)}")
        assert max(kept) > 0, "no kill ever left a row: nothing was tested"
    return 0


sys.exit(main())
