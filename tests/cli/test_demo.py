"""scripts/show-demo on the colour world: verdicts by stage, before and after the detector, and what is wrong said as such."""

import collections
import json
import os
import pathlib
import shutil
import subprocess

from openset_cli import BIN, NETWORKS, PICTURES, CliTest, fruit_config, main

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "show-demo"


class Demo(CliTest):
    def setUp(self):
        super().setUp()
        self.root = self.folder / "a root with spaces"
        for folder in ("configs", "models/demo", "samples/demo", "scripts"):
            (self.root / folder).mkdir(parents=True)
        self.script = shutil.copy(SCRIPT, self.root / "scripts")
        for name in ("gate", "species", "classifier"):
            (self.root / "models/demo" / f"{name}.pt").symlink_to(NETWORKS / f"{name}.pt")
        config = {**fruit_config(), "unknown": {"method": "max-logit", "threshold": 1e9}}
        for stage in ("gate", "species", "classifier"):
            config[stage]["model"] = f"../models/demo/{stage}.pt"
        self.write_demo_config(config)
        for name, picture in (("known", "orange.jpg"), ("blue", "sea.jpg"), ("green", "leaf.jpg"), ("mistaken", "orange.jpg")):
            shutil.copy(PICTURES / picture, self.root / "samples/demo" / f"{name}.jpg")
        self.truth = self.root / "samples/demo.truth.csv"
        self.truth.write_text("path,level,class\nknown.jpg,family_sign,orange\nblue.jpg,thing,sea\n"
                              "green.jpg,other_sign,leaf\nmistaken.jpg,family_sign,mandarin\n")

    def write_demo_config(self, config):
        self.demo_config = config
        (self.root / "configs/demo.json").write_text(json.dumps(config))

    def shown(self, *arguments, code=0):
        arguments = arguments or (BIN / "openset",)
        result = subprocess.run([self.script, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
                                env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_verdicts_stand_under_the_stage_that_decided(self):
        text = self.shown()
        gate, rest = text.split("2. The species filter")
        self.assertIn("1. The gate stops what is nothing of the kind: 2 of 4.", gate)
        self.assertRegex(gate, r"blue\.jpg +looks most like \w+, \d+ %\n")
        self.assertRegex(rest, r"known\.jpg +orange, \d+ %\n")
        self.assertIn("known classes named right     1 of 1       1 of 1", rest)

    def test_what_is_wrong_is_said_and_is_the_one_to_look_into(self):
        text = self.shown()
        self.assertRegex(text, r"mistaken\.jpg +orange, \d+ % +<- wrong\n")
        self.assertIn("Where the chain is wrong, 1 of 4:", text)
        self.assertRegex(text, r"mistaken\.jpg +is mandarin, never seen before, and was called orange\n")
        command = next(line for line in text.splitlines() if "--explain" in line)
        explained = subprocess.run(["bash", "-c", command], cwd=self.folder, capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("orange", explained.stdout)

    def test_the_detector_is_shown_by_what_it_changes(self):
        self.write_demo_config({**self.demo_config, "unknown": {"method": "max-logit", "threshold": -1e9}})
        text = self.shown()
        self.assertIn("known classes named right     1 of 1       0 of 1", text)
        self.assertIn("new classes given a name      1 of 1       0 of 1", text)
        self.assertRegex(text, r"known\.jpg +is orange, and was stopped by OpenMax\n")
        self.assertNotIn("mistaken.jpg  is", text)

    def test_what_is_missing_is_named(self):
        self.truth.unlink()
        self.assertIn("samples/demo.truth.csv: no such file", self.shown(code=1))
        (self.root / "models/demo/gate.pt").unlink()
        self.truth.write_text("path,level,class\n")
        self.assertIn("openset infer failed with exit code 2", self.shown(code=1))
        (self.root / "configs/demo.json").unlink()
        self.assertIn("no configs/demo.json", self.shown(code=1))
        self.assertIn("show-demo [OPENSET [PAGE]]", self.shown("--help"))


class WhatShips(CliTest):
    def test_the_chain_knows_some_and_every_stage_rejects_some(self):
        root = SCRIPT.parents[1]
        result = self.openset("infer", "-c", root / "configs/demo.json", root / "samples/demo", "-f", "jsonl")
        rows = [json.loads(line) for line in result.text.splitlines()]
        outcomes = collections.Counter(row["decided_by"] for row in rows if row["outcome"] == "unknown")
        self.assertGreaterEqual(sum(row["outcome"] == "known" for row in rows), 5)
        for stage in ("gate", "species", "unknown"):
            self.assertGreater(outcomes[stage], 0, stage)

    def test_networks_and_pictures_stay_small(self):
        root = SCRIPT.parents[1]
        self.assertLess(sum(file.stat().st_size for file in (root / "models/demo").glob("*.pt")), 10_000_000)
        self.assertLess(sum(file.stat().st_size for file in (root / "samples/demo").iterdir()), 2_000_000)


if __name__ == "__main__":
    main()
