#!/usr/bin/env python3
"""The detectors that pytorch-ood has, on openset's stores: pytorch_ood_scores.py BIN TRAIN TEST [METHOD ...]

Fits and scores with pytorch-ood (its fit_features and predict_features, its own defaults but for openset's k of knn and dimension of
vim), and with openset fit and score, in turn; prints the seconds of both, fitting and scoring together, reading included, and how
the scores agree: Spearman's rank correlation of the rows, and the largest difference relative to the largest score.

Needs pytorch-ood, PyTorch, NumPy and SciPy. torchvision, which pytorch-ood imports for its datasets, may be missing."""

import csv
import importlib.abc
import importlib.machinery
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from unittest.mock import MagicMock

import numpy as np


class MissingTorchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for a torchvision that is not there: what is imported of it here is never called."""

    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] == "torchvision" else None

    def create_module(self, spec):
        module = MagicMock()
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module):
        pass


try:
    import torchvision  # noqa: F401
except (ImportError, RuntimeError):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.meta_path.insert(0, MissingTorchvision())

import torch  # noqa: E402
from pytorch_ood import detector as ood  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402


class Store:
    def __init__(self, folder):
        load = lambda name: torch.from_numpy(np.load(pathlib.Path(folder) / f"{name}.npy"))
        self.features, self.logits, self.labels = load("features"), load("logits"), load("labels").long()
        self.head = torch.nn.Linear(self.features.shape[1], self.logits.shape[1])
        self.head.weight.data, self.head.bias.data = load("head_weight"), load("head_bias")


def of_features(make):
    def scores(train, test, fitted):
        detector = make(train, fitted)
        detector.fit_features(train.features, train.labels)
        return detector.predict_features(test.features)
    return scores


def of_logits(make):
    return lambda train, test, fitted: make().score(test.logits)


METHODS = {
    "msp": of_logits(lambda: ood.MaxSoftmax(None)),
    "max-logit": of_logits(lambda: ood.MaxLogit(None)),
    "energy": of_logits(lambda: ood.EnergyBased(None)),
    "entropy": of_logits(lambda: ood.Entropy(None)),
    "gen": of_logits(lambda: ood.GEN(None, M=100)),
    "mahalanobis": of_features(lambda train, fitted: ood.Mahalanobis(None)),
    "relative-mahalanobis": of_features(lambda train, fitted: ood.RMD(None)),
    "knn": of_features(lambda train, fitted: ood.KNN(None, k=fitted["params"]["k"])),
    "vim": of_features(lambda train, fitted: ood.ViM(None, fitted["diagnostics"]["dim"], train.head.weight.data, train.head.bias.data)),
    "she": of_features(lambda train, fitted: ood.SHE(lambda x: x, train.head)),
    "nnguide": of_features(lambda train, fitted: ood.NNGuide(lambda x: x, train.head, k=fitted["params"]["k"])),
    "nci": of_features(lambda train, fitted: ood.NCI(torch.nn.Identity(), train.head, alpha=fitted["params"]["alpha"])),
}


def openset_scores(bin_folder, method, train, test, folder):
    fits = method not in ("msp", "max-logit", "energy", "entropy", "gen")
    flags = ["--method", method]
    if fits:
        bank = ["--set", "share=1"] if method == "nnguide" else []  # pytorch-ood keeps every row
        subprocess.run([bin_folder / "openset-fit", train, "--method", method, *bank, "-o", folder / "fitted.json", "-q"], check=True)
        flags = ["--fitted", folder / "fitted.json"]
    subprocess.run([bin_folder / "openset-score", test, *flags, "-o", folder / "scores.csv", "-q"], check=True)
    fitted = json.loads((folder / "fitted.json").read_text()) if fits else None
    return fitted


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    bin_folder, train, test = (pathlib.Path(argument) for argument in sys.argv[1:4])
    print("| method | openset s | pytorch-ood s | rank correlation | largest difference |")
    print("| --- | --- | --- | --- | --- |")
    for method in sys.argv[4:] or METHODS:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            start = time.perf_counter()
            fitted = openset_scores(bin_folder, method, train, test, folder)
            ours_seconds = time.perf_counter() - start
            with open(folder / "scores.csv", newline="") as file:
                rows = csv.reader(file)
                column = next(rows).index(method)
                ours = np.array([float(row[column]) for row in rows])
        try:
            start = time.perf_counter()
            with torch.no_grad():
                theirs = METHODS[method](Store(train), Store(test), fitted).numpy().astype(np.float64)
            seconds = f"{time.perf_counter() - start:.2f}"
            apart = f"{np.abs(ours - theirs).max() / np.abs(ours).max():.1e}"
            print(f"| {method} | {ours_seconds:.2f} | {seconds} | {spearmanr(ours, theirs).statistic:.4f} | {apart} |", flush=True)
        except Exception as error:  # what the library cannot do with these stores is a result
            print(f"| {method} | {ours_seconds:.2f} | {type(error).__name__}: {error} | | |".replace("\n", " ")[:200], flush=True)


if __name__ == "__main__":
    main()
