"""First inputs for the fuzzer, one a kind of file: make_seeds.py FOLDER makes FOLDER/TARGET/*. Needs NumPy and Pillow.
fitted/*: openset fit on a small store: --method all, --sums, --preset notebook-001."""

import io
import json
import pathlib
import sys
import tarfile
import zipfile

import numpy
from PIL import Image


def picture(mode="RGB", size=(11, 7)):
    """A gradient, so that every pixel matters."""
    width, height = size
    rgb = Image.new("RGB", size)
    rgb.putdata([(23 * x, 36 * y, 11 * (x + y)) for y in range(height) for x in range(width)])
    return rgb.convert(mode)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def frames(kind, **options):
    return saved(picture(), kind, save_all=True, append_images=[picture(size=(11, 7)).rotate(180)], **options)


def pictures():
    yield "jpeg", "baseline", saved(picture(), "JPEG", quality=60)
    yield "jpeg", "progressive", saved(picture(size=(20, 18)), "JPEG", progressive=True)
    yield "jpeg", "grey", saved(picture("L"), "JPEG")
    yield "jpeg", "cmyk", saved(picture("CMYK"), "JPEG")
    yield "jpeg", "turned", saved(picture(), "JPEG", exif=bytes.fromhex("45786966000049492a000800000001001201030001000000060000000000"))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = Image.new("I;16", (5, 4), 300) if mode == "I;16" else picture(mode)
        yield "png", mode.replace(";", "_").lower() + "", saved(image, "PNG")
    yield "webp", "lossy", saved(picture(), "WEBP", quality=50)
    yield "webp", "lossless", saved(picture("RGBA"), "WEBP", lossless=True)
    yield "webp", "animated", frames("WEBP", duration=50)
    yield "gif", "still", saved(picture("P"), "GIF")
    yield "gif", "interlaced", saved(picture("P"), "GIF", interlace=1)
    yield "gif", "animated", frames("GIF", duration=50)
    yield "gif", "transparent", saved(picture("P"), "GIF", transparency=3)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield "bmp", mode.lower(), saved(picture(mode), "BMP")
    # 8-bit, RLE: two pixels of colour 1, end of line, end of bitmap.
    header = bytes.fromhex("424d00000000000000003e000000" "28000000" "02000000" "01000000" "0100" "0800" "01000000" "06000000"
                           "00000000" "00000000" "02000000" "00000000" "00000000" "ff8040ff")
    yield "bmp", "rle8", header + bytes.fromhex("02010000" "0001")
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield "tiff", compression or "raw", saved(picture(), "TIFF", compression=compression)
    yield "tiff", "bilevel_group4", saved(picture("1"), "TIFF", compression="group4")
    for mode in ("L", "P", "RGBA", "CMYK", "F", "I;16"):
        image = Image.new(mode, (5, 4), 300) if mode in ("F", "I;16") else picture(mode)
        yield "tiff", mode.replace(";", "_").lower(), saved(image, "TIFF")
    for mode in ("1", "L", "RGB"):
        yield "pnm", mode.lower(), saved(picture(mode, (3, 2)), "PPM")
    yield "pnm", "ascii", b"P3 # comment\n2 1\n100\n0 50 100  7 8 9\n"
    yield "pnm", "ascii_bits", b"P1\n3 2\n101 010\n"
    yield "pnm", "deep", b"P5 2 1 65535\n\x00\x05\xff\xff"


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as file:
        file.writestr("net/data.pkl", b"")
        file.writestr("net/constants.pkl", b"")
        file.writestr("net/extra/openset.json", json.dumps(model_info()))
        file.writestr("net/version", b"3\n")
    return stream.getvalue()


