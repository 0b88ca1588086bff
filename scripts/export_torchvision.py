#!/usr/bin/env python3
"""Exports a torchvision classifier as a network for openset: TorchScript with labels and preprocessing inside.

    scripts/export_torchvision.py resnet18 -o imagenet.pt
        with torchvision's own weights (downloaded), labels and preprocessing: a gate
    scripts/export_torchvision.py resnet50 --weights cats.pth --labels cats.txt -o cats.pt
        with weights of your own: a state_dict, or a checkpoint that holds one; the last layer has as many outputs as they say
    scripts/export_torchvision.py --from-config classification.config --name spaniels -o spaniels/
        an entry of the reference system's config: its networks and a pipeline config (needs openset)

What was exported is read again and compared. Needs Python with torch and torchvision (Debian: python3-torchvision).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import urllib.error
from pathlib import Path

import torch
import torchvision
from torchvision.transforms.functional import InterpolationMode

IMAGENET = {
    "resize": {"mode": "shorter-side", "size": 256, "interpolation": "bilinear"},
    "crop": [224, 224],
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
INTERPOLATIONS = {
    InterpolationMode.BILINEAR: "bilinear",
    InterpolationMode.BICUBIC: "bicubic",
    InterpolationMode.NEAREST: "nearest",
}
# Where training scripts keep the weights in a checkpoint, and what their wrappers put before the names.
CHECKPOINT_KEYS = ("state_dict", "model_state_dict", "model", "net")
WRAPPER_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
LARGEST_DIFFERENCE = 1e-4  # of a logit, relative to the largest one where that is above 1


class Problem(Exception):
    """What the user has to know, in one line."""


def say(text):
    print(f"export_torchvision: {text}", file=sys.stderr)


# ---- weights


def unpickled(path, trust):
    """What torch.save wrote; code in it runs only where the user trusts the file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=not trust)
    except FileNotFoundError as error:
        raise Problem(f"{path}: no such file, expected weights (.pth) that torch.save wrote") from error
    except Exception as error:  # whatever hostile or foreign bytes lead to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "" if trust else "; if you trust the file to run code, read more than weights with --trust"
        raise Problem(f"{path}: cannot be read as weights ({reason}){hint}") from error


def without_wrappers(weights):
    """Names as the network itself has them: without what DataParallel and the like put before every one of them."""
    while True:
        prefix = next((p for p in WRAPPER_PREFIXES if all(name.startswith(p) for name in weights)), None)
        if prefix is None:
            return weights
        weights = {name[len(prefix) :]: tensor for name, tensor in weights.items()}


def read_weights(path, trust=False):
    """The state_dict in a file: name -> tensor."""
    content = unpickled(path, trust)
    if isinstance(content, torch.nn.Module):
        content = content.state_dict()
    for key in CHECKPOINT_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), (dict, torch.nn.Module)):
            content = content[key]
            content = content.state_dict() if isinstance(content, torch.nn.Module) else content
    is_weights = isinstance(content, dict) and content and all(isinstance(value, torch.Tensor) for value in content.values())
    if not is_weights:
        found = f"a dict with {', '.join(map(str, list(content)[:5]))}" if isinstance(content, dict) else type(content).__name__
        raise Problem(f"{path}: found {found}, expected a state_dict, or a checkpoint with one under {', '.join(CHECKPOINT_KEYS)}")
    return without_wrappers(dict(content))


def resnet_of(weights):
    """The name of the ResNet that these weights belong to; None for another network."""
    blocks = tuple(len({name.split(".")[1] for name in weights if name.startswith(f"layer{i}.")}) for i in (1, 2, 3, 4))
    depths = {(2, 2, 2, 2): 18, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
    depths[3, 4, 6, 3] = 50 if "layer1.0.conv3.weight" in weights else 34
    return f"resnet{depths[blocks]}" if blocks in depths else None


def other_resnet(weights, arch):
    """Behind a message that weights do not fit: what they fit instead, if that can be told."""
    guess = resnet_of(weights)
    return f"; they are those of a {guess}" if guess and guess != arch else ""


# ---- networks


def head_of(network):
    """The name of the layer that gives the logits: the last Linear, or convolution, that is no auxiliary head's."""
    layers = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)) and not name.lower().startswith("aux")
    ]
    return layers[-1]


