"""openset fit: stores that NumPy wrote, every preset and flag, classes that cannot be fitted, what is refused."""

import hashlib
import json

import numpy as np
from openset_cli import main
from stores import StoreTest, clusters, meta

# design: the known systems' choices; what a preset does not name it has from the first.
PRESETS = {
    "recommended": {"distance": "euclidean", "space": "logits", "fit_rows": "correct", "tail_rows": "largest", "tail_size": 20,
                    "tail_family": "weibull-min", "translate": "auto", "alpha": 10, "alpha_weights": "osdn",
                    "negative_logits": "probability", "without_fit": "step", "decision": "threshold", "epsilon": 0},
    "osdn": {"distance": "eucos", "translate": 1, "negative_logits": "none", "decision": "argmax"},
    "paper": {"distance": "eucos", "translate": 1, "negative_logits": "none", "alpha_weights": "paper", "decision": "argmax"},
    "openood": {"translate": 1, "negative_logits": "none", "alpha": 3, "decision": "argmax", "epsilon": 0.9},
    "pytorch-ood": {"translate": 10000, "negative_logits": "none", "fit_rows": "all", "tail_size": 25},
    "crosr": {"translate": 1, "negative_logits": "none", "space": "logits+latents", "decision": "argmax"},
    "notebook-001": {"distance": "squared-euclidean", "tail_rows": "last", "tail_size": 100, "tail_family": "weibull-max-scipy",
                     "alpha": "all", "alpha_weights": "uniform", "negative_logits": "none", "decision": "notebook"},
    "notebook-001-described": {"distance": "squared-euclidean", "tail_size": 100, "tail_family": "weibull-max-scipy",
                               "alpha": "all", "alpha_weights": "uniform", "negative_logits": "none", "decision": "notebook"},
}

# Flag -> (a value that no preset begins with, what stands in the file).
FLAGS = {
    "tail-size": ("7", 7), "alpha": ("2", 2), "alpha-weights": ("uniform", "uniform"), "distance": ("cosine", "cosine"),
    "space": ("logits+latents", "logits+latents"), "translate": ("2.5", 2.5), "tail-family": ("weibull-max", "weibull-max"),
    "tail-rows": ("last", "last"), "fit-rows": ("all", "all"), "negative-logits": ("clamp", "clamp"), "without-fit": ("zero", "zero"),
}


