"""openset report: one page from rows, scores and a fitted detector."""

import base64
import csv
import html.parser
import io
import json
import re
import shutil
import subprocess
import urllib.parse
import xml.etree.ElementTree

from openset_cli import FAILURES, PICTURES, VERDICTS, main
from stores import StoreTest, np
from test_sweep import ScoresTest

EVIL = "<script>alert(1)</script>&\"'"


class Page(html.parser.HTMLParser):
    """What a browser would see: tags, words, where links lead, and the CSV files that it offers by name."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.words, self.csv, self.figures, self.sections, self.pictures = set(), [], "", {}, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        if tag == "figure":
            self.figures.append(attrs["id"])
        if tag == "section":
            self.sections.append(attrs["id"])
        if tag == "img":
            self.pictures.append(base64.b64decode(attrs["src"].split(",")[1]))
        if "download" in attrs:
            self.csv[attrs["download"]] = base64.b64decode(attrs["href"].split(",")[1]).decode()

    def handle_data(self, data):
        if self.lasttag != "style":
            self.words += data


class ReportTest(StoreTest, ScoresTest):
    def report(self, *arguments, name="report.html", **options):
        options.setdefault("cwd", self.folder)
        result = self.openset("report", *arguments, "-o", self.folder / name, **options)
        self.assertIn(f"wrote {self.folder / name}", result.messages)
        return Page((self.folder / name).read_text())

    def refused(self, *arguments):
        return self.openset("report", *arguments, "-o", self.folder / "report.html", code=2, cwd=self.folder).messages

    def rows(self, *arguments):
        rows = self.folder / "rows.jsonl"
        self.infer(PICTURES, "-o", rows, "-q", *arguments, code=3)
        return rows

    def words_of_summary(self, page):
        return page.words[page.words.index("openset report"):page.words.index("From picture to verdict" if "flow-section" in page.sections
                                                                             else "How well known and unknown are told apart")]

    def made_rows(self, *rows, name="made.jsonl"):
        """Rows of a pipeline with gate, classifier and detector; each: (path, classifier's label, top, score, threshold, whether it
        passes), or (path, gate's mass) of what the gate stopped."""
        lines = []
        for path, *rest in rows:
            if len(rest) == 1:
                lines.append({"path": path, "verdict": "unknown", "outcome": "unknown", "decided_by": "gate",
                              "gate": {"id": 1, "label": "grass", "probability": 0.5, "mass": rest[0], "rank": 9, "pass": False}})
                continue
            label, top, score, threshold, passes = rest
            lines.append({"path": path, "verdict": label if passes else "unknown", "outcome": "known" if passes else "unknown",
                          "decided_by": "classifier" if passes else "unknown", **({"probability": 0.9} if passes else {}),
                          "gate": {"id": 0, "label": "dog", "probability": 0.9, "mass": 0.9, "rank": 1, "pass": True},
                          "classifier": {"id": 0, "label": label, "probability": 0.9, "max_logit": 2.5,
                                         "top": [{"id": i, "label": name, "probability": 0.1} for i, name in enumerate(top)]},
                          "unknown": {"method": "openmax", "score": score, "p_unknown": 0.5, "threshold": threshold, "pass": passes}})
        file = self.folder / name
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return file

    def with_detector(self):
        """Rows of the colour world behind a detector that lets some of them pass."""
        self.config = self.write_config("d.json", {**json.loads((self.folder / "fruit.json").read_text()),
                                                   "unknown": {"method": "max-logit", "threshold": 0}})
        return self.rows()

    def stores(self):
        """Training, known and unknown rows of three classes, fitted and scored with W-scores."""
        train, known = self.train(seed=1), self.train("known", (20, 20, 20), 2)
        unknown = self.train("unknown", (10, 10, 10), 3)
        np.save(unknown / "logits.npy", np.load(unknown / "logits.npy") * 0.3)
        fitted, _ = self.fit(train, "--tail-size", 10)
        files = []
        for store in (known, unknown):
            files.append(self.folder / f"{store.name}.csv")
            self.openset("score", store, "--fitted", fitted, "--w-scores", "-o", files[-1])
        return train, fitted, *files


class Numbers(ReportTest):
    def test_they_are_evals_to_the_last_digit(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", f"far={unknown}")
        evaluated = self.openset("eval", "--known", known, "--unknown", f"far={unknown}", "-f", "csv").text
        self.assertEqual(page.csv["metrics.csv"], evaluated)
        self.assertIn("0.8800", page.words, "AUROC of the worked example")

    def test_the_confusion_matrix_is_evals(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", unknown, "--threshold", 4)
        result, = json.loads(self.openset("eval", "--known", known, "--unknown", unknown, "--threshold", 4, "--confusion", "-f",
                                          "json").text)["results"]
        head, *lines = csv.reader(io.StringIO(page.csv["confusion.csv"]))
        self.assertEqual(head[1:], result["confusion"]["labels"])
        self.assertEqual([[int(cell) for cell in line[1:]] for line in lines], result["confusion"]["truth_by_verdict"])

    def test_every_set_of_unknown_rows_is_measured_apart(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", f"near={known}", "--unknown", f"far={unknown}")
        self.assertIn("against near", page.words)
        self.assertIn("near, AUROC 0.500", page.words)
        self.assertIn("far, AUROC 0.880", page.words)

    def test_rows_and_the_truth_are_known_and_unknown_scores(self):
        rows = self.with_detector()
        truth = self.folder / "truth.csv"
        truth.write_text("path,label\n" + "".join(
            f"{name},{verdict if outcome == 'known' else 'vegetable'}\n" for name, (verdict, outcome, _) in VERDICTS.items()))
        page = self.report("--rows", rows, "--truth", truth)
        for name in ("known.jsonl", "unknown.jsonl"):
            lines = [line for line in rows.read_text().splitlines(keepends=True)
                     if (VERDICTS[json.loads(line)["path"][len(str(PICTURES)) + 1:]][1] == "known") == (name == "known.jsonl")]
            (self.folder / name).write_text("".join(lines))
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        known = [json.loads(line) for line in (self.folder / "known.jsonl").read_text().splitlines()]
        measured = dict(zip(head, row))
        self.assertEqual(int(measured["n_known"]), sum("unknown" in one for one in known))
        accepted = sum(one["outcome"] == "known" for one in known if "unknown" in one)
        self.assertEqual(float(measured["known_acceptance"]), accepted / int(measured["n_known"]))
        self.assertEqual(measured["threshold_from"], "the pipeline's own threshold")


    def test_the_pipelines_threshold_is_the_detectors_alone(self):
        rows = self.with_detector()
        truth = self.folder / "truth.csv"
        truth.write_text("path,label\n" + "".join(f"{name},{verdict}\n" for name, (verdict, _, _) in VERDICTS.items()))
        page = self.report("--rows", rows, "--truth", truth, "--stage", "gate")
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        self.assertEqual(dict(zip(head, row))["threshold_from"], "youden")

    def test_thresholds_by_label_decide_what_is_shown_as_rejected(self):
        known, unknown = self.worked()
        self.openset("sweep", "--known", known, "--unknown", unknown, "--pick", "youden", cwd=self.folder)
        point = self.folder / "operating_point.json"
        content = json.loads(point.read_text())
        point.write_text(json.dumps({**content, "threshold": {"*": 100, "a": 3.5}}))
        page = self.report("--known", known, "--unknown", unknown, "--operating-point", point)
        head, *lines = csv.reader(io.StringIO(page.csv["confusion.csv"]))
        rejected = sum(int(line[-1]) for line in lines)
        self.assertEqual(rejected, 3, "known 5, unknown 6 and 8 were predicted a")
        sheet = page.words[page.words.index("Known, and rejected"):page.words.index("On the border")]
        self.assertEqual(sheet.count("rejected by"), 1)
        (line,) = csv.DictReader(io.StringIO(page.csv["rejected-known.csv"]))
        self.assertEqual((line["verdict"], float(line["score"]), float(line["threshold"])), ("unknown", 5, 3.5))

    def test_openmaxs_own_rule_is_measured_by_what_the_rows_decided(self):
        rows = [("a/1.jpg", "a", "ab", -1, "argmax", True), ("a/2.jpg", "a", "ab", 2, "argmax", False),
                ("b/1.jpg", "b", "ab", -2, "argmax", True), ("b/2.jpg", "b", "ab", 0.5, "argmax", True),
                ("x/1.jpg", "a", "ab", -0.5, "argmax", False), ("x/2.jpg", "b", "ab", 3, "argmax", True)]
        page = self.report("--rows", self.made_rows(*rows))
        self.assertIn("4 were given a name and 2 were rejected", page.words)
        page = self.report("--rows", self.made_rows(*rows), "--truth", "folders")
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        measured = dict(zip(head, row))
        self.assertEqual((measured["known_acceptance"], measured["unknown_rejection"]), ("0.75", "0.5"))
        self.assertEqual((measured["threshold"], measured["threshold_from"]), ("", "OpenMax's arg-max rule"))
        self.assertIn("By OpenMax's arg-max rule, 75.0\u00a0% of the known pictures pass and 50.0\u00a0% of the unknown ones are stopped",
                      self.words_of_summary(page))
        confusion = list(csv.reader(io.StringIO(page.csv["confusion.csv"])))
        self.assertEqual(confusion[1:], [["a", "1", "0", "1"], ["b", "0", "2", "0"], ["unknown", "0", "1", "1"]])

    def test_csv_rows_of_openmaxs_own_rule_are_read_too(self):
        self.with_detector()
        rows = self.folder / "rows.csv"
        self.infer(PICTURES, "-o", rows, "-q", code=3, config=self.config)
        rows.write_bytes(re.sub(rb"(max-logit,[^,]*,[^,]*,)0,", rb"\1argmax,", rows.read_bytes()))
        self.assertIn(b",argmax,", rows.read_bytes())
        self.assertIn("given a name", self.report("--rows", rows).words)

    def test_thresholds_that_differ_by_label_are_told_by_what_the_rows_decided(self):
        rows = [("a/1.jpg", "a", "ab", 1, 5, True), ("a/2.jpg", "a", "ab", 6, 5, False), ("a/3.jpg", "a", "ab", 4, 5, True),
                ("b/1.jpg", "b", "ab", 0, "inf", True), ("b/2.jpg", "b", "ab", 7, "inf", True),
                ("x/1.jpg", "a", "ab", 4.5, 5, True), ("x/2.jpg", "a", "ab", 8, 5, False)]
        page = self.report("--rows", self.made_rows(*rows), "--truth", "folders")
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        measured = dict(zip(head, row))
        self.assertEqual((measured["known_acceptance"], measured["unknown_rejection"]), ("0.8", "0.5"))
        summary = self.words_of_summary(page)
        self.assertIn("By the pipeline's own thresholds, which differ by label, 80.0\u00a0% of the known pictures pass", summary)
        self.assertNotIn("Youden", page.words)

    def test_a_threshold_that_these_pictures_chose_is_told_as_such_without_an_interval(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", unknown)
        summary = self.words_of_summary(page)
        self.assertIn("Its threshold was chosen on these very pictures", summary)
        self.assertNotIn("This was measured on", summary)
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        measured = dict(zip(head, row))
        for metric in ("known_acceptance", "unknown_rejection", "open_set_accuracy"):
            self.assertNotEqual(measured[metric], "")
            self.assertNotIn(metric + "_low", measured)
        self.assertNotEqual(measured["accuracy_low"], "", "no threshold is in it")
        page = self.report("--known", known, "--unknown", unknown, "--threshold", 4.5)
        self.assertIn("By its threshold, 80.0\u00a0% of the known pictures pass and 80.0\u00a0% of the unknown ones are stopped. This was "
                      "measured on 5 pictures of known classes and 5 unknown ones.", self.words_of_summary(page))
        head, row = csv.reader(io.StringIO(page.csv["metrics.csv"]))
        self.assertNotEqual(dict(zip(head, row))["known_acceptance_low"], "")

    def test_the_order_of_the_sets_changes_no_contact_sheet(self):
        known = self.scores("k.csv", [(1, "a", "a"), (2, "a", "a"), (3, "b", "b"), (4, "b", "b")])
        near = self.scores("near.csv", [(2.5, "", "a"), (3.5, "", "a"), (2.6, "", "b")])
        far = self.scores("far.csv", [(9, "", "a"), (8, "", "b"), (7, "", "b")])
        sheets = []
        for one, other in ((f"near={near}", f"far={far}"), (f"far={far}", f"near={near}")):
            page = self.report("--known", known, "--unknown", one, "--unknown", other)
            begin = page.words.index("Youden's point of all unknown sets together")
            sheets.append([len(re.findall(words, page.words[begin:])) for words in ("rejected by the detector", "score ", "is of no known")])
        self.assertEqual(*sheets)


class Rows(ReportTest):
    def test_alone_they_give_the_flow_and_the_pictures(self):
        page = self.report("--rows", self.rows())
        self.assertEqual(page.sections, ["flow-section", "pictures", "left-out", "made-from"])
        sound = len(VERDICTS) - len(FAILURES)
        flow = list(csv.DictReader(io.StringIO(page.csv["flow.csv"])))
        self.assertEqual([(line["stage"], int(line["reached"])) for line in flow][0], ("pictures", len(VERDICTS)))
        self.assertEqual(int(flow[0]["stopped"]), len(FAILURES))
        for line, stage in ((flow[1], "gate"), (flow[2], "species"), (flow[3], "classifier")):
            self.assertEqual(int(line["stopped"]), sum(decided == stage and outcome == "unknown"
                                                       for _, outcome, decided in VERDICTS.values()))
        self.assertEqual(int(flow[-1]["reached"]), sum(outcome == "known" for _, outcome, _ in VERDICTS.values()))
        self.assertEqual(len(page.pictures), sound)
        self.assertTrue(all(jpeg.startswith(b"\xff\xd8") for jpeg in page.pictures))
        self.assertIn("Nobody told this report what the pictures really show", page.words)

    def test_what_gate_or_filter_stopped_says_how_sure_they_were_the_surest_first(self):
        rows = [{"path": f"{i}.jpg", "verdict": "unknown", "outcome": "unknown", "decided_by": stage, "gate": {"id": 0, "label": "dog", "probability": 0.5, "mass": mass,
                 "rank": 1, "pass": stage != "gate"}, **({} if stage == "gate" else {"species": {"id": 1, "label": "NOT", "probability": 0.7, "pass": False}})}
                for i, (stage, mass) in enumerate([("gate", 0.4), ("gate", 0.05), ("species", 1)])]
        (self.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        # Of an accepted label, but not likely enough: 45 % against it.
        one = {"path": "3.jpg", "verdict": "unknown", "outcome": "unknown", "decided_by": "species", "gate": rows[2]["gate"],
               "species": {"id": 0, "label": "DOG", "probability": 0.55, "pass": False}}
        named = {**one, "path": "4.jpg", "verdict": "pug", "outcome": "known", "decided_by": "classifier", "species": {**one["species"], "probability": 0.99, "pass": True}}
        with open(self.folder / "rows.jsonl", "a") as file:
            file.write(json.dumps(one) + "\n" + json.dumps(named) + "\n")
        words = self.report("--rows", self.folder / "rows.jsonl").words.replace("\xa0", " ")
        places = [words.index(seen) for seen in ("5.0 % for what it accepts", "saw NOT, 70.0 %", "40.0 % for what it accepts", "saw DOG, 55.0 %")]
        self.assertEqual(places, sorted(places))

    def test_the_folders_may_be_the_truth(self):
        rows = self.rows()
        rows.write_text(rows.read_text().replace("/orange.jpg", "/orange/a.jpg").replace("/tomato.png", "/lemon/a.png"))
        page = self.report("--rows", rows, "--truth", "folders")
        classes = {line["class"]: line for line in csv.DictReader(io.StringIO(page.csv["chain-by-class.csv"]))}
        self.assertEqual(classes["orange"]["right"], "1")
        self.assertEqual(classes["lemon"]["misnamed"], "1")
        self.assertIn("misnamed-known", page.figures)

    def test_a_class_is_known_that_no_picture_was_taken_for(self):
        stopped = [(f"c/{i}.jpg", 0.1) for i in range(3)]
        rows = [("a/1.jpg", "a", "ab", -1, 0, True), ("b/1.jpg", "b", "bc", -2, 0, True), *stopped]
        page = self.report("--rows", self.made_rows(*rows), "--truth", "folders")
        self.assertIn("Of the 5 pictures of known classes, 40.0\u00a0% got their right name", page.words)
        self.assertNotIn("of nothing that it knows", page.words)

    def test_the_network_of_the_run_record_tells_the_classes(self):
        truth = self.folder / "truth.csv"
        truth.write_text("path,label\nleaf.jpg,lemon\nsnow.png,snow\n")
        rows = self.folder / "rows.jsonl"
        self.infer(PICTURES / "leaf.jpg", PICTURES / "snow.png", "-o", rows, "-q")
        page = self.report("--rows", rows, "--truth", truth)
        self.assertIn("Of the 1 picture of known classes, 0.0\u00a0% got their right name", page.words)
        classes = {line["class"]: line["known"] for line in csv.DictReader(io.StringIO(page.csv["chain-by-class.csv"]))}
        self.assertEqual(classes, {"lemon": "1", "snow": "0"})
        record = rows.with_name("rows.jsonl.run.json")
        content = json.loads(record.read_text())
        content["networks"][-1]["sha256"] = "0" * 64
        record.write_text(json.dumps(content))
        self.assertIn("nothing beside the rows tells which classes it knows", self.report("--rows", rows, "--truth", truth).words)

    def test_what_a_stage_saw_stands_below_what_it_stopped_and_the_surest_come_first(self):
        rows = [("a/1.jpg", "a", "a", -1, 0, True), ("a/unsure.jpg", 0.4), ("a/sure.jpg", 0.01), ("a/far.jpg", "a", "a", 2, 0, False)]
        page = self.report("--rows", self.made_rows(*rows), "--truth", "folders")
        sheet = page.words[page.words.index("Known, and rejected"):page.words.index("On the border")]
        self.assertRegex(sheet, r"(?s)score 2.*far\.jpg.*1\.0\u00a0% for what it accepts.*sure\.jpg.*40\.0\u00a0% for what it accepts.*unsure\.jpg")

    def test_a_picture_that_is_gone_says_so(self):
        rows = self.rows()
        rows.write_text(rows.read_text().replace("leaf.jpg", "gone.jpg"))
        page = self.report("--rows", rows)
        self.assertIn("the file is not there any more", page.words)
        self.assertIn("gone.jpg", page.words)

    def test_relative_paths_begin_where_pictures_says(self):
        rows = self.rows()
        rows.write_text(rows.read_text().replace(f"{PICTURES}/", ""))
        self.assertEqual(len(self.report("--rows", rows).pictures), 0)
        self.assertGreater(len(self.report("--rows", rows, "--pictures", PICTURES).pictures), 0)

    def test_pictures_of_an_archive_are_found_in_it(self):
        archive = self.folder / "photos.tar"
        subprocess.run(["tar", "-cf", archive, "-C", PICTURES, "orange.jpg", "leaf.jpg"], check=True)
        rows = self.folder / "tar.jsonl"
        self.infer(archive, "-o", rows, "-q")
        self.assertEqual(len(self.report("--rows", rows).pictures), 2)


class Safety(ReportTest):
    def test_foreign_text_stays_text(self):
        known = self.scores("k.csv", [(1, EVIL, EVIL), (2, "b", EVIL), (9, EVIL, "b")], EVIL)
        unknown = self.scores("u.csv", [(3, "", EVIL), (5, EVIL, "b")], EVIL)
        known.write_text(known.read_text().replace("0.jpg", "<b>.jpg"))
        page = self.report("--known", known, "--unknown", f"<i>x={unknown}", "--title",
                           EVIL, "--svg", "charts")
        self.assertNotIn("script", page.tags)
        self.assertNotIn("b", page.tags)
        self.assertNotIn("i", page.tags)
        self.assertIn(EVIL, page.words)
        for chart in (self.folder / "charts").glob("*.svg"):
            self.assertNotIn("<script", chart.read_text())
            xml.etree.ElementTree.parse(chart)

    def test_labels_with_characters_that_xml_has_not_make_charts_all_the_same(self):
        label = "a\ufffe\uffff\u00e9"
        rows = self.made_rows(("x/1.jpg", label, label, -1, 0, True), ("x/2.jpg", "b", "b", -1, 0, True))
        page = self.report("--rows", rows, "--svg", "charts")
        self.assertIn("a\ufffd\ufffd\u00e9", page.words)
        self.assertIn("a\ufffd\ufffd\u00e9", "".join(xml.etree.ElementTree.parse(self.folder / "charts" / "verdicts.svg").getroot().itertext()))

    def test_names_are_cut_by_characters(self):
        short, long = "\u00e9" * 28, "\u732b" * 29
        page = self.report("--rows", self.made_rows(("x/1.jpg", short, "", -1, 0, True), ("x/2.jpg", long, "", -1, 0, True)), "--svg", "charts")
        drawn = "".join(xml.etree.ElementTree.parse(self.folder / "charts" / "verdicts.svg").getroot().itertext())
        self.assertIn(short, drawn)
        self.assertNotIn(short + "...", drawn)
        self.assertIn(long[:28] + "...", drawn)

    def test_numbers_that_do_not_fit_are_left_to_the_files_and_the_page_stays_small(self):
        names = [f"{'one_of_many_' * 7}{i:04}" for i in range(1000)]
        known = self.scores("k.csv", [(i % 97, name, names[(7 * i) % 1000]) for i, name in enumerate(names * 2)])
        sets = []
        for i in range(16):
            unknown = self.scores(f"u{i}.csv", [(50 + (j * (i + 1)) % 101, "", names[(j * 13) % 1000]) for j in range(400)])
            sets += ["--unknown", f"set{i}={unknown}"]
        page = self.report("--known", known, *sets, "--svg", "charts")
        self.assertLess((self.folder / "report.html").stat().st_size, 3_000_000)
        self.assertTrue("too many numbers for the page: --svg writes classes-16.csv" in page.words)
        self.assertIn("classes-1.csv", page.csv)
        self.assertTrue((self.folder / "charts" / "classes-16.csv").exists())
        for i in range(16):
            self.assertTrue(f"against set{i}95 %" in page.words, i)

    def test_the_page_asks_for_nothing_from_elsewhere(self):
        train, fitted, known, unknown = self.stores()
        page = self.report("--rows", self.rows(), "--known", known, "--unknown", unknown, "--fitted", fitted, "--store", train)
        self.assertTrue(all(link.startswith(("data:", "#")) for link in page.links), page.links)
        self.assertFalse(page.tags & {"script", "iframe", "object", "embed"})
        self.assertNotRegex((self.folder / "report.html").read_text(), r"@import|url\(|https?://")
        self.assertLess((self.folder / "report.html").stat().st_size, 3_000_000)

    def test_equal_inputs_give_equal_bytes(self):
        train, fitted, known, unknown = self.stores()
        arguments = ["--rows", self.rows(), "--known", known, "--unknown", unknown, "--fitted", fitted, "--store", train]
        self.report(*arguments)
        self.report(*arguments, name="again.html")
        self.assertEqual((self.folder / "report.html").read_bytes(), (self.folder / "again.html").read_bytes())

    def test_no_output_replaces_what_is_no_report(self):
        known, unknown = self.worked()
        before = known.read_bytes()
        for output, words in ((known, "is the file of --known"), (self.config, "holds no page of openset report")):
            result = self.openset("report", "--known", known, "--unknown", unknown, "-o", output, code=2)
            self.assertIn(words, result.messages)
        self.assertEqual(known.read_bytes(), before)
        self.report("--known", known)
        self.report("--known", known)


class Charts(ReportTest):
    def test_every_chart_is_a_file_with_its_numbers_beside_it(self):
        train, fitted, known, unknown = self.stores()
        page = self.report("--known", known, "--unknown", unknown, "--fitted", fitted, "--store", train, "--svg", "charts")
        charts = {path.stem for path in (self.folder / "charts").glob("*.svg")}
        self.assertLessEqual({"roc", "precision-recall", "scores", "thresholds", "risk-coverage", "reliability", "confusion", "w-scores",
                              "law-0", "quantiles", "tail-size", "means", "picture-by-picture"}, charts)
        for name in charts:
            root = xml.etree.ElementTree.parse(self.folder / "charts" / f"{name}.svg").getroot()
            self.assertTrue(root.tag.endswith("}svg"))
            self.assertNotIn("NaN", (self.folder / "charts" / f"{name}.svg").read_text())
            self.assertNotRegex((self.folder / "charts" / f"{name}.svg").read_text(), r"[\" ]-?(nan|inf)[\" ]")
        for name, text in page.csv.items():
            self.assertEqual((self.folder / "charts" / name).read_bytes().decode(), text)
        self.assertLessEqual({f"{name}.csv" for name in charts}, set(page.csv))

    def test_how_well_each_law_fits_is_what_the_fit_found(self):
        _, fitted, *_ = self.stores()
        page = self.report("--fitted", fitted)
        found = json.loads(fitted.read_text())["diagnostics"]["classes"]
        tails = list(csv.DictReader(io.StringIO(page.csv["tails.csv"])))
        self.assertEqual([float(line["ks"]) for line in tails], [one["ks"] for one in found])
        self.assertGreater(found[0]["ks"], 0)
        for one in found:
            self.assertIn(f"{one['ks']:.3f}", page.words)

    def test_the_quantiles_say_of_how_many_classes_they_are(self):
        store = self.train("ten", counts=(12,) * 10, seed=1)
        fitted, _ = self.fit(store, "--tail-size", 5, name="ten.json")
        self.assertIn("Of the first 8 of 10 classes.", self.report("--fitted", fitted, "--store", store).words)
        _, fitted, *_ = self.stores()
        self.assertNotIn("Of the first", self.report("--fitted", fitted, "--store", self.folder / "train").words)

    def test_every_set_has_a_look_of_its_own(self):
        known, unknown = self.worked()
        sets = [part for i in range(20) for part in ("--unknown", f"set{i}={unknown}")]
        self.report("--known", known, *sets, "--svg", "charts")
        names = {"{http://www.w3.org/2000/svg}line", "{http://www.w3.org/2000/svg}path"}
        def looks(chart, of_series):
            root = xml.etree.ElementTree.parse(self.folder / "charts" / f"{chart}.svg").getroot()
            return [of_series(part) for part in root if part.tag in names and re.match("os-[lf]", part.get("class", ""))]
        lines = looks("roc", lambda part: part.get("class"))
        self.assertEqual(len(lines), 2 * 20, "in the legend and as a curve")
        self.assertEqual(len(set(lines)), 20)
        # What follows the first point of a dot is its shape; those of the legend are all of one size.
        def shape(part):
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", part.get("d"))]
            return part.get("class"), re.sub(r"[-\d. ]+", "", part.get("d")).split("Z")[0], tuple(
                round(number - numbers[i % 2], 1) for i, number in enumerate(numbers[:8]))
        dots = looks("picture-by-picture", shape)[:21]
        self.assertEqual(len({one[0] for one in dots}), 8)
        self.assertEqual(len(set(dots)), 21)

    def test_the_roc_curve_has_the_area_that_is_told(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", unknown)
        points = [(float(x), float(y)) for _, x, y in list(csv.reader(io.StringIO(page.csv["roc.csv"])))[1:]]
        points.sort()
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))
        self.assertAlmostEqual(area, 0.88, 12)

    def test_a_histogram_holds_every_row(self):
        known, unknown = self.worked()
        page = self.report("--known", known, "--unknown", unknown)
        shares = {}
        for line in csv.DictReader(io.StringIO(page.csv["scores.csv"])):
            shares[line["series"]] = shares.get(line["series"], 0) + float(line["share of each side's pictures"])
        self.assertEqual({name: round(share, 9) for name, share in shares.items()}, {"known": 1, "unknown": 1})

    def test_infinite_scores_and_sides_without_rows_are_drawn(self):
        known = self.scores("k.csv", [("-inf", "a", "a"), (2, "b", "b"), ("inf", "a", "a")])
        empty = self.scores("empty.csv", [])
        page = self.report("--known", known, "--unknown", self.scores("u.csv", [("inf", "", "a")]))
        self.assertNotRegex((self.folder / "report.html").read_text(), r"[\" ]-?(nan|inf)[\" ]")
        self.assertIn("scores", page.figures)
        self.report("--known", known, "--unknown", empty)
        self.report("--known", known)

    def test_what_is_missing_is_listed_with_what_would_bring_it(self):
        known = self.scores("k.csv", [(1, "", "a"), (2, "", "b")])
        page = self.report("--known", known)
        self.assertIn("--unknown FILE", page.words)
        self.assertIn("--rows FILE", page.words)
        self.assertIn("--w-scores", page.words)


    def test_stores_in_the_place_of_scores_give_the_same_charts(self):
        train, fitted, *_ = self.stores()
        for store in ("known", "unknown"):
            self.openset("score", self.folder / store, "--fitted", fitted, "--probabilities", "--w-scores", "-o", self.folder / f"{store}.csv")
        for kind, ending in (("scores", ".csv"), ("stores", "")):
            self.report("--known", self.folder / f"known{ending}", "--unknown", self.folder / f"unknown{ending}", *(["--method", "openmax"] if ending else []),
                        "--fitted", fitted, "--store", train, "--svg", kind)
        files = {path.name for path in (self.folder / "scores").iterdir()}
        self.assertEqual({path.name for path in (self.folder / "stores").iterdir()}, files)
        self.assertIn("w-scores.csv", files)
        for name in files:
            self.assertEqual((self.folder / "stores" / name).read_bytes(), (self.folder / "scores" / name).read_bytes(), name)
        self.assertIn("expected the detector that scores it", self.refused("--known", self.folder / "known"))
        self.assertIn("is a baseline", self.report("--known", self.folder / "known", "--unknown", self.folder / "unknown", "--method",
                                                   "max-logit", "--title", "is a baseline").words)

    def test_a_method_without_pictures_of_its_own_shows_what_it_was_fitted_to(self):
        train = self.train(seed=1)
        self.openset("fit", train, "--method", "temperature", "--set", "rows=calibration", "-o", self.folder / "t.json")
        page = self.report("--fitted", self.folder / "t.json", "--svg", "charts")
        self.assertIn("-max softmax(v / T)", page.words)
        self.assertIn("What the temperature does to the confidence", page.words)
        found = json.loads((self.folder / "t.json").read_text())["diagnostics"]
        self.assertEqual(sum(rows for _, _, rows in found["reliability_after"]), found["rows"])
        self.assertIn(f"calibration error after,{json.dumps(found['calibration_error_after'])}", page.csv["fit.csv"])
        self.assertTrue((self.folder / "charts" / "temperature.svg").exists())


class Usage(ReportTest):
    def test_what_does_not_go_together_is_refused(self):
        known, unknown = self.worked()
        for arguments, words in (([], "nothing to report on"), (["--known", known, "--truth", "folders"], "expected --rows"),
                                 (["--rows", "r", "--unknown", unknown], "expected --known FILE"),
                                 (["--known", known, "--store", "s"], "expected --fitted"),
                                 (["--known", known, "--threshold", 1, "--operating-point", "p"], "expected one of them"),
                                 (["--known", known, "--unknown", unknown, "--unknown", unknown], "two sets are called unknown")):
            self.assertIn(words, self.refused(*arguments))

    def test_another_store_than_the_fitted_one_is_refused(self):
        _, fitted, known, _ = self.stores()
        self.assertIn("is not the store that", self.refused("--known", known, "--fitted", fitted, "--store", "known"))

    def test_two_labels_for_one_picture_are_refused(self):
        truth = self.folder / "truth.csv"
        truth.write_text("path,label\na.jpg,x\na.jpg,y\n")
        self.assertIn("found two labels, x and y", self.refused("--rows", self.rows(), "--truth", truth))


class Browser(ReportTest):
    # The page says itself how wide it became, what it could not show, and what stands in its tables.
    SAYS = """<script>onload = () => parent.postMessage(encodeURIComponent(JSON.stringify({
        wide: document.documentElement.scrollWidth, inner: innerWidth, dark: matchMedia('(prefers-color-scheme:dark)').matches,
        ground: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
        broken: [...document.images].filter(i => !i.naturalWidth).length,
        charts: [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 50).length,
        cut: [...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right >
                                                              t.closest('figure').getBoundingClientRect().right).length,
        facts: [...document.querySelectorAll('.facts div')].map(d => [d.querySelector('dt').innerText, d.querySelector('.value').innerText]),
        metrics: [...document.querySelectorAll('#metrics tbody tr')].map(r => [...r.cells].map(c => c.innerText))})), '*')
        </script></body>"""

    def setUp(self):
        super().setUp()
        self.chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not self.chromium:
            self.skipTest("no Chromium: nothing says that a browser shows the page")

    def seen(self, width, *flags, paper=False):
        """What the page says of itself in a frame of this width, which is as narrow as it is asked to be; a browser's window is not.
        paper: as it is printed."""
        text = (self.folder / "report.html").read_text().replace("</body>", self.SAYS)
        (self.folder / "page.html").write_text(text.replace("@media print", "@media all") if paper else text)
        (self.folder / "frame.html").write_text(f"""<!DOCTYPE html><title></title><link rel="icon" href="data:,"><script>
            onmessage = (event) => document.title += event.data</script>
            <iframe src="page.html" style="border:0" width="{width}" height="900"></iframe>""")
        result = subprocess.run([self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                 f"--user-data-dir={self.folder / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=5000",
                                 *flags, "--dump-dom", f"file://{self.folder / 'frame.html'}"],
                                capture_output=True, text=True, timeout=120, check=True)
        self.assertNotIn("CONSOLE", result.stderr)
        return json.loads(urllib.parse.unquote(re.search(r"<title>([^<]+)</title>", result.stdout).group(1)))

    def test_it_is_shown_without_a_word_on_the_console_and_fits_a_phone(self):
        train, fitted, known, unknown = self.stores()
        self.report("--rows", self.rows(), "--known", known, "--unknown", unknown, "--fitted", fitted, "--store", train)
        grounds = []
        for width, *flags in ((390,), (1280,), (390, "--blink-settings=preferredColorScheme=0")):
            seen = self.seen(width, *flags)
            self.assertEqual(seen["dark"], bool(flags))
            self.assertIn(seen["inner"], range(width - 20, width + 1), "what the frame leaves beside a scroll bar")
            self.assertLessEqual(seen["wide"], seen["inner"], f"it scrolls sideways at {width}")
            self.assertEqual(seen["broken"], 0)
            self.assertEqual(seen["charts"], (self.folder / "report.html").read_text().count("<svg"))
            grounds.append((seen["ground"], seen["ink"]))
        self.assertEqual(grounds[0], grounds[1])
        light, dark = (sum(map(int, re.findall(r"\d+", ground))) for ground in (grounds[0][0], grounds[2][0]))
        self.assertGreater(light, dark + 300)

    def test_the_numbers_that_are_seen_are_evals(self):
        known, unknown = self.worked()
        sets = ["--unknown", f"near={known}", "--unknown", f"far={unknown}"]
        self.report("--known", known, *sets)
        results = json.loads(self.openset("eval", "--known", known, *sets, "-f", "json").text)["results"]
        seen = self.seen(1280)
        self.assertGreater(len(seen["metrics"]), 10)
        for name, *cells in seen["metrics"]:
            for result, value, interval in zip(results, cells[::2], cells[1::2]):
                self.assertEqual(value, f"{result[name]:.4f}" if result[name] is not None else "", name)
                told = result["ci95"].get(name)
                self.assertEqual(interval, "{:.3f} to {:.3f}".format(*told) if told else "", name)
        facts = dict(seen["facts"])
        self.assertEqual(facts["AUROC of msp (near)"], f"{results[0]['auroc']:.3f}")
        self.assertEqual(facts["rightly named, nothing rejected (near)"], f"{100 * results[0]['accuracy']:.1f}\u00a0%")

    def test_no_table_is_cut_on_paper(self):
        known, unknown = self.worked()
        sets = [part for i in range(4) for part in ("--unknown", f"set{i}={unknown}")]
        self.report("--known", known, *sets, "--threshold", 4)
        seen = self.seen(688, paper=True)  # A4 without its margins of 14 mm
        self.assertEqual(seen["cut"], 0)
        self.assertLessEqual(seen["wide"], seen["inner"])


if __name__ == "__main__":
    main()
