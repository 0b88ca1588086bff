"""openset extract: labelled pictures become an activation store that NumPy opens."""

import csv
import io
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no numpy here, so nothing shows what stands in a store; scripts/setup installs it")
    sys.exit(77)

from openset_cli import BIN, NETWORKS, PICTURES, CliTest, main

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LABELS = ["tomato", "orange", "lemon"]
# Path below the folder -> label of the network, None for a picture that fails, in the order of the rows.
PICTURES_OF_CLASSES = {
    "Lemmon/a.png": -1,
    "apple/deep/er/sea.jpg": -1,
    "lemon/lemon.png": 2,
    "tomato/broken_text.jpg": None,
    "tomato/dark_tomato.png": 0,
    "tomato/tomato.png": 0,
}
SOURCES = {"a.png": "basket/lemon.png", "lemon.png": "basket/lemon.png", "dark_tomato.png": "basket/dark_tomato.png"}


def content_of(store):
    """File name -> bytes, without run.json, in which equal runs may differ."""
    return {file.name: file.read_bytes() for file in pathlib.Path(store).iterdir() if file.name != "run.json"}


class ExtractTest(CliTest):
    def setUp(self):
        super().setUp()
        self.train = self.folder / "train"
        for name in PICTURES_OF_CLASSES:
            (self.train / name).parent.mkdir(parents=True, exist_ok=True)
            base = name.rsplit("/", 1)[1]
            shutil.copy(PICTURES / SOURCES.get(base, base), self.train / name)

    def extract(self, *arguments, network="classifier", output="t.store", **options):
        options.setdefault("code", 3)
        options.setdefault("cwd", self.folder)
        return self.openset("extract", "--model", NETWORKS / f"{network}.pt", *arguments, "-o", output, **options)

    def array(self, name, store="t.store"):
        return np.load(self.folder / store / f"{name}.npy")

    def samples(self, store="t.store"):
        with open(self.folder / store / "samples.csv", newline="") as file:
            return list(csv.DictReader(file))

    def content(self, store="t.store"):
        return content_of(self.folder / store)


