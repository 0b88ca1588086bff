#!/usr/bin/env python3
"""What infer chooses itself: one pass for stages of one trunk, how many pictures a forward pass."""

import json
import os
import pathlib

from openset_cli import NETWORKS, SOUND, CliTest, fruit_config, main

DEMO = pathlib.Path(__file__).resolve().parents[2] / "models" / "demo"
MANY = SOUND * 40  # enough to find a batch size


class OneTrunk(CliTest):
    def test_stages_of_one_trunk_say_so_and_give_the_same_rows_as_three_passes(self):
        shared = self.infer(*SOUND)
        self.assertIn("gate, species and classifier share one trunk: 1 forward pass instead of 3", shared.messages)
        apart = self.infer(*SOUND, "--no-share")
        self.assertNotIn("share one trunk", apart.messages)
        self.assertEqual(shared.stdout, apart.stdout)
        for flags in (["--all-stages"], ["-b", 64, "--threads", 3]):
            self.assertEqual(self.infer(*SOUND, *flags).stdout, self.infer(*SOUND, *flags, "--no-share").stdout, flags)

    def test_a_stage_of_another_trunk_is_left_out(self):
        config = fruit_config()
        config["species"] = {"model": str(NETWORKS / "mlp.pt"), "accept": ["tomato", "orange", "lemon"]}
        path = self.write_config("mixed.json", config)
        shared = self.infer(*SOUND, config=path)
        self.assertIn("gate and classifier share one trunk: 1 forward pass instead of 2", shared.messages)
        self.assertEqual(shared.stdout, self.infer(*SOUND, "--no-share", config=path).stdout)

    def test_stages_that_see_the_picture_in_other_numbers_have_their_own_pass(self):
        config = fruit_config()
        config["species"]["preprocess"] = {"resize": {"mode": "none"}, "crop": [32, 32], "mean": [0, 0, 0], "std": [1, 1, 0.5]}
        messages = self.infer(*SOUND, config=self.write_config("other.json", config)).messages
        self.assertIn("gate and classifier share one trunk", messages)

    def test_networks_that_differ_before_their_head_have_their_own_passes(self):
        config = DEMO.parents[1] / "configs" / "demo.json"
        shared = self.infer(*SOUND, config=config)
        self.assertNotIn("share one trunk", shared.messages)
        self.assertEqual(shared.stdout, self.infer(*SOUND, "--no-share", config=config).stdout)

    def test_the_record_says_whose_pass_served_a_stage(self):
        self.infer(*SOUND, "-o", self.folder / "rows.jsonl")
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        self.assertEqual([network.get("shares_pass_of") for network in record["networks"]], [None, "gate", "gate"])

    def test_an_interrupted_run_may_go_on_without_sharing(self):
        output = self.folder / "rows.jsonl"
        expected = self.infer(*SOUND).stdout
        self.infer(*SOUND, "-o", output)
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        output.rename(f"{output}.partial")
        partial = self.folder / "rows.jsonl.partial"
        partial.write_bytes(b"".join(partial.read_bytes().splitlines(True)[:4]))
        record["complete"] = False
        (self.folder / "rows.jsonl.partial.run.json").write_text(json.dumps(record))
        self.infer(*SOUND, "-o", output, "--resume", "--no-share")
        self.assertEqual(output.read_bytes(), expected)

    def test_explanations_are_the_same(self):
        for picture in SOUND[:2]:
            self.assertEqual(self.infer("--explain", picture).text, self.infer("--explain", picture, "--no-share").text)


class BatchSize(CliTest):
    """With a network that takes longer than decoding: else passes are as large as what happens to wait."""

    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache)}
        self.file = self.cache / "openset" / "batch_sizes.json"
        self.config = self.write_config("demo.json", {"openset": 1, "classifier": {"model": str(DEMO / "classifier.pt")}})

    def run_many(self, *flags):
        return self.infer(*MANY, "-v", *flags, env=self.environment)

    def test_what_was_found_is_remembered_for_the_next_run(self):
        first = self.run_many()
        self.assertIn("found to be fastest here", first.messages)
        machines = json.loads(self.file.read_text())["machines"]
        ((machine, sizes),) = machines.items()
        self.assertIn("inference threads", machine)
        (size,) = sizes.values()
        second = self.run_many()
        self.assertIn(f"classifier: batches of {size}, which an earlier run has found", second.messages)
        self.assertEqual(first.stdout, second.stdout)
        self.run_many("-b", 4)
        self.assertEqual(json.loads(self.file.read_text())["machines"], machines)

    def test_a_memory_that_is_damaged_cannot_be_written_or_has_no_place_changes_nothing(self):
        expected = self.infer(*MANY, "-b", 8).stdout
        self.file.parent.mkdir(parents=True)
        self.file.write_text("{")
        damaged = self.run_many()
        self.assertEqual(damaged.stdout, expected)
        self.assertIn("holds no batch sizes", damaged.messages)
        self.assertTrue(json.loads(self.file.read_text())["machines"])
        self.file.unlink()
        self.file.parent.rmdir()
        self.file.parent.write_text("a file where the folder should be")
        blocked = self.run_many()
        self.assertEqual(blocked.stdout, expected)
        self.assertIn("batch sizes are not remembered", blocked.messages)
        homeless = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
        self.assertEqual(self.infer(*MANY, env=homeless).stdout, expected)


if __name__ == "__main__":
    main()
