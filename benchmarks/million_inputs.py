#!/usr/bin/env python3
"""Memory and time of `openset infer` over one folder of very many pictures: million_inputs.py [COUNT...]

One small picture under many names (hard links), tiny networks, rows to a file. For each count: seconds to the first row,
pictures a second, and the resident memory at 10 %, 50 % and 100 % of the rows and at its peak. Needs a build with tests:
OPENSET_BUILD (default build/dev) and a folder for the names, TMPDIR.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("OPENSET_BUILD", pathlib.Path(__file__).resolve().parents[1] / "build/dev"))
NETWORKS, PICTURE = BUILD / "test-networks", BUILD / "test-pictures/tomato.png"
LINKS_PER_FILE = 50_000  # ext4 allows 65,000


def fill(folder, count):
    picture = None
    for number in range(count):
        path = folder / f"{number:07d}.png"
        if number % LINKS_PER_FILE == 0:
            shutil.copyfile(PICTURE, path)
            picture = path
        else:
            os.link(picture, path)


def resident_mb(process):
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), None)


def measure(folder, count):
    config = folder / "fruit.json"
    config.write_text(json.dumps({
        "openset": 1, "gate": {"model": str(NETWORKS / "gate.pt"), "accept": ["red", "orange", "yellow"], "k": 3},
        "species": {"model": str(NETWORKS / "species.pt"), "accept": ["FRUIT"], "min_probability": 0.5},
        "classifier": {"model": str(NETWORKS / "classifier.pt"), "min_probability": 0.6}}))
    output = folder / "rows.jsonl"
    partial = folder / "rows.jsonl.partial"
    start = time.monotonic()
    process = subprocess.Popen([BUILD / "bin/openset-infer", "-c", config, "-q", folder / "photos", "-o", output])
    first_row, samples = None, []
    while process.poll() is None:
        time.sleep(0.05)
        size = partial.stat().st_size if partial.exists() else 0
        if size and first_row is None:
            first_row = time.monotonic() - start
        if (resident := resident_mb(process)) is not None:
            samples.append((size, resident))
    seconds = time.monotonic() - start
    assert process.returncode == 0, process.returncode
    rows = sum(1 for _ in output.open("rb"))
    assert rows == count, (rows, count)
    whole = output.stat().st_size

    def at(share):
        return min(samples, key=lambda sample: abs(sample[0] - share * whole))[1]

    peak = max(resident for _, resident in samples)
    print(f"| {count:,} | {first_row or seconds:.1f} | {count / seconds:,.0f} | {at(0.1):.0f} | {at(0.5):.0f} | {at(1.0):.0f} | {peak:.0f} |", flush=True)


def main():
    counts = [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print("| inputs | first rows after s | pictures/s | MB at 10 % | at 50 % | at 100 % | peak |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="openset-million-") as name:
            folder = pathlib.Path(name)
            (folder / "photos").mkdir()
            fill(folder / "photos", count)
            measure(folder, count)


main()
