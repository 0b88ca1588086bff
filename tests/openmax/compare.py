#!/usr/bin/env python3
"""openset fit and score against reference.py, on random stores that NumPy writes: every distance x weight x translate x fix.

Also: the scores are the log odds of p:unknown, and a row scores the same digits whatever stands beside it.
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

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
TOLERANCE = 1e-6
DISTANCES = ["euclidean", "squared-euclidean", "cosine", "eucos"]
WEIGHTS = ["osdn", "paper", "uniform"]
TRANSLATES = ["auto", "1", "10000"]
FIXES = ["none", "shift", "clamp", "abs", "probability"]


def random_rows(rng, classes, rows, separation, shift):
    """float32 logits and labels: noisy corners, each row with its own noise."""
    labels = rng.integers(0, classes, rows)
    centres = np.eye(classes) * separation + shift + rng.normal(0, 0.3, (classes, classes))
    noise = rng.gamma(3, 0.4, (rows, 1)) * rng.normal(size=(rows, classes))
    return (centres[labels] + noise).astype(np.float32), labels.astype(np.int64)


def write_store(folder, logits, labels):
    folder.mkdir()
    np.save(folder / "logits.npy", logits)
    np.save(folder / "labels.npy", labels)
    return folder


def openset(*arguments):
    done = subprocess.run([BIN / f"openset-{arguments[0]}", *map(str, arguments[1:]), "-q"], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openset {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}")
    return done.stdout


def scored(store, fitted):
    """(scores, probabilities) of openset score."""
    rows = list(csv.DictReader(openset("score", store, "--fitted", fitted, "--probabilities").splitlines()))
    columns = [name for name in rows[0] if name.startswith("p:")]
    assert columns[-1] == "p:unknown"
    return np.array([float(row["openmax"]) for row in rows]), np.array([[float(row[c]) for c in columns] for row in rows])


class Agreement(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="openset-openmax-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def stores(self, seed, classes, shift):
        rng = np.random.default_rng(seed)
        train = random_rows(rng, classes, 60 * classes, 6, shift)
        near = random_rows(rng, classes, 40, 6, shift)[0]
        far = random_rows(rng, classes, 40, 2, shift)[0]
        test = np.concatenate([near, far, np.zeros((1, classes), np.float32)])
        write_store(self.folder / "train", *train)
        write_store(self.folder / "test", test, np.full(len(test), -1, np.int64))
        return train, test

    def compare(self, train, test, distance, weights, translate, fix, tail_size, alpha):
        fitted_file = self.folder / "fitted.json"
        openset("fit", self.folder / "train", "-o", fitted_file, "--distance", distance, "--alpha-weights", weights,
                "--translate", translate, "--negative-logits", fix, "--tail-size", tail_size, "--alpha", alpha)
        scores, found = scored(self.folder / "test", fitted_file)
        fitted = reference.fit(*train, distance=distance, tail_size=tail_size, translate=translate)
        expected = reference.probabilities(fitted, test, alpha=alpha, weights=weights, fix=fix)
        self.assertEqual(found.shape, expected.shape)
        self.assertLess(np.abs(found - expected).max(), TOLERANCE)
        self.assertFalse(np.isnan(scores).any())
        with np.errstate(over="ignore"):
            self.assertLess(np.abs(1 / (1 + np.exp(-scores)) - expected[:, -1]).max(), TOLERANCE)

    def test_every_combination_of_distance_weight_translate_and_fix(self):
        stores = [(1, 6, 0), (2, 3, -9)]  # the second has logits that are negative nearly everywhere
        for seed, classes, shift in stores:
            train, test = self.stores(seed, classes, shift)
            for distance in DISTANCES:
                for weights in WEIGHTS:
                    for translate in TRANSLATES:
                        for fix in FIXES:
                            with self.subTest(seed=seed, distance=distance, weights=weights, translate=translate, fix=fix):
                                self.compare(train, test, distance, weights, translate, fix, tail_size=20, alpha=4)
            for path in (self.folder / "train", self.folder / "test"):
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()

    def test_classes_with_few_rows_or_none(self):
        (logits, labels), test = self.stores(3, 5, 0)
        labels[labels == 1] = np.where(np.arange((labels == 1).sum()) < 2, 1, -1)
        labels[labels == 2] = -1
        np.save(self.folder / "train" / "labels.npy", labels)
        for tail_size in (3, 20, 1000):
            with self.subTest(tail_size=tail_size):
                self.compare((logits, labels), test, "euclidean", "osdn", "auto", "probability", tail_size, alpha=10)

    def test_a_row_scores_the_same_digits_whatever_stands_beside_it(self):
        _, test = self.stores(4, 6, 0)
        order = np.random.default_rng(5).permutation(len(test))
        write_store(self.folder / "mixed", test[order], np.full(len(test), -1, np.int64))
        write_store(self.folder / "alone", test[7:8], np.full(1, -1, np.int64))
        for preset in ("recommended", "osdn", "notebook-001"):
            with self.subTest(preset=preset):
                fitted = self.folder / f"{preset}.json"
                openset("fit", self.folder / "train", "-o", fitted, "--preset", preset)

                def lines(store):
                    return [line.split(",")[3:] for line in openset("score", self.folder / store, "--fitted", fitted).splitlines()[1:]]

                whole = lines("test")
                self.assertEqual(lines("mixed"), [whole[i] for i in order])
                self.assertEqual(lines("alone"), [whole[7]])


if __name__ == "__main__":
    unittest.main()
