"""The sweep of seeds/001 through the programs: fit, score, sweep --method openmax-notebook against notebook001.jsonl.

With our own fits, so a row may in principle fall on the other side; none does. The stores whose logits overflow the notebook's
exponential keep its rejections, but not its accuracy: the notebook takes arg-max of NaN for class 0, and score files name the
row by its logits.
"""

import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from openset_program import BIN, SHARED, SKIPPED, Comparison, need_shared

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no NumPy", file=sys.stderr)
    sys.exit(SKIPPED)

need_shared("golden/notebook001.jsonl")


def write_store(folder, rows):
    folder.mkdir()
    np.save(folder / "logits.npy", np.array(rows["logits"], dtype=np.float32))
    np.save(folder / "labels.npy", np.array(rows.get("labels", [-1] * len(rows["logits"])), dtype=np.int64))


def openset(*arguments):
    command = [str(part) for part in (BIN / "openset", *arguments, "-q")]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def sweep(folder, preset):
    fitted = folder / f"{preset}.json"
    openset("fit", folder / "train", "-o", fitted, "--preset", preset)
    for part in ("test", "reject"):
        openset("score", folder / part, "--fitted", fitted, "-o", folder / f"{part}.csv")
    table = openset("sweep", "--known", folder / "test.csv", "--unknown", folder / "reject.csv", "--method", "openmax-notebook",
                    "--thresholds", "0.30:0.40:0.01")
    return list(csv.DictReader(io.StringIO(table)))


comparison = Comparison()
compared = 0
for line in (SHARED / "golden/notebook001.jsonl").read_text().splitlines():
    store = json.loads(line)
    if "train" not in store:
        continue
    with tempfile.TemporaryDirectory() as name:
        for part in ("train", "test", "reject"):
            write_store(Path(name, part), store[part])
        for preset, key in (("notebook-001", "as_written"), ("notebook-001-described", "as_described")):
            rows = sweep(Path(name), preset)
            comparison.equal(store["name"], "number of thresholds", len(rows), 11)
            for row, expected in zip(rows, store[key]["sweep"]):
                where = f"{store['name']}, {key}, {expected['threshold']}"
                comparison.equal(where, "threshold", float(row["threshold"]), expected["threshold"])
                comparison.close(where, "unknown_rejection", float(row["unknown_rejection"]), expected["reject_acc"], 1e-12)
                if store["name"] != "overflow":
                    comparison.close(where, "known_accuracy", float(row["known_accuracy"]), expected["test_acc"], 1e-12)
                compared += 1
comparison.finish(compared, 6 * 2 * 11)