class Store(ExtractTest):
    def test_a_name_at_which_there_is_nothing_begins_no_store(self):
        messages = self.openset("extract", "--model", NETWORKS / "classifier.pt", self.folder / "trian", "-o", self.folder / "no.store", code=2).messages
        self.assertIn("trian, expected pictures; no store was begun", messages)
        self.assertEqual([entry.name for entry in self.folder.glob("no.store*")], [])

    def test_holds_what_the_network_says_of_every_picture(self):
        result = self.extract("train")
        logits, features, weight, bias = map(self.array, ("logits", "features", "head_weight", "head_bias"))
        self.assertEqual({array.dtype for array in (logits, features, weight, bias)}, {np.dtype("<f4")})
        self.assertEqual((logits.shape, features.shape, weight.shape, bias.shape), ((5, 3), (5, 3), (3, 3), (3,)))
        labels = [label for label in PICTURES_OF_CLASSES.values() if label is not None]
        self.assertEqual(self.array("labels").tolist(), labels)
        self.assertEqual(self.array("labels").dtype, np.dtype("<i8"))
        exact = features.astype(np.float64) @ weight.astype(np.float64).T + bias
        self.assertTrue((exact.astype(np.float32) == logits).all())
        self.assertIn("class Lemmon, 1 picture: the network has no such label", result.messages)
        self.assertIn('did you mean "lemon"?', result.messages)

    def test_has_arrays_with_the_bytes_that_numpy_writes(self):
        self.extract("train", network="dict")
        arrays = list((self.folder / "t.store").glob("*.npy"))
        self.assertEqual(len(arrays), 6)
        for file in arrays:
            stream = io.BytesIO()
            np.save(stream, np.load(file))
            self.assertEqual(file.read_bytes(), stream.getvalue(), file.name)

    def test_lists_failed_pictures_without_a_row(self):
        self.extract("train")
        rows = self.samples()
        self.assertEqual([row["path"] for row in rows], [f"train/{name}" for name in PICTURES_OF_CLASSES])
        self.assertEqual([row["row"] for row in rows], ["0", "1", "2", "", "3", "4"])
        self.assertEqual([row["label"] for row in rows], ["Lemmon", "apple", "lemon", "tomato", "tomato", "tomato"])
        self.assertEqual(rows[3]["status"], "failed")
        self.assertTrue(rows[3]["error"].startswith("not-an-image: "))
        self.assertEqual(json.loads((self.folder / "t.store/meta.json").read_text())["counts"], {"rows": 5, "failed": 1})

    def test_a_store_says_which_engine_filled_it(self):
        for engine, name in (("torch", "torchscript"), ("onednn", "onednn")):
            self.extract(self.train, "--engine", engine, output=f"{engine}.store")
            meta = json.loads((self.folder / f"{engine}.store/meta.json").read_text())
            self.assertEqual((meta["engine"], meta["precision"]), (name, "fp32"))

    def test_agrees_with_infer_to_the_last_bit(self):
        self.extract("train")
        config = self.write_config("c.json", {"openset": 1, "classifier": {"model": str(NETWORKS / "classifier.pt")}})
        rows = self.rows("train", "--closed-set", config=config, cwd=self.folder, code=3)
        largest = [row["classifier"]["max_logit"] for row in rows if row["outcome"] != "failed"]
        self.assertEqual([np.float32(value) for value in largest], self.array("logits").max(axis=1).tolist())

    def test_of_a_configs_classifier_is_the_same(self):
        self.extract("train")
        self.openset("extract", "-c", self.config, "train", "-o", "c.store", cwd=self.folder, code=3)
        self.assertEqual(self.content("c.store"), self.content())

    def test_has_the_same_bytes_whatever_the_batch_and_the_threads(self):
        self.extract("train")
        for number, flags in enumerate((["-b", "1"], ["-b", "64", "-j", "4", "--threads", "3"])):
            self.extract("train", *flags, output=f"{number}.store")
            self.assertEqual(self.content(f"{number}.store"), self.content())

    def test_holds_further_tensors_by_their_names(self):
        self.extract("train", network="dict")
        self.assertEqual(len(self.array("latent")), 5)

    def test_of_a_single_logit_has_the_logits_of_two_labels(self):
        self.extract("train", "--unlabelled", network="single_logit")
        logits, weight = self.array("logits"), self.array("head_weight")
        self.assertTrue((logits[:, 0] == 0).all() and (weight[0] == 0).all())
        exact = self.array("features").astype(np.float64) @ weight.astype(np.float64).T + self.array("head_bias")
        self.assertTrue((exact.astype(np.float32) == logits).all())

    def test_says_where_the_network_ends_in_no_linear(self):
        result = self.extract("train", network="pooled_convolution")
        self.assertIn("no last Linear", result.messages)
        self.assertFalse((self.folder / "t.store/head_weight.npy").exists())

    def test_of_no_picture_has_arrays_without_rows(self):
        (self.folder / "empty").mkdir()
        self.assertIn("no pictures found", self.extract("empty", code=0).messages)
        self.assertEqual(self.array("logits").shape, (0, 3))


class Classes(ExtractTest):
    def labels(self):
        return [row["label"] for row in self.samples()]

    def test_are_the_folders_of_pictures_that_are_named_or_listed(self):
        pictures = sorted(str(self.train / name) for name in PICTURES_OF_CLASSES)
        listed = "".join(f"{name}\n" for name in pictures).encode()
        expected = [name.split("/")[-2] for name in pictures]
        self.extract(*pictures)
        self.assertEqual(self.labels(), expected)
        self.extract("--files-from", "-", output="l.store", input=listed)
        self.assertEqual(self.content("l.store"), self.content())

    def test_are_the_named_folders_of_pictures_directly_in_them(self):
        self.extract("train/lemon/", "train/tomato")
        self.assertEqual(self.labels(), ["lemon", "tomato", "tomato", "tomato"])

    def test_are_the_folders_in_an_archive(self):
        subprocess.run(["tar", "-cf", self.folder / "train.tar", "-C", self.train, "lemon", "tomato"], check=True)
        self.extract("train.tar")
        self.assertEqual(self.labels(), ["lemon", "tomato", "tomato", "tomato"])

    def test_stand_in_a_table_whose_paths_are_relative_to_it(self):
        table = self.train / "list.csv"
        table.write_text('\ufeffsplit,label,path\r\ntrain,lemon,lemon/lemon.png\r\n"a,b",wolf,tomato/tomato.png\ntest,,'
                         "tomato/dark_tomato.png")
        self.extract("--csv", table, code=0)
        self.assertEqual(self.labels(), ["lemon", "wolf", ""])
        self.assertEqual(self.array("labels").tolist(), [2, -1, -1])
        self.assertEqual(self.samples()[0]["path"], str(self.train / "lemon/lemon.png"))
        table.write_text("path,klass\n")
        self.assertIn("found no column label", self.extract("--csv", table, output="n.store", code=2).messages)
        table.write_text("path,label\na.png\n")
        self.assertIn("list.csv: line 2: found 1 fields, expected 2",
                      self.extract("--csv", table, output="n.store", code=2).messages)

    def test_are_none_where_nobody_tells_them(self):
        result = self.extract("train", "--unlabelled")
        self.assertEqual(set(self.labels()), {""})
        self.assertEqual(set(self.array("labels").tolist()), {-1})
        self.assertNotIn("no such label", result.messages)


