"""openset inspect on activation stores, whole, cut short or damaged, and on single arrays."""

import io
import json

import numpy as np
from openset_cli import main
from stores import StoreTest, clusters, meta, samples_csv


class InspectStores(StoreTest):
    def described(self, path):
        return json.loads(self.openset("inspect", path, "-f", "json").text)

    def full_store(self):
        """100 rows of 3 classes, of which 20 have none; 2 pictures failed; logits that are a head's."""
        rng = np.random.default_rng(3)
        features = rng.integers(0, 64, (100, 4)).astype(np.float32)
        weight, bias = rng.integers(-8, 8, (3, 4)).astype(np.float32), np.array([1, 2, 3], np.float32)
        labels = np.repeat([0, 1, 2, -1], [50, 20, 10, 20])
        names = [b"crow", b"kestrel", b"wren", b"heron"]
        samples = [(f"{row}.jpg".encode(), names[label], b"") for row, label in enumerate(labels)]
        samples[10:10] = [(b"torn.jpg", b"crow", b"truncated: the data end early"), (b"\x1b[2J.jpg", b"", b"empty: 0 bytes")]
        return self.store("birds", features @ weight.T + bias, labels, features=features, head_weight=weight, head_bias=bias,
                          latents=np.zeros((100, 2, 2), np.float32), samples=samples, meta=meta(["crow", "kestrel", "wren"], 100, failed=2))

    def test_a_store_is_told_as_people_read(self):
        store = self.full_store()
        correct = np.load(store / "logits.npy").argmax(1) == np.load(store / "labels.npy")
        result = self.openset("inspect", store)
        for words in ("kind          activation store\n", "network       cats8, sha256 aaaaaaaaaaaa", "preprocess    {", "precision     fp32",
                      "rows          100, and 2 failed pictures without one",
                      f"with a class  80, correctly classified {correct.sum()} (", "without one   20",
                      "head          fc: W f + b is the logits to the last bit", "arrays        6\n", "  logits.npy       float32     [100, 3]",
                      "  latents.npy      float32  [100, 2, 2]", "labels        3\n", "  label    rows  ", "  kestrel    20  ",
                      "other classes 1 that the network does not know", "  heron  20", "failed        2", "  torn.jpg: truncated: the data end early"):
            self.assertIn(words, result.text)
        self.assertNotIn("\x1b", result.text)
        self.assertEqual(result.messages, "")

    def test_json_says_the_same_for_programs(self):
        store = self.full_store()
        described = self.described(store)
        self.assertEqual((described["kind"], described["rows"], described["rows_with_class"], described["rows_without_class"]), ("activation store", 100, 80, 20))
        self.assertEqual(described["meta"]["model"], {"name": "cats8", "sha256": "a" * 64})
        self.assertEqual(described["head"], {"max_abs_error": 0.0, "row": 0, "rows_checked": 100})
        self.assertEqual(described["arrays"]["latents.npy"]["shape"], [100, 2, 2])
        self.assertEqual(described["arrays"]["labels.npy"]["type"], "int64")
        self.assertEqual([(one["label"], one["rows"]) for one in described["classes"]], [("crow", 50), ("kestrel", 20), ("wren", 10)])
        self.assertEqual(sum(one["correct"] for one in described["classes"]), described["correct"])
        self.assertEqual(described["other_classes"], {"heron": 20})
        self.assertEqual(described["failed"][0], {"path": "torn.jpg", "error": "truncated: the data end early"})
        self.assertIsNone(described["record"])

    def test_the_identity_is_what_a_fit_of_it_tells(self):
        store = self.train()
        self.assertEqual(self.described(store)["identity"], self.fitted(store)["fitted_on"])

    def test_a_store_that_numpy_wrote_is_as_good(self):
        text = self.openset("inspect", self.train()).text
        for words in ("activation store, without a meta.json", "network       not told", "rows          120\n", "  0        40  "):
            self.assertIn(words, text)
        self.assertNotIn("head", text)
        unlabelled = self.openset("inspect", self.store("unlabelled", clusters(1, [5, 5])[0])).text
        self.assertIn("with a class  0\n", unlabelled)
        self.assertIn("without one   10", unlabelled)

    def test_a_head_of_another_network_is_seen(self):
        store = self.full_store()
        np.save(store / "head_bias.npy", np.array([1, 2, 3.5], np.float32))
        self.assertIn("head          fc: W f + b is at most 0.5 off the logits (row 0)", self.openset("inspect", store).text)
        self.assertEqual(self.described(store)["head"]["max_abs_error"], 0.5)

    def test_nan_is_told_and_the_rest_too(self):
        logits, labels = clusters(1, [5, 5])
        logits[7, 1] = np.nan
        store = self.store("nan", logits, labels)
        self.assertIn("logits.npy: row 7 holds NaN or infinity", self.openset("inspect", store).text)
        self.assertIn("row 7", self.described(store)["not_finite"])

    def test_many_labels_are_cut_short_unless_all_are_wanted(self):
        store = self.train(counts=[2] * 30)
        text = self.openset("inspect", store).text
        self.assertIn("--all-labels", text)
        self.assertNotIn("  29  ", text)
        self.assertIn("  29  ", self.openset("inspect", store, "--all-labels").text)

    def test_folders_that_are_no_store_are_refused(self):
        (self.folder / "empty").mkdir()
        self.assertIn("holds no logits.npy, expected an activation store", self.openset("inspect", self.folder / "empty", code=1).messages)
        store = self.train()
        np.save(store / "labels.npy", np.zeros(7, np.int64))
        self.assertIn("labels.npy: has the shape [7], expected [120]", self.openset("inspect", store, code=1).messages)


