"""openset serve under far more than it can do: bounded memory, refusals instead of delay, no wrong answer, a reload that loses nothing.

overload.py [--seconds 600] [--clients 64] [--config FILE] [--reload-every 30] [PATH...]

Each client asks again as soon as it was answered, and a quarter of a second after it was refused, so that the server is asked for several times what it can do. Every answer is held
against the row of openset infer. Prints counts by status, the latencies of what was accepted, and the server's memory. OPENSET_BIN names the
programs; without --config and PATH the photos and networks of $OPENSET_SHARED are taken."""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import threading
import time

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))


def spaniels(folder):
    models = SHARED / "models"
    config = folder / "spaniels.json"
    config.write_text(json.dumps({
        "openset": 1, "gate": {"model": str(models / "imagenet_effnetlite0.pt"), "accept": ["151-268"]},
        "species": {"model": str(models / "spaniel_or_not_effnetlite0.pt"), "accept": ["SPANIEL"]},
        "classifier": {"model": str(models / "spaniels7_effnetlite0.pt")}}))
    return config


def form(picture):
    boundary = "openset-overload"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{picture.name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head.encode() + picture.read_bytes() + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class Client(threading.Thread):
    def __init__(self, port, forms, expected, until, seed):
        super().__init__()
        self.port, self.forms, self.expected, self.until, self.draw = port, forms, expected, until, random.Random(seed)
        self.statuses, self.seconds, self.wrong, self.broken = collections.Counter(), [], [], []

    def run(self):
        connection = None
        while time.monotonic() < self.until:
            picture = self.draw.choice(list(self.forms))
            body, kind = self.forms[picture]
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                start = time.monotonic()
                connection.request("POST", "/prediction/", body, {"Content-Type": kind})
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(type(error).__name__)
                connection = None
                continue
            if response.will_close:
                connection.close()
                connection = None
            self.statuses[response.status] += 1
            if response.status == 429:
                time.sleep(0.25)  # a client that backs off, though less than Retry-After asks for
            if response.status == 200:
                self.seconds.append(time.monotonic() - start)
                row = json.loads(answer)["row"]
                if {**row, "path": ""} != self.expected[picture]:
                    self.wrong.append(picture.name)


def memory(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--config")
    parser.add_argument("--reload-every", type=float, default=30)
    parser.add_argument("--port", type=int, default=18093)
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="openset-overload-") as name:
        folder = pathlib.Path(name)
        config = pathlib.Path(arguments.config) if arguments.config else spaniels(folder)
        pictures = arguments.paths or sorted((SHARED / "data" / "spaniels").glob("*/*/*.jpg"))[::8]
        listing = folder / "list.txt"
        listing.write_text("".join(f"{path.resolve()}\n" for path in pictures))
        subprocess.run([BIN / "openset-infer", "-q", "-c", config, "--files-from", listing, "-o", folder / "rows.jsonl"], check=True)
        rows = map(json.loads, (folder / "rows.jsonl").read_text().splitlines())
        expected = {picture: {**row, "path": ""} for picture, row in zip(pictures, rows)}
        forms = {picture: form(picture) for picture in pictures}
        server = subprocess.Popen([BIN / "openset-serve", "-c", config, "--listen", f"127.0.0.1:{arguments.port}", "--max-in-flight", "16"],
                                  stderr=open(folder / "log", "w"))
        try:
            while "listening" not in (folder / "log").read_text():
                time.sleep(0.1)
                assert server.poll() is None, (folder / "log").read_text()
            start = time.monotonic()
            clients = [Client(arguments.port, forms, expected, start + arguments.seconds, seed) for seed in range(arguments.clients)]
            for client in clients:
                client.start()
            samples, reloads = [], 0
            while any(client.is_alive() for client in clients):
                time.sleep(1)
                samples.append(memory(server.pid))
                if arguments.reload_every and not arguments.config and time.monotonic() - start > (reloads + 1) * arguments.reload_every:
                    config.write_text(config.read_text() + "\n")  # the same pipeline, loaded again under load
                    reloads += 1
            took = time.monotonic() - start
            server.terminate()
            code = server.wait(timeout=60)
        finally:
            server.kill()
        statuses = sum((client.statuses for client in clients), collections.Counter())
        seconds = sorted(second for client in clients for second in client.seconds)
        wrong = [each for client in clients for each in client.wrong]
        broken = collections.Counter(each for client in clients for each in client.broken)
        print(f"{arguments.clients} clients, {took:.0f} s, {reloads} reloads: answers by status {dict(statuses)}, connections broken {dict(broken)}")
        print(f"accepted: {statuses[200] / took:.1f}/s, p50 {1000 * statistics.median(seconds):.0f} ms, p99 {1000 * seconds[len(seconds) * 99 // 100]:.0f} ms, "
              f"most {1000 * seconds[-1]:.0f} ms; asked for {sum(statuses.values()) / max(1, statuses[200]):.1f} times as much")
        tenth = max(1, len(samples) // 10)
        print(f"memory MB: {statistics.median(samples[:tenth]):.0f} in the first tenth, {statistics.median(samples[-tenth:]):.0f} in the last, most {max(samples):.0f}")
        print(f"wrong answers: {len(wrong)}; the server ended with {code}")
        log = (folder / "log").read_text().count("loaded again as")
        print(f"reloads done: {log}")
        assert not wrong and code == 0


main()