class Place(ExtractTest):
    def test_of_a_store_is_refused_without_force(self):
        self.extract("train")
        before = self.content()
        self.assertIn("add --force to replace it", self.extract("train/lemon", code=2).messages)
        self.assertEqual(self.content(), before)
        self.extract("train/lemon", "--force", code=0)
        self.assertEqual(len(self.samples()), 1)
        self.assertEqual(sorted(file.name for file in self.folder.glob("t.store*")), ["t.store"])

    def test_of_anything_else_is_refused_even_with_force(self):
        notes = self.folder / "t.store/notes.txt"
        notes.parent.mkdir()
        notes.write_text("mine")
        self.assertIn("holds notes.txt", self.extract("train", "--force", code=1).messages)
        self.assertEqual(notes.read_text(), "mine")

    def test_among_the_pictures_is_refused(self):
        self.assertIn("would lie among the pictures in train",
                      self.extract("train", output="train/x.store", code=2).messages)


class Resume(ExtractTest):
    def interrupted(self, *flags):
        """A run that stopped at the broken picture: three rows and a failed one are kept."""
        self.assertIn("--strict", self.extract("train", "--strict", *flags, code=1).messages)
        self.assertFalse((self.folder / "t.store").exists())

    def test_goes_on_to_the_bytes_of_one_run(self):
        self.extract("train", output="whole.store")
        self.interrupted()
        self.assertIn("what an interrupted run left", self.extract("train", code=2).messages)
        result = self.extract("train", "--resume")
        self.assertIn("going on after 4 pictures of t.store.partial", result.messages)
        self.assertIn("class Lemmon, 1 picture", result.messages)
        self.assertEqual(self.content(), self.content("whole.store"))
        counts = [json.loads((self.folder / name / "run.json").read_text())["counts"] for name in ("t.store", "whole.store")]
        self.assertEqual(*counts)

    def test_of_a_whole_store_does_nothing(self):
        self.extract("train")
        self.assertIn("whole already, 6 pictures", self.extract("train", "--resume").messages)
        self.assertIn('row 1 is of "train/Lemmon/a.png"', self.extract("train/lemon", "--resume", code=2).messages)
        shutil.copy(PICTURES / "tomato.png", self.train / "zebra.png")
        self.assertIn("the inputs now go on with train/zebra.png", self.extract("train", "--resume", code=2).messages)

    def test_with_other_pictures_or_settings_is_refused(self):
        self.interrupted()
        before = self.content("t.store.partial")
        self.assertIn("restore the list of inputs", self.extract("train/tomato", "--resume", code=2).messages)
        self.assertIn("labels from was", self.extract("train", "--unlabelled", "--resume", code=2).messages)
        self.assertIn("networks", self.extract("train", "--resume", network="tuple", code=2).messages)
        self.assertIn("--exif-orientation was",
                      self.extract("train", "--exif-orientation", "apply", "--resume", code=2).messages)
        self.assertEqual(self.content("t.store.partial"), before)

    def test_with_other_classes_is_refused(self):
        self.interrupted()
        folders = [f"train/{name}" for name in ("Lemmon", "apple", "lemon", "tomato")]
        self.assertIn('has the class "apple", now the folders say "deep"',
                      self.extract(*folders, "--resume", code=2).messages)

    def test_of_nothing_begins(self):
        self.assertIn("nothing to resume", self.extract("train", "--resume").messages)

    def test_force_begins_anew(self):
        self.interrupted()
        self.extract("train/lemon", "--force", code=0)
        self.assertEqual(len(self.samples()), 1)


