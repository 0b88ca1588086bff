"""openset train by gradient: networks from scratch and fine-tuned, interrupted and resumed; DHRNet to OpenMax on latents."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no numpy here, so nothing shows what stands in a store; scripts/setup installs it")
    sys.exit(77)

from openset_cli import BIN, CliTest, main

SMALL = ["--arch", "resnet18", "--width", 4, "--stem", "cifar", "--input-size", 16, "--batch", 16, "--no-flip"]


class TrainByGradientTest(CliTest):
    def setUp(self):
        super().setUp()
        self.world = self.folder / "world"
        self.openset("draw", "--task", "classifier", "-n", 8, "--size", "32x32", "-f", "png", "-o", self.world)
        self.data = self.world / "classifier"

    def arguments(self, output, *arguments):
        return ["train", "--data", self.data / "train", "--validation", self.data / "val", "--threads", 1, "-o",
                self.folder / output, *arguments]

    def train(self, output, *arguments, **options):
        return self.openset(*self.arguments(output, *arguments), **options)

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()

    def test_a_network_from_scratch_is_one_that_infer_runs(self):
        result = self.train("net.pt", *SMALL, "--epochs", 2, "--resume")
        self.assertIn("net.pt.checkpoint: no such checkpoint to go on with; beginning anew", result.messages)
        self.assertRegex(result.messages, r"epoch 1 of 2: loss .* s, about [0-9.]+ s left\n")
        self.assertRegex(result.messages, r"epoch 2 of 2: loss .* s\n")
        self.assertFalse((self.folder / "net.pt.checkpoint").exists())
        config = self.write_config("c.json", {"openset": 1, "classifier": {"model": "net.pt"}})
        rows = self.rows(self.data / "test", config=config)
        self.assertTrue(rows and all(row["outcome"] == "known" for row in rows))

    def test_the_same_seed_gives_the_same_file_and_another_seed_another(self):
        for name, seed in (("a.pt", 1), ("b.pt", 1), ("c.pt", 2)):
            self.train(name, *SMALL, "--epochs", 1, "--name", "net", "--seed", seed)
        self.assertEqual(self.bytes_of("a.pt"), self.bytes_of("b.pt"))
        self.assertNotEqual(self.bytes_of("a.pt"), self.bytes_of("c.pt"))

    def test_interrupted_and_resumed_it_makes_the_file_of_an_uninterrupted_training(self):
        epochs = [*SMALL, "--epochs", 12, "--name", "net"]
        self.train("whole.pt", *epochs)

        running = subprocess.Popen([BIN / "openset", *map(str, self.arguments("net.pt", *epochs))],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (self.folder / "net.pt.checkpoint").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        messages = running.communicate(timeout=60)[1].decode()
        self.assertIn(running.returncode, (-signal.SIGINT, 130), messages)
        self.assertIn("--resume", messages)
        self.assertFalse((self.folder / "net.pt").exists())

        text = self.openset("inspect", self.folder / "net.pt.checkpoint").text
        self.assertRegex(text, r"kind +checkpoint of openset train")
        self.assertRegex(text, r"epochs +\d+ of 12, best \d+")
        shown = json.loads(self.openset("inspect", self.folder / "net.pt.checkpoint", "-f", "json").text)
        self.assertEqual(shown["checkpoint"]["run"]["--momentum"], 0.9)

        refused = self.train("net.pt", *epochs, code=2)
        self.assertIn("add --resume to go on with it, or --force to begin anew", refused.messages)
        other = self.train("net.pt", *epochs, "--momentum", 0.5, "--resume", code=2)
        self.assertIn("a run with other --momentum 0.9 (now 0.5); expected one of the same", other.messages)
        picture = next((self.data / "train").rglob("*.png"))
        kept = picture.read_bytes(), picture.stat()
        picture.write_bytes(next((self.data / "test").rglob("*.png")).read_bytes())
        replaced = self.train("net.pt", *epochs, "--resume", code=2)
        self.assertIn("a run with other training pictures; expected one of the same", replaced.messages)
        picture.write_bytes(kept[0])
        os.utime(picture, ns=(kept[1].st_atime_ns, kept[1].st_mtime_ns))
        self.assertRegex(self.train("net.pt", *epochs, "--resume").messages, r"going on after epoch \d+ of 12")
        self.assertEqual(self.bytes_of("net.pt"), self.bytes_of("whole.pt"))
        self.assertIn("is finished", self.train("net.pt", *epochs, "--resume").messages)

    def test_interrupted_while_the_network_is_asked_it_still_gives_its_report(self):
        asked = [*SMALL, "--epochs", 1, *(["--test", self.data / "test"] * 60)]
        running = subprocess.Popen([BIN / "openset", *map(str, self.arguments("net.pt", *asked))],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (self.folder / "net.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        messages = running.communicate(timeout=60)[1].decode()
        self.assertIn(running.returncode, (-signal.SIGINT, 130), messages)
        self.assertIn("--resume", messages)
        self.assertFalse((self.folder / "net.pt.training.json").exists())
        network = self.bytes_of("net.pt")
        self.train("net.pt", *asked, "--resume")
        self.assertEqual(self.bytes_of("net.pt"), network)
        self.assertTrue((self.folder / "net.pt.training.json").exists())
        self.assertFalse((self.folder / "net.pt.checkpoint").exists())

    def test_progress_as_json_says_how_far_it_is(self):
        result = self.train("net.pt", *SMALL, "--epochs", 2, "--progress", "json")
        lines = [json.loads(line) for line in result.messages.splitlines() if line.startswith("{")]
        self.assertEqual(lines[-1]["done"], lines[-1]["total"])
        self.assertEqual(lines[-1]["epoch"], 2)

    def test_fine_tuning_begins_with_a_trunk(self):
        self.train("trunk.pt", *SMALL, "--epochs", 1)
        tuning = ["--trunk", self.folder / "trunk.pt", "--finetune", "--epochs", 1, "--batch", 16]
        for last_blocks in ("all", 2, 0):
            self.train(f"tuned-{last_blocks}.pt", *tuning, "--last-blocks", last_blocks)
        too_many = self.train("tuned.pt", *tuning, "--last-blocks", 99, code=2)
        self.assertIn("expected 0 to 9 or all", too_many.messages)
        self.assertNotIn("learning from", too_many.messages)

    def test_dhrnet_by_the_recipe_of_crosr_goes_on_to_openmax_on_logits_and_latents(self):
        self.train("dhr.pt", "--arch", "dhrnet", "--recipe", "crosr", "--width", 8, "--epochs", 3, "--batch", 16)
        for part in ("train", "test"):
            self.openset("extract", "--model", self.folder / "dhr.pt", self.data / part, "-o", self.folder / part)
        latents = np.load(self.folder / "train" / "latents.npy")
        self.assertEqual(latents.shape[1], 96)
        self.assertGreater(np.abs(latents).max(), 0)
        fitted = self.folder / "dhr.json"
        self.openset("fit", self.folder / "train", "--space", "logits+latents", "--tail-size", 5, "-o", fitted)
        self.openset("score", self.folder / "test", "--fitted", fitted, "-o", self.folder / "scores.csv")
        self.assertEqual(len((self.folder / "scores.csv").read_text().splitlines()) - 1,
                         len(np.load(self.folder / "test" / "labels.npy")))


if __name__ == "__main__":
    main()
