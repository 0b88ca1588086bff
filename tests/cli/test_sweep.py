"""openset sweep: score files -> every threshold, and one of them chosen."""

import csv
import hashlib
import io
import json
import math
import xml.etree.ElementTree

import numpy

from openset_cli import NETWORKS, PICTURES, CliTest, main

# The worked example of methods.md, section 4: scores, labels, predictions.
KNOWN = [(1, "a", "a"), (2, "a", "b"), (3, "b", "b"), (4, "b", "b"), (5, "b", "a")]
UNKNOWN = [(3, "", "a"), (5, "", "b"), (6, "", "a"), (7, "", "b"), (8, "", "a")]


class ScoresTest(CliTest):
    def scores(self, name, rows, column="msp", record=None):
        """A score file; rows: (score, label, predicted)."""
        path = self.folder / name
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "predicted", "confidence", column])
            for i, (score, label, predicted) in enumerate(rows):
                writer.writerow([f"{i}.jpg", label, predicted, 0.5, score])
        if record:
            self.record(path, column, **record)
        return path

    def record(self, path, column, identity="s", method=None, fitted="", fitted_on="", model="", labels=("a", "b")):
        path.with_name(path.name + ".run.json").write_text(json.dumps({
            "format": "openset-score-run/1", "openset": "0", "store": "test", "store_identity": identity, "model_name": "m",
            "model_sha256": model, "labels": list(labels), "rows": 5, "failed": 0,
            "columns": {column: {"method": method or column, "fitted_file": "f.json", "fitted_sha256": fitted, "fitted_on": fitted_on}}}))

    def worked(self, column="msp", **record):
        return (self.scores("known.csv", KNOWN, column, record and {**record, "identity": "known"}),
                self.scores("unknown.csv", UNKNOWN, column, record and {**record, "identity": "unknown"}))

    def sweep(self, *arguments, **options):
        options.setdefault("cwd", self.folder)
        return self.openset("sweep", *arguments, **options)

    def table(self, *arguments, **options):
        return list(csv.DictReader(io.StringIO(self.sweep(*arguments, **options).text)))


