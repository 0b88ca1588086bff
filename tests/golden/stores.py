"""Stores that `openset extract` fills against the stored logits and features."""

import csv
import subprocess
import tempfile
from pathlib import Path

import numpy
from openset_program import BIN, SHARED, Comparison, need_shared, read_csv

# data, table, network, arrays in data -> tolerance (the references were made by another LibTorch)
SETS = [
    ("cifar10", "images.csv", "cifar10_resnet20.pt",
     {"logits": ("resnet20_images_logits.npy", 1e-3), "features": ("resnet20_images_features.npy", 1e-3)}),
    ("cifar10", "images.csv", "cifar10_resnet44.pt",
     {"logits": ("resnet44_images_logits.npy", 1e-3), "features": ("resnet44_images_features.npy", 1e-3)}),
    ("spaniels", "features_sample.csv", "spaniels7_effnetlite0.pt", {"features": ("features_sample.npy", 1e-4)}),
]


def extract(network, samples, data, folder):
    """The store of some pictures: its folder."""
    table, store = Path(folder, "table.csv"), Path(folder, "store")
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label"), *((data / sample["path"], "") for sample in samples)])
    subprocess.run([BIN / "openset-extract", "--model", network, "--csv", table, "-o", store, "-q"], check=True)
    return store


comparison = Comparison()
compared = listed = 0
for name, table, network, arrays in SETS:
    data, network = SHARED / "data" / name, SHARED / "models" / network
    need_shared(data / table, network, *(data / file for file, _ in arrays.values()))
    samples = read_csv(data / table)
    with tempfile.TemporaryDirectory() as folder:
        store = extract(network, samples, data, folder)
        for array, (file, tolerance) in arrays.items():
            got, expected = numpy.load(store / f"{array}.npy"), numpy.load(data / file)
            comparison.equal(network.name, f"the shape of {array}", got.shape, expected.shape)
            differences = abs(got - expected).max(axis=1)
            for sample, difference in zip(samples, differences):
                comparison.close(f"{network.name} {sample['path']}", f"{array} of {network.name}", difference, 0, tolerance)
            compared += len(got)
            listed += len(expected)
        features, weight, bias = (numpy.load(store / f"{array}.npy").astype(numpy.float64)
                                  for array in ("features", "head_weight", "head_bias"))
        difference = abs(features @ weight.T + bias - numpy.load(store / "logits.npy")).max()
        comparison.close(network.name, "W f + b against the logits", difference, 0, 1e-5)
comparison.finish(compared, listed)
