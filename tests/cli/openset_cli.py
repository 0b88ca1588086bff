"""What the whole-program tests share: running openset and its commands on the colour world (tests/networks)."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["OPENSET_BIN"])
os.environ.setdefault("XDG_CACHE_HOME", str(BIN.parent / "tests" / "cache"))  # not the user's own
NETWORKS = pathlib.Path(os.environ["OPENSET_TEST_NETWORKS"])
PICTURES = pathlib.Path(os.environ["OPENSET_TEST_PICTURES"])
COMMANDS = ["infer", "init", "draw", "augment", "train", "extract", "fit", "score", "sweep", "calibrate", "eval", "compare", "discover", "report", "serve", "merge", "quantize",
            "inspect", "doctor", "bench", "completion"]

# Path below PICTURES -> (verdict, outcome, decided_by), in the order of the rows. The colours behind them:
# tests/networks/make_test_pictures.cpp.
VERDICTS = {
    "basket/dark_tomato.png": ("tomato", "known", "classifier"),
    "basket/lemon.png": ("lemon", "known", "classifier"),
    "basket/peach.png": ("unknown", "unknown", "species"),
    "between.png": ("unknown", "unknown", "classifier"),
    "broken_empty.png": ("failed", "failed", "decode"),
    "broken_text.jpg": ("failed", "failed", "decode"),
    "broken_truncated.jpg": ("failed", "failed", "decode"),
    "leaf.jpg": ("unknown", "unknown", "gate"),
    "night.png": ("unknown", "unknown", "gate"),
    "orange.jpg": ("orange", "known", "classifier"),
    "sea.jpg": ("unknown", "unknown", "gate"),
    "snow.png": ("unknown", "unknown", "gate"),
    "tomato.png": ("tomato", "known", "classifier"),
}
FAILURES = {"broken_empty.png": "empty", "broken_text.jpg": "not-an-image", "broken_truncated.jpg": "truncated"}
SOUND = [str(PICTURES / name) for name in VERDICTS if name not in FAILURES]


def fruit_config():
    """Gate, species filter and classifier of the colour world."""
    return {
        "openset": 1,
        "name": "fruit",
        "gate": {"model": str(NETWORKS / "gate.pt"), "accept": ["red", "orange", "yellow"], "k": 3},
        "species": {"model": str(NETWORKS / "species.pt"), "accept": ["FRUIT"], "min_probability": 0.5},
        "classifier": {"model": str(NETWORKS / "classifier.pt"), "min_probability": 0.6},
    }


def classifier_config(network, **more):
    return {"openset": 1, "classifier": {"model": str(NETWORKS / (network + ".pt")), **more}}


class CliTest(unittest.TestCase):
    """A test with a folder of its own, `self.folder`, and the config of the colour world in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="openset-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.write_config("fruit.json", fruit_config())

    def write_config(self, name, config):
        path = self.folder / name
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return str(path)

    def run_program(self, *arguments, code=0, **options):
        """Runs BIN/arguments[0]; the exit code must be `code`. Standard output and error come back as text."""
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if options["stdin"] is None:
            del options["stdin"]
        options.setdefault("timeout", 120)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        result = subprocess.run([BIN / arguments[0], *map(str, arguments[1:])], **options)
        result.text = (result.stdout or b"").decode()
        result.messages = (result.stderr or b"").decode()
        self.assertEqual(result.returncode, code, f"{arguments}\n{result.text[-2000:]}\n{result.messages[-4000:]}")
        return result

    def openset(self, *arguments, **options):
        return self.run_program("openset", *arguments, **options)

    def infer(self, *arguments, config=None, **options):
        return self.openset("infer", "-c", config or self.config, *arguments, **options)

    def rows(self, *arguments, **options):
        """The parsed jsonl rows of a run."""
        result = self.infer(*arguments, "-f", "jsonl", **options)
        return [json.loads(line) for line in result.text.splitlines()]

    def verdicts(self, *arguments, **options):
        """File name -> verdict."""
        return {row["path"].rsplit("/", 1)[-1]: row["verdict"] for row in self.rows(*arguments, **options)}


def main():
    unittest.main(verbosity=2)
