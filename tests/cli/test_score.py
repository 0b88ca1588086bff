"""openset score: columns, names, probabilities, infinities, what is refused, and the record beside the scores."""

import hashlib
import json
import os
import pathlib
import unittest

import numpy as np
from openset_cli import main
from stores import StoreTest, clusters, meta

SHARED = pathlib.Path(os.environ.get("OPENSET_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
GOLDEN = SHARED / "golden" / "store"


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, np.float64)))


class Columns(StoreTest):
    def setUp(self):
        super().setUp()
        self.fit_file, _ = self.fit(self.train())
        self.logits, self.labels = clusters(2, [15, 15, 15], spread=3)
        self.test = self.store("test", self.logits, self.labels)

    def test_openmax_stands_beside_the_plain_baselines(self):
        header, records = self.score(self.test, "--fitted", self.fit_file)
        self.assertEqual(header, ["path", "label", "predicted", "confidence", "openmax", "msp", "max-logit"])
        self.assertEqual([record[0] for record in records], [str(row) for row in range(45)])
        self.assertEqual([record[1] for record in records], [str(label) for label in self.labels])
        self.assertEqual([record[2] for record in records], [str(label) for label in self.logits.argmax(1)])
        columns = self.columns(self.test)
        np.testing.assert_allclose(columns["confidence"], softmax(self.logits).max(1), rtol=1e-12)
        np.testing.assert_allclose(columns["msp"], -softmax(self.logits).max(1), rtol=1e-12)
        np.testing.assert_array_equal(columns["max-logit"], -self.logits.max(1).astype(np.float64))

    def test_methods_can_be_chosen(self):
        self.assertEqual(self.score(self.test, "--method", "max-logit")[0][4:], ["max-logit"])
        self.assertEqual(self.score(self.test, "--fitted", self.fit_file, "--method", "msp", "--method", "sigmoid-max")[0][4:],
                         ["openmax", "msp", "sigmoid-max"])
        for flags, words in ((["--method", "mps"], 'did you mean "msp"?'),
                             (["--method", "openmax"], "has to be fitted; openset fit STORE --method openmax"),
                             (["--fitted", self.folder / "fti.json"], "fit.json"),
                             (["--method", "msp", "--method", "msp"], "two columns are called msp")):
            self.assertIn(words, self.openset("score", self.test, *flags, code=1 if "fit.json" in words else 2).messages)

    def test_a_sigmoid_network_gets_its_own_baseline(self):
        store = self.store("sigmoid", self.logits, self.labels, meta=meta(["0", "1", "2"], 45, activation="sigmoid"))
        columns = self.columns(store)
        self.assertEqual(list(columns), ["confidence", "msp", "max-logit", "sigmoid-max"])
        np.testing.assert_allclose(columns["confidence"], sigmoid(self.logits.max(1)), rtol=1e-12)
        np.testing.assert_allclose(columns["sigmoid-max"], -sigmoid(self.logits.max(1)), rtol=1e-12)
        self.assertIn("softmax network", self.openset("score", self.test, "--method", "sigmoid-max").messages)

    def test_columns_of_fitted_files_can_be_named(self):
        other, _ = self.fit(self.folder / "train", "--preset", "osdn", name="a=b.json")
        header, _ = self.score(self.test, "--fitted", self.fit_file, "--fitted", f"osdn={other}", "--method", "msp")
        self.assertEqual(header[4:], ["openmax", "osdn", "msp"])
        self.assertEqual(self.score(self.test, "--fitted", other)[0][4], "openmax")  # a file that has `=` in its name
        notebook, _ = self.fit(self.folder / "train", "--preset", "notebook-001", name="notebook.json")
        self.assertEqual(self.score(self.test, "--fitted", self.fit_file, "--fitted", notebook)[0][4:6], ["openmax", "openmax-notebook"])
        self.assertIn("two columns are called openmax, expected a name for each; give one with --fitted NAME=FILE",
                      self.openset("score", self.test, "--fitted", self.fit_file, "--fitted", other, code=2).messages)
        for name in ("", "label", "confidence", "p:x", "w:0"):
            self.assertIn("expected one that is neither empty", self.openset("score", self.test, "--fitted", f"{name}={self.fit_file}", code=2).messages)

    def test_probabilities_sum_to_1_and_unknown_is_last(self):
        header, records = self.score(self.test, "--fitted", self.fit_file, "--probabilities", "--w-scores")
        self.assertEqual(header[4:], ["openmax", "msp", "max-logit", "p:0", "p:1", "p:2", "p:unknown", "w:0", "w:1", "w:2"])
        numbers = np.array([[float(cell) for cell in record[4:]] for record in records])
        np.testing.assert_allclose(numbers[:, 3:7].sum(1), 1, atol=1e-12)
        np.testing.assert_allclose(sigmoid(numbers[:, 0]), numbers[:, 6], atol=1e-12)
        self.assertTrue(((numbers[:, 7:] >= 0) & (numbers[:, 7:] <= 1)).all())
        self.assertGreater(numbers[:, 7:].std(), 0.1)
        only = self.score(self.test, "--fitted", self.fit_file, "--w-scores")[0]
        self.assertEqual(only[4:], ["openmax", "msp", "max-logit", "w:0", "w:1", "w:2"])

    def test_probabilities_are_those_of_one_openmax(self):
        other, _ = self.fit(self.folder / "train", "--preset", "osdn", name="osdn.json")
        self.assertIn("--probabilities: found several OpenMax detectors, expected one",
                      self.openset("score", self.test, "--fitted", self.fit_file, "--fitted", f"b={other}", "--probabilities", code=2).messages)
        self.assertIn("--w-scores: found no OpenMax detector", self.openset("score", self.test, "--w-scores", code=2).messages)

    def test_infinite_scores_are_inf(self):
        logits, labels = clusters(1, [40, 40, 40])
        train = self.store("unfittable", np.eye(3, dtype=np.float32)[labels], labels)  # all rows of a class are identical
        for policy, text, p_unknown in (("one", "inf", 1), ("zero", "-inf", 0)):
            fitted, _ = self.fit(train, "--without-fit", policy, "--alpha-weights", "uniform")
            header, records = self.score(self.store("any " + policy, logits, labels), "--fitted", fitted, "--probabilities")
            self.assertEqual({record[4] for record in records}, {text})
            probabilities = np.array([float(record[header.index("p:unknown")]) for record in records])
            np.testing.assert_allclose(probabilities, p_unknown, atol=1e-12)
            self.assertLessEqual(probabilities.max(), 1)

    def test_no_figure_is_nan_however_large_the_logits(self):
        for scale in (0, 1e-30, 1e30):
            store = self.store(f"scaled {scale}", self.logits * np.float32(scale), self.labels)
            for preset in ("recommended", "osdn", "notebook-001"):
                fitted, _ = self.fit(self.folder / "train", "--preset", preset, name=preset + ".json")
                result = self.openset("score", store, "--fitted", fitted, "--probabilities", "--w-scores")
                self.assertNotIn("nan", result.text.lower().replace("nan=", ""), f"{preset} {scale}")

    def test_of_equal_logits_the_first_is_predicted(self):
        store = self.store("ties", np.array([[1, 2, 2], [3, 3, 3]], np.float32))
        self.assertEqual([record[1:3] for record in self.score(store)[1]], [["", "1"], ["", "0"]])