class Table(ScoresTest):
    def test_every_operating_point_is_a_line(self):
        known, unknown = self.worked()
        rows = self.table("--known", known, "--unknown", unknown)
        self.assertEqual([row["threshold"] for row in rows], ["-inf", "1", "2", "3", "4", "5", "6", "7", "8"])
        self.assertEqual(list(rows[0]), ["threshold", "known_accuracy", "known_acceptance", "unknown_rejection", "balanced_accuracy"])
        self.assertEqual([float(value) for value in rows[5].values()][:4], [5, 0.6, 1, 0.6])
        self.assertAlmostEqual(float(rows[5]["balanced_accuracy"]), 0.588888888889, 12)

    def test_it_is_written_whole_to_a_file(self):
        known, unknown = self.worked()
        result = self.sweep("--known", known, "--unknown", unknown, "-o", self.folder / "sweep.csv")
        self.assertEqual(result.text, "")
        self.assertEqual((self.folder / "sweep.csv").read_bytes().count(b"\r\n"), 10)
        self.assertFalse((self.folder / "sweep.csv.partial").exists())
        self.assertIn("5 known rows, 5 unknown rows", result.messages)

    def test_no_output_replaces_an_input_or_another_output(self):
        known, unknown = self.worked()
        before = known.read_bytes(), unknown.read_bytes()
        (self.folder / "link.csv").symlink_to(known.name)
        for flags, words in ((["-o", "known.csv"], "-o known.csv: is the file of --known"),
                             (["-o", "./link.csv"], "-o ./link.csv: is the file of --known"),
                             (["--svg", "unknown.csv"], "--svg unknown.csv: is the file of --unknown"),
                             (["-o", "new", "--svg", "./new"], "--svg ./new: is the file of -o"),
                             (["-o", "new", "--pick", "youden", "--operating-point", "new"], "--operating-point new: is the file of -o")):
            self.assertIn(words, self.sweep("--known", known, "--unknown", unknown, *flags, code=2).messages)
            self.assertEqual((known.read_bytes(), unknown.read_bytes()), before)
            self.assertFalse((self.folder / "new").exists())

    def test_a_grid_of_thresholds_holds_its_end(self):
        known, unknown = self.worked()
        rows = self.table("--known", known, "--unknown", unknown, "--thresholds", "0.30:0.40:0.01")
        self.assertEqual([row["threshold"] for row in rows],
                         ["0.3", "0.31", "0.32", "0.33", "0.34", "0.35", "0.36", "0.37", "0.38", "0.39", "0.4"])

    def test_points_thin_the_table(self):
        known, unknown = self.worked()
        rows = self.table("--known", known, "--unknown", unknown, "--points", 3)
        self.assertEqual([row["threshold"] for row in rows], ["-inf", "4", "8"])

    def test_a_table_sorted_by_a_rate_begins_with_the_best(self):
        known, unknown = self.worked()
        rates = [float(row["unknown_rejection"]) for row in
                 self.table("--known", known, "--unknown", unknown, "--sort", "unknown_rejection")]
        self.assertEqual(rates, sorted(rates, reverse=True))

    def test_known_rows_alone_leave_the_others_columns_empty(self):
        rows = self.table("--known", self.worked()[0])
        self.assertEqual({row["unknown_rejection"] for row in rows}, {""})
        self.assertEqual(rows[-1]["known_acceptance"], "1")

    def test_without_labels_there_is_no_accuracy_and_a_notice(self):
        known = self.scores("k.csv", [(1, "", "a"), (2, "", "b")])
        result = self.sweep("--known", known, "--unknown", self.worked()[1])
        self.assertIn("known_accuracy and what else needs the truth are left out", result.messages)
        self.assertEqual({row["known_accuracy"] for row in csv.DictReader(io.StringIO(result.text))}, {""})

    def test_the_notebooks_thresholds_are_its_q(self):
        known, unknown = (self.scores(name, [(-score / 10 if score < 8 else math.inf, label, predicted)
                                             for score, label, predicted in rows], "openmax-notebook")
                          for name, rows in (("k.csv", KNOWN), ("u.csv", UNKNOWN)))
        rows = self.table("--known", known, "--unknown", unknown, "--thresholds", "0.3:0.5:0.1")
        self.assertEqual([row["threshold"] for row in rows], ["0.3", "0.4", "0.5"])
        self.assertEqual([row["known_acceptance"] for row in rows], ["0.6", "0.4", "0.2"], "unknown below q")
        self.assertEqual([row["unknown_rejection"] for row in rows], ["0.2", "0.4", "0.4"], "inf is always rejected")


