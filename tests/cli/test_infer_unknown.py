"""openset infer with a detector behind the classifier: the config's `unknown`, and where its thresholds come from."""

import csv
import hashlib
import json
import zipfile

import numpy

from openset_cli import NETWORKS, PICTURES, SOUND, CliTest, fruit_config, main

CLASSIFIER = NETWORKS / "classifier.pt"


class Unknown(CliTest):
    def setUp(self):
        super().setUp()
        info = json.loads(self.openset("inspect", CLASSIFIER, "-f", "json").text)
        self.labels = info["info"]["labels"]
        # What the network says of the sound pictures, as a training set: each class a cloud around them.
        self.openset("extract", "-q", "--model", CLASSIFIER, "--unlabelled", PICTURES, "-o", self.folder / "all.store", code=3)
        store = self.folder / "train.store"
        store.mkdir()
        meta = json.loads((self.folder / "all.store" / "meta.json").read_text())
        numbers = numpy.random.default_rng(10)
        classes = len(self.labels)
        labels = numpy.arange(40 * classes) % classes
        logits = 3 * numpy.eye(classes)[labels] + numbers.normal(size=(len(labels), classes))
        meta["counts"] = {"rows": len(labels), "failed": 0}
        (store / "meta.json").write_text(json.dumps(meta))
        numpy.save(store / "logits.npy", logits.astype(numpy.float32))
        numpy.save(store / "labels.npy", labels)
        self.fitted = self.folder / "fruit.openmax.json"
        self.openset("fit", "-q", store, "-o", self.fitted)

    def with_unknown(self, name="unknown.json", **unknown):
        """The colour world's config with an unknown stage; its path."""
        return self.write_config(name, {**fruit_config(), "unknown": unknown})

    def sha256(self):
        return hashlib.sha256(self.fitted.read_bytes()).hexdigest()

    def point(self, name="point.json", **changes):
        point = {"format": "openset-operating-point/1", "method": "openmax", "stage": "unknown", "threshold": 0.5, "rule": "youden",
                 "fitted_sha256": self.sha256(), "calibrated_on": {}, "measured": {}, **changes}
        (self.folder / name).write_text(json.dumps(point))
        return name

    def test_scores_are_those_of_extract_and_score_to_the_last_bit(self):
        self.openset("score", "-q", self.folder / "all.store", "--fitted", self.fitted, "-o", self.folder / "all.csv")
        with open(self.folder / "all.csv", newline="") as file:
            scores = {row["path"]: float(row["openmax"]) for row in csv.DictReader(file)}
        config = self.with_unknown(fitted=str(self.fitted), threshold="inf")
        for flags in ((), ("-b", 1, "-j", 1, "--threads", 1), ("-b", 64)):
            rows = [row for row in self.rows(PICTURES, "--all-stages", *flags, config=config, code=3) if row["outcome"] != "failed"]
            self.assertEqual({row["path"]: float(row["unknown"]["score"]) for row in rows}, scores)

    def test_any_method_judges_and_scores_as_score_does_to_the_last_bit(self):
        store = self.folder / "all.store"
        numpy.save(store / "labels.npy", numpy.load(store / "logits.npy").argmax(1))  # to be fitted on itself
        (store / "samples.csv").unlink()
        fits = self.folder / "fits"
        self.openset("fit", "-q", store, "--method", "all", "-o", fits)
        self.openset("score", "-q", store, "--method", "all", "--fitted", fits, "-o", self.folder / "all.csv")
        with open(self.folder / "all.csv", newline="") as file:
            expected = list(csv.DictReader(file))
        fitted = ["vim", "relative-mahalanobis-l2", "knn", "fdbd"]
        for method in [*fitted, "gradnorm"]:
            behind = {"fitted": str(fits / f"{method}.json")} if method in fitted else {"method": method}
            config = self.with_unknown(**behind, threshold="inf")
            rows = [row for row in self.rows(PICTURES, "--all-stages", config=config, code=3) if row["outcome"] != "failed"]
            self.assertEqual([row["unknown"]["method"] for row in rows], [method] * len(expected))
            self.assertEqual([float(row["unknown"]["score"]) for row in rows], [float(row[method]) for row in expected], method)
        told = self.openset("infer", "-c", config, "--explain", PICTURES / "tomato.png").text
        self.assertIn("gradnorm", told)
        text = self.openset("inspect", fits / "knn.json").text
        for words in ("kind          fitted detector, knn", "  k      50   (which nearest neighbour", "warnings      1", "bank_rows"):
            self.assertIn(words, text)

    def test_a_score_above_the_threshold_is_unknown_and_one_at_it_is_not(self):
        tomato = PICTURES / "tomato.png"
        (row,) = self.rows(tomato, config=self.with_unknown(fitted=str(self.fitted), threshold="inf"))
        score = row["unknown"]["score"]
        self.assertEqual((row["verdict"], row["decided_by"]), ("tomato", "classifier"))
        self.assertEqual(row["unknown"], {"method": "openmax", "score": score, "p_unknown": row["unknown"]["p_unknown"],
                                          "threshold": "inf", "pass": True})
        self.assertAlmostEqual(row["unknown"]["p_unknown"], 1 / (1 + numpy.exp(-score)), delta=1e-15)
        (row,) = self.rows(tomato, config=self.with_unknown(fitted=str(self.fitted), threshold=score))
        self.assertEqual(row["outcome"], "known")
        below = float(numpy.nextafter(score, -numpy.inf))
        (row,) = self.rows(tomato, config=self.with_unknown(fitted=str(self.fitted), threshold=below))
        self.assertEqual((row["verdict"], row["outcome"], row["decided_by"]), ("unknown", "unknown", "unknown"))
        self.assertNotIn("probability", row)
        self.assertEqual(row["unknown"]["pass"], False)

    def test_a_detector_of_other_pixels_or_of_another_precision_is_refused(self):
        config = self.with_unknown(fitted=str(self.fitted), threshold="inf")
        refused = self.infer(PICTURES / "tomato.png", "--fast-decode", config=config, code=2)
        self.assertIn("was fitted on pictures decoded without --fast-decode (here with); extract and fit anew", refused.messages)
        self.infer(PICTURES / "tomato.png", "--fast-decode", "--allow-mismatch", config=config)
        fitted = json.loads(self.fitted.read_text())
        self.fitted.write_text(json.dumps({**fitted, "precision": "bf16"}))
        refused = self.infer(PICTURES / "tomato.png", config=config, code=2)
        self.assertIn("was fitted on activations in bf16 (here fp32)", refused.messages)

    def test_a_store_says_that_its_pictures_were_decoded_fast(self):
        self.openset("extract", "-q", "--fast-decode", "--model", CLASSIFIER, "--unlabelled", PICTURES, "-o", self.folder / "fast.store", code=3)
        self.assertIs(json.loads((self.folder / "fast.store" / "meta.json").read_text())["fast_decode"], True)
        self.assertNotIn("fast_decode", json.loads((self.folder / "all.store" / "meta.json").read_text()))

    def test_only_what_the_classifier_names_is_judged_unless_all_stages_run(self):
        config = self.with_unknown(fitted=str(self.fitted), threshold="-inf")
        for row in self.rows(*SOUND, config=config):
            reached = row["decided_by"] == "unknown"
            self.assertEqual("unknown" in row, reached, row)
            if row["decided_by"] == "classifier":
                self.assertEqual(row["outcome"], "unknown", "the classifier rejected it before")
        for row in self.rows(*SOUND, "--all-stages", config=config):
            self.assertIn("unknown", row)

    def test_csv_has_its_columns(self):
        config = self.with_unknown(fitted=str(self.fitted), threshold="argmax", epsilon=0.999)
        text = self.infer(PICTURES / "tomato.png", PICTURES / "sea.jpg", "-f", "csv", config=config).text
        tomato, sea = csv.DictReader(text.splitlines())
        self.assertEqual(tomato["unknown_method"], "openmax")
        self.assertEqual(tomato["unknown_threshold"], "argmax")
        self.assertEqual(tomato["unknown_pass"], "false", "no class reaches epsilon")
        self.assertEqual({sea[name] for name in sea if name.startswith("unknown_")}, {""})

    def test_thresholds_by_label_as_a_probability_and_from_flags(self):
        tomato = PICTURES / "tomato.png"
        threshold = {"tomato": "p=0.999999", "*": "-inf"}
        config = self.with_unknown(fitted=str(self.fitted), threshold=threshold)
        rows = self.rows(tomato, PICTURES / "orange.jpg", config=config)
        self.assertEqual([row["verdict"] for row in rows], ["tomato", "unknown"])
        self.assertAlmostEqual(rows[0]["unknown"]["threshold"], numpy.log(0.999999 / 0.000001), delta=1e-9)
        (row,) = self.rows(tomato, "--unknown-threshold", "-1e9", config=config)
        self.assertEqual(row["verdict"], "unknown")
        (row,) = self.rows(tomato, "--unknown-threshold", "argmax", config=config)
        self.assertEqual(row["unknown"]["threshold"], "argmax")

    def test_a_method_without_a_fit(self):
        config = self.with_unknown(method="msp", threshold=-0.9)
        for row in self.rows(*SOUND, config=config):
            if "unknown" not in row:
                continue
            self.assertEqual(row["unknown"]["score"], -row["classifier"]["probability"])
            self.assertEqual(row["outcome"] == "unknown", row["classifier"]["probability"] < 0.9)
            self.assertNotIn("p_unknown", row["unknown"])

    def test_init_puts_it_behind_its_classifier_and_a_dry_run_agrees(self):
        models = self.folder / "models"
        models.mkdir()
        for name in ("gate", "species", "classifier"):
            (models / f"{name}.pt").symlink_to(NETWORKS / f"{name}.pt")
        self.fitted.rename(models / "classifier.openmax.json")
        self.fitted = models / "classifier.openmax.json"
        (models / "cats.json").write_text("{}")  # none of its business
        config = self.folder / "start.json"
        for files in ({"threshold": "argmax"}, {"operating_point": str(models / "point.json")}):
            messages = self.openset("init", "--force", "models", "-o", config, cwd=self.folder).messages
            self.assertIn("unknown: models/classifier.openmax.json, because it was fitted on the classifier", messages)
            self.assertNotIn("cats.json", messages)
            config.write_text(config.read_text().replace('"accept": []', '"accept": ["red"]'))
            printed = json.loads(self.infer("--print-config", config=config).text)
            self.assertEqual(printed["unknown"], {"fitted": str(self.fitted), **files})
            self.assertEqual(printed["gate"]["model"], str(models / "gate.pt"))
            self.infer("--dry-run", PICTURES, config=config)
            self.point("models/point.json")

    def test_init_says_why_an_operating_point_is_not_used(self):
        models = self.folder / "models"
        models.mkdir()
        (models / "classifier.pt").symlink_to(NETWORKS / "classifier.pt")
        self.fitted = self.fitted.rename(models / "classifier.openmax.json")
        self.point("models/other.json", fitted_sha256="0" * 64)
        messages = self.openset("init", "models", "-o", "start.json", cwd=self.folder).messages
        self.assertIn("operating point not used: models/other.json, because it is of another fit of openmax", messages)

    def test_closed_set_rejects_nothing_and_asks_no_detector(self):
        rows = self.rows(*SOUND, "--closed-set", config=self.with_unknown(fitted=str(self.fitted), threshold="-inf"))
        self.assertEqual({row["outcome"] for row in rows}, {"known"})
        self.assertTrue(all("unknown" not in row for row in rows))

    def test_an_operating_point_is_its_threshold(self):
        config = self.with_unknown(fitted=str(self.fitted), operating_point=self.point(threshold={"tomato": -1e9, "*": "inf"}))
        rows = self.rows(PICTURES / "tomato.png", PICTURES / "orange.jpg", config=config)
        self.assertEqual([row["verdict"] for row in rows], ["unknown", "orange"])

    def test_an_operating_point_of_another_fit_is_refused_unless_allowed(self):
        config = self.with_unknown(fitted=str(self.fitted), operating_point=self.point(fitted_sha256="0" * 64))
        messages = self.infer(PICTURES / "tomato.png", config=config, code=2).messages
        self.assertIn("/unknown/operating_point: point.json was measured on another fitted file (sha256 000000000000, the config's is", messages)
        self.rows(PICTURES / "tomato.png", "--allow-mismatch", config=config)

    def test_an_operating_point_of_another_network_is_refused_unless_allowed(self):
        config = fruit_config()
        del config["gate"]["k"]
        config["gate"]["operating_point"] = self.point("gate.json", stage="gate", method="rank", threshold=3, fitted_sha256=None,
                                                       network_sha256="0" * 64)
        config["unknown"] = {"method": "max-logit", "operating_point": self.point(method="max-logit", fitted_sha256=None, network_sha256="0" * 64)}
        path = self.write_config("points.json", config)
        messages = self.infer(PICTURES / "tomato.png", config=path, code=2).messages
        for stage in "gate", "unknown":
            self.assertIn(f"/{stage}/operating_point: was measured on another network (sha256 000000000000, here ", messages)
        self.assertIn("was measured on another network", self.infer(PICTURES / "tomato.png", "--allow-mismatch", config=path).messages)

    def test_a_point_of_a_method_without_a_fit_names_the_network(self):
        rows = self.folder / "rows.jsonl"
        self.infer(*SOUND, "--all-stages", "-o", rows, config=self.with_unknown(method="max-logit", threshold=0))
        self.openset("score", "-q", self.folder / "all.store", "--method", "max-logit", "-o", self.folder / "all.csv")
        for scores, flags in ((rows, ("--stage", "unknown")), (self.folder / "all.csv", ())):
            point = self.folder / "point.json"
            self.openset("sweep", "-q", "--known", scores, *flags, "--pick", "tpr=1", "--operating-point", point)
            self.assertEqual(json.loads(point.read_text())["network_sha256"], hashlib.sha256(CLASSIFIER.read_bytes()).hexdigest())
            config = self.with_unknown(method="max-logit", operating_point=str(point))
            self.assertNotIn("unknown", [row["decided_by"] for row in self.rows(*SOUND, config=config)])

    def test_gate_and_species_take_operating_points_too(self):
        config = fruit_config()
        del config["gate"]["k"], config["species"]["min_probability"]
        config["gate"]["operating_point"] = self.point("gate.json", stage="gate", method="rank", threshold=3, fitted_sha256=None)
        config["species"]["operating_point"] = self.point("species.json", stage="species", method="mass", threshold=0.5, fitted_sha256=None)
        self.assertEqual(self.verdicts(*SOUND, config=self.write_config("points.json", config)), self.verdicts(*SOUND))

    def test_a_point_of_a_gate_that_accepted_other_labels_is_refused_unless_allowed(self):
        config = fruit_config()
        del config["gate"]["k"]
        point = dict(stage="gate", method="rank", threshold=3, fitted_sha256=None)
        config["gate"]["operating_point"] = self.point("gate.json", accept=["orange", "red"], **point)
        path = self.write_config("points.json", config)
        messages = self.infer(PICTURES / "tomato.png", config=path, code=2).messages
        self.assertIn('/gate/operating_point: was measured with other accepted labels (["orange","red"], here ["orange","red","yellow"])', messages)
        self.assertIn("other accepted labels", self.infer(PICTURES / "tomato.png", "--allow-mismatch", config=path).messages)
        self.point("gate.json", accept=["orange", "red", "yellow"], **point)
        self.rows(PICTURES / "tomato.png", config=path)

    def test_a_point_that_is_let_pass_is_told(self):
        config = self.with_unknown(fitted=str(self.fitted), operating_point=self.point(fitted_sha256="0" * 64))
        messages = self.infer(PICTURES / "tomato.png", "--allow-mismatch", config=config).messages
        self.assertIn("/unknown/operating_point: was measured on another fitted file", messages)

    def test_a_dry_run_tells_of_the_detector(self):
        config = self.with_unknown(fitted=str(self.fitted), threshold=0.5)
        text = self.infer("--dry-run", config=config).text
        self.assertIn(f"unknown: openmax of {self.fitted}, rejects a score above 0.5", text)

    def test_a_detector_of_another_network_is_refused_unless_allowed(self):
        fitted = json.loads(self.fitted.read_text())
        fitted["model"]["sha256"] = "1" * 64
        fitted["preprocess"]["mean"] = [0.25, 0.25, 0.25]
        self.fitted.write_text(json.dumps(fitted))
        config = self.with_unknown(fitted=str(self.fitted), threshold=0)
        messages = self.infer(PICTURES / "tomato.png", config=config, code=2).messages
        self.assertIn("/unknown/fitted: " + str(self.fitted) + ": was fitted on activations of another network", messages)
        self.assertIn("was fitted on activations of another preprocessing", messages)
        self.assertIn("was fitted on activations of another network", self.infer(PICTURES / "tomato.png", "--allow-mismatch", config=config).messages)

    def test_it_is_refused_also_where_another_stage_tells_no_labels(self):
        fitted = json.loads(self.fitted.read_text())
        fitted["model"]["sha256"] = "1" * 64
        self.fitted.write_text(json.dumps(fitted))
        config = self.write_config("no-labels.json", {
            **fruit_config(), "gate": {"model": str(NETWORKS / "without_info.pt"), "accept": [0, 1, 2]},
            "unknown": {"fitted": str(self.fitted), "threshold": 0}})
        self.assertIn("was fitted on activations of another network",
                      self.infer(PICTURES / "tomato.png", config=config, code=2).messages)

    def test_a_single_logit_that_calls_itself_a_sigmoid_takes_what_was_fitted_on_its_store(self):
        network, store = self.folder / "single.pt", self.folder / "single.store"
        with zipfile.ZipFile(NETWORKS / "single_logit.pt") as old, zipfile.ZipFile(network, "w") as new:
            for entry in old.infolist():
                content = old.read(entry)
                if entry.filename.endswith("openset.json"):
                    content = json.dumps({**json.loads(content), "activation": "sigmoid"}).encode()
                new.writestr(entry, content)
        self.openset("extract", "-q", "--model", network, *SOUND, "--unlabelled", "-o", store)
        numpy.save(store / "labels.npy", numpy.load(store / "logits.npy").argmax(axis=1))
        self.openset("fit", "-q", store, "-o", self.fitted, "--tail-size", 3)
        config = self.write_config("single.json", {"openset": 1, "name": "single", "classifier": {"model": str(network)},
                                                   "unknown": {"fitted": str(self.fitted), "threshold": "inf"}})
        self.assertEqual(len(self.rows(*SOUND, config=config)), len(SOUND))

    def test_what_is_wrong_with_its_files_is_told_before_networks_are_loaded(self):
        config = fruit_config()
        config["classifier"]["model"] = str(NETWORKS / "damaged.pt")
        config["unknown"] = {"fitted": "nowhere.json", "operating_point": "none.json"}
        messages = self.infer(PICTURES / "tomato.png", config=self.write_config("both.json", {**fruit_config(), "unknown": config["unknown"]}), code=2).messages
        self.assertIn("/unknown/fitted: ", messages)
        self.assertIn("/unknown/operating_point: ", messages)
        self.assertNotIn("loaded", messages)

    def test_resume_goes_on_only_with_the_same_fitted_file(self):
        rows = self.folder / "rows.jsonl"
        config = self.with_unknown(fitted=str(self.fitted), threshold=0)
        self.infer(*SOUND, "-o", rows, config=config)
        whole = rows.read_bytes()
        rows.with_name("rows.jsonl.partial").write_bytes(whole[: len(whole) // 2])
        rows.rename(self.folder / "whole.jsonl")
        (self.folder / "rows.jsonl.run.json").rename(self.folder / "rows.jsonl.partial.run.json")
        moved = self.fitted.rename(self.folder / "moved.json")
        again = self.with_unknown("again.json", fitted=str(moved), threshold=0)
        fitted = json.loads(moved.read_text())
        fitted["diagnostics"] = {}
        other = self.folder / "other.json"
        other.write_text(json.dumps(fitted))
        refused = self.infer(*SOUND, "-o", rows, "--resume", config=self.with_unknown("other-config.json", fitted=str(other), threshold=0), code=2)
        self.assertIn("config /unknown/fitted was \"sha256 ", refused.messages)
        self.infer(*SOUND, "-o", rows, "--resume", config=again)
        self.assertEqual(rows.read_bytes(), whole)

    def test_explain_tells_distances_w_scores_and_the_sentence_that_decides(self):
        config = self.with_unknown(fitted=str(self.fitted), threshold="-inf")
        text = self.infer("--explain", PICTURES / "tomato.png", config=config).text
        self.assertIn("Unknown: does it look like what the classifier has learned?", text)
        self.assertIn("openmax, preset recommended: euclidean distances of logits to the class means", text)
        self.assertRegex(text, r"class +distance +W-score +weight +by OpenMax\n +tomato +\d")
        self.assertIn("; it is above -inf: openmax rejects the picture.", text)
        self.assertIn("Verdict: unknown, because the detector of the unknown rejects it.", text)
        text = self.infer("--explain", PICTURES / "sea.jpg", config=config).text
        self.assertIn("Not asked any more: the species filter, the classifier and the detector of the unknown", text)
        text = self.infer("--explain", PICTURES / "tomato.png", config=self.with_unknown(method="max-logit", threshold=0)).text
        self.assertRegex(text, r"The score of max-logit \(larger = more unknown\) is -[\d.]+; it is not above 0: it passes\.")


if __name__ == "__main__":
    main()