class Rows(StoreTest):
    def test_a_row_scores_the_same_whatever_stands_beside_it(self):
        logits, labels = clusters(6, [1700, 1700, 1700], spread=3)  # more than a block of rows
        fitted, _ = self.fit(self.train())
        flags = ["--fitted", fitted, "--probabilities", "--w-scores"]
        whole = [record[1:] for record in self.score(self.store("whole", logits, labels), *flags)[1]]
        order = np.random.default_rng(1).permutation(len(labels))
        permuted = [record[1:] for record in self.score(self.store("permuted", logits[order], labels[order]), *flags)[1]]
        self.assertEqual([permuted[place] for place in np.argsort(order)], whole)
        parts = [record[1:] for number, part in enumerate((slice(0, 1), slice(1, 700), slice(700, None)))
                 for record in self.score(self.store(f"part {number}", logits[part], labels[part]), *flags)[1]]
        self.assertEqual(parts, whole)

    def test_paths_and_labels_come_from_the_table_byte_for_byte(self):
        paths = [b"a,b/c.jpg", b'say "hi".png', b"two\nlines.png", b"caf\xe9/\xff.jpg", "été.jpg".encode(), b" blank "]
        samples = [(path, label, b"") for path, label in zip(paths, [b"1", b"0", b"kestrel", b"1", b"", b"0"])]
        samples.insert(2, (b"torn.jpg", b"0", b"truncated: the data end early"))
        logits, _ = clusters(2, [6])
        logits = np.hstack([logits, -logits])
        store = self.store("table", logits, np.array([1, 0, -1, 1, -1, 0]), samples=samples,
                           meta=meta(["0", "1"], 6, failed=1))
        messages = self.openset("score", store, "-o", self.folder / "scores.csv").messages
        self.assertIn("6 rows scored", messages)
        self.assertIn("; 1 failed picture has no scores", messages)
        _, records = self.score(store)
        self.assertEqual([record[0].encode("utf-8", "surrogateescape") for record in records], paths)
        self.assertEqual([record[1] for record in records], ["1", "0", "kestrel", "1", "", "0"])

    def test_a_table_that_does_not_fit_is_refused(self):
        logits, labels = clusters(2, [3, 3])
        store = self.store("table", logits, labels, samples=[(b"a", b"0", b"")])
        self.assertIn("samples.csv", self.openset("score", store, "-o", self.folder / "s.csv", code=1).messages)
        self.assertFalse((self.folder / "s.csv").exists())

    def test_nan_is_named_before_anything_is_written(self):
        logits, labels = clusters(2, [30, 30])
        logits[33, 0] = np.nan
        store = self.store("nan", logits, labels)
        self.assertIn("logits.npy: row 33 holds NaN or infinity", self.openset("score", store, "-o", self.folder / "s.csv", code=1).messages)
        self.assertFalse((self.folder / "s.csv").exists())


