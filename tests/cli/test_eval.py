"""openset eval: score files -> metrics."""

import csv
import io
import json

from openset_cli import main
from test_sweep import KNOWN, UNKNOWN, ScoresTest

CONFIDENCE = [0.9, 0.55, 0.8, 0.75, 0.6]
# methods.md, section 4, at Youden's threshold 5.
WORKED = {"accuracy": 0.6, "auroc": 0.88, "aupr_in": 0.852857142857, "aupr_out": 0.885, "aupr_in_trapezoid": 0.881428571429,
          "aupr_out_trapezoid": 0.909166666667, "fpr_at_95_tpr_known": 0.4, "fpr_at_95_tpr_unknown": 0.6, "oscr": 0.54, "youden": 0.6,
          "known_acceptance": 1, "unknown_rejection": 0.6, "open_set_accuracy": 0.6, "open_set_f1": 0.573809523810, "unknown_f1": 0.75,
          "balanced_accuracy": 0.588888888889, "ece": 0.34, "aurc": 0.296666666667, "aurc_open": 0.496309523810}


class EvalTest(ScoresTest):
    def setUp(self):
        super().setUp()
        self.known, self.unknown = self.worked()
        lines = self.known.read_text().splitlines()
        for i, confidence in enumerate(CONFIDENCE):
            lines[i + 1] = lines[i + 1].replace(",0.5,", f",{confidence},")
        self.known.write_text("\r\n".join(lines) + "\r\n")

    def eval(self, *arguments, **options):
        options.setdefault("cwd", self.folder)
        return self.openset("eval", *arguments, **options)

    def json(self, *arguments, **options):
        return json.loads(self.eval(*arguments, "-f", "json", **options).text)

    def result(self, *arguments, **options):
        return self.json("--known", self.known, "--unknown", self.unknown, *arguments, **options)["results"][0]


class Metrics(EvalTest):
    def test_the_output_replaces_no_input(self):
        before = self.known.read_bytes()
        result = self.eval("--known", self.known, "--unknown", self.unknown, "-o", self.known, code=2)
        self.assertIn("is the file of --known, which it would replace", result.messages)
        self.assertEqual(self.known.read_bytes(), before)

    def test_the_worked_example_gives_the_figures_of_the_text(self):
        result = self.result()
        for name, value in WORKED.items():
            self.assertAlmostEqual(result[name], value, 11, name)
        self.assertEqual((result["n_known"], result["n_unknown"], result["threshold"], result["threshold_from"]), (5, 5, 5, "youden"))

    def test_three_formats_tell_the_same(self):
        result = self.result()
        row, = csv.DictReader(io.StringIO(self.eval("--known", self.known, "--unknown", self.unknown, "-f", "csv").text))
        table = self.eval("--known", self.known, "--unknown", self.unknown).text
        for name in WORKED:
            self.assertEqual(float(row[name]), result[name])
            self.assertIn(f"{name:<23}{result[name]:>8.4f}".replace(" ", ""), table.replace(" ", ""))
        self.assertEqual((row["n_known"], row["n_unknown"]), ("5", "5"))

    def test_closed_set_accuracy_comes_first_and_every_rate_says_which_class_is_positive(self):
        lines = self.eval("--known", self.known, "--unknown", self.unknown).text.splitlines()
        self.assertIn("5 known rows", lines[0])
        self.assertIn("5 unknown rows", lines[0])
        self.assertTrue(lines[2].strip().startswith("accuracy"))
        for line in lines:
            if "fpr" in line or "aupr" in line:
                self.assertIn("positive: ", line)

    def test_each_set_of_unknown_rows_is_measured_apart(self):
        other = self.scores("other.csv", [(9, "", "a")])
        results = self.json("--known", self.known, "--unknown", f"near={self.unknown}", "--unknown", other)["results"]
        self.assertEqual([(result["unknown"], result["n_unknown"]) for result in results], [("near", 5), ("other", 1)])
        self.assertEqual(results[1]["auroc"], 1)

    def test_known_rows_alone_leave_out_what_needs_both_sides(self):
        result = self.json("--known", self.known)["results"][0]
        self.assertIsNone(result["auroc"])
        self.assertIsNone(result["open_set_f1"])
        self.assertEqual(result["accuracy"], 0.6)
        self.assertNotIn("nan", self.eval("--known", self.known).text)

    def test_openness_says_how_unknown_classes_were_counted(self):
        self.assertIn("all unknown rows counted as 1 class", self.result()["openness_counting"])
        labelled = self.scores("l.csv", [(9, "x", "a"), (9, "y", "a"), (9, "x", "b")])
        result = self.json("--known", self.known, "--unknown", labelled)["results"][0]
        self.assertIn("2 unknown by their labels", result["openness_counting"])
        self.assertIn("2 classes that rows name taken for those of training", result["openness_counting"])
        self.assertAlmostEqual(result["openness"], 1 - (4 / 6) ** 0.5, 12)

    def test_rates_have_exact_intervals(self):
        low, high = self.result()["ci95"]["accuracy"]
        self.assertAlmostEqual(low, 0.146632799634, 11)
        self.assertAlmostEqual(high, 0.947255049473, 11)

    def test_a_seed_gives_the_same_intervals_of_everything(self):
        one, same, other = (self.result("--bootstrap", 200, "--seed", seed)["ci95"] for seed in (1, 1, 2))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertEqual(set(one), set(WORKED))
        for name, (low, high) in one.items():
            self.assertLessEqual(low, high, name)