def fit_head(weights, arch, head, path):
    """The weights with their last layer called `head`, and how many outputs it has.

    A head that was replaced by nn.Sequential(nn.Dropout(), nn.Linear()) has its Linear a level deeper.
    """
    below = sorted(name for name in weights if name.startswith(head + ".") and name.endswith(".weight"))
    if len(below) != 1:
        found = f"has {len(below)} layers below {head}" if below else f"has no {head}"
        raise Problem(f"{path}: {found}, expected {arch}'s last layer as {head}.weight{other_resnet(weights, arch)}")
    deeper = below[0][: -len("weight")]
    weights = {name.replace(deeper, head + ".") if name.startswith(deeper) else name: t for name, t in weights.items()}
    return weights, weights[head + ".weight"].shape[0]


def untrained(arch, auxiliary=False, **more):
    """A network that waits for its weights."""
    if arch in ("googlenet", "inception_v3"):
        more |= {"aux_logits": auxiliary, "init_weights": False}
    return torchvision.models.get_model(arch, weights=None, **more)


def own_network(arch, path, trust):
    """The architecture with the weights in a file, and the number of its outputs."""
    weights = read_weights(path, trust)
    weights, classes = fit_head(weights, arch, head_of(untrained(arch)), path)
    auxiliary = any(name.lower().startswith("aux") for name in weights)
    network = untrained(arch, auxiliary, num_classes=classes)
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # shapes
        reason = str(error).splitlines()[-1].strip()
        raise Problem(f"{path}: does not fit {arch}: {reason}{other_resnet(weights, arch)}") from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise Problem(
            f"{path}: does not fit {arch}: {len(missing)} of its tensors are missing ({', '.join(missing[:3])}),"
            f" {len(unexpected)} are unknown to it ({', '.join(unexpected[:3])}){other_resnet(weights, arch)}"
        )
    return network, classes


def published_weights(arch, name):
    """torchvision's weights for ImageNet, by name or the best."""
    choices = torchvision.models.get_model_weights(arch)
    if name is None:
        return choices.DEFAULT
    if name in choices.__members__:
        return choices[name]
    raise Problem(f"{name}: no weights of {arch}, which has {', '.join(choices.__members__)}; a file's name ends in .pth")


def published_network(arch, weights):
    try:
        return torchvision.models.get_model(arch, weights=weights)
    except (urllib.error.URLError, OSError) as error:
        raise Problem(
            f"cannot download {weights.url} ({error}); fetch it on another machine, then: {arch} --weights FILE --labels imagenet"
        ) from error


def preprocess_of(weights):
    """What torchvision's transforms of these weights do, as ModelInfo says it."""
    preset = weights.transforms()
    return {
        "resize": {"mode": "shorter-side", "size": preset.resize_size[0], "interpolation": INTERPOLATIONS[preset.interpolation]},
        "crop": list(preset.crop_size) * (2 if len(preset.crop_size) == 1 else 1),
        "mean": list(preset.mean),
        "std": list(preset.std),
    }


# ---- exporting


def logits_of(network, batch):
    """Of a network whose first output they are; None for something else."""
    with torch.no_grad():
        output = network(batch)
    output = output[0] if isinstance(output, tuple) else output
    return output if isinstance(output, torch.Tensor) else None


def scripted(network, example):
    """Scripted where that gives plain logits, else traced: GoogLeNet and Inception return their auxiliary heads when scripted."""
    try:
        script = torch.jit.script(network)
        with torch.no_grad():
            if isinstance(script(example), torch.Tensor):
                return script, "scripted"
    except Exception as error:  # TorchScript's compiler throws of many kinds
        say(f"torch.jit.script does not take it ({str(error).strip().splitlines()[0]}): traced instead")
    return torch.jit.trace(network, example, check_trace=False), "traced"


