#!/usr/bin/env python3
"""Time and memory of `openset fit` over stores of two lengths: fit_stores.py [CLASSES [FEATURES]]

Random stores with 130 and 260 rows a class (defaults: 1,000 classes, 2,048 features: 1.6 and 3.2 GB below TMPDIR), fitted in the
space of the logits and of the features: the store is read once a pass, three times, and memory does not grow with its rows. The last
line extrapolates to ImageNet's 1,281,167 training pictures. Needs NumPy and a build: OPENSET_BUILD (default build/dev).
"""

import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("OPENSET_BUILD", pathlib.Path(__file__).resolve().parents[1] / "build/dev"))
IMAGENET_ROWS = 1_281_167


def write_store(folder, classes, rows_a_class, features):
    """Rows class after class, 1,000 at a time; nearly every one is classified rightly."""
    import numpy as np

    folder.mkdir()
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), rows_a_class)
    np.save(folder / "labels.npy", labels)
    open_array = np.lib.format.open_memmap
    of_features = open_array(folder / "features.npy", "w+", np.float32, (len(labels), features))
    of_logits = open_array(folder / "logits.npy", "w+", np.float32, (len(labels), classes))
    for first in range(0, len(labels), 1000):
        block = labels[first : first + 1000]
        of_features[first : first + len(block)] = np.maximum(rng.standard_normal((len(block), features), np.float32), 0)
        logits = rng.standard_normal((len(block), classes), np.float32)
        logits[np.arange(len(block)), block] += 8
        of_logits[first : first + len(block)] = logits


def fit(store, space):
    """(seconds, peak of the resident memory in MB), the store's pages in the cache."""
    command = [BUILD / "bin/openset-fit", store, "-o", store / "fitted.json", "--space", space, "-q"]
    subprocess.run(command, check=True)
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"openset fit ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    classes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    features = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    print("rows a class     rows     space  seconds  peak MB")
    seconds = {}
    with tempfile.TemporaryDirectory(prefix="openset-fit-") as folder:
        for rows_a_class in (130, 260):
            store = pathlib.Path(folder) / str(rows_a_class)
            # In a process of its own: the peak of the one that starts a program is passed on to the program.
            writer = multiprocessing.Process(target=write_store, args=(store, classes, rows_a_class, features))
            writer.start()
            writer.join()
            for space in ("logits", "features"):
                seconds[space, rows_a_class], peak = fit(store, space)
                rows = classes * rows_a_class
                print(f"{rows_a_class:12} {rows:8} {space:>9} {seconds[space, rows_a_class]:8.2f} {peak:8.0f}", flush=True)
    for space in ("logits", "features"):
        a_row = (seconds[space, 260] - seconds[space, 130]) / (130 * classes)
        print(f"{IMAGENET_ROWS} rows, {space}: {seconds[space, 260] + a_row * (IMAGENET_ROWS - 260 * classes):.0f} s")


if __name__ == "__main__":
    main()
