#!/usr/bin/env python3
"""The way of the system that openset's chain comes from (github.com/Andrewwango/open-set-resnet): networks built for every picture.

    benchmarks/peers/reference_way.py -c chain.json --files-from list.txt -o rows.jsonl [--limit 20]

As there, for every stage of every picture: the architecture is built with pretrained ImageNet weights, its last layer replaced, the
stage's own weights read over it, the picture opened and transformed, and one forward pass made, with gradients. The "pretrained"
weights are read from a file beside the others, so the network plays no part. Two things are not as there, so that verdicts can be
compared: the gate's rule and the thresholds are the config's. An architecture that torchvision does not have is loaded from its
archive for every picture instead. Needs Python with torch and torchvision.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from PIL import Image

from chain import read_chain, row_of


def unpack(stage, folder):
    """The stage's weights as the .pth that such a system has, and weights of 1000 classes to start from."""
    arch = stage.info.get("arch")
    if arch not in torchvision.models.__dict__:
        return None
    weights = Path(folder) / f"{stage.name}.pth"
    torch.save(stage.network().state_dict(), weights)
    pretrained = Path(folder) / f"{arch}.pth"
    if not pretrained.exists():
        torch.save(torchvision.models.__dict__[arch]().state_dict(), pretrained)
    return arch, pretrained, weights


def build(stage, files):
    if files is None:
        return stage.network()
    arch, pretrained, weights = files
    network = torchvision.models.__dict__[arch]()
    network.load_state_dict(torch.load(pretrained))
    network.fc = torch.nn.Linear(network.fc.in_features, len(stage.info["labels"]))
    network.load_state_dict(torch.load(weights))
    return network.eval()


def classify(path, stages, files):
    figures = {}
    for stage, of_stage in zip(stages, files):
        picture = stage.transform()(Image.open(path).convert("RGB"))
        logits = build(stage, of_stage)(picture.unsqueeze(0))
        probabilities = torch.softmax(logits.detach().double(), dim=1)
        value, passed = stage.passes(probabilities)
        figures[stage.name] = float(value)
        if not passed or stage.name == "classifier":
            return row_of(path, figures, stage.name, stage.info["labels"][int(probabilities.argmax())] if passed else None)
    raise ValueError("a chain ends with a classifier")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--files-from", required=True, help="pictures, one a line")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--limit", type=int, default=None, help="the first pictures only")
    options = parser.parse_args()
    paths = open(options.files_from, encoding="utf-8", errors="surrogateescape").read().splitlines()[: options.limit]
    stages = read_chain(options.config)
    with tempfile.TemporaryDirectory() as folder, open(options.output, "w", encoding="utf-8") as output:
        files = [unpack(stage, folder) for stage in stages]
        start = time.monotonic()
        for path in paths:
            output.write(json.dumps(classify(path, stages, files)) + "\n")
    seconds = time.monotonic() - start
    print(f"reference_way.py: {len(paths)} pictures in {seconds:.1f} s, {seconds / len(paths):.3f} s each", file=sys.stderr)


if __name__ == "__main__":
    main()
