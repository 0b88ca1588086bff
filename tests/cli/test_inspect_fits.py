"""openset inspect on fitted detectors, scores, operating points and the records of scores."""

import json
import math

import numpy as np
from openset_cli import main
from stores import StoreTest, clusters, meta

SOURCES = {"recommended": "openset's own", "osdn": "abhijitbendale/OSDN", "openood": "OpenOOD v1.5", "pytorch-ood": "kkirchheim/pytorch-ood",
           "paper": "Bendale & Boult 2016", "crosr": "Yoshihashi et al. 2019", "notebook-001": "notebook", "notebook-001-described": "notebook"}


class Inspected(StoreTest):
    def text(self, path, *flags):
        return self.openset("inspect", path, *flags).text

    def described(self, path):
        return json.loads(self.openset("inspect", path, "-f", "json").text)

    def cells(self, text, label):
        """The words of a class's line."""
        return next(line.split() for line in text.splitlines() if line.startswith(f"  {label} "))


class FittedDetectors(Inspected):
    def test_every_preset_names_its_source(self):
        store = self.train(latents=np.random.default_rng(1).normal(size=(120, 2)).astype(np.float32))
        for preset, source in SOURCES.items():
            path, _ = self.fit(store, "--preset", preset)
            self.assertRegex(self.text(path), f"preset        {preset}: .*{source}")
            self.assertEqual(self.described(path)["preset"]["name"], preset)
            self.assertIn(source, self.described(path)["preset"]["source"])

    def test_parameters_and_what_differs_from_the_preset(self):
        path, _ = self.fit(self.train(meta=meta(["a", "b", "c"], 120)), "--preset", "openood", "--tail-size", 15)
        text = self.text(path)
        for words in ("kind          fitted detector, openmax", "network       cats8, sha256 aaaaaaaaaaaa", "fitted on     a store of identity ",
                      "decision      unknown has the largest probability, or the largest is < 0.9", "  --tail-size        15   (the preset has 20)\n",
                      "  --alpha            3\n", "  --translate        1\n", "  --without-fit      step\n"):
            self.assertIn(words, text)
        params = self.described(path)["params"]
        self.assertEqual((params["tail_size"], params["epsilon"]), (15, 0.9))

    def test_a_line_a_class_with_few_digits_and_json_with_all(self):
        logits, labels = clusters(3, [40, 7, 40, 2], spread=0.5)
        store = self.store("train", logits, labels, meta=meta(["crow", "kestrel", "zürich", "wren"], len(labels)))
        path, _ = self.fit(store)
        text, described, fitted = self.text(path), self.described(path), json.loads(path.read_text())
        self.assertRegex(text, r"  label +rows +correct +fitted on +tail +shape +scale +scale/shape +shape 95 % +scale 95 % +KS +unit +w<0.05 +status\n")
        for index, label in enumerate(["crow", "kestrel", "zürich"]):
            cells, one = self.cells(text, label), described["classes"][index]
            state, told = fitted["state"]["classes"][index], fitted["diagnostics"]["classes"][index]
            scale = state["translate"] * math.exp(state["log_scale_rel"])
            self.assertEqual(cells[1:8], [str(told["rows"]), str(told["correct"]), str(state["rows"]), str(state["tail_used"]), f"{state['shape']:.4g}",
                                          f"{scale:.4g}", f"{scale / state['shape']:.4g}"])
            self.assertEqual(cells[8], "..".join(f"{end:.4g}" for end in told["ci95_shape"]))
            self.assertEqual(cells[10], f"{told['ks']:.4g}")
            self.assertEqual((one["shape"], one["log_scale_rel"], one["ks"], one["ci95_scale"]),
                             (state["shape"], state["log_scale_rel"], told["ks"], told["ci95_scale"]))
            self.assertEqual((one["label"], one["rows"], one["fitted_on"]), (label, told["rows"], state["rows"]))
        self.assertIn("ok, fewer rows than the tail size", text)
        self.assertEqual(self.cells(text, "wren")[5:], ["-"] * 8 + ["no", "fit:", "fewer", "than", "3", "rows"])
        lines = [line for line in text.splitlines() if line.startswith(("  label", "  crow", "  zürich"))]
        self.assertEqual({line.rindex("ok") for line in lines[1:]}, {lines[0].index("status")})
        self.assertEqual(described["warnings"], fitted["diagnostics"]["warnings"])
        for warning in described["warnings"]:
            self.assertIn("  " + warning + "\n", text)

    def test_the_reversed_laws_have_their_own_columns(self):
        path, _ = self.fit(self.train(), "--preset", "notebook-001")
        text = self.text(path)
        self.assertIn("kind          fitted detector, openmax-notebook", text)
        self.assertRegex(text, r"  label +rows +correct +fitted on +tail +shape +loc +scale +KS")
        self.assertNotIn("  --translate", text)
        path, _ = self.fit(self.train("heavy", counts=(300, 300), seed=4), "--tail-family", "weibull-max", "--tail-size", 300)
        classes = self.described(path)["classes"]
        if any("mode" in one for one in classes):
            self.assertRegex(self.text(path), r"scale +mode +beta +KS")

    def test_large_arrays_and_many_classes(self):
        path, _ = self.fit(self.store("many", *clusters(4, [4] * 70)))
        self.assertEqual(self.described(path)["arrays"], {"means": [70, 70]})
        self.assertNotIn("\n  69 ", self.text(path))
        self.assertIn("\n  69 ", self.text(path, "--all-labels"))
        next((self.folder / "fit.d").iterdir()).unlink()
        self.assertIn("arrays lie beside the fitted file and are copied with it", self.openset("inspect", path, code=1).messages)

    def test_nothing_is_printed_as_nan(self):
        logits, labels = clusters(3, [40, 2, 40], spread=1e-30)
        for flags in ((), ("--translate", "1"), ("--preset", "osdn"), ("--preset", "notebook-001"), ("--tail-family", "weibull-max")):
            path, _ = self.fit(self.store("-".join(flags) or "plain", logits, labels), *flags)
            self.assertNotIn("nan", self.text(path).lower())