class Parameters(StoreTest):
    def setUp(self):
        super().setUp()
        latents = np.random.default_rng(5).normal(size=(120, 2)).astype(np.float32)
        self.latent_store = self.train("latent.store", latents=latents)

    def test_every_preset_reaches_the_file(self):
        for name, changed in PRESETS.items():
            fitted = self.fitted(self.latent_store, "--preset", name)
            self.assertEqual(fitted["params"], PRESETS["recommended"] | changed | {"preset": name}, name)
            self.assertEqual(fitted["method"], "openmax-notebook" if name.startswith("notebook") else "openmax")
        self.assertEqual(self.fitted(self.latent_store)["params"]["preset"], "recommended")

    def test_every_flag_reaches_the_file_and_set_is_the_flag(self):
        for flag, (value, stored) in FLAGS.items():
            typed, _ = self.fit(self.latent_store, "--" + flag, value, name="typed.json")
            by_set, _ = self.fit(self.latent_store, "--set", f"{flag}={value}", name="set.json")
            self.assertEqual(json.loads(typed.read_text())["params"], PRESETS["recommended"] | {"preset": "recommended", flag.replace("-", "_"): stored})
            self.assertEqual(typed.read_bytes(), by_set.read_bytes())

    def test_flags_change_what_a_preset_began(self):
        params = self.fitted(self.latent_store, "--tail-size", 9, "--preset", "osdn", "--set", "alpha=all", "--set", "translate=auto")["params"]
        self.assertEqual((params["preset"], params["distance"], params["tail_size"], params["alpha"], params["translate"]),
                         ("osdn", "eucos", 9, "all", "auto"))

    def test_the_notebook_is_a_method_and_a_preset(self):
        method, _ = self.fit(self.latent_store, "--method", "openmax-notebook", name="method.json")
        preset, _ = self.fit(self.latent_store, "--preset", "notebook-001", name="preset.json")
        self.assertEqual(method.read_bytes(), preset.read_bytes())

    def test_all_methods_are_fitted_but_those_that_the_store_has_not_enough_for(self):
        result = self.openset("fit", self.latent_store, "--method", "all", "-o", self.folder / "fits")
        record = json.loads((self.folder / "fits" / "fits.json").read_text())
        self.assertEqual([one["method"] for one in record["fitted"]], ["temperature", "kl-matching", "openmax", "openmax-notebook"])
        for one in record["fitted"]:
            self.assertEqual(json.loads((self.folder / "fits" / one["file"]).read_text())["method"], one["method"])
        left_out = {one["method"]: one["why"] for one in record["left_out"]}
        self.assertEqual(len(left_out), 15)
        self.assertIn("knn needs features, and the store has none (features.npy)", left_out["knn"])
        self.assertIn("vim is left out: ", result.messages)
        self.assertIn("4 methods fitted on", result.messages)
        self.assertIn("--force", self.openset("fit", self.latent_store, "--method", "all", "-o", self.folder / "fits", code=2).messages)
        self.openset("fit", self.latent_store, "--method", "all", "-o", self.folder / "fits", "--force")
        (self.folder / "fits" / "notes.txt").write_text("mine")
        self.assertIn("holds notes.txt, which is no fit",
                      self.openset("fit", self.latent_store, "--method", "all", "-o", self.folder / "fits", "--force", code=2).messages)
        header, records = self.score(self.latent_store, "--method", "all", "--fitted", self.folder / "fits")
        self.assertEqual(header[4:], ["temperature", "kl-matching", "openmax", "openmax-notebook",
                                      "msp", "max-logit", "energy", "entropy", "gen"])
        self.assertIn("every method takes its defaults",
                      self.openset("fit", self.latent_store, "--method", "all", "--set", "k=3", "-o", self.folder / "x", code=2).messages)

    def test_a_parameter_is_the_method_s(self):
        fitted = self.fitted(self.latent_store, "--method", "energy", "--set", "temperature=2")
        self.assertEqual((fitted["method"], fitted["params"]), ("energy", {"temperature": 2}))
        for flags, words in ((["--method", "knn"], "knn needs features, and the store has none"),
                             (["--method", "energy", "--set", "temprature=2"], 'did you mean "temperature"?'),
                             (["--method", "energy", "--set", "temperature=0"], "expected a number greater than 0"),
                             (["--method", "energy", "--tail-size", "7"], 'energy: no parameter "tail-size", expected one of temperature')):
            _, messages = self.fit(self.latent_store, *flags, name="other.json", code=2)
            self.assertIn(words, messages)

    def test_wrong_names_and_values_get_a_did_you_mean(self):
        for flags, words in (
                (["--distance", "euclidian"], 'did you mean "euclidean"?'),
                (["--preset", "odsn"], 'did you mean "osdn"?'),
                (["--tail-sise", "5"], "--tail-size"),
                (["--set", "tial-size=5"], 'did you mean "tail-size"?'),
                (["--set", "distance=cosin"], 'did you mean "cosine"?'),
                (["--set", "alpha"], "--set alpha: expected KEY=VALUE"),
                (["--method", "openmx"], 'did you mean "openmax"?'),
                (["--method", "msp"], "needs no fit; openset score --method msp"),
                (["--method", "openmax-notebook", "--preset", "osdn"], "expected notebook-001 or notebook-001-described"),
                (["--tail-size", "0"], 'found "0", expected a whole number of at least 1'),
                (["--tail-size", "2.5"], "expected a whole number"),
                (["--alpha", "none"], "expected a whole number of at least 1, or all"),
                (["--translate", "0"], "expected auto or a finite number > 0"),
                (["--translate", "nan"], "expected auto or a finite number > 0"),
                (["--space", "pixels"], "expected logits, features, or logits+NAME"),
                (["--space", "logits+latent"], "latents"),
                (["--space", "features"], "features")):
            _, messages = self.fit(self.latent_store, *flags, code=2)
            self.assertIn(words, messages)
            self.assertEqual(len(messages.splitlines()), 1, messages)
            self.assertFalse((self.folder / "fit.json").exists())


