#!/usr/bin/env python3
"""Forward passes of ONNX Runtime and OpenVINO beside openset's: CPU ms a picture, one thread, alternated.

    python3 -m venv peers && peers/bin/pip install torch onnx onnxruntime openvino
    peers/bin/python benchmarks/peers/onnx_openvino.py MODEL.pt... --batches 1,8 --int8 \\
        --ours 'openset=build/release/bin/forward_times {model} {batch} {rounds} onednn'

Each TorchScript archive is exported to ONNX; both engines run that file, on one thread, with their defaults otherwise. --int8 also
quantises it by ONNX Runtime's static quantiser (per-channel weights, min-max over --calibration pictures of noise or, where given,
--photos), and runs the result in both. Each alternation runs every engine in a fresh process, in turn; CPU time is that of the whole
process over the timed passes, so no thread hides work. --ours NAME=COMMAND may be given several times: a command that prints CPU ms a
picture, one round a line. Output: a table in Markdown, least / median.
"""

import argparse
import itertools
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

WARM_UP = 3


def node_count(path):
    import onnx

    return len(onnx.load(str(path)).graph.node)


def export(archive, batch, output):
    """As ONNX, for one size of batch. What depends on sizes alone, such as a padding that asks for the input's, is computed here once:
    OpenVINO would do it anew for every layer of every pass."""
    import onnxruntime
    import torch

    network = torch.jit.freeze(torch.jit.load(str(archive), map_location="cpu").float().eval())
    more = {"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}
    raw = output.with_suffix(".raw.onnx")
    inputs = torch.zeros(batch, 3, 224, 224)
    torch.onnx.export(network, inputs, str(raw), input_names=["input"], output_names=["logits"], opset_version=13, **more)
    nodes = None
    while nodes != (nodes := node_count(raw)):  # behind each `if` that is settled there are sizes that settle the next
        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        settings.optimized_model_filepath = str(output)
        onnxruntime.InferenceSession(str(raw), settings, providers=["CPUExecutionProvider"])
        output.replace(raw)
    raw.replace(output)


def calibration_inputs(photos, batch, count):
    """Batches of the size that the network was exported for, `count` pictures or a few more."""
    import numpy

    batches = -(-count // batch)
    if not photos:
        random = numpy.random.default_rng(5)
        return [random.standard_normal((batch, 3, 224, 224)).astype(numpy.float32) for _ in range(batches)]
    from PIL import Image

    paths = sorted(path for path in Path(photos).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    mean, std = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
    pictures = []
    for path in itertools.islice(itertools.cycle(paths[:: max(1, len(paths) // count)]), batches * batch):
        pixels = numpy.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR)) / 255
        pictures.append(((pixels - mean) / std).transpose(2, 0, 1).astype(numpy.float32))
    return [numpy.stack(pictures[i : i + batch]) for i in range(0, len(pictures), batch)]


def quantise(source, output, inputs):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(inputs)

        def get_next(self):
            value = next(self.left, None)
            return None if value is None else {"input": value}

    quantize_static(
        str(source),
        str(output),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def timed(run, batch, rounds):
    for _ in range(WARM_UP):
        run()
    for _ in range(rounds):
        start = time.process_time()
        run()
        print(f"{(time.process_time() - start) * 1e3 / batch:.3f}")


def run_onnxruntime(path, batch, rounds):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    data = numpy.random.default_rng(1).standard_normal((batch, 3, 224, 224)).astype(numpy.float32)
    timed(lambda: session.run(None, {"input": data}), batch, rounds)


def run_openvino(path, batch, rounds):
    import numpy
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape([batch, 3, 224, 224])
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    data = numpy.random.default_rng(1).standard_normal((batch, 3, 224, 224)).astype(numpy.float32)
    timed(lambda: request.infer({0: data}), batch, rounds)


ENGINES = {"onnxruntime": run_onnxruntime, "openvino": run_openvino}


def rounds_of(command):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in output.split()]


def versions():
    import onnxruntime
    import openvino

    return f"ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__.split('-')[0]}"


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--one":  # in a process of its own
        return ENGINES[sys.argv[2]](sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="TorchScript archives")
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=COMMAND", help="with {model}, {batch}, {rounds}")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--alternations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=8, help="forward passes in each alternation")
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--photos", help="folder to calibrate on")
    parser.add_argument("--calibration", type=int, default=32, help="pictures")
    options = parser.parse_args()
    ours = dict(given.split("=", 1) for given in options.ours)
    batches = [int(batch) for batch in options.batches.split(",")]
    times = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        runs = []  # (network, batch, engine, command)
        for model, batch in itertools.product(options.models, batches):
            files = {"fp32": Path(folder) / f"{model.stem}.{batch}.onnx"}
            export(model, batch, files["fp32"])
            if options.int8:
                files["int8"] = Path(folder) / f"{model.stem}.{batch}.int8.onnx"
                quantise(files["fp32"], files["int8"], calibration_inputs(options.photos, batch, options.calibration))
            for (precision, file), engine in itertools.product(files.items(), ENGINES):
                name = engine if precision == "fp32" else f"{engine} {precision}"
                command = [sys.executable, __file__, "--one", engine, str(file), str(batch), str(options.rounds)]
                runs.append((model.stem, batch, name, command))
            for name, command in ours.items():
                filled = command.format(model=model, batch=batch, rounds=options.rounds)
                runs.append((model.stem, batch, name, shlex.split(filled)))
        for _ in range(options.alternations):
            for network, batch, name, command in runs:
                times[network, batch, name] += rounds_of(command)

    print(f"CPU ms a picture, one thread, least / median of {options.alternations * options.rounds}; {versions()}\n")
    names = list(dict.fromkeys(name for _, _, name in times))
    print("| network | batch | " + " | ".join(names) + " | ")
    print("| --- | --- | " + " | ".join("---" for _ in names) + " |")
    for model, batch in itertools.product(options.models, batches):
        cells = [times[model.stem, batch, name] for name in names]
        print(f"| {model.stem} | {batch} | " + " | ".join(f"{min(c):.2f} / {statistics.median(c):.2f}" for c in cells) + " |")


if __name__ == "__main__":
    main()
