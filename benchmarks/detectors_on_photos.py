#!/usr/bin/env python3
"""What a detector behind the classifier changes, measured on real photos; prints the tables of docs/detectors-on-photos.md.

    benchmarks/detectors_on_photos.py BIN SHARED WORK [spaniels|cifar10|npy]...

BIN     the folder with openset's programs
SHARED  the folder with data/ and models/
WORK    a folder for stores, scores and rows; what stands there is used again

spaniels  breeds the classifier knows against breeds it has never seen; the threshold is chosen on one half, measured on the other
cifar10   ResNet-20 and ResNet-44 scored from pictures; fitted on stored activations (the training photos are not at hand)
npy       the same scored from stored activations, and how far the two lie apart
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy

BIN, SHARED, WORK = (Path(argument).resolve() for argument in sys.argv[1:4])
PARTS = sys.argv[4:] or ["spaniels", "cifar10", "npy"]
# Column -> flags of fit.
LOGIT_FITS = {
    "recommended": [],
    "osdn": ["--preset", "osdn"],
    "paper": ["--preset", "paper"],
    "openood": ["--preset", "openood"],
    "pytorch-ood": ["--preset", "pytorch-ood"],
    "notebook-001": ["--preset", "notebook-001"],
    "notebook-001-described": ["--preset", "notebook-001-described"],
}
FEATURE_FITS = {
    **{f"{name}, features": [*flags, "--space", "features"] for name, flags in LOGIT_FITS.items() if not name.startswith("notebook")},
    "cosine, features": ["--distance", "cosine", "--space", "features"],
}
RESAMPLES = ["--bootstrap", "1000", "--seed", "0"]


def openset(*arguments):
    command = [str(BIN / ("openset-" + arguments[0])), "-q", *map(str, arguments[1:])]
    result = subprocess.run(command, stdout=subprocess.PIPE, cwd=WORK)
    if result.returncode != 0:
        sys.exit(f"exit {result.returncode}: {' '.join(command)}")
    return result.stdout.decode()


def once(path, *arguments):
    """Runs a command unless its output is there."""
    if not (WORK / path).exists():
        openset(*arguments, "-o", path)
    return path


def fit_all(train, prefix, fits):
    return {name: once(f"{prefix}-{name.replace(', ', '-')}.json", "fit", train, *flags) for name, flags in fits.items()}


def score(store, fitted, to):
    return once(to, "score", store, *[f"--fitted={name}={file}" for name, file in fitted.items()])


def evaluate(known, unknown, *flags):
    """Column -> its results."""
    document = json.loads(openset("eval", "--known", known, "--unknown", unknown, "-f", "json", *RESAMPLES, *flags))
    return {result["column"]: result for result in document["results"]}


def interval(result, metric):
    low, high = result["ci95"][metric]
    return f"{result[metric]:.3f} [{low:.3f}, {high:.3f}]"


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def picked(column, known, unknown, rule, to):
    once(f"{to}.csv", "sweep", "--known", known, "--unknown", unknown, "--method", column, "--pick", rule, "--operating-point", f"{to}.json")
    return f"{to}.json"


# ---- spaniels: seven breeds that are known, three that are not


def chain(config, folder, shard, name):
    rows = once(f"{name}.jsonl", "infer", "-c", config, folder, "--shard", shard)
    with open(WORK / rows) as file:
        return [json.loads(line) for line in file]


def share(rows, holds):
    return f"{sum(map(holds, rows))} of {len(rows)} ({100 * sum(map(holds, rows)) / len(rows):.1f} %)"


def spaniels():
    data, models = SHARED / "data" / "spaniels", SHARED / "models"
    classifier = models / "spaniels7_effnetlite0.pt"
    train = once("train.store", "extract", "--model", classifier, data / "train")
    fitted = {**fit_all(train, "spaniels", LOGIT_FITS), **fit_all(train, "spaniels", FEATURE_FITS)}
    scores = {}
    for half, shard in (("a", "0/2"), ("b", "1/2")):
        for split in ("test", "unknown"):
            store = once(f"{split}-{half}.store", "extract", "--model", classifier, data / split, "--shard", shard)
            scores[split, half] = score(store, fitted, f"{split}-{half}.csv")
    whole = {split: score(once(f"{split}.store", "merge", f"{split}-a.store", f"{split}-b.store"), fitted, f"{split}.csv")
             for split in ("test", "unknown")}
    print("### Spaniels: the classifier alone, all 217 known and 183 unseen\n")
    results = evaluate(whole["test"], whole["unknown"])
    by_auroc = sorted(results.items(), key=lambda item: -item[1]["auroc"])
    table(["score", "AUROC", "AUPR-out", "FPR at 95 % TPR (known accepted)", "OSCR"],
          [[column, *[interval(result, metric) for metric in ("auroc", "aupr_out", "fpr_at_95_tpr_known", "oscr")]] for column, result in by_auroc])

    print("### Spaniels: thresholds that accept 95 % of half A's known, on half B\n")
    rows = []
    for column, _ in by_auroc:
        point = picked(column, scores["test", "a"], scores["unknown", "a"], "tpr=0.95", f"spaniels-{column.replace(', ', '-')}-point")
        at = json.loads(openset("eval", "--known", scores["test", "b"], "--unknown", scores["unknown", "b"], "--method", column,
                                "--operating-point", point, "-f", "json", *RESAMPLES))["results"][0]
        rows.append([column, interval(at, "known_acceptance"), interval(at, "unknown_rejection"), interval(at, "open_set_f1")])
    table(["score", "known accepted", "unseen rejected", "macro-F1, unknown a class"], rows)

    print("### Spaniels: the whole chain, second half\n")
    base = {"openset": 1, "gate": {"model": str(models / "imagenet_effnetlite0.pt"), "accept": ["151-268"]},
            "species": {"model": str(models / "spaniel_or_not_effnetlite0.pt"), "accept": ["SPANIEL"]}, "classifier": {"model": str(classifier)}}
    configs = {"no detector": None}
    for column in ("recommended", "osdn, features", "msp", "max-logit"):
        unknown = {"operating_point": f"spaniels-{column.replace(', ', '-')}-point.json"}
        unknown.update({"method": column} if column in ("msp", "max-logit") else {"fitted": fitted[column]})
        configs[column] = unknown
    rows = []
    for name, unknown in configs.items():
        config = f"chain-{name.replace(', ', '-').replace(' ', '-')}.json"
        (WORK / config).write_text(json.dumps({**base, **({"unknown": unknown} if unknown else {})}))
        known, new = (chain(config, data / split, "1/2", config[:-5] + "-" + split) for split in ("test", "unknown"))
        rows.append([name, share(known, lambda row: row["verdict"] == row["path"].split("/")[-2]),
                     share(new, lambda row: row["outcome"] == "known"), share(known, lambda row: row["outcome"] == "unknown")])
    table(["behind the classifier", "known breeds: rightly named", "unseen breeds: wrongly named", "known breeds: rejected"], rows)


# ---- CIFAR-10: fitted on stored activations


def cifar_rows(name):
    with open(SHARED / "data" / "cifar10" / name, newline="") as file:
        return list(csv.DictReader(file))


SPLITS = ("test", "far_objects", "far_signs", "far_noise")


def save_store(folder, logits, features, labels, meta):
    if folder.exists():
        return
    folder.mkdir()
    numpy.save(folder / "logits.npy", logits)
    numpy.save(folder / "features.npy", features)
    numpy.save(folder / "labels.npy", labels)
    meta = {**meta, "counts": {"rows": len(labels), "failed": 0}}
    (folder / "meta.json").write_text(json.dumps(meta))


def cifar_stores(net):
    """Stores of the stored activations, and of the pictures, which lend the others their meta.json."""
    data = SHARED / "data" / "cifar10"
    for split in SPLITS:
        once(f"{net}-{split}.store", "extract", "--model", SHARED / "models" / f"cifar10_{net}.pt", data / split,
             *(["--unlabelled"] if split != "test" else []))
    meta = json.loads((WORK / f"{net}-test.store" / "meta.json").read_text())
    load = lambda name: numpy.load(data / f"{net}_{name}.npy")
    labels = numpy.array([int(row["class_id"]) for row in cifar_rows("train.csv")])
    save_store(WORK / f"{net}-train.store", load("train_logits"), load("train_features"), labels, meta)
    images = cifar_rows("images.csv")
    for split in SPLITS:
        here = numpy.array([row["split"] == split for row in images])
        labels = numpy.array([int(row["class_id"]) for row in images])[here]
        save_store(WORK / f"{net}-{split}-npy.store", load("images_logits")[here], load("images_features")[here], labels, meta)


def cifar_table(net, kind):
    fitted = {**fit_all(f"{net}-train.store", net, LOGIT_FITS), **fit_all(f"{net}-train.store", net, FEATURE_FITS)}
    files = {split: score(f"{net}-{split}{kind}.store", fitted, f"{net}-{split}{kind}.csv") for split in SPLITS}
    results = {split: evaluate(files["test"], files[split]) for split in SPLITS[1:]}
    mean = {column: numpy.mean([results[split][column]["auroc"] for split in results]) for column in results["far_objects"]}
    rows = [[column, *[interval(results[split][column], "auroc") for split in results],
             *[f"{results[split][column]['fpr_at_95_tpr_known']:.3f}" for split in results], f"{mean[column]:.3f}"]
            for column in sorted(mean, key=mean.get, reverse=True)]
    return files, ["score", *[f"AUROC, {split}" for split in results], *[f"FPR95, {split}" for split in results], "mean AUROC"], rows


def cifar10():
    for net in ("resnet20", "resnet44"):
        cifar_stores(net)
        print(f"### CIFAR-10 {net}, from the pictures\n")
        table(*cifar_table(net, "")[1:])


def npy():
    for net in ("resnet20", "resnet44"):
        cifar_stores(net)
        from_pictures, _, rows = cifar_table(net, "")
        from_arrays, _, other = cifar_table(net, "-npy")
        largest = {}
        for split in SPLITS:
            with open(WORK / from_pictures[split], newline="") as a, open(WORK / from_arrays[split], newline="") as b:
                one = {row["path"].split("/cifar10/")[-1]: row for row in csv.DictReader(a)}
                two = list(csv.DictReader(b))
                paths = [row["path"] for row in cifar_rows("images.csv") if row["split"] == split]
                for path, row in zip(paths, two):
                    same = one[path]
                    for column in row:
                        if column in ("path", "label", "predicted"):
                            continue
                        x, y = float(same[column]), float(row[column])
                        largest[column] = max(largest.get(column, 0), 0 if x == y else abs(x - y))
        cells = lambda table: {row[0]: row[1:] for row in table}
        differing = [name for name in cells(rows) if cells(rows)[name] != cells(other)[name]]
        print(f"### CIFAR-10 {net}: pictures against stored activations\n")
        table(["score", "largest difference of a score"], [[name, f"{value:.1e}"] for name, value in largest.items()])
        print("Tables: " + ("equal in every digit shown." if not differing else "rows that differ in a digit shown: " + ", ".join(differing)) + "\n")


if __name__ == "__main__":
    os.makedirs(WORK, exist_ok=True)
    for part in PARTS:
        {"spaniels": spaniels, "cifar10": cifar10, "npy": npy}[part]()
