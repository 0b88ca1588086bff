"""Places that end in the middle of a run: a disk that fills up, one that is read-only, folders that vanish, a clock that jumps.

broken_places.py [full|read-only|vanishing|clock...]

Each run is held against an undisturbed one of the same command. The first two need root, for they mount a small tmpfs, and are skipped
without it, which is said.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
NETWORKS = pathlib.Path(os.environ["OPENSET_TEST_NETWORKS"])
PICTURES = pathlib.Path(os.environ["OPENSET_TEST_PICTURES"])
CLOCK = os.environ["OPENSET_JUMPING_CLOCK"]
COPIES = 60  # of each picture


def openset(*arguments, cwd, **more):
    return subprocess.run([BIN / "openset", *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, **more)


def make_world(folder):
    sound = sorted(path for path in PICTURES.rglob("*") if path.is_file())
    for copy in range(COPIES):
        place = folder / "pictures" / f"{copy:03}"
        place.mkdir(parents=True)
        for path in sound:
            shutil.copy(path, place / path.name)
    shutil.copy(NETWORKS / "classifier.pt", folder)
    (folder / "c.json").write_text(json.dumps({"openset": 1, "name": "fruit", "classifier": {"model": "classifier.pt"}}))


def commands(output):
    """Name -> arguments that write `output`, and what takes them up again."""
    return {"infer": ["infer", "-q", "-c", "c.json", "pictures", "-f", "jsonl", "-o", output],
            "extract": ["extract", "-q", "-c", "c.json", "pictures", "-o", output]}


def content(path):
    if path.is_dir():
        return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "run.json"}
    return path.read_bytes() if path.exists() else None


def mount(folder, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True).returncode == 0


class Mounted:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options

    def __enter__(self):
        self.folder.mkdir()
        return mount(self.folder, self.options)

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], capture_output=True)
        self.folder.rmdir()


def fails_with(result, words, output):
    """Checks a run that could not write: exit code 1, a message, nothing under the final name."""
    messages = result.stderr.decode()
    assert result.returncode == 1, (result.returncode, messages)
    assert words in messages, messages
    assert not output.exists(), "half-written under the final name"


def full(folder, whole):
    """A disk of every size from 4 KiB up that is too small; then it has room and --resume goes on."""
    tried = 0
    for name, expected in whole.items():
        size = sum(map(len, expected.values())) if isinstance(expected, dict) else len(expected)
        for kibibytes in sorted({4 + step * size // 1024 // 12 // 4 * 4 for step in range(11)}):
            with Mounted(folder / "disk", f"size={kibibytes}k") as mounted:
                if not mounted:
                    return None
                output = folder / "disk" / "out"
                result = openset(*commands(output)[name], cwd=folder)
                fails_with(result, "No space left on device", output)
                assert subprocess.run(["mount", "-o", "remount,size=64m", folder / "disk"]).returncode == 0
                again = openset(*commands(output)[name], "--resume", cwd=folder)
                assert again.returncode == 3 and content(output) == expected, (name, kibibytes, again.stderr.decode())
                tried += 1
    return tried


def read_only(folder, whole):
    """A disk that is read-only; then it is not any more."""
    tried = 0
    for name, expected in whole.items():
        with Mounted(folder / "disk", "size=64m") as mounted:
            if not mounted:
                return None
            output = folder / "disk" / "out"
            subprocess.run(["mount", "-o", "remount,ro", folder / "disk"], check=True)
            fails_with(openset(*commands(output)[name], cwd=folder), "Read-only file system", output)
            subprocess.run(["mount", "-o", "remount,rw", folder / "disk"], check=True)
            again = openset(*commands(output)[name], "--resume", cwd=folder)
            assert again.returncode == 3 and content(output) == expected, again.stderr.decode()
            tried += 1
    return tried


def vanishing(folder, whole):
    """The folder of the pictures, or that of the output, is removed while the run is at it."""
    draw = random.Random(5)
    tried = 0
    for name, expected in whole.items():
        for victim in ["pictures", "output"] * 12:
            place = folder / "place"
            place.mkdir()
            output = place / "out"
            if victim == "pictures":
                shutil.copytree(folder / "pictures", folder / "kept")
            process = subprocess.Popen([BIN / "openset", *map(str, commands(output)[name])], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(draw.uniform(0, 0.4))
            shutil.rmtree(folder / "pictures" if victim == "pictures" else place, ignore_errors=True)
            messages = process.communicate(timeout=120)[1].decode()
            if victim == "pictures":
                assert process.returncode in (1, 2, 3), (process.returncode, messages)
                if process.returncode == 3 and name == "infer":
                    usual = set(expected.splitlines())
                    rows = output.read_bytes().splitlines()
                    # What is not there any more is a row that says so, or lay in a folder that could not be listed.
                    assert all(row in usual or b'"failed"' in row for row in rows), "a row that is neither the usual one nor failed"
                shutil.rmtree(folder / "pictures", ignore_errors=True)
                (folder / "kept").rename(folder / "pictures")
            else:
                assert process.returncode in (1, 3), (process.returncode, messages)
                assert process.returncode == 3 or messages.strip(), "no message"
            shutil.rmtree(place, ignore_errors=True)
            tried += 1
    return tried


def clock(folder, whole):
    """The wall clock jumps by up to ten years, back and forth, each time it is asked."""
    tried = 0
    environment = {**os.environ, "LD_PRELOAD": CLOCK}
    for name, expected in whole.items():
        for _ in range(5):
            output = folder / "out"
            result = openset(*commands(output)[name], "--progress", "json", cwd=folder, env=environment)
            assert result.returncode == 3 and content(output) == expected, (name, result.stderr.decode()[-2000:])
            shutil.rmtree(output) if output.is_dir() else output.unlink()
            tried += 1
    server = subprocess.Popen([BIN / "openset", "serve", "-c", "c.json", "--listen", "127.0.0.1:0"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if "listening on http://" in line:
            port = int(line.strip().rstrip("/").rsplit(":", 1)[1])
            break
    import http.client
    rows = {json.loads(line)["path"]: json.loads(line)["verdict"] for line in whole["infer"].splitlines()}
    picture = next(path for path, verdict in rows.items() if verdict != "failed")
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + (folder / picture).read_bytes() + b"\r\n--b--\r\n"
    slowest = 0
    for number in range(200):
        if number == 100:
            os.utime(folder / "c.json")  # loaded again meanwhile
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        start = time.monotonic()
        connection.request("POST", "/prediction/", body, {"Content-Type": "multipart/form-data; boundary=b"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        slowest = max(slowest, time.monotonic() - start)
        assert response.status == 200 and rows[picture] in json.dumps(answer), (response.status, answer)
        connection.close()
        tried += 1
    server.send_signal(signal.SIGTERM)
    server.stderr.close()
    assert server.wait(timeout=30) == 0
    assert slowest < 5, f"a request took {slowest} s"
    return tried


PARTS = {"full": full, "read-only": read_only, "vanishing": vanishing, "clock": clock}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    with tempfile.TemporaryDirectory(prefix="openset-places-") as name:
        folder = pathlib.Path(name)
        make_world(folder)
        whole = {}
        for label, command in commands(folder / "whole").items():
            result = openset(*command, cwd=folder)
            assert result.returncode == 3, result.stderr.decode()
            whole[label] = content(folder / "whole")
            shutil.rmtree(folder / "whole") if (folder / "whole").is_dir() else (folder / "whole").unlink()
            (folder / "whole.run.json").unlink(missing_ok=True)
        for part in wanted:
            tried = PARTS[part](folder, whole)
            print(f"{part}: SKIPPED, nothing can be mounted here" if tried is None else f"{part}: {tried} tried, all as they should be", flush=True)
    return 0


sys.exit(main())
