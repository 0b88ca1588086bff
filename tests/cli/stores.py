"""Activation stores that NumPy writes, for the tests of the programs that read them."""

import csv
import json
import sys

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no NumPy")
    sys.exit(77)

from openset_cli import CliTest


def clusters(seed, counts, spread=1.0, separation=6.0):
    """float32 logits and int64 labels: counts[c] rows around the corner of class c, nearly all of them classified rightly."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    logits = np.eye(len(counts))[labels] * separation + rng.gamma(2, spread / 2, (len(labels), 1)) * rng.normal(size=(len(labels), len(counts)))
    return logits.astype(np.float32), labels.astype(np.int64)


def meta(labels, rows, failed=0, **more):
    return {"format": "openset-store/1", "model": {"name": "cats8", "sha256": "a" * 64}, "labels": labels, "activation": "softmax",
            "preprocess": {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]}, "head": "fc", "precision": "fp32",
            "engine": "torchscript", "counts": {"rows": rows, "failed": failed}, **more}


class StoreTest(CliTest):
    """A test with stores in its folder."""

    def store(self, name, logits, labels=None, meta=None, samples=None, **arrays):
        """The folder of a store. samples: (path, label, error) as bytes, in order; arrays: features, head_weight, latents..."""
        folder = self.folder / name
        folder.mkdir()
        np.save(folder / "logits.npy", logits)
        if labels is not None:
            np.save(folder / "labels.npy", labels)
        for array, values in arrays.items():
            np.save(folder / f"{array}.npy", values)
        if meta is not None:
            (folder / "meta.json").write_text(json.dumps(meta))
        if samples is not None:
            (folder / "samples.csv").write_bytes(samples_csv(samples))
        return folder

    def train(self, name="train", counts=(40, 40, 40), seed=1, **more):
        return self.store(name, *clusters(seed, counts), **more)

    def fit(self, store, *flags, name="fit.json", **options):
        """The fitted file's name, and what the command said."""
        result = self.openset("fit", store, "-o", self.folder / name, *flags, **options)
        return self.folder / name, result.messages

    def fitted(self, *arguments, **options):
        """The content of a fitted file."""
        return json.loads(self.fit(*arguments, **options)[0].read_text())

    def score(self, store, *flags, **options):
        """Header and records of a score file, as text."""
        self.openset("score", store, *flags, "-o", self.folder / "scores of a test.csv", **options)
        with open(self.folder / "scores of a test.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = list(csv.reader(file))
        return lines[0], lines[1:]

    def columns(self, store, *flags, **options):
        """Column -> its numbers, path, label and predicted left out."""
        header, records = self.score(store, *flags, **options)
        return {name: np.array([float(record[i]) for record in records]) for i, name in enumerate(header) if i > 2}


def samples_csv(samples):
    """(path, label, error) as bytes; without an error the sample has the next row."""
    lines, row = [b"path,label,status,error,row"], 0
    for path, label, error in samples:
        fields = [path, label, b"failed" if error else b"ok", error, b"" if error else str(row).encode()]
        row += not error
        lines.append(b",".join(b'"' + field.replace(b'"', b'""') + b'"' if any(c in field for c in b',"\r\n') else field for field in fields))
    return b"".join(line + b"\r\n" for line in lines)