class Picking(ScoresTest):
    def point(self, name="operating_point.json"):
        return json.loads((self.folder / name).read_text())

    def test_the_chosen_point_lies_beside_the_table(self):
        known, unknown = self.worked("openmax", method="openmax", fitted="f" * 64, fitted_on="train")
        result = self.sweep("--known", known, "--unknown", unknown, "-o", self.folder / "sweep.csv", "--pick", "tpr=0.8")
        point = self.point()
        self.assertEqual({key: point[key] for key in ("format", "method", "stage", "threshold", "rule", "fitted_sha256")},
                         {"format": "openset-operating-point/1", "method": "openmax", "stage": "unknown", "threshold": 4,
                          "rule": "tpr=0.8", "fitted_sha256": "f" * 64})
        self.assertEqual(point["calibrated_on"]["known"]["rows"], 5)
        self.assertEqual(point["measured"]["known_acceptance"]["value"], 0.8)
        self.assertEqual(len(point["measured"]["known_acceptance"]["ci95"]), 2)
        self.assertAlmostEqual(point["measured"]["p_unknown"], 1 / (1 + math.exp(-4)), 12)
        self.assertIn("known_acceptance 80.0 % (4 of 5) [28.4, 99.5]", result.messages)
        self.assertEqual(result.messages.count("warning"), 0)

    def test_a_rule_chooses_among_the_thresholds_that_were_asked_for(self):
        known, unknown = self.worked()
        self.sweep("--known", known, "--unknown", unknown, "--thresholds", "0:10:2.5", "--pick", "tpr=0.8")
        self.assertEqual(self.point()["threshold"], 5)

    def test_conformal_says_what_it_promises_and_what_it_needs(self):
        known, _ = self.worked()
        result = self.sweep("--known", known, "--pick", "conformal=0.25")
        self.assertIn("conformal over n = 5 held-out known rows", result.messages)
        result = self.sweep("--known", known, "--pick", "conformal=0.05", code=2)
        self.assertIn("found 5 known rows, expected at least 19", result.messages)

    def test_a_label_with_enough_rows_gets_a_threshold_of_its_own(self):
        known = self.scores("k.csv", [(i, "a", "a") for i in range(1, 5)] + [(10, "b", "b")])
        result = self.sweep("--known", known, "--pick", "conformal=0.25", "--per-class")
        self.assertEqual(self.point()["threshold"], {"a": 4, "*": 10})
        self.assertIn("the 1 known row of the others are too few, and nothing is promised for them", result.messages)

    def test_labels_with_too_few_rows_share_a_threshold_of_their_rows_alone(self):
        known = self.scores("k.csv", [(i / 100, "a", "a") for i in range(97)] + [(50, "b", "b"), (60, "c", "c"), (70, "d", "d")])
        result = self.sweep("--known", known, "--pick", "conformal=0.25", "--per-class")
        self.assertEqual(self.point()["threshold"], {"a": 0.73, "*": 70})
        self.assertGreaterEqual(self.point()["measured"]["known_acceptance"]["value"], 0.75)
        self.assertIn("at most, also among those predicted as a label with its own threshold", result.messages)

    def test_rows_that_the_detector_was_fitted_on_are_warned_of(self):
        known, unknown = self.worked("openmax", fitted="f" * 64, fitted_on="known")
        result = self.sweep("--known", known, "--unknown", unknown, "--pick", "youden")
        self.assertIn("a detector was fitted on these very rows", result.messages)
        self.assertTrue(self.point()["calibrated_on"]["fitting_rows"])

    def test_scores_of_different_fits_are_refused(self):
        known = self.scores("k.csv", KNOWN, "openmax", {"fitted": "f" * 64})
        unknown = self.scores("u.csv", UNKNOWN, "openmax", {"fitted": "e" * 64})
        self.assertIn("comes from different fits", self.sweep("--known", known, "--unknown", unknown, code=2).messages)

    def test_scores_that_lost_their_record_say_so(self):
        known = self.scores("k.csv", KNOWN, "mine", {"method": "openmax", "fitted": "f" * 64})
        unknown = self.scores("u.csv", UNKNOWN, "mine")
        for one, other in ((known, unknown), (unknown, known)):
            self.assertIn("u.csv: what made its column mine stands in a run record, expected u.csv.run.json beside it",
                          self.sweep("--known", one, "--unknown", other, code=2).messages)

    def test_a_fit_that_nobody_names_is_warned_of(self):
        known, unknown = self.worked("openmax")
        self.assertIn("the operating point cannot either",
                      self.sweep("--known", known, "--unknown", unknown, "--pick", "youden").messages)

    def test_a_file_that_is_no_operating_point_is_not_replaced(self):
        known, _ = self.worked()
        (self.folder / "operating_point.json").write_text("precious")
        result = self.sweep("--known", known, "--pick", "tpr=0.95", code=1)
        self.assertIn("exists and is no operating point", result.messages)
        self.assertEqual((self.folder / "operating_point.json").read_text(), "precious")
        self.sweep("--known", known, "--pick", "tpr=0.95", "--operating-point", self.folder / "p.json")
        self.assertEqual(self.point("p.json")["rule"], "tpr=0.95")

    def test_a_record_is_not_believed_once_its_scores_were_changed(self):
        store = self.folder / "some.store"
        store.mkdir()
        numpy.save(store / "logits.npy", numpy.eye(4, dtype=numpy.float32))
        known = self.folder / "some.csv"
        self.openset("score", "-q", store, "-o", known)
        self.assertNotIn("was changed", self.sweep("--known", known, "--method", "msp").messages)
        known.write_bytes(known.read_bytes().replace(b"\r\n", b"\n"))
        self.assertIn("some.csv: was changed since openset score wrote it", self.sweep("--known", known, "--method", "msp").messages)

    def test_a_file_with_a_spreadsheets_mark_is_read(self):
        known, unknown = self.worked()
        plain = self.sweep("--known", known, "--unknown", unknown).text
        known.write_bytes(b"\xef\xbb\xbf" + known.read_bytes())
        self.assertEqual(self.sweep("--known", known, "--unknown", unknown).text, plain)

    def test_a_point_is_no_measurement_of_its_own_rows(self):
        known, unknown = self.worked()
        self.sweep("--known", known, "--unknown", unknown, "--pick", "youden")
        arguments = ("eval", "--known", known, "--unknown", unknown, "--operating-point", self.folder / "operating_point.json")
        self.assertIn("was picked on these very rows", self.openset(*arguments, cwd=self.folder).messages)

    def test_scores_are_not_replaced_by_a_table_or_a_plot(self):
        known, unknown = self.worked()
        before = unknown.read_bytes()
        self.assertIn("holds no table of openset sweep", self.sweep("--known", known, "-o", unknown, code=2).messages)
        self.assertIn("holds no plot", self.sweep("--known", known, "--svg", unknown, code=2).messages)
        self.assertIn("holds no metrics", self.openset("eval", "--known", known, "-o", unknown, code=2).messages)
        self.assertEqual(unknown.read_bytes(), before)
        for _ in range(2):
            self.sweep("--known", known, "--unknown", unknown, "-o", self.folder / "s.csv", "--svg", self.folder / "s.svg")
            for form in ("table", "json", "csv"):
                self.openset("eval", "--known", known, "--unknown", unknown, "-f", form, "-o", self.folder / f"m.{form}")

    def test_wrong_rules_name_the_right_ones(self):
        known, _ = self.worked()
        self.assertIn('did you mean "conformal="?', self.sweep("--known", known, "--pick", "confromal=0.1", code=2).messages)


