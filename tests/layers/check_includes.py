#!/usr/bin/env python3
"""Checks what the files of a layer include: check_includes.py SOURCE_FOLDER

Prints one line for each include that breaks a rule, and ends with 1 then:
  - a layer includes itself and the layers above it, as listed in LAYERS;
  - LibTorch stays below the line, in the last two layers;
  - above the line, OpenCV is for the layer draw alone;
  - a public header includes the standard library, nlohmann/json_fwd.hpp and public headers of ours.
"""

import re
import sys
from pathlib import Path

ABOVE_THE_LINE = ["base", "io", "image", "draw", "stats", "detect", "model", "engine", "cascade", "flow"]
LAYERS = ABOVE_THE_LINE + ["torch", "apps"]
SUFFIXES = {".cpp", ".hpp", ".h", ".cc", ".cu", ".in"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
STANDARD = re.compile(r"[a-z0-9_]+")  # <vector>, but not <png.h> nor <CLI/CLI.hpp>
LIBTORCH = ("torch/", "ATen/", "c10/", "caffe2/")


def layer_of_file(path):
    """The layer of a path relative to the source folder; None where the path is in no layer."""
    parts = path.parts
    if parts[0] == "apps":
        return "apps"
    folder = parts[2] if parts[0] == "include" else parts[1]
    return folder if folder in ABOVE_THE_LINE + ["torch"] else None


def layer_of_include(root, name):
    """The layer of an included header of ours; None for a foreign one."""
    first, _, rest = name.partition("/")
    if first == "openset":
        return rest.partition("/")[0]
    if first in LAYERS and (root / "src" / name).exists():
        return first
    if (root / "apps" / name).exists() or (root / "apps" / (name + ".in")).exists():
        return "apps"
    return None


def complaint(root, path, name):
    """What is wrong with a file's include of `name`, or None."""
    layer = layer_of_file(path)
    included = layer_of_include(root, name)
    public = path.parts[0] == "include"

    if included is not None:
        if included not in LAYERS:
            return f"{name}: {included} is none of the layers ({', '.join(LAYERS)})"
        if LAYERS.index(included) > LAYERS.index(layer):
            return f"{name}: {layer} stands above {included} and must not know it"
        if public and not name.startswith("openset/"):
            return f"{name}: a public header must not include a private one"
        return None
    if layer in ABOVE_THE_LINE and name.startswith(LIBTORCH):
        return f"{name}: {layer} stands above the line, where there is no LibTorch"
    if layer in ABOVE_THE_LINE and layer != "draw" and name.startswith("opencv2/"):
        return f"{name}: above the line, OpenCV is for the layer draw alone"
    if public and not STANDARD.fullmatch(name) and name != "nlohmann/json_fwd.hpp":
        return f"{name}: a public header includes the standard library, nlohmann/json_fwd.hpp and openset/... only"
    return None


def source_files(root):
    for top in ("include/openset", "src", "apps"):
        for path in sorted((root / top).rglob("*")):
            # A loose file beside the layers' folders belongs to no layer.
            if path.is_file() and path.suffix in SUFFIXES:
                yield path.relative_to(root)


def check(root):
    """All complaints, as lines FILE:LINE: TEXT, and how many includes were looked at."""
    found, looked_at = [], 0
    for path in source_files(root):
        if layer_of_file(path) is None:
            found.append(f"{path}:1: in the folder of no layer ({', '.join(LAYERS)})")
            continue
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), start=1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            looked_at += 1
            wrong = complaint(root, path, match.group(1) or match.group(2))
            if wrong is not None:
                found.append(f"{path}:{number}: {wrong}")
    return found, looked_at


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found, looked_at = check(Path(arguments[0]))
    for line in found:
        print(line)
    print(f"{looked_at} includes, {len(found)} against the rules")
    return 1 if found or looked_at == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