class Stores(StoreTest):
    def test_logits_and_labels_are_enough(self):
        logits, labels = clusters(1, [40, 30, 25])
        fitted = self.fitted(self.store("train", logits, labels))
        self.assertEqual(fitted["format"], "openset-fitted/1")
        self.assertEqual((fitted["labels"], fitted["model"], fitted["preprocess"]), (["0", "1", "2"], {"name": "", "sha256": ""}, None))
        correct = logits.argmax(1) == labels
        for label in range(3):
            rows = logits[correct & (labels == label)].astype(np.float64)
            mean = np.array(fitted["state"]["arrays"]["means"]["values"]).reshape(3, 3)[label]
            np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-12)
            distances = np.sort(np.linalg.norm(rows - rows.mean(0), axis=1))
            one, told = fitted["state"]["classes"][label], fitted["diagnostics"]["classes"][label]
            self.assertEqual((one["rows"], one["tail_used"], one["status"]), (len(rows), 20, "ok"))
            self.assertAlmostEqual(one["largest_tail"], distances[-1], 10)
            self.assertAlmostEqual(one["smallest_tail"], distances[-20], 10)
            self.assertEqual((told["rows"], told["correct"]), ((labels == label).sum(), len(rows)))

    def test_meta_names_labels_network_and_preprocessing(self):
        store = self.train(meta=meta(["red", "green", "blue"], 120))
        fitted = self.fitted(store)
        self.assertEqual(fitted["labels"], ["red", "green", "blue"])
        self.assertEqual(fitted["model"], {"name": "cats8", "sha256": "a" * 64})
        self.assertEqual((fitted["preprocess"]["mean"], fitted["precision"], fitted["engine"]), ([0, 0, 0], "fp32", "torchscript"))

    def test_the_same_store_gives_the_same_file(self):
        store = self.train()
        first, _ = self.fit(store, name="first.json")
        second, _ = self.fit(store, name="second.json")
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_distances_in_features_and_behind_the_logits(self):
        features = np.random.default_rng(2).normal(size=(120, 5)).astype(np.float32)
        store = self.train(features=features, bottleneck=features[:, :2].reshape(120, 1, 2))
        for space, columns in (("features", 5), ("logits+bottleneck", 5), ("logits+features", 8)):
            self.assertEqual(self.fitted(store, "--space", space)["state"]["arrays"]["means"]["shape"], [3, columns], space)

    def test_latents_that_add_nothing_are_told(self):
        store = self.train(latents=np.full((120, 2), 0.25, np.float32))
        self.assertIn("they add nothing; scale them", self.fit(store, "--preset", "crosr")[1])

    def test_a_store_that_is_not_there(self):
        self.assertIn("no such folder, expected an activation store", self.fit(self.folder / "nowhere", code=1)[1])
        (self.folder / "train.partial").mkdir()
        self.assertIn("train.partial is what an interrupted run left, extract --resume goes on with it",
                      self.fit(self.folder / "train", code=1)[1])
        (self.folder / "empty").mkdir()
        self.assertIn("holds no logits.npy, expected an activation store", self.fit(self.folder / "empty", code=1)[1])

    def test_a_row_with_nan_is_named(self):
        logits, labels = clusters(1, [40, 40, 40])
        logits[17, 1] = np.nan
        self.assertIn("row 17", self.fit(self.store("nan", logits, labels), code=1)[1])
        logits[17, 1] = -np.inf
        self.assertIn("row 17", self.fit(self.store("inf", logits, labels), code=1)[1])

    def test_a_store_without_labels_cannot_be_fitted(self):
        logits, _ = clusters(1, [40, 40])
        self.assertIn("label", self.fit(self.store("unlabelled", logits), code=2)[1])
        self.assertIn("label", self.fit(self.store("unknown", logits, np.full(80, -1)), code=2)[1])