class Plots(ScoresTest):
    def test_the_terminal_shows_the_curves(self):
        known, unknown = self.worked()
        result = self.sweep("--known", known, "--unknown", unknown, "--plot", "--pick", "youden")
        self.assertIn("unknown where score > 5", result.text)
        self.assertIn("a known_acceptance", result.text)
        self.assertTrue(all(ord(c) < 128 for c in result.text))
        self.assertNotIn("threshold,known_accuracy", result.text)

    def test_the_picture_is_an_svg_that_needs_nothing_else(self):
        known, unknown = self.worked()
        self.sweep("--known", known, "--unknown", unknown, "--svg", self.folder / "s.svg", "--pick", "youden")
        text = (self.folder / "s.svg").read_text()
        xml.etree.ElementTree.fromstring(text)
        self.assertEqual(text.count("http"), 1, "the namespace alone")
        for name in ("known_acceptance", "known_accuracy", "unknown_rejection", "unknown where score &gt; 5"):
            self.assertIn(name, text)


class Rows(ScoresTest):
    def rows(self, name, masses):
        """Rows of infer, jsonl: (folder, mass of the gate)."""
        path = self.folder / name
        with open(path, "w") as file:
            for i, (folder, mass) in enumerate(masses):
                file.write(json.dumps({"path": f"p/{folder}/{i}.jpg", "verdict": folder, "outcome": "known", "decided_by": "classifier",
                                       "gate": {"id": 0, "label": "x", "probability": mass, "mass": mass, "rank": 1, "pass": True},
                                       "classifier": {"id": 0, "label": "cat", "probability": 1, "max_logit": 1}}) + "\n")
        return path

    def test_a_gate_is_swept_like_a_detector(self):
        known, unknown = self.rows("k.jsonl", [("cat", 0.75), ("cat", 0.5)]), self.rows("u.jsonl", [("car", 0.25)])
        rows = self.table("--known", known, "--unknown", unknown, "--stage", "gate")
        self.assertEqual([row["threshold"] for row in rows], ["-inf", "0.25", "0.5", "0.75"])
        self.assertEqual(rows[2], {"threshold": "0.5", "known_accuracy": "1", "known_acceptance": "1", "unknown_rejection": "1",
                                   "balanced_accuracy": "1"})
        self.sweep("--known", known, "--unknown", unknown, "--stage", "gate", "--pick", "youden")
        point = json.loads((self.folder / "operating_point.json").read_text())
        self.assertEqual((point["method"], point["stage"], point["threshold"]), ("mass", "gate", 0.5))

    def test_every_stage_of_a_run_of_infer_can_be_swept(self):
        self.infer(PICTURES / "basket", "-o", self.folder / "rows.jsonl", "--all-stages", "-q")
        rows = [json.loads(line) for line in (self.folder / "rows.jsonl").read_text().splitlines()]
        for stage, score in (("gate", lambda row: 1 - row["gate"]["mass"]),
                             ("species", lambda row: 1 - row["species"]["probability"] if row["species"]["label"] == "FRUIT"
                              else row["species"]["probability"])):
            table = self.table("--known", "rows.jsonl", "--stage", stage)
            self.assertEqual([float(line["threshold"]) for line in table], [-math.inf, *sorted({score(row) for row in rows})])
        self.sweep("--known", "rows.jsonl", "--stage", "species", "--pick", "tpr=0.5")
        point = json.loads((self.folder / "operating_point.json").read_text())
        self.assertEqual(point["network_sha256"], hashlib.sha256((NETWORKS / "species.pt").read_bytes()).hexdigest())

    def test_rows_need_a_stage_and_scores_have_but_one(self):
        known = self.rows("k.jsonl", [("cat", 0.75)])
        self.assertIn("expected --stage gate, species or unknown", self.sweep("--known", known, code=2).messages)
        self.assertIn("--stage gate: ", self.sweep("--known", self.worked()[0], "--stage", "gate", code=2).messages)
        self.assertIn("one holds scores and one rows", self.sweep("--known", known, "--stage", "gate", "--unknown", self.worked()[1],
                                                                  code=2).messages)


