"""openset calibrate: known pictures -> one budget for a chain; infer's p-values, --significance and --watch-rate."""

import csv
import json
import random

from openset_cli import PICTURES, SOUND, CliTest, fruit_config, main


class CalibrateTest(CliTest):
    """Score files and rows whose figures are drawn, as the colour world has too few pictures to calibrate on."""

    def scores(self, name, values, predicted=lambda i: "a"):
        path = self.folder / name
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "predicted", "confidence", "msp"])
            for i, value in enumerate(values):
                writer.writerow([f"{i}.jpg", "a", predicted(i), 0.5, value])
        return path

    made = {}  # file name -> text: the networks run once for all tests

    def chain_rows(self, name, count, seed):
        """Rows of the colour world's chain with other figures, and their record."""
        if not self.made:
            config = {**fruit_config(), "unknown": {"method": "msp", "threshold": 0}}
            self.infer(*SOUND, "--all-stages", "-o", self.folder / "rows.jsonl", config=self.write_config("for-rows.json", config))
            self.made.update({"row": (self.folder / "rows.jsonl").read_text().splitlines()[0],
                              "record": (self.folder / "rows.jsonl.run.json").read_text()})
        one = json.loads(self.made["row"])
        numbers = random.Random(seed)
        with open(self.folder / name, "w") as file:
            for i in range(count):
                one["path"] = f"{i}.png"
                one["gate"]["mass"], one["species"]["probability"], one["unknown"]["score"] = (
                    numbers.random(), 0.5 + numbers.random() / 2, -numbers.random())
                file.write(json.dumps(one) + "\n")
        (self.folder / f"{name}.run.json").write_text(self.made["record"])
        return self.folder / name

    def calibrate(self, *arguments, **options):
        return self.openset("calibrate", *arguments, cwd=self.folder, **options)


class OneStage(CalibrateTest):
    def test_the_threshold_is_that_of_split_conformal(self):
        known = self.scores("known.csv", range(199))
        told = self.calibrate(known, "--budget", 0.1, "-o", "c.json").messages
        self.assertIn("unknown rejects where score > 179", told)  # the 180th smallest of 199
        self.openset("sweep", "--known", known, "--pick", "conformal=0.1", cwd=self.folder)
        self.assertEqual(json.loads((self.folder / "operating_point.json").read_text())["threshold"], 179)

    def test_it_is_measured_on_rows_that_were_held_out(self):
        known, others = self.scores("known.csv", range(199)), self.scores("others.csv", range(100, 300))
        told = self.calibrate(known, "-o", "c.json", "--held-out", others).messages
        self.assertIn("measured on known rows that were held out: rejected 55.0 % (110 of 200)", told)
        calibration = json.loads((self.folder / "c.json").read_text())
        self.assertEqual((calibration["measured"]["known_rows"], calibration["measured"]["rejected"]), (200, 110))
        self.assertIn("in ten folds", self.calibrate(known, "-o", "c.json").messages)

    def test_each_class_with_enough_rows_has_a_threshold_of_its_own(self):
        known = self.scores("known.csv", range(60), predicted=lambda i: "ab"[i % 2])
        told = self.calibrate(known, "-o", "c.json", "--per-class").messages
        self.assertIn("predicted labels with thresholds of their own: 1", told)  # what else is predicted shares b's
        text = self.openset("inspect", self.folder / "c.json").text
        self.assertIn("5 % of known pictures, of all stages together", text)
        self.assertIn("among 60 known rows, ranked by predicted label for 1 label", text)

    def test_rows_are_not_held_out_of_themselves(self):
        known = self.scores("known.csv", range(199))
        (self.folder / "copy.csv").write_bytes(known.read_bytes())
        refused = self.calibrate(known, "-o", "c.json", "--held-out", "copy.csv", code=2).messages
        self.assertIn("--held-out copy.csv: holds the very rows of", refused)

    def test_too_few_rows_are_refused_with_how_many_it_needs(self):
        known = self.scores("known.csv", range(10))
        refused = self.calibrate(known, "-o", "c.json", code=2)
        self.assertIn("found 10 known rows, expected 19 or more for a budget of 5 %", refused.messages)
        self.assertFalse((self.folder / "c.json").exists())

    def test_what_is_no_calibration_is_not_replaced(self):
        known = self.scores("known.csv", range(50))
        (self.folder / "notes.txt").write_text("mine")
        self.assertIn("notes.txt", self.calibrate(known, "-o", "notes.txt", code=2).messages)
        self.assertIn("--budget 5", self.calibrate(known, "-o", "c.json", "--budget", 5, code=2).messages)
        self.calibrate(known, "-o", "c.json")
        self.calibrate(known, "-o", "c.json")


