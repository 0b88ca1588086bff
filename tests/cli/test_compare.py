"""openset compare: the numbers are eval's, stores and score files say the same, groups, fusion, and what is refused."""

import csv
import io
import json

import numpy as np
from openset_cli import main
from stores import StoreTest, clusters


class Compare(StoreTest):
    def setUp(self):
        super().setUp()
        self.training = self.train(counts=(60, 60, 60))
        self.known = self.store("known", *clusters(2, [20, 20, 20], spread=3))
        self.calibration = self.store("calibration", *clusters(3, [20, 20, 20], spread=3))
        rng = np.random.default_rng(4)
        self.near = self.store("near", rng.normal(2, 2, (30, 3)).astype(np.float32))
        self.far = self.store("far", rng.normal(0, 0.3, (25, 3)).astype(np.float32))

    def stores(self):
        return ["--train", self.training, "--known", self.known, "--unknown", f"near={self.near}", "--unknown", f"far={self.far}"]

    def compare(self, *flags, **options):
        return self.openset("compare", *flags, **options)

    def document(self, *flags):
        return json.loads(self.compare(*flags, "-f", "json").text)

    def test_the_numbers_are_those_of_eval_on_the_same_scores(self):
        fits = self.folder / "fits"
        self.openset("fit", self.training, "--method", "all", "-o", fits)
        files = {}
        for name in ("known", "near", "far"):
            files[name] = self.folder / f"{name}.csv"
            self.openset("score", getattr(self, name), "--fitted", fits, "--method", "all", "-o", files[name])
        unknown = ["--unknown", files["near"], "--unknown", files["far"]]
        judged = json.loads(self.openset("eval", "--known", files["known"], *unknown, "-f", "json", "--bootstrap", "20").text)
        document = self.document(*self.stores(), "--bootstrap", "20")
        methods = {each["method"]: each for each in document["methods"]}
        self.assertIn("openmax", methods)
        self.assertIn("msp", methods)
        compared = 0
        for result in judged["results"]:
            of_set = methods[result["column"]]["unknown"][result["unknown"]]
            for metric in ("accuracy", "auroc", "aupr_in", "aupr_out", "fpr_at_95_tpr_known", "fpr_at_95_tpr_unknown", "oscr"):
                self.assertEqual(of_set[metric]["value"], result[metric], (result["column"], metric))
                self.assertEqual(of_set[metric]["interval"], result["ci95"][metric], (result["column"], metric))
                compared += 1
        self.assertEqual(compared, 7 * 2 * len(methods))
        from_files = self.document("--known", files["known"], *unknown, "--bootstrap", "20")
        by_name = {each["method"]: each["unknown"] for each in from_files["methods"]}
        self.assertEqual(by_name, {name: each["unknown"] for name, each in methods.items()})

    def test_a_damaged_training_store_and_a_fitted_file_that_overflows_are_refused(self):
        self.openset("fit", self.training, "--preset", "recommended", "--distance", "cosine", "-o", self.folder / "o.json")
        fitted = json.loads((self.folder / "o.json").read_text())
        means = fitted["state"]["arrays"]["means"]
        means["values"] = [1.7e308] * len(means["values"])
        (self.folder / "o.json").write_text(json.dumps(fitted))
        message = self.compare("--known", self.known, "--unknown", f"near={self.near}", "--fitted", self.folder / "o.json", code=1).messages
        self.assertIn("beyond 1e60", message)
        logits = np.load(self.training / "logits.npy")
        logits[5, 1] = np.nan
        np.save(self.training / "logits.npy", logits)
        self.assertIn("row 5 has a NaN", self.compare(*self.stores(), code=1).messages)
        self.assertIn("row 5 has a NaN", self.openset("fit", self.training, "--method", "all", "-o", self.folder / "x", code=1).messages)
        self.assertFalse((self.folder / "x").exists())
        self.assertIn("found twice", self.compare(*self.stores(), "--near", "near", "--near", "near", code=2).messages)

    def test_means_are_of_the_sets_they_name_and_the_best_is_the_best_mean(self):
        third = self.store("third", np.random.default_rng(5).normal(1, 1, (20, 3)).astype(np.float32))
        document = self.document(*self.stores(), "--unknown", f"third={third}", "--far", "far", "--far", "third", "--near", "near")
        self.assertEqual(document["groups"], {"far": ["far", "third"], "all": ["near", "far", "third"]})
        for method in document["methods"]:
            aurocs = {name: figures["auroc"]["value"] for name, figures in method["unknown"].items()}
            self.assertAlmostEqual(method["means"]["far"]["auroc"], (aurocs["far"] + aurocs["third"]) / 2, 14)
            self.assertAlmostEqual(method["means"]["all"]["auroc"], sum(aurocs.values()) / 3, 14)
        best = max(document["methods"], key=lambda each: each["means"]["all"]["auroc"])
        self.assertEqual(document["best"], best["method"])
        self.assertIsNone(best["auroc_behind_best"])
        for method in document["methods"]:
            if method is not best:
                low, high = method["auroc_behind_best"]
                self.assertLessEqual(low, best["means"]["all"]["auroc"] - method["means"]["all"]["auroc"] + 1e-9 + (high - low))
                self.assertLessEqual(low, high)

    def test_methods_that_rank_alike_are_not_told_apart(self):
        document = self.document("--known", self.known, "--unknown", self.near, "--method", "entropy", "--method", "gen", "--method", "msp")
        self.assertEqual([each["method"] for each in document["methods"]], ["entropy", "gen", "msp"])
        again = self.document("--known", self.known, "--unknown", self.near, "--method", "entropy", "--method", "gen", "--method", "msp", "--threads", "1")
        self.assertEqual(document, again)

    def test_the_order_of_rows_does_not_change_a_byte(self):
        texts = set()
        for step in (1, -1):
            stores = [self.store(f"{name}{step}", np.load(folder / "logits.npy")[::step].copy()) for name, folder in (("k", self.known), ("u", self.near))]
            text = self.compare("--known", stores[0], "--unknown", f"u={stores[1]}", "-f", "json").text
            texts.add(text.replace(str(stores[0]), "K").replace(str(stores[1]), "U"))
        self.assertEqual(len(texts), 1)

    def test_tables_markdown_and_csv_tell_the_same(self):
        document = self.document(*self.stores())
        markdown = self.compare(*self.stores(), "-f", "markdown", "--metric", "auroc").text
        table = self.compare(*self.stores(), "--metric", "auroc").text
        lines = list(csv.DictReader(io.StringIO(self.compare(*self.stores(), "-f", "csv").text)))
        for method in document["methods"]:
            for name, figures in method["unknown"].items():
                percent = f"{100 * figures['auroc']['value']:.2f}"
                row = next(line for line in markdown.splitlines() if line.startswith((f"| {method['method']} |", f"| {method['method']} = |")))
                self.assertIn(percent, row)
                row = next(line for line in table.splitlines() if line.split()[:1] == [method["method"]])
                self.assertIn(percent, row)
                self.assertEqual([float(line["value"]) for line in lines
                                  if (line["method"], line["unknown"], line["metric"]) == (method["method"], name, "auroc")],
                                 [figures["auroc"]["value"]])
        self.assertEqual([line for line in table.splitlines() if line != line.rstrip()], [])

    def test_a_fusion_knows_calibration_rows_alone(self):
        flags = ["--combine", "fisher", "--calibration", self.calibration]
        document = self.document(*self.stores(), *flags)
        fused = [each for each in document["methods"] if each["fusion"]]
        self.assertEqual(len(fused), 1)
        self.assertIn("msp", document["fusion_members"])
        self.assertNotIn("entropy", document["fusion_members"])  # ranks as msp does
        without_near = self.document(*self.stores()[:4], "--unknown", f"far={self.far}", *flags)
        alone = next(each for each in without_near["methods"] if each["fusion"])
        self.assertEqual(alone["unknown"]["far"]["auroc"]["value"], fused[0]["unknown"]["far"]["auroc"]["value"])

    def test_a_method_that_cannot_be_fitted_is_told_and_the_others_go_on(self):
        result = self.compare(*self.stores())
        self.assertIn("Left out: knn, ", result.text)
        self.assertIn("features", result.text)

    def test_wrong_use_is_refused(self):
        for flags, words in (([*self.stores(), "--near", "nera"], 'did you mean "near"?'),
                             ([*self.stores(), "--unknown", f"far={self.near}"], "two sets are called far"),
                             ([*self.stores(), "--combine", "fisher"], "expected --calibration"),
                             ([*self.stores(), "--method", "knn"], "needs features"),
                             (["--known", self.known, "--unknown", self.near, "--method", "openmax"], "expected --train"),
                             ([*self.stores(), "--metric", "aurco"], "aurco")):
            self.assertIn(words, self.compare(*flags, code=2).messages)


if __name__ == "__main__":
    main()