class Mistakes(ScoresTest):
    def test_a_file_with_several_scores_needs_a_method(self):
        path = self.folder / "s.csv"
        path.write_text("path,label,predicted,confidence,msp,energy\na,,,1,2,3\n")
        self.assertIn("expected --method with one of msp, energy", self.sweep("--known", path, code=2).messages)
        self.assertIn('did you mean "energy"?', self.sweep("--known", path, "--method", "enery", code=2).messages)

    def test_known_rows_have_labels_all_or_none(self):
        path = self.scores("k.csv", [(1, "a", "a"), (2, "", "b")])
        self.assertIn("1 of 2 rows have no label", self.sweep("--known", path, code=2).messages)

    def test_flags_that_exclude_each_other_say_so(self):
        known, _ = self.worked()
        for flags, words in ((["--per-class"], "expected --pick conformal=X with it"),
                             (["--per-class", "--pick", "conformal=0.5", "--thresholds", "0:1:0.1"], "expected no --thresholds beside it"),
                             (["--operating-point", "p.json"], "expected --pick RULE with it"),
                             (["--points", 3, "--thresholds", "0:1:0.1"], "expected no --thresholds beside it"),
                             (["--plot", "-o", "-"], "expected -o FILE with it"),
                             (["--store", "s"], "expected --grid"),
                             (["--grid", "alpha=1"], "expected --store"),
                             (["--thresholds", "0.3"], "expected LO:HI:STEP"),
                             (["--thresholds", "0:x:1"], 'found "x", expected LO:HI:STEP')):
            self.assertIn(words, self.sweep("--known", known, *flags, code=2).messages)


