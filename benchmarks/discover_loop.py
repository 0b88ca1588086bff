#!/usr/bin/env python3
"""From "unknown" to "a class that we should have": what a class that discover found does to the open-set F1.

    benchmarks/discover_loop.py BIN SPANIELS TRUNK FOLDER

SPANIELS has train/ and test/ with the breeds that a classifier knows, unknown/ with breeds that it does not, other/ with other
dogs; TRUNK is a TorchScript network to put heads on; FOLDER is new, for all that is made. Runs:

1. a classifier of the known breeds, max-logit behind it, its threshold from one half of test/ (sweep --pick tpr=0.95);
2. infer over a stream: that half of test/ and one half of unknown/; what is rejected goes through discover;
3. a classifier of the known breeds and the groups as they were found, each under the breed most of it is of, as somebody who looks at
   the contact sheets would name it; the same threshold rule;
4. both on what neither has seen: the other halves of test/ and unknown/, and all of other/, whose truth is unknown.

Needs nothing but Python."""

import argparse
import collections
import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path


def run(arguments, command, *rest):
    subprocess.run([arguments.bin / f"openset-{command}", *map(str, rest)], check=True, stdout=subprocess.DEVNULL)


def halves(folder):
    """Every second picture of each class."""
    sides = ([], [])
    for breed in sorted(folder.iterdir()):
        for i, picture in enumerate(sorted(breed.iterdir())):
            sides[i % 2].append(picture)
    return sides


def breed_of(path):
    return Path(path).parent.name


def classifier(arguments, name, folders, choosing):
    """A network of the folders, and a config with the detector behind it."""
    folder = arguments.folder
    network, store = folder / f"{name}.pt", folder / f"{name}.store"
    run(arguments, "train", "--trunk", arguments.trunk, *[part for each in folders for part in ("--data", each)], "-o", network, "-q")
    listing = folder / f"{name}.csv"
    listing.write_text("path,label\n" + "".join(f"{picture},{breed_of(picture)}\n" for picture in choosing))
    run(arguments, "extract", "--model", network, "--csv", listing, "-o", store, "-q")
    scores = folder / f"{name}.scores.csv"
    run(arguments, "score", store, "--method", "max-logit", "-o", scores, "-q")
    point = folder / f"{name}.point.json"
    run(arguments, "sweep", "--known", scores, "--pick", "tpr=0.95", "--operating-point", point, "-o", folder / f"{name}.sweep.csv", "-q")
    config = folder / f"{name}.json"
    config.write_text(json.dumps({"openset": 1, "classifier": {"model": str(network)},
                                  "unknown": {"method": "max-logit", "operating_point": str(point)}}))
    return config


def infer(arguments, config, pictures, name):
    listing, rows = arguments.folder / f"{name}.txt", arguments.folder / f"{name}.jsonl"
    listing.write_text("".join(f"{picture}\n" for picture in pictures))
    run(arguments, "infer", "-c", config, "--files-from", listing, "-o", rows, "-q")
    return rows, [(row["path"], row["verdict"]) for row in map(json.loads, open(rows))]


def macro_f1(truth, verdicts, classes):
    scores = []
    for each in classes:
        right = sum(t == v == each for t, v in zip(truth, verdicts))
        named, there = verdicts.count(each), truth.count(each)
        scores.append(2 * right / (named + there) if named + there else 0)
    return statistics.mean(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "spaniels", "trunk", "folder"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir()
    spaniels = arguments.spaniels.resolve()
    known, fresh_known = halves(spaniels / "test")
    unseen, fresh_unseen = halves(spaniels / "unknown")
    others = sorted((spaniels / "other").glob("*/*"))

    before = classifier(arguments, "before", [spaniels / "train"], known)
    rows, verdicts = infer(arguments, before, known + unseen, "stream")
    rejected = [path for path, verdict in verdicts if verdict == "unknown"]
    store, found = arguments.folder / "stream.store", arguments.folder / "found"
    run(arguments, "extract", "--model", arguments.folder / "before.pt", "--unlabelled", "--files-from", arguments.folder / "stream.txt",
        "-o", store, "-q")
    run(arguments, "discover", rows, store, "-o", found, "-q")

    grown = arguments.folder / "grown"
    for group in sorted(path for path in found.iterdir() if path.is_dir()):
        breeds = collections.Counter(breed_of(os.path.realpath(picture)) for picture in group.iterdir())
        name, count = breeds.most_common(1)[0]
        print(f"{group.name}: {sum(breeds.values())} pictures, {count} of {name}")
        (grown / name).mkdir(parents=True, exist_ok=True)
        for picture in group.iterdir():
            shutil.copy(os.path.realpath(picture), grown / name / f"{group.name}-{picture.name}")
    for breed in sorted((spaniels / "train").iterdir()):
        (grown / breed.name).mkdir(parents=True, exist_ok=True)
        for picture in breed.iterdir():
            (grown / breed.name / picture.name).symlink_to(picture)
    after = classifier(arguments, "after", [grown], known)

    pictures = fresh_known + fresh_unseen + others
    breeds = sorted({breed_of(path) for path in known})
    new = sorted({breed_of(path) for path in unseen})
    truth = [breed_of(path) for path in fresh_known + fresh_unseen] + ["unknown"] * len(others)
    print(f"rejected of the stream: {len(rejected)} of {len(known) + len(unseen)}, of which known breeds "
          f"{sum(breed_of(path) in breeds for path in rejected)}")
    print("| | macro F1, 7 breeds and unknown (the new breeds count as unknown) | macro F1, 10 breeds and unknown | new breeds rightly named | "
          "known breeds rightly named | other dogs rejected |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, config in (("before", before), ("after", after)):
        verdicts = [verdict for _, verdict in infer(arguments, config, pictures, name)[1]]
        hidden = [[each if each in breeds else "unknown" for each in side] for side in (truth, verdicts)]
        share = [sum(t == v for t, v in zip(truth, verdicts) if t in of) / sum(t in of for t in truth) for of in (new, breeds, ["unknown"])]
        print(f"| {name} | {macro_f1(*hidden, breeds + ['unknown']):.3f} | {macro_f1(truth, verdicts, breeds + new + ['unknown']):.3f} | "
              + " | ".join(f"{100 * each:.1f} %" for each in share) + " |")


if __name__ == "__main__":
    main()
