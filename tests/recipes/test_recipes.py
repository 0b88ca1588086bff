"""samples/many-machines on one machine, with several workers of which one is killed: the bytes of one plain run.

    test_recipes.py            what is installed of GNU parallel, Ray and PySpark; the rest is skipped, saying so
    RECIPES_PYTHON             a Python that has Ray and PySpark (default: the one that runs this)

Pictures and networks: $OPENSET_SHARED. Not part of the usual run: a minute or more."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED", SOURCE.parent / "shared"))
BIN = pathlib.Path(os.environ["OPENSET_BIN"])
PYTHON = os.environ.get("RECIPES_PYTHON", sys.executable)
RECIPES = SOURCE / "samples" / "many-machines"


def has(module):
    return subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode == 0


def workers(config):
    """Processes of openset-infer that run this config."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if words[0].endswith("openset-infer") and str(config) in words:
                found.append(int(folder.name))
    return found


@unittest.skipUnless((SHARED / "models").is_dir(), f"no {SHARED} (set OPENSET_SHARED)")
class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="openset-recipes-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        models = SHARED / "models"
        cls.config = cls.folder / "spaniels.json"
        cls.config.write_text(json.dumps({
            "openset": 1, "gate": {"model": str(models / "imagenet_effnetlite0.pt"), "accept": ["151-268"]},
            "species": {"model": str(models / "spaniel_or_not_effnetlite0.pt"), "accept": ["SPANIEL"]},
            "classifier": {"model": str(models / "spaniels7_effnetlite0.pt")}}))
        photos = sorted(str(path) for path in (SHARED / "data" / "spaniels").glob("*/*/*.jpg"))
        cls.list = cls.folder / "list.txt"
        # Several times over, so that a run lasts long enough for a worker to die in its middle.
        cls.list.write_text("".join(f"{path}\n" for path in (photos + [photos[0] + ".missing"]) * int(os.environ.get("RECIPES_TIMES", "1"))))
        cls.environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(RECIPES)}
        cls.plain = cls.run_plainly()

    @classmethod
    def run_plainly(cls):
        output = cls.folder / "plain.jsonl"
        start = time.monotonic()
        subprocess.run([BIN / "openset-infer", "-q", "-c", cls.config, "--files-from", cls.list, "-o", output, "--max-errors", "1000000"], check=True)
        print(f"plain run: {len(output.read_bytes().splitlines())} rows in {time.monotonic() - start:.0f} s", flush=True)
        return output.read_bytes()

    def killed_in_the_middle(self, command):
        """Runs the recipe and kills one of its workers once they are at work; when it was killed."""
        killed = []

        def kill():
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and not stop.is_set():
                if found := workers(self.config):
                    if stop.wait(6):  # loading is over, and some rows are written
                        return
                    for process in found:
                        try:
                            os.kill(process, signal.SIGKILL)
                            killed.append(process)
                            return
                        except ProcessLookupError:
                            continue
                time.sleep(0.1)

        stop = threading.Event()
        killer = threading.Thread(target=kill)
        killer.start()
        start = time.monotonic()
        result = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True)
        stop.set()
        killer.join()
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertTrue(killed, "the recipe ended before a worker could be killed")
        print(f"{command[0] if 'sh' in str(command[0]) else command[1]}: {time.monotonic() - start:.0f} s, one worker killed", flush=True)

    def check(self, *command):
        output = self.folder / "recipe.jsonl"
        output.unlink(missing_ok=True)
        self.killed_in_the_middle([*command, self.config, self.list, output, 2])
        self.assertEqual(output.read_bytes(), self.plain)

    @unittest.skipUnless(shutil.which("parallel"), "GNU parallel is not installed")
    def test_gnu_parallel(self):
        self.check(RECIPES / "parallel_rows.sh")

    @unittest.skipUnless(has("ray"), "Ray is not installed")
    def test_ray(self):
        self.check(PYTHON, RECIPES / "ray_rows.py")

    @unittest.skipUnless(has("pyspark"), "PySpark is not installed")
    def test_spark(self):
        self.check(PYTHON, RECIPES / "spark_rows.py")

    def test_slurm_array(self):
        """As Slurm would start its tasks, here one after another; the first is killed and started again, as --requeue does."""
        parts = self.folder / "parts"
        environment = {**self.environment, "CONFIG": str(self.config), "LIST": str(self.list), "PARTS": str(parts), "SLURM_ARRAY_TASK_COUNT": "2"}
        for task in ("0", "0", "1"):
            process = subprocess.Popen(["sh", RECIPES / "slurm_rows.sbatch"], env={**environment, "SLURM_ARRAY_TASK_ID": task})
            if not parts.exists() or not list(parts.iterdir()):
                time.sleep(6)
                process.kill()
            self.assertEqual(process.wait(), -signal.SIGKILL if not list(parts.glob("*.jsonl")) else 0)
        output = self.folder / "merged.jsonl"
        subprocess.run([BIN / "openset-merge", "-q", "-o", output, *sorted(parts.glob("*.jsonl"))], check=True)
        self.assertEqual(output.read_bytes(), self.plain)


if __name__ == "__main__":
    unittest.main(verbosity=2)