class Grid(ScoresTest):
    def stores(self):
        """train, known and unknown: two classes of noisy corners. Skipped without NumPy."""
        try:
            import numpy as np
        except ImportError:
            self.skipTest("no NumPy")
        rng = np.random.default_rng(0)
        for name, rows, spread in (("train", 200, 1.5), ("known", 200, 1.5), ("unknown", 100, 0)):
            labels = rng.integers(0, 2, rows)
            logits = np.eye(2)[labels] * 2 * spread + rng.normal(size=(rows, 2)) * 1.5
            (self.folder / name).mkdir()
            np.save(self.folder / name / "logits.npy", logits.astype(np.float32))
            np.save(self.folder / name / "labels.npy", (labels if spread else labels * 0 - 1).astype(np.int64))

    def test_every_combination_is_a_line_and_both_bests_are_marked(self):
        self.stores()
        result = self.sweep("--grid", "tail-size=5,20", "--grid", "preset=recommended,osdn", "--store", "train", "--known", "known",
                            "--unknown", "unknown")
        rows = list(csv.DictReader(io.StringIO(result.text)))
        self.assertEqual([(row["tail-size"], row["preset"]) for row in rows],
                         [("5", "recommended"), ("5", "osdn"), ("20", "recommended"), ("20", "osdn")])
        marked = [mark for row in rows for mark in row["best"].split(";") if mark]
        self.assertEqual(sorted(marked), ["hindsight", "known"])
        best = max(rows, key=lambda row: float(row["known_failure_auroc"]))
        self.assertIn("known", best["best"].split(";"))
        self.assertIn("best by known rows alone", result.messages)

    def test_any_method_may_be_tried_and_every_line_is_a_fit_a_score_and_an_eval(self):
        self.stores()
        for method, axis, fixed in (("gen", "gamma=0.1,0.5", ["--set", "m=2"]), ("openmax", "tail-size=5,20", ["--set", "alpha=1"])):
            rows = self.table("--method", method, "--grid", axis, *fixed, "--store", "train", "--known", "known", "--unknown", "unknown")
            key, values = axis.split("=")
            self.assertEqual([row[key] for row in rows], values.split(","))
            for row in rows:
                self.openset("fit", "train", "--method", method, "--set", f"{key}={row[key]}", *fixed, "-o", "fitted.json", cwd=self.folder)
                for name in ("known", "unknown"):
                    self.openset("score", name, "--fitted", "fitted.json", "-o", f"{name}.csv", cwd=self.folder)
                told = self.openset("eval", "--known", "known.csv", "--unknown", "unknown.csv", "-f", "csv", cwd=self.folder).text
                measured = next(line for line in csv.DictReader(io.StringIO(told)) if line["method"] == method)
                self.assertEqual(float(measured["auroc"]), float(row["auroc"]), (method, row))

    def test_keys_are_those_of_the_method(self):
        for flags, words in ((["--method", "knn", "--grid", "tail-size=5"], "expected one of knn's: k,"),
                             (["--method", "msp", "--grid", "k=5"], "expected another method: msp has no parameters"),
                             (["--method", "knn", "--grid", "k=5", "--set", "k=7"], "and no --set of it"),
                             (["--method", "knnn", "--grid", "k=5"], 'did you mean "knn"?')):
            self.assertIn(words, self.sweep(*flags, "--store", "s", "--known", "k", code=2).messages)
        self.assertIn("expected --grid", self.sweep("--set", "k=5", "--known", "k", code=2).messages)

    def test_the_choice_by_known_rows_needs_no_unknown_ones(self):
        self.stores()
        rows = self.table("--grid", "tail-size=5,20", "--store", "train", "--known", "known")
        self.assertEqual({row["auroc"] for row in rows}, {""})
        self.assertEqual(sum(row["best"] == "known" for row in rows), 1)

    def test_stores_that_were_extracted_otherwise_are_refused(self):
        self.stores()
        for name, rows, size in (("train", 200, 224), ("known", 200, 448)):
            (self.folder / name / "meta.json").write_text(json.dumps({
                "format": "openset-store/1", "model": {"name": "m", "sha256": "a" * 64}, "labels": ["a", "b"],
                "preprocess": {"crop": [size, size]}, "counts": {"rows": rows}}))
        self.assertIn("known: --store train was fitted on activations of another preprocessing",
                      self.sweep("--grid", "tail-size=5", "--store", "train", "--known", "known", code=2).messages)

    def test_flags_about_thresholds_are_refused(self):
        for flags in (["--per-class"], ["--operating-point", "p.json"], ["--pick", "youden"], ["--points", 3]):
            self.assertIn("expected no flag about thresholds beside it",
                          self.sweep("--grid", "tail-size=5", "--store", "train", "--known", "known", *flags, code=2).messages)

    def test_wrong_keys_and_values_are_told_before_the_first_fit(self):
        self.assertIn('did you mean "tail-size"?', self.sweep("--grid", "tail-sise=5", "--store", "s", "--known", "k", code=2).messages)
        self.assertIn("tail-size: found", self.sweep("--grid", "tail-size=5,x", "--store", "s", "--known", "k", code=2).messages)


if __name__ == "__main__":
    main()
