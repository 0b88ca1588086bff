"""What the Python peers have in common: openset's config as they need it, and the decisions of its stages."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torchvision
from torchvision.transforms.functional import InterpolationMode

STAGES = ("gate", "species", "classifier")


@dataclass
class Stage:
    name: str
    archive: Path
    info: dict
    settings: dict  # of the config
    accept: list = field(default_factory=list)  # ids

    def transform(self):
        """torchvision's transforms for the ModelInfo's preprocessing."""
        preprocess, steps = self.info["preprocess"], []
        resize = preprocess["resize"]
        if resize["mode"] != "none":
            interpolation = InterpolationMode(resize.get("interpolation", "bilinear"))
            steps.append(torchvision.transforms.Resize(resize["size"], interpolation))
        if "crop" in preprocess:
            steps.append(torchvision.transforms.CenterCrop(preprocess["crop"]))
        steps.append(torchvision.transforms.ToTensor())
        steps.append(torchvision.transforms.Normalize(preprocess["mean"], preprocess["std"]))
        return torchvision.transforms.Compose(steps)

    def network(self):
        return torch.jit.load(str(self.archive), map_location="cpu").float().eval()

    def passes(self, probabilities):
        """[n, labels] -> figure [n], pass [n], as openset's gate and species filter decide."""
        accepted = probabilities[:, self.accept].sum(dim=1)
        if self.name == "classifier":
            return probabilities.max(dim=1).values, torch.ones(len(probabilities), dtype=torch.bool)
        if self.name == "species":
            least = self.settings.get("min_probability")
            is_likeliest = torch.isin(probabilities.argmax(dim=1), torch.tensor(self.accept))
            return accepted, accepted >= least if least is not None else is_likeliest
        rule = self.settings.get("rule", "top-k")
        if rule == "mass":
            return accepted, accepted >= self.settings.get("min_mass", 0.5)
        k = 1 if rule == "top-1" else self.settings.get("k", 5)
        return accepted, torch.isin(probabilities.topk(k, dim=1).indices, torch.tensor(self.accept)).any(dim=1)


def ids_of(accept, labels):
    ids = []
    for entry in accept:
        first, dash, last = str(entry).partition("-")
        if str(entry).isdigit():
            ids.append(int(entry))
        elif dash and first.isdigit() and last.isdigit():
            ids += range(int(first), int(last) + 1)
        else:
            ids.append(labels.index(entry))
    return sorted(set(ids))


def read_chain(config_path):
    """The stages that the config names, in their order. The config is plain JSON: no comments."""
    config = json.loads(Path(config_path).read_text())
    stages = []
    for name in STAGES:
        if name not in config:
            continue
        archive = Path(config_path).parent / config[name]["model"]
        extra = {"openset.json": ""}
        torch.jit.load(str(archive), _extra_files=extra)
        info = json.loads(extra["openset.json"])
        stages.append(Stage(name, archive, info, config[name], ids_of(config[name].get("accept", []), info["labels"])))
    return stages


def row_of(path, figures, decided_by, label):
    """A row with openset's names for what both know."""
    known = label is not None
    return {
        "path": path,
        "verdict": label if known else "unknown",
        "outcome": "known" if known else "unknown",
        "decided_by": decided_by,
        "figures": figures,
    }


def failed_row(path, error):
    return {"path": path, "verdict": "failed", "outcome": "failed", "decided_by": "decode", "error": {"message": str(error)}}
