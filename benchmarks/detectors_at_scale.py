#!/usr/bin/env python3
"""Twelve detectors over one store: detectors_at_scale.py [ROWS [FEATURES [CLASSES [TRAINING_ROWS]]]]

Random stores below TMPDIR (defaults: 100,000 x 2,048 features, 1,000 classes: 1.2 GB; 20,000 training rows), fitted once; then `openset
score` scores them in one pass, and so does NumPy, block by block, with the arrays of the same fitted files and its BLAS, and PyTorch where
it is installed; alternated, ROUNDS times (default 1). Prints median seconds, peak memory and how far the scores lie apart (of a method's largest). Needs NumPy and a build:
OPENSET_BUILD (default build/dev).
"""

import csv
import functools
import importlib.util
import json
import multiprocessing
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("OPENSET_BUILD", pathlib.Path(__file__).resolve().parents[1] / "build/dev"))
FITTED = ["mahalanobis", "relative-mahalanobis", "vim", "react", "ash", "she", "fdbd", "nci"]
UNFITTED = ["msp", "max-logit", "energy", "gen"]
ROWS_A_BLOCK = 4096
ROUNDS = int(os.environ.get("ROUNDS", "1"))


def write_store(folder, rows, head, seed):
    import numpy as np

    folder.mkdir()
    weight, bias = head
    rng = np.random.default_rng(seed)
    np.save(folder / "head_weight.npy", weight)
    np.save(folder / "head_bias.npy", bias)
    labels = np.arange(rows) % len(bias)
    np.save(folder / "labels.npy", labels)
    features = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float32, (rows, weight.shape[1]))
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float32, (rows, len(bias)))
    for first in range(0, rows, ROWS_A_BLOCK):
        block = labels[first:first + ROWS_A_BLOCK]
        noise = rng.standard_normal((len(block), weight.shape[1]), np.float32)
        features[first:first + len(block)] = np.maximum(noise + 10 * weight[block], 0)
        logits[first:first + len(block)] = features[first:first + len(block)].astype(np.float64) @ weight.T.astype(np.float64) + bias


def write_stores(folder, rows, features, classes, training_rows):
    import numpy as np

    rng = np.random.default_rng(0)
    head = ((rng.standard_normal((classes, features)) * 0.05).astype(np.float32), rng.standard_normal(classes).astype(np.float32))
    write_store(folder / "train", training_rows, head, 1)
    write_store(folder / "test", rows, head, 2)


def openset(*arguments):
    """(seconds, peak of the resident memory in MB)."""
    command = [BUILD / f"bin/openset-{arguments[0]}", *map(str, arguments[1:]), "-q"]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command}: ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


class Fit:
    """The arrays and numbers of a fitted file."""

    def __init__(self, path):
        import numpy as np

        content = json.loads(path.read_text())
        self.state = content["state"]
        for name, array in self.state.get("arrays", {}).items():
            values = np.load(path.with_suffix(".d") / array["file"]) if "file" in array else np.array(array["values"]).reshape(array["shape"])
            setattr(self, name, values.astype(np.float64))


def lse(np, values):
    top = values.max(1)
    return top + np.log(np.exp(values - top[:, None]).sum(1))


def numpy_scores(fits, f, v):
    """Of a block, in double."""
    import numpy as np

    f, v = f.astype(np.float64), v.astype(np.float64)
    rows, predicted, energy = np.arange(len(v)), v.argmax(1), lse(np, v)
    p = np.exp(v - energy[:, None])
    scores = {"msp": -p.max(1), "max-logit": -v.max(1), "energy": -energy}
    largest = np.sort(np.partition(p, -min(100, p.shape[1]), axis=1)[:, -min(100, p.shape[1]):], axis=1)
    scores["gen"] = (largest ** 0.1 * (1 - largest) ** 0.1).sum(1)
    for name in ("mahalanobis", "relative-mahalanobis"):
        fit = fits[name]
        z = (f - fit.mean) @ fit.whitening
        nearest = ((z ** 2).sum(1)[:, None] - 2 * z @ fit.centres.T + (fit.centres ** 2).sum(1)).min(1)
        background = (((f - fit.mean) @ fit.background_whitening) ** 2).sum(1) if name.startswith("relative") else 0
        scores[name] = nearest - background
    fit = fits["vim"]
    scores["vim"] = fit.state["alpha"] * np.linalg.norm((f - fit.origin) @ fit.residual_space, axis=1) - energy
    fit = fits["react"]
    scores["react"] = -lse(np, np.minimum(f, fit.state["cut"]) @ fit.head_weight.T + fit.head_bias)
    fit = fits["ash"]
    kept = f.shape[1] - round(f.shape[1] * 0.9)
    mask = np.zeros(f.shape)
    np.put_along_axis(mask, np.argpartition(-f, kept - 1, axis=1)[:, :kept], 1, 1)
    scores["ash"] = -lse(np, mask * (f.sum(1) / kept)[:, None] @ fit.head_weight.T + fit.head_bias)
    scores["she"] = -(f * fits["she"].patterns[predicted]).sum(1)
    fit = fits["fdbd"]
    apart = fit.weight_distances[predicted]
    far = np.divide(np.abs(v - v[rows, predicted][:, None]), apart, out=np.zeros_like(v), where=apart > 0).sum(1)
    scores["fdbd"] = -far / np.linalg.norm(f - fit.mean, axis=1)
    fit = fits["nci"]
    centred = f - fit.mean
    scores["nci"] = -((fit.weight[predicted] * centred).sum(1) / np.linalg.norm(centred, axis=1) + 1e-4 * np.abs(f).sum(1))
    return scores


