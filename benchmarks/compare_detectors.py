#!/usr/bin/env python3
"""Every detector against near and far sets of real photos; prints the tables of docs/results.md.

    benchmarks/compare_detectors.py BIN SHARED WORK [spaniels|resnet20|resnet44]...

BIN     the folder with openset's programs
SHARED  the folder with data/ and models/
WORK    a folder for the stores; what stands there is used again

spaniels            seven breeds that the classifier knows against breeds it has never seen (near), other dogs (near) and what is no dog (far)
resnet20, resnet44  CIFAR-10 against photographs, traffic signs and noise, all far; fitted on stored activations (the training
                    photos are not at hand)
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy

BIN, SHARED, WORK = (Path(argument).resolve() for argument in sys.argv[1:4])
PARTS = sys.argv[4:] or ["spaniels", "resnet20", "resnet44"]


def openset(*arguments, output=True):
    command = [str(BIN / ("openset-" + arguments[0])), "-q", *map(str, arguments[1:])]
    result = subprocess.run(command, stdout=subprocess.PIPE if output else None, cwd=WORK, text=True)
    if result.returncode != 0:
        sys.exit(f"exit {result.returncode}: {' '.join(command)}")
    return result.stdout


def extract(store, model, folder, *flags):
    if not (WORK / store).exists():
        openset("extract", "--model", model, folder, "-o", store, *flags)


def compare(title, flags):
    print(f"## {title}\n\n    openset compare {' '.join(flags)} -f markdown --bootstrap 1000\n")
    print(openset("compare", *flags, "-f", "markdown", "--bootstrap", "1000"), flush=True)


def spaniels():
    data, model = SHARED / "data" / "spaniels", SHARED / "models" / "spaniels7_effnetlite0.pt"
    for split in ("train", "test"):
        extract(f"{split}.store", model, data / split)
    # The calibration rows of a fusion: a half of the test photos, so that the other half is what all is measured on.
    for name, shard in (("calibration", "0/2"), ("known", "1/2")):
        extract(f"{name}.store", model, data / "test", "--shard", shard)
    for split in ("unknown", "other", "far"):
        extract(f"{split}.store", model, data / split, "--unlabelled")
    unknown = ["--unknown", "unknown=unknown.store", "--unknown", "other=other.store", "--unknown", "far=far.store"]
    groups = ["--near", "unknown", "--near", "other", "--far", "far"]
    compare("Spaniels, EfficientNet-Lite0", ["--train", "train.store", "--known", "test.store", *unknown, *groups])
    for kind in ("rank-average", "fisher", "stouffer"):
        compare(f"Spaniels, with {kind}", ["--train", "train.store", "--known", "known.store", *unknown, *groups,
                                           "--combine", kind, "--calibration", "calibration.store", "--metric", "auroc"])


def cifar10(net):
    data, model = SHARED / "data" / "cifar10", SHARED / "models" / f"cifar10_{net}.pt"
    extract(f"{net}-test.store", model, data / "test")
    far = ("far_objects", "far_signs", "far_noise")
    for split in far:
        extract(f"{net}-{split}.store", model, data / split, "--unlabelled")
    train = WORK / f"{net}-train.store"
    if not train.exists():
        train.mkdir()
        for name in ("logits", "features"):
            numpy.save(train / f"{name}.npy", numpy.load(data / f"{net}_train_{name}.npy"))
        with open(data / "train.csv", newline="") as file:
            numpy.save(train / "labels.npy", numpy.array([int(row["class_id"]) for row in csv.DictReader(file)]))
        for name in ("head_weight.npy", "head_bias.npy"):
            shutil.copy(WORK / f"{net}-test.store" / name, train)
        meta = json.loads((WORK / f"{net}-test.store" / "meta.json").read_text())
        meta["counts"] = {"rows": 5000, "failed": 0}
        (train / "meta.json").write_text(json.dumps(meta))
    flags = ["--train", f"{net}-train.store", "--known", f"{net}-test.store"]
    for split in far:
        flags += ["--unknown", f"{split}={net}-{split}.store"]
    compare(f"CIFAR-10, {net.replace('resnet', 'ResNet-')}", flags)


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        spaniels() if part == "spaniels" else cifar10(part)