class Chain(CalibrateTest):
    def setUp(self):
        super().setUp()
        self.rows_file = self.chain_rows("known.jsonl", 200, 1)
        self.calibrate(self.rows_file, "--budget", 0.1, "-o", "c.json")
        self.config = {**fruit_config(), "unknown": {"method": "msp", "threshold": 0}, "calibration": "c.json"}

    def thresholds(self, *flags):
        rows = self.rows(*SOUND, "--all-stages", *flags, config=self.write_config("calibrated.json", self.config))
        return {row["unknown"]["threshold"] for row in rows}, rows

    def test_infer_prints_p_values_and_rejects_where_they_are_small(self):
        for significance in (None, 0.5):
            flags = () if significance is None else ("--significance", significance)
            _, rows = self.thresholds(*flags)
            for row in rows:
                self.assertEqual(list(row["unknown"])[-1], "p_value")
                rejected = row["outcome"] == "unknown"
                self.assertEqual(rejected, row["unknown"]["p_value"] <= (significance or 0.1), row)

    def test_a_smaller_significance_rejects_less(self):
        (usual,), _ = self.thresholds()
        (less,), _ = self.thresholds("--significance", 0.02)
        self.assertLess(float(usual), float(less))

    def test_csv_has_the_p_value_as_the_detectors_last_column(self):
        config = self.write_config("calibrated.json", self.config)
        header = self.infer(*SOUND, "-f", "csv", config=config).text.splitlines()[0].split(",")
        self.assertEqual(header[header.index("unknown_pass") + 1], "unknown_p_value")

    def test_its_p_values_are_ranks_among_the_calibration_rows(self):
        def share(score, scores):
            scores = sorted(scores)
            at_most = sum(each <= score for each in scores)
            if at_most == 0:
                return 1
            if at_most == len(scores):
                return 1 / (len(scores) + 1) / (1 + (score - scores[-1]) / (scores[-1] - scores[len(scores) // 2]))
            part = (score - scores[at_most - 1]) / (scores[at_most] - scores[at_most - 1])
            return (1 + len(scores) - at_most - part) / (len(scores) + 1)

        calibration = json.loads((self.folder / "c.json").read_text())
        accepted = fruit_config()["species"]["accept"]
        _, rows = self.thresholds()
        for row in rows:
            likely = row["species"]["probability"]
            scores = {"gate": 1 - row["gate"]["mass"], "unknown": row["unknown"]["score"],
                      "species": 1 - likely if row["species"]["label"] in accepted else likely}
            least = min(share(scores[stage["stage"]], stage["scores"]) for stage in calibration["stages"])
            if row["classifier"]["probability"] < fruit_config()["classifier"]["min_probability"]:
                least = 0
            ranked = calibration["least_shares"]
            self.assertAlmostEqual(row["unknown"]["p_value"], (1 + sum(each <= least for each in ranked)) / (1 + len(ranked)), 12)

    def test_rows_of_other_stages_or_without_all_of_them_are_refused(self):
        self.config.pop("species")
        refused = self.infer(*SOUND, config=self.write_config("calibrated.json", self.config), code=2)
        self.assertIn("c.json is of the stages gate, species, unknown, but those of the config are gate, unknown", refused.messages)
        config = {**fruit_config(), "unknown": {"method": "msp", "threshold": 0}}
        self.infer(*SOUND, "-o", self.folder / "some.jsonl", config=self.write_config("plain.json", config))
        refused = self.calibrate("some.jsonl", "-o", "d.json", code=2)
        self.assertIn("run openset infer again with --all-stages", refused.messages)
        (self.folder / "some.jsonl.run.json").unlink()
        self.assertIn("has no run record beside it", self.calibrate("some.jsonl", "-o", "d.json", code=2).messages)

    def test_the_detector_needs_no_threshold_beside_it(self):
        (calibrated,), rows = self.thresholds()
        self.config["unknown"].pop("threshold")
        (alone,), same = self.thresholds()
        self.assertEqual((alone, rows), (calibrated, same))
        self.config.pop("calibration")
        refused = self.infer(*SOUND, config=self.write_config("bare.json", self.config), code=2).messages
        self.assertIn('/unknown: no "threshold"', refused)

    def test_a_significance_that_no_p_value_reaches_is_refused(self):
        config = self.write_config("calibrated.json", self.config)
        refused = self.infer(*SOUND, "--significance", 0.001, config=config, code=2).messages
        self.assertRegex(refused, r"/significance: found 0\.001, but among 100 known rows.* no p-value is below 0\.0[0-9]+; give that or more")

    def test_the_classifiers_own_thresholds_count_whichever_way_they_are_given(self):
        # Every second row is one that the classifier does not name: its label has a threshold of its own, by name or by id.
        by_name, by_id = {"tomato": 0.999, "*": 0}, {"0": 0.999, "*": 0}
        shares = []
        for thresholds in (by_name, by_id):
            config = {**fruit_config(), "unknown": {"method": "msp", "threshold": 0}}
            config["classifier"] = {**config["classifier"], "min_probability": thresholds}
            self.infer(*SOUND, "--all-stages", "-o", self.folder / "own.jsonl", config=self.write_config("own.json", config))
            rows = [json.loads(line) for line in (self.folder / "own.jsonl").read_text().splitlines()]
            label = next(row["classifier"]["label"] for row in rows if row["classifier"]["id"] == 0)
            self.assertEqual(label, next(iter(by_name)))
            one = next(row for row in rows if row["classifier"]["id"] == 0)
            with open(self.folder / "many.jsonl", "w") as file:
                for i in range(100):
                    one["path"], one["classifier"]["probability"] = f"{i}.png", 0.5 if i % 10 == 0 else 1.0
                    file.write(json.dumps(one) + "\n")
            (self.folder / "own.jsonl.run.json").rename(self.folder / "many.jsonl.run.json")
            self.calibrate("many.jsonl", "--budget", 0.3, "-o", "own-c.json")
            shares.append(json.loads((self.folder / "own-c.json").read_text())["least_shares"])
        self.assertEqual(shares[0], shares[1])
        self.assertIn(0, shares[0])
        self.config["classifier"]["min_probability"] = by_id
        self.config["calibration"] = "own-c.json"
        refused = self.infer(*SOUND, "--significance", 0.05, config=self.write_config("own.json", self.config), code=2).messages
        self.assertIn("by its min_probability, no p-value is below", refused)

    def test_flags_that_contradict_it_are_refused(self):
        config = self.write_config("calibrated.json", self.config)
        refused = self.infer(*SOUND, "--unknown-threshold", 1, config=config, code=2)
        self.assertIn("--unknown-threshold has no meaning; use --significance, or remove the key", refused.messages)
        plain = self.write_config("plain.json", fruit_config())
        self.assertIn('has a meaning with "calibration" only', self.infer(*SOUND, "--significance", 0.1, config=plain, code=2).messages)

    def test_another_calibration_is_another_run(self):
        config = self.write_config("calibrated.json", self.config)
        output = self.folder / "rows.jsonl"
        self.infer(*SOUND, "-o", output, config=config)
        refused = self.infer(*SOUND, "-o", output, "--resume", "--significance", 0.3, config=config, code=2)
        self.assertIn("/significance", refused.messages)
        self.calibrate(self.rows_file, "--budget", 0.2, "-o", "c.json")
        self.assertIn("/calibration", self.infer(*SOUND, "-o", output, "--resume", config=config, code=2).messages)

    def test_it_is_told_step_by_step(self):
        config = self.write_config("calibrated.json", self.config)
        self.assertIn("all stages together reject at most 10 % of known pictures", self.infer("--dry-run", config=config).text)
        told = self.infer("--explain", PICTURES / "tomato.png", "--significance", 0.02, config=config).text
        self.assertIn("look as odd as this one to all stages together", told)


class WatchRate(CalibrateTest):
    def test_a_share_that_leaves_the_expected_one_is_told_once_and_recorded(self):
        config = {**fruit_config(), "unknown": {"method": "msp", "threshold": "-inf"}}  # rejects all that come so far
        config = self.write_config("config.json", config)
        (self.folder / "list").write_text("\n".join([str(PICTURES / "tomato.png")] * 40))
        output = self.folder / "rows.jsonl"
        told = self.infer("--files-from", self.folder / "list", "--watch-rate", 0.1, "-o", output, config=config).messages
        self.assertEqual(told.count("more than the 10.0 % expected"), 1)
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())["rate_watch"]
        self.assertEqual((record["expected"], record["pictures"]), ([0.1, 0.1], 40))
        (alarm,) = record["alarms"]
        self.assertEqual((alarm["side"], alarm["rejected"]), ("above", alarm["at"]))
        self.assertLess(alarm["at"], 10)
        quiet = self.infer("--files-from", self.folder / "list", "--watch-rate", "0.5:1", config=config).messages
        self.assertNotIn("expected", quiet)

    def test_auto_expects_what_the_calibration_is_known_to_reject(self):
        known = self.chain_rows("known.jsonl", 200, 1)
        others = self.chain_rows("others.jsonl", 1000, 2)
        config = {**fruit_config(), "unknown": {"method": "msp"}, "calibration": "c.json"}
        wide = []
        for more in ((), ("--held-out", others)):
            self.calibrate(known, "--budget", 0.1, "-o", "c.json", *more)
            output = self.folder / "rows.jsonl"
            self.infer(*SOUND, "--watch-rate", "auto", "-o", output, config=self.write_config("watched.json", config))
            lower, upper = json.loads((self.folder / "rows.jsonl.run.json").read_text())["rate_watch"]["expected"]
            wide.append(upper - lower)
        self.assertGreater(wide[0], 2 * wide[1])  # 100 rows that rank against 1,000 that were held out

    def test_what_is_no_share_is_refused(self):
        config = self.write_config("config.json", fruit_config())
        for rate in ("1.5", "0.3:0.2"):
            self.assertIn("--watch-rate", self.infer(*SOUND, f"--watch-rate={rate}", config=config, code=2).messages)
        self.assertIn("the config has no /calibration", self.infer(*SOUND, "--watch-rate", "auto", config=config, code=2).messages)
        self.assertIn("--false-alarm", self.infer(*SOUND, "--false-alarm", 0.1, config=config, code=2).messages)


if __name__ == "__main__":
    main()
