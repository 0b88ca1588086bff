#!/usr/bin/env python3
"""Makes a chain to measure speed with: ResNet-18 gate, ResNet-18 species filter, ResNet-50 classifier.

    benchmarks/make_networks.py --data ../shared/data/spaniels -o chain/
    openset infer -c chain/chain.json ../shared/data/spaniels -o rows.jsonl

torchvision's architectures with weights by seed: they cost what trained ones cost, their verdicts mean nothing. What makes
them act like trained ones: batch-norm statistics from photos of --data, and a head centred on the photos' mean features (else
a random network gives every picture the same label). The thresholds of gate and filter are calibrated on the networks' own
outputs for the pictures of --data: a third of them passes the gate, a third of those the filter. Each threshold stands in the
widest gap near that rank, so that no verdict hangs on the last bits of a sum.

Writes gate.pt, species.pt, classifier.pt (TorchScript with ModelInfo inside) and chain.json.
Needs Python with torch and torchvision (Debian 12: python3-torchvision; torch 1.13 and later were tried).
"""

import argparse
import json
import sys
from pathlib import Path

import torch
import torchvision
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
PREPROCESS = {
    "resize": {"mode": "shorter-side", "size": 256, "interpolation": "bilinear"},
    "crop": [224, 224],
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
TRANSFORM = torchvision.transforms.Compose(
    [
        torchvision.transforms.Resize(256),
        torchvision.transforms.CenterCrop(224),
        torchvision.transforms.ToTensor(),
        torchvision.transforms.Normalize(PREPROCESS["mean"], PREPROCESS["std"]),
    ]
)
LOGIT_SPREAD = 2.0  # standard deviation of the logits over the photos, about that of a trained network
GATE_LABELS, ACCEPTED = 1000, 500


class Photos(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return TRANSFORM(Image.open(self.paths[index]).convert("RGB"))

    def batches(self, size=16):
        return torch.utils.data.DataLoader(self, batch_size=size, num_workers=2)


def photos_below(folders):
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    return sorted(paths, key=lambda path: str(path).encode("utf-8", "surrogateescape"))


def spread_out(paths, count):
    """count of the paths, evenly over the list."""
    return paths[:: max(1, len(paths) // count)][:count]


@torch.no_grad()
def network(arch, labels, seed, inputs):
    """The architecture with weights by seed, and statistics and head fitted to the inputs."""
    torch.manual_seed(seed)
    net = torchvision.models.get_model(arch, weights=None, num_classes=labels)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the plain mean over what is seen
    net.train()
    net(inputs)
    net.eval()
    centre_head(net, inputs)
    return net


def centre_head(net, inputs):
    """Scales and shifts the last layer so that each logit has mean 0 and spread LOGIT_SPREAD over the inputs."""
    head, net.fc = net.fc, torch.nn.Identity()
    features = torch.cat([net(batch) for batch in inputs.split(16)])
    net.fc = head
    spread = (features @ head.weight.T).std(dim=0)
    head.weight.mul_((LOGIT_SPREAD / spread)[:, None])
    head.bias.copy_(-(head.weight @ features.mean(dim=0)))


@torch.no_grad()
def probabilities(net, paths):
    script = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.script(net)))
    rows = [torch.softmax(script(batch).double(), dim=1) for batch in Photos(paths).batches()]
    return torch.cat(rows)


def threshold_for(scores, share):
    """What `share` of the scores exceed: the middle of the widest gap within 2 % of that rank, in few digits."""
    ordered = torch.sort(scores).values
    rank = round(len(ordered) * (1 - share))
    reach = max(1, len(ordered) // 50)
    near = range(max(1, rank - reach), min(len(ordered) - 1, rank + reach) + 1)
    at = max(near, key=lambda i: float(ordered[i] - ordered[i - 1]))
    low, high = float(ordered[at - 1]), float(ordered[at])
    for digits in range(2, 17):
        threshold = round((low + high) / 2, digits)
        if low < threshold < high:
            return threshold
    return (low + high) / 2


def save(net, name, arch, labels, seed, path):
    info = {
        "format": "openset-model/1",
        "name": name,
        "arch": arch,
        "labels": labels,
        "head": "fc",
        "activation": "softmax",
        "preprocess": PREPROCESS,
        "license": "CC0-1.0",
        "source": f"benchmarks/make_networks.py, weights by seed {seed}: for timings only",
    }
    torch.jit.save(torch.jit.script(net), str(path), _extra_files={"openset.json": json.dumps(info)})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pictures to calibrate on")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--share", type=float, default=1 / 3, help="of the pictures that passes each of the two stages")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    paths = photos_below(options.data)
    if len(paths) < 64:
        sys.exit(f"make_networks: found {len(paths)} pictures in {' '.join(map(str, options.data))}, expected 64 or more")
    options.output.mkdir(parents=True, exist_ok=True)
    inputs = next(iter(Photos(spread_out(paths, 64)).batches(64)))

    gate = network("resnet18", GATE_LABELS, options.seed, inputs)
    mass = probabilities(gate, paths)[:, :ACCEPTED].sum(dim=1)
    min_mass = threshold_for(mass, options.share)
    passed = [path for path, value in zip(paths, mass) if value >= min_mass]

    species = network("resnet18", 2, options.seed + 1, inputs)
    family = probabilities(species, passed)[:, 1]
    min_probability = threshold_for(family, options.share)

    classifier = network("resnet50", 100, options.seed + 2, inputs)

    save(gate, "gate", "resnet18", [f"class_{i}" for i in range(GATE_LABELS)], options.seed, options.output / "gate.pt")
    save(species, "species", "resnet18", ["other", "family"], options.seed + 1, options.output / "species.pt")
    save(classifier, "classifier", "resnet50", [f"kind_{i}" for i in range(100)], options.seed + 2, options.output / "classifier.pt")
    config = {
        "openset": 1,
        "name": "benchmark chain",
        "gate": {"model": "gate.pt", "accept": [f"0-{ACCEPTED - 1}"], "rule": "mass", "min_mass": min_mass},
        "species": {"model": "species.pt", "accept": ["family"], "min_probability": min_probability},
        "classifier": {"model": "classifier.pt"},
    }
    (options.output / "chain.json").write_text(json.dumps(config, indent=2) + "\n")
    classified = int((family >= min_probability).sum())
    print(f"{len(paths)} pictures: {len(passed)} pass the gate (mass >= {min_mass}), {classified} of them the filter ({min_probability})")


if __name__ == "__main__":
    main()
