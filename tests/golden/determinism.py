"""One picture alone, in any batch, with any number of threads, in any order: the same row, byte for byte."""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from openset_program import BIN, ENGINE, SHARED, Comparison, need_shared

need_shared("data/spaniels/test", "models/imagenet_effnetlite0.pt", "data/cifar10/test", "models/cifar10_resnet20.pt")
MODELS = SHARED / "models"


def photos(folder, count):
    """Some pictures from every subfolder, so that every stage decides some."""
    found = sorted(path for path in (SHARED / "data" / folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [str(path) for path in found[:: max(1, len(found) // count)]]


def rows(config, names, flags, environment=None):
    with tempfile.TemporaryDirectory() as folder:
        config_file, list_file = Path(folder, "config.json"), Path(folder, "list")
        config_file.write_text(json.dumps({"openset": 1, **config}))
        list_file.write_text("\n".join(names))
        command = [BIN / "openset", "infer", "-c", config_file, "--files-from", list_file, "-q", "-f", "jsonl", "--engine", ENGINE, *flags]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, env={**os.environ, **(environment or {})})
        return done.stdout.splitlines()


CHAINS = {
    "spaniels": (
        {
            "gate": {"model": str(MODELS / "imagenet_effnetlite0.pt"), "accept": ["151-268"]},
            "species": {"model": str(MODELS / "spaniel_or_not_effnetlite0.pt"), "accept": ["SPANIEL"]},
            "classifier": {"model": str(MODELS / "spaniels7_effnetlite0.pt")},
        },
        photos("spaniels", 40),
    ),
    "cifar10": ({"classifier": {"model": str(MODELS / "cifar10_resnet44.pt")}}, photos("cifar10", 100)),
}

comparison = Comparison()
compared = runs = 0
for name, (config, names) in CHAINS.items():
    expected = dict(zip(names, rows(config, names, ["-b", 8, "--threads", 1, "-j", 1])))
    shuffled = names[:]
    random.Random(1).shuffle(shuffled)
    settings = [["-b", b, "--threads", t, "-j", j] for b, t, j in ((1, 1, 1), (1, 2, 4), (5, 2, 1), (5, 1, 4), (64, 1, 4), (64, 2, 1))] + [["--no-share"]]
    for order, flags in [(names, flags) for flags in settings] + [(shuffled, ["-b", 5]), ([names[3]], []), ([names[-1]], [])]:
        runs += 1
        for picture, row in zip(order, rows(config, order, flags), strict=True):
            compared += 1
            comparison.equal(f"{name} {flags} {picture}", "row", row, expected[picture])

    # Other instruction sets, other kernels: within a tolerance, and the same verdicts.
    for picture, row in zip(names, rows(config, names, [], {"ONEDNN_MAX_CPU_ISA": "AVX2"}), strict=True):
        got, wanted = json.loads(row), json.loads(expected[picture])
        comparison.equal(f"{name} AVX2 {picture}", "verdict", got["verdict"], wanted["verdict"])
        if "classifier" in wanted:
            comparison.close(f"{name} AVX2 {picture}", "largest logit under AVX2", got["classifier"]["max_logit"], wanted["classifier"]["max_logit"], 1e-4)
print(f"{runs} runs", file=sys.stderr)
comparison.finish(compared, sum((len(names) * (len(settings) + 1) + 2) for _, names in CHAINS.values()))