class Interrupted(ExtractTest):
    def test_keeps_what_was_written_and_says_how_to_go_on(self):
        many = self.folder / "many"
        many.mkdir()
        for i in range(3000):
            (many / f"{i}.png").symlink_to(PICTURES / "tomato.png")
        command = [BIN / "openset-extract", "--model", NETWORKS / "classifier.pt", "many", "-o", "m.store",
                   "--progress", "json"]
        process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        messages = process.stderr.read()
        process.wait()
        process.stderr.close()
        self.assertEqual(process.returncode, -signal.SIGINT, messages)
        self.assertIn("stand in m.store.partial; the same command with --resume goes on", messages)
        self.extract("many", "--resume", output="m.store", code=0)
        self.extract("many", output="w.store", code=0)
        self.assertEqual(self.content("m.store"), self.content("w.store"))


class Shards(ExtractTest):
    def parts(self, count, network="dict", **options):
        names = [f"part-{i}-of-{count}.store" for i in range(count)]
        for i, name in enumerate(names):
            self.openset("extract", "--model", NETWORKS / f"{network}.pt", "train", "-o", name, "--shard", f"{i}/{count}",
                         "--max-errors", "1", cwd=self.folder, **options)
        return names

    def merge(self, *arguments, **options):
        return self.openset("merge", *arguments, cwd=self.folder, **options)

    def test_become_the_bytes_of_one_run(self):
        self.extract("train", network="dict")
        for count in (1, 2, 3, 8): # some of eight are without a picture
            self.merge("-o", f"{count}.store", *reversed(self.parts(count)))
            self.assertEqual(self.content(f"{count}.store"), self.content())
        record = json.loads((self.folder / "3.store/run.json").read_text())
        self.assertNotIn("shard", record)
        self.assertEqual([part["file"] for part in record["parts"]], [f"part-{i}-of-3.store" for i in range(3)])

    def colours(self):
        """40 one-coloured pictures a class, none like another, beside those that are there."""
        rng = np.random.default_rng(7)
        for label, colour in (("tomato", (200, 30, 30)), ("orange", (230, 140, 20)), ("lemon", (240, 230, 60)), ("sea", (20, 60, 200))):
            (self.train / label).mkdir(exist_ok=True)
            for number in range(40):
                values = np.clip(rng.normal(colour, 15), 0, 255).astype(np.uint8)
                (self.train / label / f"{number}.ppm").write_bytes(b"P6 4 4 255\n" + bytes(values) * 16)

    def fits(self, name, *inputs):
        self.openset("fit", *inputs, "--method", "all", "-o", name, cwd=self.folder)
        return {str(file.relative_to(self.folder / name)): file.read_bytes() for file in sorted((self.folder / name).rglob("*")) if file.is_file()}

    def test_every_fit_on_the_merged_store_is_that_on_one_run_to_the_byte(self):
        self.colours()
        self.extract("train", network="dict")
        self.merge("-o", "merged.store", *self.parts(3))
        whole, merged = self.fits("whole", "t.store"), self.fits("merged", "merged.store")
        self.assertGreaterEqual(len(whole), 20)
        self.assertEqual(whole, merged)

    def test_sums_of_shards_that_never_lay_together_fit_what_all_rows_fit(self):
        self.colours()
        self.extract("train", network="dict")
        sums = []
        for part in self.parts(3):
            sums.append(part.replace(".store", ".sums.json"))
            self.openset("fit", part, "--sums", "-o", sums[-1], cwd=self.folder)
        self.assertIn("sums of training rows", self.openset("inspect", sums[0], cwd=self.folder).text)
        self.fits("whole", "t.store")
        record = json.loads(self.fits("from-sums", *sums)["fits.json"])
        methods = [one["method"] for one in record["fitted"]]
        self.assertEqual(methods, ["kl-matching", "mahalanobis", "relative-mahalanobis", "mahalanobis-l2", "relative-mahalanobis-l2", "residual", "she",
                                   "fdbd", "nci", "dice"])
        scores = {}
        for name in ("whole", "from-sums"):
            fitted = [argument for method in methods for argument in ("--fitted", f"{name}/{method}.json")]
            self.openset("score", "t.store", *fitted, "-o", f"{name}.csv", cwd=self.folder)
            with open(self.folder / f"{name}.csv", newline="") as file:
                scores[name] = np.array([[float(row[method]) for method in methods] for row in csv.DictReader(file)])
        np.testing.assert_allclose(scores["from-sums"], scores["whole"], rtol=1e-6, atol=1e-9)
        for wrong in ([sums[0], sums[0]], [sums[0], "t.store"], [sums[0], "whole/nci.json"]):
            self.openset("fit", *wrong, "--method", "nci", "-o", "x.json", cwd=self.folder, code=2)
        self.assertIn("needs the rows themselves", self.openset("fit", *sums, "--method", "knn", "-o", "x.json", cwd=self.folder, code=2).messages)
        self.assertFalse((self.folder / "x.json").exists())

    def test_of_different_runs_are_refused(self):
        first, second = self.parts(2)
        self.assertIn("missing: shard 1/2", self.merge("-o", "m.store", first, code=2).messages)
        self.assertIn("name it with -o DIR", self.merge(first, second, code=2).messages)
        shutil.rmtree(self.folder / second)
        self.openset("extract", "--model", NETWORKS / "tuple.pt", "train", "-o", second, "--shard", "1/2", cwd=self.folder,
                     code=3)
        self.assertIn("is of another run", self.merge("-o", "m.store", first, second, code=2).messages)
        self.assertFalse((self.folder / "m.store").exists())

    def test_that_were_changed_are_refused(self):
        first, second = self.parts(2)
        samples = self.folder / first / "samples.csv"
        samples.write_bytes(b"".join(samples.read_bytes().splitlines(True)[:-1]))
        self.assertIn("it was changed since it was made", self.merge("-o", "m.store", first, second, code=1).messages)
        self.assertEqual(list(self.folder.glob("m.store*")), [])

    def test_can_be_checked_without_writing(self):
        parts = self.parts(2)
        self.assertIn("5 rows, 1 failed; nothing was written", self.merge("--dry-run", *parts).text)