class Scores(Inspected):
    def scores(self):
        fitted, _ = self.fit(self.train(meta=meta(["a", "b", "c"], 120)))
        logits, labels = clusters(2, [15, 15, 15], spread=3)
        path = self.folder / "scores.csv"
        self.openset("score", self.store("test", logits, labels), "--fitted", f"own={fitted}", "--probabilities", "-o", path)
        return path, (logits.argmax(1) == labels).sum()

    def test_columns_with_their_range_and_what_made_them(self):
        path, right = self.scores()
        text, described = self.text(path), self.described(path)
        for words in ("kind          scores\n", "rows          45\n", f"with a label  45, rightly predicted {right} (", "columns       3, larger = more unknown",
                      "  score      smallest", "run record    scores.csv.run.json", "  own        openmax, ", "fit.json, sha256 ", "  msp        msp, needs no fit"):
            self.assertIn(words, text)
        self.assertEqual((described["kind"], described["rows"], described["right"]), ("scores", 45, right))
        self.assertEqual(list(described["columns"]), ["own", "msp", "max-logit"])
        msp = [float(line.split(",")[5]) for line in path.read_text().splitlines()[1:]]
        self.assertEqual((described["columns"]["msp"]["smallest"], described["columns"]["msp"]["largest"]), (min(msp), max(msp)))
        self.assertEqual(described["columns"]["msp"]["median"], sorted(msp)[22])
        self.assertEqual(described["record"]["columns"]["own"]["method"], "openmax")

    def test_a_file_without_its_record_and_with_infinities(self):
        path = self.folder / "anything"
        path.write_text("path,label,predicted,confidence,openmax\r\na,,0,0.5,inf\r\nb,,0,0.5,-inf\r\nc,,1,0.5,2\r\n")
        self.assertIn("run record    none beside it", self.text(path))
        self.assertIn("with a label  0\n", self.text(path))
        self.assertEqual(self.described(path)["columns"]["openmax"], {"smallest": "-inf", "median": 2.0, "largest": "inf", "infinite": 2})
        path.write_text("path,label,predicted,confidence,openmax\r\na,,0,0.5,high\r\n")
        self.assertIn("anything: line 2", self.openset("inspect", path, code=1).messages)

    def test_the_record_alone(self):
        path, _ = self.scores()
        text = self.text(f"{path}.run.json")
        for words in ("kind          record of openset score", "rows          45\n", "store         ", "  max-logit  max-logit, needs no fit"):
            self.assertIn(words, text)
        self.assertEqual(self.described(f"{path}.run.json")["record"]["format"], "openset-score-run/1")


class OperatingPoints(Inspected):
    def point(self, **changes):
        point = {"format": "openset-operating-point/1", "method": "openmax", "stage": "unknown", "threshold": 0.49, "rule": "tpr=0.95",
                 "fitted_sha256": "c" * 64, "calibrated_on": {"known": {"file": "known.csv", "rows": 400}},
                 "measured": {"known_rows": 400, "known_acceptance": {"value": 0.95, "ci95": [0.9238330272445912, 0.969194758857]}}}
        path = self.folder / "point.json"
        path.write_text(json.dumps({**point, **changes}))
        return path

    def test_threshold_rule_and_what_was_measured(self):
        text = self.text(self.point())
        for words in ("kind          operating point", "stage         unknown", "threshold     0.49, p=0.6201; a larger score is rejected", "rule          tpr=0.95",
                      "fitted        sha256 cccccccccccc", "  known_acceptance  0.95 (95 %: 0.9238 to 0.9692)", "  known_rows        400", "known.csv"):
            self.assertIn(words, text)
        self.assertEqual(self.described(self.point())["operating_point"]["threshold"], 0.49)

    def test_thresholds_by_label_and_without_end(self):
        text = self.text(self.point(method="msp", threshold={"crow": -0.9, "wren": "inf", "*": -0.5}))
        for words in ("threshold     -0.5 (labels without one of their own); a larger score is rejected", "  crow  -0.9", "  wren   inf"):
            self.assertIn(words, text)
        self.assertIn("threshold     -0.35, q=0.35;", self.text(self.point(method="openmax-notebook", threshold=-0.35)))
        self.assertEqual(self.described(self.point(threshold="-inf"))["operating_point"]["threshold"], "-inf")

    def test_a_damaged_one_says_where(self):
        self.assertIn("point.json: /stage", self.openset("inspect", self.point(stage="last"), code=1).messages)


if __name__ == "__main__":
    main()
