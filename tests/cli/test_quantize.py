#!/usr/bin/env python3
"""openset quantize as a whole program, on the colour world's networks (tests/networks), whose verdicts are known."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import unittest

import numpy

from openset_cli import BIN, NETWORKS, PICTURES, SOUND, VERDICTS, CliTest, fruit_config, main
from test_train import png

SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
COLOURS = {"tomato": (223, 32, 32), "orange": (255, 128, 0), "lemon": (255, 223, 32)}


class QuantizeTest(CliTest):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "classifier.pt"
        shutil.copy(NETWORKS / "classifier.pt", self.model)
        self.int8 = self.folder / "classifier.int8.pt"
        self.data = self.pictures("data", COLOURS)
        self.far = self.pictures("far", {"grey": (90, 90, 90)})

    def pictures(self, folder, classes, count=20):
        chance = random.Random(folder)
        for name, colour in classes.items():
            place = self.folder / folder / name
            place.mkdir(parents=True)
            for number in range(count):
                near = [max(0, min(255, c + chance.randint(-30, 30))) for c in colour]
                (place / f"{number:02}.png").write_bytes(png(near))
        return self.folder / folder

    def quantize(self, *arguments, model=None, output=None, **options):
        return self.openset("quantize", model or self.model, "--data", self.data, "-o", output or self.int8, *arguments,
                            **options)

    def report(self):
        return json.loads((self.folder / "classifier.int8.pt.quantization.json").read_text())

    def test_makes_an_int8_network_and_says_what_it_costs(self):
        result = self.quantize("--pictures", 30, "--unknown", self.far)
        for words in ["1 convolution in eight bits", "ranges by minmax on 30 pictures",
                      "30 pictures that ranges were not measured on", "accuracy", "AUROC of msp", "same likeliest label"]:
            self.assertIn(words, result.text)
        self.assertIn("fit detectors and choose thresholds anew", result.messages)
        report = self.report()
        self.assertEqual(report["known"]["accuracy"], {"fp32": 1, "int8": 1})
        self.assertEqual(report["known"]["agreement"], 1)
        self.assertLess(report["known"]["logit_difference"]["largest"], 0.5)
        self.assertEqual(report["unknown"]["pictures"], 20)
        self.assertEqual(sorted(report["auroc"]), ["max-logit", "msp"])

    def test_the_int8_network_says_what_it_is(self):
        self.quantize("--observer", "histogram", "--test", self.data)
        text = self.openset("inspect", self.int8).text
        source = json.loads(self.openset("inspect", self.model, "-f", "json").text)
        self.assertIn(f"int8, made by openset quantize of the network with SHA-256 {source['sha256'][:12]}", text)
        info = json.loads(self.openset("inspect", self.int8, "-f", "json").text)["info"]
        self.assertEqual(info["quantization"],
                         {"precision": "int8", "source_sha256": source["sha256"], "observer": "histogram", "pictures": 60})
        self.assertEqual(info["labels"], source["info"]["labels"])
        self.assertEqual(info["preprocess"], source["info"]["preprocess"])

    def test_equal_runs_give_equal_networks(self):
        self.quantize("--threads", 2, "-b", 3)
        first = self.int8.read_bytes()
        self.quantize("--threads", 1, "-b", 16, "--force")
        self.assertEqual(first, self.int8.read_bytes())

    def test_an_int8_pipeline_gives_the_same_verdicts_whatever_the_batch_and_the_threads(self):
        config = fruit_config()
        for stage in ("gate", "species"):
            shutil.copy(config[stage]["model"], self.folder / f"{stage}.pt")
        for stage in ("gate", "species", "classifier"):
            config[stage]["model"] = str(self.folder / f"{stage}.pt")
            self.openset("quantize", config[stage]["model"], "--data", PICTURES, "-o", self.folder / f"{stage}.int8.pt",
                         "--max-errors", 9, "-q")
        file = self.write_config("int8.json", config)
        texts = set()
        for batch, threads in [(1, 1), (5, 2), (16, 1)]:
            result = self.infer(*SOUND, "--precision", "int8", "-b", batch, "--threads", threads, "-f", "jsonl",
                                config=file)
            texts.add(result.text)
        self.assertEqual(len(texts), 1)
        for line in texts.pop().splitlines():
            row = json.loads(line)
            name = row["path"].removeprefix(str(PICTURES) + "/")
            self.assertEqual((row["verdict"], row["outcome"], row["decided_by"]), VERDICTS[name])
        self.infer(*SOUND, "--precision", "int8", "-o", self.folder / "rows.jsonl", config=file)
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        self.assertEqual(record["precision"], "int8")

    def test_precision_int8_wants_the_int8_network_of_this_very_network(self):
        config = self.write_config("c.json", {"openset": 1, "classifier": {"model": str(self.model)}})
        missing = self.infer(*SOUND, "--precision", "int8", config=config, code=2)
        self.assertIn(f"{self.int8} is not there", missing.messages)
        self.assertIn(f"openset quantize {self.model} --data FOLDER -o {self.int8} makes it", missing.messages)
        self.quantize("-q")
        shutil.copy(NETWORKS / "species.pt", self.model)
        other = self.infer(*SOUND, "--precision", "int8", config=config, code=2)
        self.assertIn("was not made of", other.messages)

    def test_a_detector_of_the_network_in_float_is_refused(self):
        self.quantize("-q")
        self.openset("extract", "--model", self.model, self.data, "-o", self.folder / "f.store", "-q")
        self.openset("extract", "--model", self.model, "--precision", "int8", self.data, "-o", self.folder / "i.store", "-q")
        self.assertEqual(json.loads((self.folder / "i.store/meta.json").read_text())["precision"], "int8")
        fitted = self.folder / "openmax.json"
        self.openset("fit", self.folder / "f.store", "-o", fitted, "-q")
        config = self.write_config("u.json", {
            "openset": 1, "classifier": {"model": str(self.int8)},
            "unknown": {"fitted": str(fitted), "method": "openmax", "threshold": 0.5}})
        refused = self.infer(*SOUND, config=config, code=2)
        self.assertIn("extract and fit anew, or run with --allow-mismatch", refused.messages)
        self.infer(*SOUND, "--allow-mismatch", config=config)

    def test_an_int8_network_wants_the_pixels_that_it_was_made_with(self):
        self.quantize("-q")
        own = json.loads(self.openset("inspect", self.model, "-f", "json").text)["info"]["preprocess"]
        other = {**own, "mean": [0.25, 0.25, 0.25]}
        config = self.write_config("p.json", {"openset": 1, "classifier": {"model": str(self.int8), "preprocess": other}})
        refused = self.infer(*SOUND, config=config, code=2)
        self.assertIn("/classifier/preprocess: found", refused.messages)
        self.assertIn("is in eight bits, made for", refused.messages)
        config = self.write_config("q.json", {"openset": 1, "classifier": {"model": str(self.model), "preprocess": other}})
        refused = self.infer(*SOUND, "--precision", "int8", config=config, code=2)
        self.assertIn("was made with other preprocessing than", refused.messages)
        same = self.write_config("r.json", {"openset": 1, "classifier": {"model": str(self.int8), "preprocess": own}})
        self.infer(*SOUND, config=same)

    def test_a_report_that_stands_there_is_not_replaced(self):
        report = self.folder / "classifier.int8.pt.quantization.json"
        report.write_text("mine")
        self.assertIn(f"{report}: exists; choose another name, or add --force", self.quantize(code=2).messages)
        self.assertEqual(report.read_text(), "mine")
        self.assertFalse(self.int8.exists())

    def test_refuses_what_it_cannot_do(self):
        self.quantize("-q")
        self.assertIn("--force to replace it", self.quantize(code=2).messages)
        again = self.quantize(model=self.int8, output=self.folder / "again.pt", code=1)
        self.assertIn("computes in eight bits already", again.messages)
        self.assertFalse((self.folder / "again.pt").exists())
        without = self.openset("quantize", self.model, "-o", self.folder / "x.pt", code=2)
        self.assertIn("expected --data FOLDER", without.messages)
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertIn("holds no pictures", self.openset("quantize", self.model, "--data", empty, "-o", self.folder / "x.pt",
                                                        code=2).messages)

    def test_a_picture_that_cannot_be_read_is_told_by_the_exit_code(self):
        (self.data / "lemon" / "broken.png").write_text("no picture")
        self.quantize("--pictures", 1000, code=3)
        self.assertTrue(self.int8.exists())

    def test_strict_stops_at_a_picture_that_cannot_be_read(self):
        (self.data / "tomato" / "broken.png").write_bytes(b"no picture")
        messages = self.quantize("--strict", code=1).messages
        self.assertIn("broken.png", messages)
        self.assertIn("--strict stops at the first picture that fails", messages)
        self.assertFalse(self.int8.exists())


class Golden(CliTest):
    @unittest.skipUnless((SHARED / "models/cifar10_resnet20.pt").is_file(), f"no models in {SHARED}: set OPENSET_SHARED")
    def test_a_trained_resnet_keeps_its_labels_and_what_sets_unknown_pictures_apart(self):
        photos = SHARED / "data" / "cifar10"
        int8 = self.folder / "int8.pt"
        self.openset("quantize", SHARED / "models/cifar10_resnet20.pt", "--data", photos / "test", "--pictures", 200, "--unknown", photos / "far_signs",
                     "--unknown", photos / "far_noise", "-o", int8, "-q")
        report = json.loads((self.folder / "int8.pt.quantization.json").read_text())
        known = report["known"]
        self.assertEqual(known["pictures"], 800)
        self.assertGreater(known["agreement"], 0.97)
        self.assertAlmostEqual(known["accuracy"]["int8"], known["accuracy"]["fp32"], delta=0.01)
        for method in ("msp", "max-logit"):
            self.assertAlmostEqual(report["auroc"][method]["int8"], report["auroc"][method]["fp32"], delta=0.01, msg=method)
        # Of a sum that lies between two whole numbers each engine may take another one, and later layers make more of it.
        for engine in ("torch", "onednn"):
            self.openset("extract", "--model", int8, "--engine", engine, photos / "far_signs", "--unlabelled", "-o", self.folder / engine, "-q")
        torch, onednn = (numpy.load(self.folder / engine / "logits.npy") for engine in ("torch", "onednn"))
        self.assertEqual(json.loads((self.folder / "onednn/meta.json").read_text())["engine"], "onednn")
        self.assertLess(numpy.abs(torch - onednn).max(), 0.05 * numpy.abs(torch).max())


if __name__ == "__main__":
    main()
