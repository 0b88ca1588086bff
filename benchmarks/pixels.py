#!/usr/bin/env python3
"""Decoding, resizing and normalising beside Pillow and torchvision: CPU time of one thread, alternated.

    ninja -C build/release pixel_times
    benchmarks/pixels.py build/release/bin/pixel_times PICTURE... [--alternations 10]

Each alternation measures every step in a fresh process of ours, then in this one: the least and the median of all rounds are printed as
a table in Markdown, and the ratio of either. The resize is that of ImageNet's networks: shorter side to 256, cropped to 224 x 224;
openset computes only what the crop needs, Pillow and torchvision the whole. Needs Python with Pillow; torchvision is used where there.
"""

import argparse
import io
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import PIL
from PIL import Image

try:
    import torch
    import torchvision

    torch.set_num_threads(1)
except (ImportError, RuntimeError):  # the latter: a torchvision that was built for another torch
    torchvision = None


def python_steps(path):
    data = Path(path).read_bytes()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = picture.size
    size = (256, 256 * height // width) if width <= height else (256 * width // height, 256)
    left, top = (size[0] - 224) // 2, (size[1] - 224) // 2

    def resized(filter):
        return picture.resize(size, filter).crop((left, top, left + 224, top + 224))

    steps = {
        "decode": lambda: Image.open(io.BytesIO(data)).convert("RGB"),
        "bilinear": lambda: resized(Image.BILINEAR),
        "bicubic": lambda: resized(Image.BICUBIC),
    }
    if torchvision:
        transforms = torchvision.transforms
        crop = resized(Image.BILINEAR)
        normalise = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
        )
        steps["normalise"] = lambda: normalise(crop)
    return steps


def measured(step, rounds):
    times = []
    for _ in range(rounds + 1):
        start = time.thread_time_ns()
        step()
        times.append((time.thread_time_ns() - start) / 1e3)
    return times[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="pixel_times")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--alternations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5, help="of each step in each alternation")
    options = parser.parse_args()
    ours, theirs = defaultdict(list), defaultdict(list)
    for _ in range(options.alternations):
        output = subprocess.run(
            [options.program, str(options.rounds), *options.pictures], check=True, capture_output=True, text=True
        ).stdout
        for line in output.splitlines():
            path, step, *times = line.split("\t")
            ours[path, step] += map(float, times)
        for path in options.pictures:
            for step, run in python_steps(path).items():
                theirs[path, step] += measured(run, options.rounds)

    versions = f"Pillow {PIL.__version__}" + (f", torchvision {torchvision.__version__}" if torchvision else "")
    print(f"CPU ms of one thread, least / median of {options.alternations * options.rounds}; {versions}\n")
    print("| picture | step | openset | Python | ratio of least | of medians |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (path, step), times in ours.items():
        least, median = min(times) / 1e3, statistics.median(times) / 1e3
        reference = theirs.get((path, step)) or (theirs[path, "bilinear"] if step.startswith("bilinear whole") else None)
        other, ratio = ("", " | ")
        if reference:
            other_least, other_median = min(reference) / 1e3, statistics.median(reference) / 1e3
            other = f"{other_least:.3f} / {other_median:.3f}"
            ratio = f"{least / other_least:.2f} | {median / other_median:.2f}"
        print(f"| {Path(path).name} | {step} | {least:.3f} / {median:.3f} | {other} | {ratio} |")


if __name__ == "__main__":
    sys.exit(main())
