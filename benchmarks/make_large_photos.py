#!/usr/bin/env python3
"""Makes JPEGs of a camera's size from small photos.

    benchmarks/make_large_photos.py --data ../shared/data/spaniels/far/full -o large/             enlarged, with grain
    benchmarks/make_large_photos.py --data ../shared/data/spaniels/far/full -o mosaics/ --mosaic  many beside each other, with grain

An enlarged photo keeps its content, so verdicts on it mean something, but is smoother than a camera's; a mosaic has the fine detail
of the small photos, so it costs what a camera's JPEG costs to decode. Both by seed. Needs Python with Pillow and NumPy.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png"}
GRAIN = 3.0  # standard deviation of the noise in levels: a camera's at low ISO


def with_grain(picture, random):
    noise = random.normal(0.0, GRAIN, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise + 0.5, 0, 255).astype(np.uint8))


def enlarged(path, longer_side):
    photo = Image.open(path).convert("RGB")
    scale = longer_side / max(photo.size)
    return photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.LANCZOS)


def mosaic(paths, width, height):
    """Rows of photos, none of them resized, until the sheet is full."""
    sheet = Image.new("RGB", (width, height))
    paths = iter(paths)
    y = 0
    while y < height:
        x, row_height = 0, 0
        while x < width:
            tile = Image.open(next(paths)).convert("RGB")
            sheet.paste(tile, (x, y))
            x += tile.width
            row_height = max(row_height, tile.height) if row_height == 0 else min(row_height, tile.height)
        y += row_height
    return sheet


def endless(paths, start):
    while True:
        yield paths[start % len(paths)]
        start += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of photos")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--mosaic", action="store_true", help="many photos beside each other instead of one enlarged")
    parser.add_argument("--count", type=int, default=0, help="pictures to make (default: one a photo, 8 mosaics)")
    parser.add_argument("--size", default="3000x2000", help="of a mosaic; the longer side is also an enlarged photo's")
    parser.add_argument("--quality", type=int, default=85)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    paths = sorted(path for folder in options.data for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        sys.exit(f"make_large_photos: no photos in {' '.join(map(str, options.data))}")
    options.output.mkdir(parents=True, exist_ok=True)
    for i in range(options.count or (8 if options.mosaic else len(paths))):
        random = np.random.default_rng(i)
        picture = mosaic(endless(paths, i * 37), width, height) if options.mosaic else enlarged(paths[i], width)
        name = f"mosaic_{i:03d}.jpg" if options.mosaic else f"{i:04d}_{paths[i].stem}.jpg"
        with_grain(picture, random).save(options.output / name, quality=options.quality)


if __name__ == "__main__":
    main()