def export(network, info, output):
    """Writes the archive, reads it again and compares its logits with the network's; it appears under its name only then."""
    network = network.eval().float()
    height, width = info["preprocess"].get("crop") or [224, 224]
    noise = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(1))
    script, how = scripted(network, noise[:1])
    partial = Path(str(output) + ".partial")
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.jit.save(script, str(partial), _extra_files={"openset.json": json.dumps(info)})
        extra = {"openset.json": ""}
        reloaded = torch.jit.load(str(partial), _extra_files=extra)
        expected, found = logits_of(network, noise), logits_of(reloaded, noise)
        if json.loads(extra["openset.json"]) != info or found is None or found.shape != expected.shape:
            raise Problem(f"{output}: what was written is not what is read again")
        difference = float((found - expected).abs().max()) / max(1.0, float(expected.abs().max()))
        if not difference <= LARGEST_DIFFERENCE:
            raise Problem(f"{output}: read again, its logits differ by {difference:.2g}, more than {LARGEST_DIFFERENCE:g}")
        os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)
    labels = len(info["labels"])
    say(f"wrote {output}: {info['arch']}, {labels} labels, {how}; read again, its logits agree within {difference:.2g}")


def model_info(name, arch, network, labels, preprocess, source, activation="softmax"):
    return {
        "format": "openset-model/1",
        "name": name,
        "arch": arch,
        "labels": labels,
        "head": head_of(network),
        "activation": activation,
        "preprocess": preprocess,
        "source": source,
    }


def read_labels(path, classes, weights_path):
    labels = path.read_text(encoding="utf-8").splitlines()
    if len(labels) != classes or not all(labels):
        raise Problem(f"{path}: found {len(labels)} lines, expected {classes} labels, one a line: {weights_path} has {classes} outputs")
    return labels


def imagenet_labels(arch, classes, weights_path):
    labels = torchvision.models.get_model_weights(arch).DEFAULT.meta["categories"]
    if classes != len(labels):
        raise Problem(f"{weights_path}: has {classes} outputs, not ImageNet's {len(labels)}; name them with --labels FILE, one a line")
    return labels


def numbers(text, count, kind=int):
    values = [kind(value) for value in text.replace("x", ",").split(",")]
    if len(values) not in count:
        raise ValueError(text)
    return values


def preprocess_from_flags(options, preprocess):
    """ModelInfo's preprocessing with what the flags say otherwise."""
    preprocess = json.loads(json.dumps(preprocess))
    if options.resize:
        size = options.resize
        preprocess["resize"].update({"mode": "squash", "size": size} if len(size) == 2 else {"mode": "shorter-side", "size": size[0]})
        if len(size) == 2:
            preprocess["crop"] = size
    if options.crop:
        preprocess["crop"] = options.crop * (2 if len(options.crop) == 1 else 1)
    for key in ("mean", "std"):
        if getattr(options, key):
            preprocess[key] = getattr(options, key)
    if options.interpolation:
        preprocess["resize"]["interpolation"] = options.interpolation
    return preprocess


def export_one(options):
    known = torchvision.models.list_models(module=torchvision.models)
    if options.arch not in known:
        raise Problem(f"{options.arch}: no such classifier in torchvision {torchvision.__version__}, which has {', '.join(known)}")
    output = Path(options.output)
    refuse_existing([output], options.force)
    # A name with a dot is a file's: what is wrong with it is told as such.
    if options.weights and "." in options.weights:
        network, classes = own_network(options.arch, Path(options.weights), options.trust)
        if options.labels in (None, "imagenet"):
            labels = imagenet_labels(options.arch, classes, options.weights)
        else:
            labels = read_labels(Path(options.labels), classes, options.weights)
        preprocess, source = IMAGENET, Path(options.weights).name
        if not (options.resize or options.crop):
            say("pictures are prepared as torchvision's examples do (shorter side 256, crop 224); for another training: --resize, --crop")
    else:
        weights = published_weights(options.arch, options.weights)
        network = published_network(options.arch, weights)
        labels, preprocess, source = weights.meta["categories"], preprocess_of(weights), weights.url
        if options.labels:
            labels = read_labels(Path(options.labels), len(labels), weights)
    preprocess = preprocess_from_flags(options, preprocess)
    name = options.name or output.stem
    export(network, model_info(name, options.arch, network, labels, preprocess, source, options.activation), output)
    say(f"next: openset doctor --model {output}")


def refuse_existing(paths, force):
    for path in paths:
        if path.exists() and not force:
            raise Problem(f"{path}: exists already; choose another -o, or --force to replace it")


# ---- the reference system's config


