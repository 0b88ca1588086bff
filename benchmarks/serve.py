#!/usr/bin/env python3
"""openset serve beside the reference's way: FastAPI and torchvision, with the networks kept loaded. Prints a table.

    benchmarks/serve.py BIN SHARED WORK [SECONDS]

BIN     the folder with openset's programs
SHARED  the folder with data/ and models/
WORK    a folder for configs, logs and what openset remembers of this machine
SECONDS of each of the alternated runs (default 10)

Needs fastapi, uvicorn and python-multipart beside torch and torchvision. Both servers run the three networks of
SHARED/models on the spaniels' test, unknown and far pictures; one is asked while the other idles, in turn.
"""

import concurrent.futures
import http.client
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

STAGES = ["imagenet_effnetlite0", "spaniel_or_not_effnetlite0", "spaniels7_effnetlite0"]
ENGINES = ["torch", "onednn"]
ROUNDS = 3


def reference(models, port):
    """The reference's server: gate by the five likeliest labels, species by the likeliest, then the classifier."""
    import torch
    import torchvision.transforms as transforms
    import uvicorn
    from fastapi import FastAPI, File, UploadFile
    from PIL import Image

    def load(name):
        extra = {"openset.json": ""}
        network = torch.jit.load(str(Path(models) / (name + ".pt")), _extra_files=extra).float().eval()
        info = json.loads(extra["openset.json"])
        spec = info["preprocess"]
        modes = transforms.InterpolationMode
        steps = [transforms.Resize(spec["resize"]["size"], {"bilinear": modes.BILINEAR, "bicubic": modes.BICUBIC}[spec["resize"]["interpolation"]]),
                 transforms.CenterCrop(spec["crop"]), transforms.ToTensor(), transforms.Normalize(spec["mean"], spec["std"])]
        return network, info["labels"], transforms.Compose(steps)

    stages = [load(name) for name in STAGES]
    app = FastAPI()

    def probabilities(stage, picture):
        network, _, prepare = stages[stage]
        with torch.no_grad():
            logits = network(prepare(picture).unsqueeze(0))
        return torch.softmax(logits["logits"] if isinstance(logits, dict) else logits[0] if isinstance(logits, tuple) else logits, 1)[0]

    @app.post("/prediction/")
    def predict(file: UploadFile = File(...)):  # not `async`: FastAPI then runs requests on a pool of threads
        picture = Image.open(io.BytesIO(file.file.read())).convert("RGB")
        answer = {"filename": file.filename, "contenttype": file.content_type}
        for stage in range(3):
            found = probabilities(stage, picture)
            best = int(found.argmax())
            answer |= {"conf": f"{round(100 * float(found[best]), 1)}%", "level": stage}
            if stage == 0 and not any(151 <= int(label) <= 268 for label in found.topk(5).indices):
                return answer | {"pred": "UNKNOWN"}
            if stage == 1 and best != 1 or stage == 2:
                return answer | {"pred": stages[stage][1][best]}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def body_of(file):
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head.encode() + file.read_bytes() + b"\r\n--edge--\r\n"


def ask_for(port, bodies, offset, step, seconds):
    """One client on one connection: latencies, and the answers by number of the picture."""
    connection, latencies, answers, i = http.client.HTTPConnection("127.0.0.1", port), [], {}, offset
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        connection.request("POST", "/prediction/", bodies[i % len(bodies)], {"Content-Type": "multipart/form-data; boundary=edge"})
        answer = json.loads(connection.getresponse().read())
        latencies.append(time.monotonic() - start)
        answers[i % len(bodies)] = (answer["pred"], answer["level"])
        i += step
    return latencies, answers