def torch_scores(fits, f, v):
    """The same with PyTorch's tensors on the CPU."""
    import torch

    def tensor(values):
        return torch.from_numpy(values)

    f, v = tensor(f).double(), tensor(v).double()
    energy, p = torch.logsumexp(v, 1), torch.softmax(v, 1)
    predicted = v.argmax(1)
    scores = {"msp": -p.amax(1), "max-logit": -v.amax(1), "energy": -energy}
    largest = p.topk(min(100, p.shape[1]), 1).values
    scores["gen"] = (largest ** 0.1 * (1 - largest) ** 0.1).sum(1)
    for name in ("mahalanobis", "relative-mahalanobis"):
        fit = fits[name]
        moved, centres = f - tensor(fit.mean), tensor(fit.centres)
        z = moved @ tensor(fit.whitening)
        nearest = ((z ** 2).sum(1)[:, None] - 2 * z @ centres.T + (centres ** 2).sum(1)).amin(1)
        scores[name] = nearest - (((moved @ tensor(fit.background_whitening)) ** 2).sum(1) if name.startswith("relative") else 0)
    fit = fits["vim"]
    scores["vim"] = fit.state["alpha"] * ((f - tensor(fit.origin)) @ tensor(fit.residual_space)).norm(dim=1) - energy
    fit = fits["react"]
    weight, bias = tensor(fit.head_weight), tensor(fit.head_bias)
    scores["react"] = -torch.logsumexp(f.clamp(max=fit.state["cut"]) @ weight.T + bias, 1)
    kept = f.shape[1] - round(f.shape[1] * 0.9)
    mask = torch.zeros_like(f).scatter_(1, f.topk(kept, 1).indices, 1)
    scores["ash"] = -torch.logsumexp(mask * (f.sum(1) / kept)[:, None] @ weight.T + bias, 1)
    scores["she"] = -(f * tensor(fits["she"].patterns)[predicted]).sum(1)
    fit = fits["fdbd"]
    apart = tensor(fit.weight_distances)[predicted]
    far = torch.where(apart > 0, (v - v.gather(1, predicted[:, None])).abs() / apart, torch.zeros_like(v)).sum(1)
    scores["fdbd"] = -far / (f - tensor(fit.mean)).norm(dim=1)
    fit = fits["nci"]
    centred = f - tensor(fit.mean)
    scores["nci"] = -((tensor(fit.weight)[predicted] * centred).sum(1) / centred.norm(dim=1) + 1e-4 * f.abs().sum(1))
    return {name: values.numpy() for name, values in scores.items()}


def score_in_python(folder, library, results):
    import numpy as np

    start = time.perf_counter()
    fits = {name: Fit(folder / f"{name}.json") for name in FITTED}
    features, logits = (np.load(folder / "test" / f"{name}.npy", mmap_mode="r") for name in ("features", "logits"))
    scores = numpy_scores if library == "numpy" else torch_scores
    blocks = [scores(fits, np.array(features[first:first + ROWS_A_BLOCK]), np.array(logits[first:first + ROWS_A_BLOCK]))
              for first in range(0, len(features), ROWS_A_BLOCK)]
    np.savez(folder / f"{library}.npz", **{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
    results.put((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def in_process(target, *arguments):
    """In a process of its own: its peak of memory is not that of others."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=target, args=(*arguments, results))
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{target.__name__} ended with {process.exitcode}")
    return results.get()


def largest_difference(folder, library):
    import numpy as np

    other = np.load(folder / f"{library}.npz")
    with open(folder / "scores.csv", newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        ours = np.array([[float(cell) for cell in row[4:]] for row in rows])
    worst = {name: np.abs(ours[:, header.index(name) - 4] - other[name]).max() / np.abs(other[name]).max() for name in other.files}
    name = max(worst, key=worst.get)
    return f"{worst[name]:.1e} ({name})"


def write(folder, sizes, results):
    write_stores(folder, *sizes)
    results.put(None)


def main():
    defaults = [100_000, 2048, 1000, 20_000]
    sizes = [int(argument) for argument in sys.argv[1:]] + defaults[len(sys.argv) - 1:]
    rows, features, classes, training_rows = sizes
    with tempfile.TemporaryDirectory(prefix="openset-detectors-") as name:
        folder = pathlib.Path(name)
        in_process(write, folder, sizes)
        print(f"{rows} rows of {features} features and {classes} logits, {len(FITTED) + len(UNFITTED)} detectors; fitted on {training_rows} rows")
        for method in FITTED:
            seconds, peak = openset("fit", folder / "train", "--method", method, "-o", folder / f"{method}.json")
            print(f"fit {method:<22} {seconds:8.1f} s  {peak:7.0f} MB")
        flags = [part for method in FITTED for part in ("--fitted", folder / f"{method}.json")]
        flags += [part for method in UNFITTED for part in ("--method", method)]
        ways = {"openset": lambda: openset("score", folder / "test", *flags, "-o", folder / "scores.csv")}
        for library in ("numpy", "torch"):
            if importlib.util.find_spec(library):
                ways[library] = functools.partial(in_process, score_in_python, folder, library)
            else:
                print(f"score, {library}: not installed")
        measured = {way: [] for way in ways}
        for round_number in range(ROUNDS):
            for way in list(ways)[::-1 if round_number % 2 else 1]:
                measured[way].append(ways[way]())
                print(f"round {round_number + 1}, {way}: {measured[way][-1][0]:.1f} s", file=sys.stderr)
        for way, runs in measured.items():
            seconds, peak = sorted(run[0] for run in runs), max(run[1] for run in runs)
            apart = "" if way == "openset" else f"  largest difference {largest_difference(folder, way)}"
            print(f"score, {way:<19} {statistics.median(seconds):8.1f} s ({seconds[0]:.1f}..{seconds[-1]:.1f})  {peak:7.0f} MB{apart}")


if __name__ == "__main__":
    main()