def model_info():
    return {"format": "openset-model/1", "name": "n", "labels": ["a", "b"], "head": "fc", "activation": "softmax",
            "preprocess": {"resize": {"mode": "shorter-side", "size": 8, "interpolation": "bilinear"}, "crop": [8, 8],
                           "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}}


def tars():
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=kind, bufsize=512) as tar:
            for name, content in (("a.txt", b"one"), ("long/" + "n" * 90 + "/" + "m" * 90, b"two"), (".hidden", b"")):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "a.txt"
            tar.addfile(link)
        yield {0: "ustar", 1: "gnu", 2: "pax"}[kind], stream.getvalue()


ROWS = (
    '{"path": "a.jpg", "verdict": "x", "outcome": "known", "decided_by": "classifier", "probability": 0.5}\n'
    '{"path_base64": "/w==", "verdict": "unknown", "outcome": "unknown", "decided_by": "gate"}\n'
    '{"path": "b", "verdict": "failed", "outcome": "failed", "decided_by": "decode", "error": {"kind": "empty", "message": "m"}}\n'
)
CSV = 'path,path_base64,verdict,outcome,decided_by\n"a,\n""b",,x,known,classifier\n,/w==,unknown,unknown,gate\n'


STORE = (
    '{"format": "openset-store/1", "model": {"name": "n", "sha256": ""}, "labels": ["a", "b"], "activation": "softmax", '
    '"preprocess": {}, "head": "fc", "precision": "fp32", "engine": "torchscript", "counts": {"rows": 3, "failed": 1}}\0'
    'path,label,status,error,row\r\n"a,\n1",a,ok,,0\r\nx,a,failed,empty: 0 bytes,\r\nb,b,ok,,1\r\nc,wolf,ok,,2\r\n'
)
SCORES = (
    "path,label,predicted,confidence,msp,openmax,p:a,p:b,p:unknown,w:a,w:b\r\n"
    '"a,1",a,a,0.9,-0.9,-3.5e-2,0.9,0.05,0.05,0.1,1\r\nb,,b,0.5,-0.5,inf,0.25,0.25,0.5,0,0.5\r\n'
)


def npys():
    for version in ((1, 0), (2, 0), (3, 0)):
        for kind in ("<f4", "<f8", "<i8"):
            stream = io.BytesIO()
            numpy.lib.format.write_array(stream, numpy.zeros((3, 2), kind), version)
            yield f"{kind[1:]}_{version[0]}", stream.getvalue()
    stream = io.BytesIO()
    numpy.save(stream, numpy.asfortranarray(numpy.zeros((3, 2))))
    yield "fortran", stream.getvalue()


def main():
    folder = pathlib.Path(sys.argv[1])

    def write(target, name, content):
        (folder / target).mkdir(parents=True, exist_ok=True)
        (folder / target / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    for target, name, content in pictures():
        write(target, name, content)
    for name, content in tars():
        write("tar", name, content)
    for name, content in npys():
        write("npy", name, content)
    write("store", "all", STORE)
    write("scores", "all", SCORES)
    write("archive", "torchscript", archive())
    write("model_info", "resnet", json.dumps(model_info()))
    write("rows", "jsonl", ROWS)
    write("rows", "csv", CSV)
    write("run_record", "small", json.dumps({
        "format": "openset-run/1", "openset": "0.1.0", "complete": True, "config": {"openset": 1}, "shard": {"index": 0, "count": 2},
        "counts": {"pictures": 1, "known": 1, "unknown": 0, "failed": 0, "decided_by": {"classifier": 1}},
        "networks": [{"stage": "classifier", "path": "c.pt", "name": "c", "sha256": "0" * 64}], "inputs": ["photos"],
        "device": "cpu", "precision": "fp32", "started": "2026-01-01T00:00:00Z", "seconds": {"load": 1, "run": 2}}))
    write("reference_config", "small", json.dumps({
        "MODELS": {"cars": {"LOCAL_MODELS": {"LOCAL_SPECIES_MODEL": "s.pth", "LOCAL_BREEDS_MODEL": "b.pth"},
                            "BREEDS_LABELS": {"0": "Ash", "1": "Birch"}, "SPECIES_LABELS": {"0": "NOT", "1": "CAR"}, "CORRECT_SPECIES": 1,
                            "CORRECT_THINGS": {"CORRECT_IMAGENET_CLASSES": [1], "CORRECT_IMAGENET_LABELS": ["b"]}}},
        "IMAGENET_LABELS": ["a", "b", "c"]}))
    write("pipeline_config", "all", json.dumps({
        "openset": 1, "name": "n", "gate": {"model": "g.pt", "accept": ["1-3", "cat", 7], "rule": "mass", "min_mass": 0.5},
        "species": {"model": "s.pt", "accept": ["cat"], "min_probability": 0.5},
        "classifier": {"model": "c.pt", "min_probability": {"a": 0.5, "*": 0.25}, "preprocess": model_info()["preprocess"]}}))


main()