def measure(port, bodies, clients, seconds):
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        results = [each.result() for each in [pool.submit(ask_for, port, bodies, i, clients, seconds) for i in range(clients)]]
    latencies = sorted(latency for each, _ in results for latency in each)
    answers = {picture: answer for _, each in results for picture, answer in each.items()}
    return len(latencies) / (time.monotonic() - start), latencies[len(latencies) // 2], latencies[int(0.99 * len(latencies))], answers


def wait_for(port):
    for _ in range(600):
        try:
            http.client.HTTPConnection("127.0.0.1", port).connect()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def main():
    bin_folder, shared, work = (Path(argument).resolve() for argument in sys.argv[1:4])
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 10
    work.mkdir(parents=True, exist_ok=True)
    models = shared / "models"
    config = {"openset": 1, "name": "spaniels", "gate": {"model": str(models / (STAGES[0] + ".pt")), "accept": ["151-268"], "k": 5},
              "species": {"model": str(models / (STAGES[1] + ".pt")), "accept": ["SPANIEL"]},
              "classifier": {"model": str(models / (STAGES[2] + ".pt"))}}
    (work / "spaniels.json").write_text(json.dumps(config))
    files = sorted(file for part in ["test", "unknown", "far"] for file in (shared / "data/spaniels" / part).rglob("*.jpg"))
    bodies = [body_of(file) for file in files]
    os.environ.setdefault("XDG_CACHE_HOME", str(work / "cache"))
    servers = [subprocess.Popen([bin_folder / "openset-serve", "-c", work / "spaniels.json", "--listen", f"127.0.0.1:{8191 + i}", "--engine", engine,
                                 "--latency-budget", "60000", "--timeout", "60"], stderr=open(work / f"{engine}.log", "w")) for i, engine in enumerate(ENGINES)]
    servers.append(subprocess.Popen([sys.executable, __file__, "--reference", models, str(8191 + len(ENGINES))]))
    ports = [8191 + i for i in range(len(servers))]
    try:
        for port in ports:
            wait_for(port)
            measure(port, bodies, 2, 2)  # the first pictures compile and allocate
        print(f"{len(files)} pictures, {ROUNDS} alternated runs of {seconds:g} s; medians; each three: pictures/s, p50 ms, p99 ms\n")
        print("| clients | " + " | ".join(f"openset, {engine}" for engine in ENGINES) + " | reference | " + " | ".join(f"ratio, {engine}" for engine in ENGINES) + " |")
        print("| ---: " * (2 + 2 * len(ENGINES)) + "|")
        seen = [{} for _ in ports]
        for clients in (1, 8, 32):
            runs = [[] for _ in ports]
            for _ in range(ROUNDS):
                for which, port in enumerate(ports):
                    *figures, answers = measure(port, bodies, clients, seconds)
                    runs[which].append(figures)
                    seen[which].update(answers)
            medians = [[statistics.median(run[i] for run in each) for i in range(3)] for each in runs]
            ratios = [statistics.median(x[0] / y[0] for x, y in zip(each, runs[-1])) for each in runs[:-1]]
            cells = [f"{clients}"] + [f"{rate:.1f}, {1000 * p50:.0f}, {1000 * p99:.0f}" for rate, p50, p99 in medians] + [f"{ratio:.1f}" for ratio in ratios]
            print("| " + " | ".join(cells) + " |", flush=True)
        print()
        for engine, answers in zip(ENGINES, seen):
            both = answers.keys() & seen[-1].keys()
            print(f"{engine}: the same pred and level for {sum(answers[i] == seen[-1][i] for i in both)} of {len(both)} pictures that it and the reference were asked for")
        # The server's sum over a time beside infer's from a folder.
        for engine, port in zip(ENGINES, ports):
            shares = []
            for _ in range(ROUNDS):
                rate = measure(port, bodies, 32, 2 * seconds)[0]
                told = subprocess.run([bin_folder / "openset-infer", "-c", work / "spaniels.json", "--engine", engine, "-o", "-", *map(str, files)], capture_output=True, text=True, check=True)
                folder = float(re.search(r"\(([\d.]+)/s\)", told.stderr).group(1))
                shares.append((folder / rate, rate, folder))
            ratio, rate, folder = sorted(shares)[len(shares) // 2]
            print(f"{engine}: server, 32 clients: {rate:.1f}/s; infer from files: {folder:.1f}/s; {ratio:.2f} times the server's")
    finally:
        for process in servers:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        reference(sys.argv[2], int(sys.argv[3]))
    else:
        main()