class Mismatches(StoreTest):
    LABELS = ["crow", "kestrel", "wren"]

    def refused(self, now, words, then=None):
        """The test store's meta.json has `now`; refused with these words, scored with a warning under --allow-mismatch."""
        counts = [40, 40, 40]
        logits, labels = clusters(1, counts)
        number = len(list(self.folder.iterdir()))
        train = self.store(f"train {number}", logits, labels, meta=then or meta(self.LABELS, 120))
        test = self.store(f"test {number}", logits, labels, meta=now)
        fitted, _ = self.fit(train, name=f"fit {number}.json")
        result = self.openset("score", test, "--fitted", fitted, code=2 if words else 0)
        self.assertEqual(result.text == "", bool(words))
        if not words:
            return
        self.assertIn(words, result.messages)
        self.assertIn("; fit on the same, or run with --allow-mismatch", result.messages)
        allowed = self.openset("score", test, "--fitted", fitted, "--allow-mismatch")
        self.assertIn("warning", allowed.messages)
        self.assertIn(words, allowed.messages)
        self.assertEqual(len(allowed.text.splitlines()), 121)

    def test_the_same_network_labels_and_preprocessing_are_fine(self):
        self.refused(meta(self.LABELS, 120), "")

    def test_another_network_is_refused(self):
        self.refused(meta(self.LABELS, 120, model={"name": "cats9", "sha256": "b" * 64}),
                     "was fitted on activations of another network (cats8, sha256 aaaaaaaaaaaa, here cats9, sha256 bbbbbbbbbbbb)")

    def test_other_labels_are_refused(self):
        self.refused(meta(["crow", "wren", "kestrel"], 120), 'was fitted with other labels (label 1 was "kestrel", here "wren")')
        unhashed = {"model": {"name": "", "sha256": ""}}
        self.refused(meta(["crow", "wren", "kestrel"], 120, **unhashed), "was fitted with other labels", meta(self.LABELS, 120, **unhashed))

    def test_another_preprocessing_is_refused(self):
        self.refused(meta(self.LABELS, 120, preprocess={"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 2]}),
                     "was fitted on activations of another preprocessing")

    def test_another_precision_and_another_decoding_are_refused(self):
        self.refused(meta(self.LABELS, 120, precision="int8"), "was fitted on activations in fp32 (here int8)")
        self.refused(meta(self.LABELS, 120, fast_decode=True), "was fitted on pictures decoded without --fast-decode (here with)")

    def test_every_method_that_is_fitted_remembers_how_its_pictures_were_decoded(self):
        train = self.train(name="fast", meta=meta(self.LABELS, 120, fast_decode=True))
        for method in ("openmax", "kl-matching"):
            self.assertIs(self.fitted(train, "--method", method, name=f"{method}.json")["fast_decode"], True)

    def test_another_engine_in_the_same_precision_is_fine(self):
        self.refused(meta(self.LABELS, 120, engine="onednn"), "")

    def test_another_activation_is_refused(self):
        self.refused(meta(self.LABELS, 120, activation="sigmoid"), "was fitted for a softmax network (here sigmoid)")

    def test_what_a_store_does_not_tell_is_not_held_against_it(self):
        self.refused(None, "")
        self.refused(meta(self.LABELS, 120), "", meta(["0", "1", "2"], 120, model={"name": "", "sha256": ""}))

    def test_activations_that_the_detector_cannot_read_are_always_refused(self):
        features = np.random.default_rng(2).normal(size=(120, 5)).astype(np.float32)
        logits, labels = clusters(1, [40, 40, 40])
        fitted, _ = self.fit(self.store("wide", logits, labels, features=features), "--space", "features")
        without = self.store("without", logits, labels)
        self.assertIn("openmax needs features of 5 columns, found none", self.openset("score", without, "--fitted", fitted, "--allow-mismatch", code=2).messages)
        four = self.store("four", *clusters(1, [9, 9, 9, 9]), features=np.zeros((36, 5), np.float32))
        self.assertIn("openmax needs logits of 3 columns, found 4", self.openset("score", four, "--fitted", fitted, "--allow-mismatch", code=2).messages)


class Outputs(StoreTest):
    def test_the_record_beside_the_scores_says_what_made_them(self):
        train = self.train(meta=meta(["a", "b", "c"], 120))
        fitted, _ = self.fit(train)
        scores = self.folder / "scores.csv"
        result = self.openset("score", train, "--fitted", f"own={fitted}", "-o", scores)
        self.assertIn("120 rows scored: own, msp, max-logit", result.messages)
        self.assertEqual(result.text, "")
        record = json.loads((self.folder / "scores.csv.run.json").read_text())
        self.assertEqual((record["format"], record["store"], record["rows"], record["failed"]), ("openset-score-run/1", str(train), 120, 0))
        self.assertEqual((record["model_name"], record["labels"]), ("cats8", ["a", "b", "c"]))
        own = record["columns"]["own"]
        self.assertEqual((own["method"], own["fitted_file"]), ("openmax", str(fitted)))
        self.assertEqual(own["fitted_sha256"], hashlib.sha256(fitted.read_bytes()).hexdigest())
        self.assertEqual(own["fitted_on"], record["store_identity"])  # these are the rows that it was fitted on
        self.assertEqual(record["columns"]["msp"]["fitted_sha256"], "")
        self.assertEqual(scores.read_bytes(), self.openset("score", train, "--fitted", f"own={fitted}").stdout)

    def test_every_line_ends_as_rfc_4180_has_it(self):
        data = self.openset("score", self.train()).stdout
        self.assertEqual(data.count(b"\r\n"), 121)
        self.assertEqual(data.count(b"\n"), 121)

    def test_a_foreign_file_is_not_replaced(self):
        store = self.train()
        notes = self.folder / "notes.csv"
        notes.write_bytes(b"day,mood\r\n")
        self.assertIn("exists and holds no scores", self.openset("score", store, "-o", notes, code=2).messages)
        self.assertEqual(notes.read_bytes(), b"day,mood\r\n")
        scores = self.folder / "scores.csv"
        self.openset("score", store, "-o", scores)
        self.openset("score", store, "-o", scores, "--method", "msp")
        self.assertTrue(scores.read_bytes().startswith(b"path,label,predicted,confidence,msp\r\n"))
        self.assertIn("is a folder", self.openset("score", store, "-o", self.folder, code=1).messages)
        self.assertIn("no such folder", self.openset("score", store, "-o", self.folder / "no" / "s.csv", code=1).messages)

    def test_a_full_disk_is_told(self):
        store = self.store("many", *clusters(1, [3000, 3000]))
        self.assertIn("No space left on device", self.openset("score", store, "-o", "/dev/full", code=1).messages)
        with open("/dev/full", "wb") as full:
            self.assertIn("No space left on device", self.openset("score", store, stdout=full, code=1).messages)

    def test_a_store_that_is_not_there(self):
        self.assertIn("no such folder, expected an activation store", self.openset("score", self.folder / "nowhere", code=1).messages)
        (self.folder / "test.partial").mkdir()
        self.assertIn("is what an interrupted run left, extract --resume goes on with it", self.openset("score", self.folder / "test", code=1).messages)

    def test_a_damaged_fitted_file_says_where(self):
        store = self.train()
        fitted, _ = self.fit(store)
        document = json.loads(fitted.read_text())
        for change, words in ((lambda d: d["params"].pop("alpha"), 'fit.json: /params: no "alpha"'),
                              (lambda d: d["state"]["classes"].pop(), "/state/classes"),
                              (lambda d: d.update(metod="x"), 'fit.json: /metod: unknown key; did you mean "method"?'),
                              (lambda d: d["state"]["classes"][0].update(shape=-1), "/state/classes/0/shape"),
                              (lambda d: d["state"]["arrays"]["means"]["values"].pop(), "/state/arrays/means/values")):
            changed = json.loads(json.dumps(document))
            change(changed)
            fitted.write_text(json.dumps(changed))
            message = self.openset("score", store, "--fitted", fitted, code=1).messages
            self.assertIn(words, message)
            self.assertIn("fit", message)
        fitted.write_text(json.dumps(document)[:200])
        self.assertIn("line 1, column", self.openset("score", store, "--fitted", fitted, code=1).messages)


class Golden(StoreTest):
    @unittest.skipUnless(GOLDEN.is_dir(), f"no {GOLDEN}: set OPENSET_SHARED")
    def test_fit_and_score_are_the_recommended_openmax_of_the_golden_store(self):
        golden = json.loads((GOLDEN / "detectors.json").read_text())["detectors"]
        fitted, _ = self.fit(GOLDEN / "train")
        for part, expected in (("test_known", "known_first50"), ("test_unknown", "unknown_first50")):
            columns = self.columns(GOLDEN / part, "--fitted", fitted, "--probabilities", "--method", "msp", "--method", "max-logit", "--method", "sigmoid-max")
            for column, name in (("openmax", "openmax-recommended"), ("msp", "msp"), ("max-logit", "max-logit"), ("sigmoid-max", "sigmoid-max")):
                largest = max(abs(score) for key in ("known_first50", "unknown_first50") for score in golden[name][key])
                np.testing.assert_allclose(columns[column][:50], golden[name][expected], rtol=0, atol=golden[name]["tolerance"] * largest, err_msg=name)
                self.assertEqual(len(columns[column]), 400)
            np.testing.assert_allclose(columns["p:unknown"][:50], golden["openmax-recommended"]["p_unknown_of_" + expected], rtol=0, atol=1e-9)


if __name__ == "__main__":
    main()