class Thresholds(EvalTest):
    def test_a_threshold_is_one_score(self):
        result = self.result("--threshold", "4.5")
        self.assertEqual((result["threshold"], result["known_acceptance"], result["unknown_rejection"]), (4.5, 0.8, 0.8))

    def test_openmax_takes_a_probability(self):
        known, unknown = self.worked("openmax")
        result = self.json("--known", known, "--unknown", unknown, "--threshold", "p=0.5")["results"][0]
        self.assertEqual(result["threshold"], 0)
        known, unknown = self.worked("msp")
        self.assertIn("msp has no P(unknown)", self.eval("--known", known, "--unknown", unknown, "--threshold", "p=0.5", code=2).messages)

    def test_an_operating_point_comes_from_sweep(self):
        self.sweep("--known", self.known, "--unknown", self.unknown, "--pick", "tpr=0.8", "-o", self.folder / "s.csv")
        result = self.result("--operating-point", "operating_point.json")
        self.assertEqual((result["threshold"], result["threshold_from"]), (4, "operating_point.json"))

    def test_an_operating_point_of_another_fit_is_refused(self):
        known, unknown = self.worked("openmax", fitted="f" * 64)
        self.sweep("--known", known, "--unknown", unknown, "--pick", "youden", "-o", self.folder / "s.csv")
        known, unknown = self.worked("openmax", fitted="e" * 64)
        self.assertIn("was measured on another fitted file", self.eval("--known", known, "--unknown", unknown, "--operating-point",
                                                                       "operating_point.json", code=2).messages)
        known, unknown = self.worked()
        self.assertIn("is a threshold of openmax", self.eval("--known", known, "--unknown", unknown, "--operating-point",
                                                             "operating_point.json", code=2).messages)

    def test_a_threshold_for_several_methods_needs_to_know_which(self):
        path = self.folder / "s.csv"
        path.write_text("path,label,predicted,confidence,msp,energy\na,a,a,1,2,3\n")
        self.assertIn("expected --method", self.eval("--known", path, "--threshold", 1, code=2).messages)
        self.eval("--known", path, "--threshold", 1, "--method", "msp")