class DryRun(ExtractTest):
    def test_loads_the_network_and_counts_the_pictures(self):
        text = self.extract("train", "--dry-run", code=0).text
        self.assertIn("3 labels, 3 features", text)
        self.assertIn("6 inputs; nothing was run", text)
        self.assertFalse((self.folder / "t.store").exists())
        self.assertIn("no inputs were named", self.extract("--dry-run", code=0).text)


class WrongUse(ExtractTest):
    def test_says_what_was_expected(self):
        run = lambda *arguments: self.openset("extract", *arguments, "-o", "x.store", cwd=self.folder, code=2).messages
        model = ["--model", NETWORKS / "classifier.pt"]
        self.assertIn("expected --model FILE, or --config FILE", run("train"))
        self.assertIn("--model together with --config", run(*model, "-c", self.config, "train"))
        self.assertIn("found no pictures", run(*model))
        self.assertIn("--csv together with PATH", run(*model, "train", "--csv", "a.csv"))
        self.assertIn("--unlabelled together with --csv", run(*model, "--unlabelled", "--csv", "a.csv"))


class Documented(ExtractTest):
    """The lines of docs/stores.md are run as they stand there."""

    def blocks(self, language):
        text = (SOURCE / "docs" / "stores.md").read_text()
        return re.findall(rf"```{language}\n(.*?)```", text, re.S)

    def test_python_writes_a_store_that_openset_reads(self):
        script = "\n".join(self.blocks("python"))
        self.assertIn("np.save", script)
        (self.folder / "mine.store").mkdir()
        subprocess.run([sys.executable, "-c", script], cwd=self.folder, check=True, timeout=120)
        result = self.openset("score", "mine.store", "--method", "msp", "-o", "scores.csv", cwd=self.folder)
        self.assertEqual(len((self.folder / "scores.csv").read_text().splitlines()), 1 + len(self.array("logits", "mine.store")),
                         result.messages)

    def test_commands_do_what_is_said(self):
        shutil.rmtree(self.train / "tomato")
        shutil.copy(NETWORKS / "classifier.pt", self.folder / "cats8.pt")
        shutil.copytree(self.train, self.folder / "far")
        (self.folder / "train.csv").write_text("path,label\ntrain/lemon/lemon.png,lemon\n")
        for block in self.blocks("sh"):
            script = "set -e\n" + block.replace("openset ", f"{BIN}/openset ")
            result = subprocess.run(["sh", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, block + result.stderr)


if __name__ == "__main__":
    main()
