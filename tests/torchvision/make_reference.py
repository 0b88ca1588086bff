"""Makes torchvision's ResNets with seeded weights, as TorchScript, and what Python says of some pictures.

usage: make_reference.py FOLDER      (Debian's python3-torchvision)
Writes FOLDER/<net>_<scripted|traced>.pt, FOLDER/pictures/*.png and *.jpg, FOLDER/<net>_logits.json.
"""

import json
import sys
from pathlib import Path

import numpy
import torch
import torchvision
from PIL import Image

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PREPROCESS = {
    "resize": {"mode": "shorter-side", "size": 256, "interpolation": "bilinear"},
    "crop": [224, 224],
    "mean": MEAN,
    "std": STD,
}


def make_pictures(folder):
    """Smooth random scenes of several sizes: unlike noise they survive resizing and JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(7)
    paths = []
    for i, (width, height) in enumerate([(320, 240), (240, 320), (500, 375), (256, 256), (700, 300), (224, 224)]):
        coarse = random.integers(0, 256, size=(9, 9, 3), dtype=numpy.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
        path = folder / f"{i}.{'png' if i % 2 else 'jpg'}"
        picture.save(path)
        paths.append(path)
    return paths


def network(name, inputs):
    torch.manual_seed(11)
    net = getattr(torchvision.models, name)(weights=None, num_classes=100)
    for module in net.modules():  # statistics that fit the weights, else activations grow from block to block
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    net.train()
    with torch.no_grad():
        net(inputs)
    return net.eval()


def main(folder):
    folder = Path(folder)
    paths = make_pictures(folder / "pictures")
    transform = torchvision.transforms.Compose(
        [
            torchvision.transforms.Resize(256),
            torchvision.transforms.CenterCrop(224),
            torchvision.transforms.ToTensor(),
            torchvision.transforms.Normalize(MEAN, STD),
        ]
    )
    inputs = torch.stack([transform(Image.open(path).convert("RGB")) for path in paths])
    labels = [f"class {i}" for i in range(100)]
    for name in ("resnet18", "resnet50"):
        net = network(name, inputs)
        info = json.dumps({"format": "openset-model/1", "name": name, "labels": labels, "preprocess": PREPROCESS})
        with torch.no_grad():
            logits = torch.cat([net(picture[None]) for picture in inputs])
            archives = {"scripted": torch.jit.script(net), "traced": torch.jit.trace(net, inputs[:1])}
        for kind, archive in archives.items():
            torch.jit.save(archive, str(folder / f"{name}_{kind}.pt"), _extra_files={"openset.json": info})
        reference = {path.name: row.tolist() for path, row in zip(paths, logits)}
        (folder / f"{name}_logits.json").write_text(json.dumps(reference))


if __name__ == "__main__":
    main(sys.argv[1])