class Classes(StoreTest):
    def test_a_class_with_few_pictures_uses_what_it_has(self):
        logits, labels = clusters(3, [40, 7, 40], spread=0.5)
        store = self.store("train", logits, labels, meta=meta(["crow", "kestrel", "wren"], len(labels)))
        path, messages = self.fit(store)
        self.assertIn("class kestrel has 7 correct pictures, fewer than --tail-size 20: used 7", messages)
        fitted = json.loads(path.read_text())
        self.assertEqual(fitted["state"]["classes"][1]["tail_used"], 7)
        self.assertEqual(fitted["diagnostics"]["classes"][1]["flags"], ["tail_clipped"])
        self.assertEqual(fitted["diagnostics"]["warnings"], ["class kestrel has 7 correct pictures, fewer than --tail-size 20: used 7"])

    def test_classes_without_a_fit_follow_the_policy_and_are_told(self):
        logits, labels = clusters(3, [40, 2, 40, 10], spread=0.5)
        labels[labels == 3] = -1
        logits[labels == 0] = logits[0]  # no spread at all
        store = self.store("train", logits, labels)
        for policy, words in (("step", "--without-fit step: its W-score is 0 up to the largest distance seen, 1 beyond"),
                              ("zero", "--without-fit zero: it never gives a reason to reject"),
                              ("one", "--without-fit one: its W-score is 1 for every picture")):
            path, messages = self.fit(store, "--without-fit", policy)
            self.assertIn("class 0 has no fit (all distances of its tail are equal); " + words, messages)
            self.assertIn("class 1 has no fit (2 correct pictures, fewer than the 3 that a fit needs); " + words, messages)
            self.assertIn("class 3 has no fit (0 correct pictures", messages)
            self.assertEqual([one["status"] for one in json.loads(path.read_text())["state"]["classes"]], ["constant", "too_few", "ok", "empty"])
            for text in (messages.lower(), path.read_text().lower()):
                self.assertNotIn("nan", text)
                self.assertNotIn("-9999", text)
        path.unlink()
        self.assertIn('class "0" has', self.fit(store, "--without-fit", "error", code=2)[1])
        self.assertFalse(path.exists())

    def test_many_such_classes_are_told_in_a_few_lines(self):
        logits, labels = clusters(3, [10] * 30, spread=0.5)
        messages = self.fit(self.store("train", logits, labels))[1]
        self.assertIn("25 more classes have fewer than that too", messages)
        self.assertLess(len(messages.splitlines()), 12)


class Outputs(StoreTest):
    def test_large_arrays_lie_beside_the_file_and_are_replaced_with_it(self):
        logits, labels = clusters(4, [4] * 70)
        path, _ = self.fit(self.store("first", logits, labels))
        means = json.loads(path.read_text())["state"]["arrays"]["means"]
        array = self.folder / "fit.d" / means["file"]
        self.assertEqual(hashlib.sha256(array.read_bytes()).hexdigest(), means["sha256"])
        self.assertEqual((np.load(array).shape, np.load(array).dtype), ((70, 70), np.float64))
        self.fit(self.store("second", logits + np.float32(1), labels))
        means = json.loads(path.read_text())["state"]["arrays"]["means"]
        self.assertEqual([file.name for file in (self.folder / "fit.d").iterdir()], [means["file"]])
        self.assertNotEqual(means["file"], array.name)

    def test_a_fitted_file_is_replaced_and_nothing_else_is(self):
        store = self.train()
        first = self.fit(store)[0].read_bytes()
        self.assertNotEqual(self.fit(store, "--tail-size", 10)[0].read_bytes(), first)
        (self.folder / "notes.txt").write_text("mine")
        self.assertIn("exists and holds no fitted detector", self.fit(store, name="notes.txt", code=2)[1])
        self.assertEqual((self.folder / "notes.txt").read_text(), "mine")
        self.assertIn("no such folder", self.fit(store, name="nowhere/fit.json", code=1)[1])
        for output in ("-", "/dev/full", self.folder):
            result = self.openset("fit", store, "-o", output, code=2, cwd=self.folder)
            self.assertIn("expected the name of a file", result.messages)
            self.assertEqual(result.text, "")

    def test_a_dry_run_fits_and_writes_nothing(self):
        path, messages = self.fit(self.train(), "--dry-run")
        self.assertIn("3 of 3 classes have a tail", messages)
        self.assertIn("nothing was written", messages)
        self.assertFalse(path.exists())

    def test_the_last_line_says_what_was_fitted_and_quiet_says_nothing(self):
        store = self.train()
        path, messages = self.fit(store, "--preset", "osdn")
        self.assertRegex(messages.splitlines()[-1], r"openmax, preset osdn: 3 of 3 classes have a tail, from \d+ rows; openset inspect .*fit.json")
        self.assertEqual(self.fit(store, "-q")[1], "")
        self.assertEqual(self.openset("fit", store, "-o", path).text, "")


if __name__ == "__main__":
    main()
