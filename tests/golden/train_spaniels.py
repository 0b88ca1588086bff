#!/usr/bin/env python3
"""openset train against the heads of ../shared/models: the same photos, the same trunk, the same splits, at least as good.

By onednn, which is three times as fast here: that both engines see the same is spaniels_chain.py's business.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from openset_program import BIN, SHARED, need_shared

PHOTOS = SHARED / "data/spaniels"
TRUNK = SHARED / "models/imagenet_effnetlite0.pt"


def train(folder, name, *arguments):
    """The confusion matrix of the test set: truth -> prediction -> pictures."""
    network = folder / name
    subprocess.run([BIN / "openset", "train", "--trunk", TRUNK, "-o", network, "-q", "--engine", "onednn", *map(str, arguments)], check=True,
                   stdout=subprocess.DEVNULL)
    report = json.loads((folder / f"{name}.training.json").read_text())
    test = next(one for one in report["sets"] if one["name"] == "test")
    return {truth: dict(zip(report["labels"], row)) for truth, row in zip(report["labels"], test["confusion"])}


def main():
    need_shared("data/spaniels/train", "models/imagenet_effnetlite0.pt")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        breeds = train(folder, "breeds.pt", "--data", PHOTOS / "train", "--test", PHOTOS / "test")
        species = train(folder, "species.pt", "--data", PHOTOS / "train_other", "--positive-dir", PHOTOS / "train",
                        "--filter-labels", "NOT_SPANIEL,SPANIEL", "--balance", "weights", "--test", PHOTOS / "test",
                        "--test", PHOTOS / "other")
    right, asked = sum(row[truth] for truth, row in breeds.items()), sum(sum(row.values()) for row in breeds.values())
    kept, let_through = species["SPANIEL"]["SPANIEL"], species["NOT_SPANIEL"]["SPANIEL"]
    print(f"breeds: {right} of {asked} test photos right (given head: 206)")
    print(f"filter: {kept} of {sum(species['SPANIEL'].values())} spaniels kept (given head: 212), {let_through} of "
          f"{sum(species['NOT_SPANIEL'].values())} others let through (17)")
    good = asked == 217 and right >= 206 and kept >= 212 and let_through <= 17
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