def find_openset(given):
    built = Path(__file__).resolve().parents[1] / "build/release/bin/openset"
    for program in (given, shutil.which("openset"), built if built.exists() else None):
        if program:
            return str(program)
    raise Problem("found no openset, expected it in PATH or in build/release/bin; build it with scripts/demo, or name it with --openset")


def export_reference(options):
    """Labels and config are the work of `openset init`; here the weights become networks where its config looks for them."""
    config, folder = Path(options.from_config), Path(options.output)
    try:
        entry = json.loads(config.read_text(encoding="utf-8"))["MODELS"][options.name]["LOCAL_MODELS"]
    except (OSError, ValueError, KeyError, TypeError):
        entry = {}  # init says what is wrong with the config
    refuse_existing([folder / Path(weights).with_suffix(".pt") for weights in entry.values()], options.force)
    output = folder / f"{options.name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    command = [find_openset(options.openset), "init", "--from-reference", config, "--name", options.name, "-o", output]
    if subprocess.run([*map(str, command), *(["--force"] if options.force else [])], check=False).returncode:
        raise Problem(f"openset init did not make {output}")
    local = json.loads(config.read_text(encoding="utf-8"))["MODELS"][options.name]["LOCAL_MODELS"]
    for stage, key in (("species", "LOCAL_SPECIES_MODEL"), ("classifier", "LOCAL_BREEDS_MODEL")):
        weights_path = config.parent / local[key]
        arch = resnet_of(read_weights(weights_path, options.trust))
        if arch is None:
            raise Problem(f"{weights_path}: is no ResNet's, expected resnet18 to resnet152, as the reference system has them")
        network, classes = own_network(arch, weights_path, options.trust)
        labels = read_labels(folder / f"{options.name}.{stage}.labels.txt", classes, weights_path)
        path = folder / Path(local[key]).with_suffix(".pt")
        refuse_existing([path], options.force)
        export(network, model_info(path.stem, arch, network, labels, IMAGENET, weights_path.name), path)
    gate = folder / "imagenet.pt"
    if gate.exists():
        say(f"{gate} is there and stays")
    else:
        export_one(parse(["resnet18", "-o", str(gate), "--weights", options.weights or "IMAGENET1K_V1"]))
    say(f"next: openset infer -c {output} --dry-run PHOTOS")


# ---- the command line


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", metavar="ARCH", nargs="?", help="torchvision's name of the network: resnet18, mobilenet_v2 ...")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="archive to write; with --from-config: a folder")
    parser.add_argument("--weights", metavar="FILE|NAME", help="weights of your own, or which of torchvision's (default: the best); with --from-config: the gate's")
    parser.add_argument("--labels", metavar="FILE", help="names of the outputs, one a line, or imagenet (default)")
    parser.add_argument("--name", metavar="NAME", help="of the network (default: the file's); with --from-config: the entry")
    parser.add_argument("--activation", choices=["softmax", "sigmoid"], default="softmax", help="sigmoid for networks trained with BCE")
    parser.add_argument("--resize", metavar="N|HxW", type=lambda text: numbers(text, (1, 2)), help="shorter side, or both (squashed)")
    parser.add_argument("--crop", metavar="N|HxW", type=lambda text: numbers(text, (1, 2)), help="from the centre")
    parser.add_argument("--mean", metavar="R,G,B", type=lambda text: numbers(text, (3,), float), help="of channels scaled to 0..1")
    parser.add_argument("--std", metavar="R,G,B", type=lambda text: numbers(text, (3,), float))
    parser.add_argument("--interpolation", choices=sorted(INTERPOLATIONS.values()))
    parser.add_argument("--trust", action="store_true", help="unpickle whatever is in the weights' file: that may run code")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--from-config", metavar="FILE", help="the reference system's classification.config")
    parser.add_argument("--openset", metavar="PROGRAM", help="for --from-config (default: in PATH, or built here)")
    options = parser.parse_args(arguments)
    if bool(options.arch) == bool(options.from_config):
        parser.error("expected either ARCH or --from-config")
    if options.from_config and not options.name:
        parser.error("--from-config needs --name: one of its MODELS")
    return options


def main(arguments):
    options = parse(arguments)
    try:
        if options.from_config:
            export_reference(options)
        else:
            export_one(options)
    except Problem as problem:
        say(problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