class Classes(EvalTest):
    def test_the_confusion_matrix_has_a_row_and_a_column_of_unknown(self):
        confusion = self.result("--confusion")["confusion"]
        self.assertEqual(confusion, {"labels": ["a", "b", "unknown"], "truth_by_verdict": [[1, 1, 0], [1, 2, 0], [1, 1, 3]]})

    def test_the_report_has_every_class_and_both_means(self):
        report = {line["name"]: line for line in self.result("--report")["report"]}
        self.assertEqual(list(report), ["a", "b", "unknown", "macro average", "weighted average"])
        self.assertAlmostEqual(report["a"]["f1"], 0.4, 12)
        self.assertEqual([line["support"] for line in report.values()], [2, 3, 5, 10, 10])

    def w_scores(self, unknown_w=0.75):
        """Rows with W-scores and probabilities, as score --probabilities --w-scores writes them."""
        header = "path,label,predicted,confidence,openmax,p:a,p:b,p:unknown,w:a,w:b\n"
        known, unknown = self.folder / "wk.csv", self.folder / "wu.csv"
        known.write_text(header + "0,a,a,0.9,-2,0.8,0.1,0.1,0.25,1\n1,b,b,0.9,-2,0.1,0.8,0.1,1,0.25\n2,a,a,0.9,1,0.2,0.1,0.7,0.5,1\n")
        unknown.write_text(header + f"0,,a,0.9,1,0.2,0.1,0.7,{unknown_w},1\n1,,a,0.9,-1,0.6,0.1,0.3,{unknown_w},1\n")
        return known, unknown

    def test_rows_predicted_as_a_class_are_looked_at_apart(self):
        known, unknown = self.w_scores()
        a, b = self.json("--known", known, "--unknown", unknown, "--per-class")["results"][0]["per_class"]
        self.assertEqual((a["label"], a["known"], a["unknown"], a["share_of_unknown"]), ("a", 2, 2, 1))
        self.assertEqual((a["w_auroc"], a["w_cut_off"], a["f1_at_cut_off"]), (1, 0.5, 1))
        self.assertEqual((a["median_w_known"], a["median_w_unknown"]), (0.375, 0.75))
        self.assertEqual((b["known"], b["unknown"], b["w_auroc"], b["median_w_unknown"]), (1, 0, None, None))

    def test_openmaxs_own_rule_stands_beside_the_threshold(self):
        known, unknown = self.w_scores()
        result = self.json("--known", known, "--unknown", unknown)["results"][0]
        self.assertEqual(result["unknown_f1_by_argmax"], 2 / (1 + 1 + 2), "one of two found, one known row too")

    def test_w_scores_that_reject_nobody_and_a_sink_are_told_in_words(self):
        known, unknown = self.w_scores(unknown_w=0.01)
        messages = self.eval("--known", known, "--unknown", unknown).messages
        self.assertIn("OpenMax's arg-max rule will not reject them; use a threshold or a larger tail", messages)
        self.w_scores()
        self.assertNotIn("arg-max rule", self.eval("--known", known, "--unknown", unknown).messages)

    def test_csv_is_one_table(self):
        self.assertIn("is one table", self.eval("--known", self.known, "-f", "csv", "--confusion", code=2).messages)


class Doubts(EvalTest):
    def test_unknown_rows_with_labels_of_known_ones_are_doubted(self):
        swapped = self.scores("x.csv", KNOWN)
        self.assertIn("are they really unknown?", self.eval("--known", self.known, "--unknown", swapped).messages)

    def test_a_network_may_have_two_labels_of_one_name(self):
        self.record(self.known, "msp", labels=("a", "b", "a"))
        result = self.result("--per-class")
        self.assertEqual([one["label"] for one in result["per_class"]], ["a", "b"])
        self.assertIn("2 classes in training", result["openness_counting"])

    def test_a_class_that_unknown_rows_alone_are_taken_for_is_looked_at_too(self):
        def rows(name, labels):
            path = self.folder / name
            path.write_text("".join(json.dumps({
                "path": f"p/{i}.jpg", "verdict": label, "outcome": "known", "decided_by": "classifier",
                "classifier": {"id": 0, "label": label, "probability": 1, "max_logit": 1},
                "unknown": {"method": "msp", "score": -1, "threshold": 0, "pass": True}}) + "\n" for i, label in enumerate(labels)))
            return path
        result = self.json("--known", rows("k.jsonl", ["cat", "dog"]), "--unknown", rows("u.jsonl", ["cat", "sink", "sink"]),
                           "--stage", "unknown", "--per-class")["results"][0]
        self.assertEqual([(one["label"], one["unknown"]) for one in result["per_class"]], [("cat", 1), ("dog", 0), ("sink", 2)])

    def test_a_file_with_a_sign_in_its_name_is_that_file(self):
        (self.folder / "run=1.csv").write_bytes(self.unknown.read_bytes())
        result = self.json("--known", self.known, "--unknown", "run=1.csv")["results"][0]
        self.assertEqual((result["unknown"], result["n_unknown"]), ("run=1", 5))

    def test_two_sets_of_one_name_are_refused(self):
        self.assertIn("two sets are called", self.eval("--known", self.known, "--unknown", self.unknown, "--unknown", self.unknown,
                                                       code=2).messages)

    def test_an_unknown_column_gets_a_did_you_mean(self):
        self.assertIn('did you mean "msp"?', self.eval("--known", self.known, "--method", "mps", code=2).messages)


if __name__ == "__main__":
    main()