class InspectPartialStores(StoreTest):
    def partial(self, rows, torn=0):
        """What a killed run leaves: headers that tell no rows yet, the rows behind them, a torn one."""
        folder = self.folder / "birds.partial"
        folder.mkdir()
        for name, dtype, tail in (("logits", "<f4", (3,)), ("labels", "<i8", ())):
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": (0, *tail)})
            (folder / f"{name}.npy").write_bytes(header.getvalue() + np.zeros((rows, *tail), dtype).tobytes() + b"\0" * torn)
        samples = [(b"torn.jpg", b"crow", b"truncated"), *[(f"{row}.jpg".encode(), b"wren", b"") for row in range(rows + 1)]]
        (folder / "samples.csv").write_bytes(samples_csv(samples))
        return folder

    def test_it_is_told_how_far_the_run_came(self):
        folder = self.partial(9, torn=5)
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        for name in (folder, str(folder) + "/"):
            text = self.openset("inspect", name).text
            for words in ("activation store that a run fills, or was filling; --resume goes on with it",
                          "rows          9 whole, and 1 failed picture", "  wren  9", "  torn.jpg: truncated"):
                self.assertIn(words, text)
        described = json.loads(self.openset("inspect", folder, "-f", "json").text)
        self.assertEqual((described["kind"], described["rows"], described["labels"]), ("partial activation store", 9, {"wren": 9}))
        self.assertEqual({file.name: file.read_bytes() for file in folder.iterdir()}, before)

    def test_before_the_first_row_there_is_none(self):
        (self.folder / "birds.partial").mkdir()
        self.assertIn("rows          0 whole", self.openset("inspect", self.folder / "birds.partial").text)


class InspectArrays(StoreTest):
    def test_type_shape_and_range(self):
        for values, kind, shape, span in ((np.array([[1.5, -2]], np.float32), "float32", "[1, 2]", "-2 to 1.5"),
                                          (np.arange(5, dtype=np.int64), "int64", "[5]", "0 to 4"),
                                          (np.array([np.pi, np.nan, np.inf]), "float64", "[3]", "3.142 to 3.142")):
            path = self.folder / "told by content"
            with open(path, "wb") as file:
                np.save(file, values)
            text = self.openset("inspect", path).text
            for words in ("kind          array (.npy)", f"type          {kind}\n", f"shape         {shape}\n", f"values        {span}\n"):
                self.assertIn(words, text)
            self.assertEqual("2 values are NaN or infinite" in text, kind == "float64")
            described = json.loads(self.openset("inspect", path, "-f", "json").text)
            self.assertEqual((described["kind"], described["type"], described["shape"]), ("array", kind, list(values.shape)))

    def test_arrays_that_no_store_holds_are_refused_as_everywhere(self):
        np.save(self.folder / "half.npy", np.zeros(3, np.float16))
        self.assertIn("half.npy", self.openset("inspect", self.folder / "half.npy", code=1).messages)
        np.save(self.folder / "short.npy", np.zeros(30, np.float32))
        (self.folder / "short.npy").write_bytes((self.folder / "short.npy").read_bytes()[:-1])
        self.assertIn("short.npy", self.openset("inspect", self.folder / "short.npy", code=1).messages)


if __name__ == "__main__":
    main()
