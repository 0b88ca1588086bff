"""SIGKILL at random moments of a run over the shared photos, then --resume: the same bytes as an undisturbed run.

kill_and_resume.py [--kills N] [--seed S] [--config FILE] [--format jsonl|csv] [PATH...]

Without --config the networks of the colour world decide, which take no time: most kills then fall into reading,
decoding and writing. Ends with 77 (skipped) where there are no shared photos and no PATH.
"""

import argparse
import json
import os
import pathlib
import random
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
        command = [BIN / "openset-infer", "-c", config, "-q", "-f", arguments.format, *paths, "-o"]

        start = time.monotonic()
        code = subprocess.run([*command, folder / "whole"]).returncode
        took = time.monotonic() - start
        assert code in (0, 3), code
        expected = (folder / "whole").read_bytes()
        record = json.loads((folder / "whole.run.json").read_text())
        print(f"undisturbed: {record['counts']['pictures']} pictures in {took:.1f} s, seed {arguments.seed}", flush=True)

        draw = random.Random(arguments.seed)
        kills = runs = 0
        kept = []
        output = folder / "killed"
        while kills < arguments.kills:
            for file in folder.glob("killed*"):
                file.unlink()
            while True:
                process = subprocess.Popen([*command, output, "--resume"])
                try:
                    process.wait(timeout=draw.uniform(0, took))
                except subprocess.TimeoutExpired:
                    process.kill()
                if process.wait() != -signal.SIGKILL:
                    break
                kills += 1
                partial = folder / "killed.partial"
                kept.append(partial.read_bytes().count(b"\n") if partial.exists() else 0)
                assert not output.exists() or output.read_bytes() == expected, "half-written under the final name"
            assert process.returncode == code, process.returncode
            assert output.read_bytes() == expected, "other bytes than the undisturbed run"
            counts = json.loads((folder / "killed.run.json").read_text())["counts"]
            assert counts == record["counts"], counts
            left = sorted(file.name for file in folder.glob("killed*"))
            assert left == ["killed", "killed.run.json"], left
            runs += 1
        print(f"{kills} kills in {runs} runs, all ended with the bytes and counts of the undisturbed one; lines kept at the "
              f"kills: median {sorted(kept)[len(kept) // 2]}, most {max(kept)}")
        assert max(kept) > 0, "no kill ever left a row: nothing was tested"
    return 0


sys.exit(main())
