#!/usr/bin/env python3
"""openset fit and score, every method, against reference.py: on random stores that NumPy writes, and on a network's of the
reference data where that is there. Also: the same bytes with any number of threads, and each row alone.
"""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no NumPy")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference  # noqa: E402

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED") or PROJECT.parent / "shared")
BIN = pathlib.Path(os.environ["OPENSET_BIN"])
TOLERANCE = 1e-5  # of the largest score of a method
OWN_REFERENCE = {"openmax", "openmax-notebook"}


def openset(*arguments):
    done = subprocess.run([BIN / f"openset-{arguments[0]}", *map(str, arguments[1:]), "-q"], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openset {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}")
    return done.stdout


def columns_of(text):
    """Method -> scores."""
    rows = list(csv.DictReader(text.splitlines()))
    return {name: np.array([float(row[name]) for row in rows]) for name in list(rows[0])[4:]}


def write_store(folder, store):
    folder.mkdir()
    names = {"weight": "head_weight", "bias": "head_bias"}
    for name, values in store.items():
        np.save(folder / f"{names.get(name, name)}.npy", values)
    return folder


def random_store(rng, rows, classes, columns, head, labelled=1.0):
    """Features after a ReLU, some of them dead, around a centre for each class; one class is never right."""
    centres = np.random.default_rng(columns).gamma(1, 1, (classes, columns))
    labels = rng.integers(0, classes, rows)
    features = np.maximum(centres[labels] + rng.normal(0, 0.6, (rows, columns)), 0)
    features[:, columns // 2] = 0
    features[rng.random(features.shape) < 0.2] = 0
    features = features.astype(np.float32)
    weight, bias = head
    logits = (features.astype(np.float64) @ weight.astype(np.float64).T + bias).astype(np.float32)
    labels[logits.argmax(1) == 0] = 1 % classes
    labels[rng.random(rows) >= labelled] = -1
    return {"logits": logits, "features": features, "labels": labels.astype(np.int64), "weight": weight, "bias": bias}


class EveryMethod(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="openset-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def scored(self, train, test, *flags):
        """The scores of a test store, fitted on the other; nnguide with all rows, for the choice is a matter of the seed."""
        if not (self.folder / "fits").exists():
            openset("fit", train, "--method", "all", "-o", self.folder / "fits")
            openset("fit", train, "--method", "nnguide", "--set", "share=1", "-o", self.folder / "fits" / "nnguide.json")
        return openset("score", test, "--method", "all", "--fitted", self.folder / "fits", *flags)

    def agree(self, train, test):
        found = columns_of(self.scored(write_store(self.folder / "train", train), write_store(self.folder / "test", test)))
        expected = reference.scores(train, test)
        self.assertEqual(set(found) - OWN_REFERENCE, set(expected))
        for name, scores in expected.items():
            with self.subTest(method=name):
                self.assertTrue(np.isfinite(scores).all())
                np.testing.assert_allclose(found[name], scores, rtol=0, atol=TOLERANCE * np.abs(scores).max())

    def test_on_random_stores(self):
        for seed, (rows, classes, columns, labelled) in enumerate([(400, 5, 17, 1.0), (150, 3, 40, 0.7), (900, 20, 33, 0.9)]):
            with self.subTest(rows=rows, classes=classes, columns=columns):
                self.setUp()
                rng = np.random.default_rng(seed)
                head = (rng.normal(0, 1, (classes, columns)).astype(np.float32), rng.normal(0, 1, classes).astype(np.float32))
                self.agree(random_store(rng, rows, classes, columns, head, labelled), random_store(rng, 70, classes, columns, head))

    def test_on_a_network_of_the_reference_data(self):
        data, network = SHARED / "data" / "cifar10", SHARED / "models" / "cifar10_resnet20.pt"
        if not (network.exists() and (data / "train.csv").exists()):
            self.skipTest(f"no {network} (set OPENSET_SHARED)")
        picture = next((data / "far_signs").rglob("*.png"), None) or next((data / "far_signs").rglob("*.jpg"))
        openset("extract", "--model", network, picture, "-o", self.folder / "head.store")  # for its head
        weight, bias = (np.load(self.folder / "head.store" / f"{name}.npy") for name in ("head_weight", "head_bias"))
        with open(data / "train.csv", newline="", encoding="utf-8") as file:
            labels = np.array([int(row["class_id"]) for row in csv.DictReader(file)])
        load = lambda what: {name: np.load(data / f"resnet20_{what}_{name}.npy") for name in ("logits", "features")}
        head = {"weight": weight, "bias": bias}
        train = {**load("train"), "labels": labels, **head}
        test = {**load("images"), **head}
        some = np.random.default_rng(0).permutation(len(test["logits"]))[:200]
        self.agree(train, {**test, "logits": test["logits"][some], "features": test["features"][some],
                           "labels": np.full(200, -1, np.int64)})

    def test_the_bytes_depend_on_neither_threads_nor_neighbours(self):
        rng = np.random.default_rng(9)
        head = (rng.normal(0, 1, (6, 29)).astype(np.float32), rng.normal(0, 1, 6).astype(np.float32))
        test = random_store(rng, 600, 6, 29, head)
        train = write_store(self.folder / "train", random_store(rng, 300, 6, 29, head))
        together = self.scored(train, write_store(self.folder / "test", test), "--threads", 1)
        self.assertEqual(together, self.scored(train, self.folder / "test", "--threads", 7))
        rows = [line.split(",", 1)[1] for line in together.splitlines()]
        for number in (0, 137, 599):
            one = {**test, **{name: test[name][number:number + 1] for name in ("logits", "features", "labels")}}
            alone = self.scored(train, write_store(self.folder / f"row {number}", one)).splitlines()
            self.assertEqual(alone[1].split(",", 1)[1], rows[number + 1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
