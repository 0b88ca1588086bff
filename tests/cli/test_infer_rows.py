"""openset infer: which verdict every picture gets, and how rows are written."""

import base64
import csv
import io
import json
import os
import shutil
import struct

from openset_cli import FAILURES, NETWORKS, PICTURES, SOUND, VERDICTS, CliTest, classifier_config, fruit_config, main


class Verdicts(CliTest):
    def test_every_picture_stops_where_its_colour_says(self):
        rows = self.rows(PICTURES, code=3)
        found = {os.path.relpath(row["path"], PICTURES): (row["verdict"], row["outcome"], row["decided_by"]) for row in rows}
        self.assertEqual(found, VERDICTS)

    def test_rows_come_in_bytewise_order_of_the_paths_and_hidden_files_not_at_all(self):
        paths = [os.path.relpath(row["path"], PICTURES) for row in self.rows(PICTURES, code=3)]
        self.assertEqual(paths, list(VERDICTS))
        self.assertEqual(paths, sorted(paths))

    def test_inputs_keep_the_order_in_which_they_are_named_and_may_come_twice(self):
        names = ["tomato.png", "sea.jpg", "tomato.png", "basket"]
        paths = [row["path"] for row in self.rows(*(PICTURES / name for name in names))]
        expected = names[:3] + ["basket/dark_tomato.png", "basket/lemon.png", "basket/peach.png"]
        self.assertEqual(paths, [str(PICTURES / name) for name in expected])

    def test_a_hidden_file_that_is_named_is_classified(self):
        self.assertEqual(self.verdicts(PICTURES / ".hidden.png"), {".hidden.png": "tomato"})

    def test_failed_pictures_say_why(self):
        kinds = {os.path.basename(row["path"]): row["error"]["kind"] for row in self.rows(PICTURES, code=3) if "error" in row}
        self.assertEqual(kinds, FAILURES)

    def test_a_path_that_is_not_there_is_a_failed_row(self):
        (row,) = self.rows("nowhere.png", code=3)
        self.assertEqual(row["error"]["kind"], "not-found")
        self.assertTrue(row["error"]["message"])

    def test_a_network_that_gives_nan_fails_the_picture_at_its_stage(self):
        config = self.write_config("nan.json", classifier_config("nan_for_black"))
        night, tomato = self.rows(PICTURES / "night.png", PICTURES / "tomato.png", config=config, code=3)
        self.assertEqual((night["outcome"], night["decided_by"], night["error"]["kind"]), ("failed", "classifier", "model"))
        self.assertEqual(tomato["outcome"], "known")

    def test_a_picture_of_a_size_that_the_network_cannot_take_fails_alone(self):
        own_size = {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]}
        config = self.write_config("size.json", classifier_config("fixed_size", preprocess=own_size))
        (row,) = self.rows(PICTURES / "tomato.png", config=config, code=3)
        self.assertEqual((row["decided_by"], row["error"]["kind"]), ("classifier", "model"))
        self.assertIn("96x96", row["error"]["message"])

    def test_the_filter_may_be_a_network_with_a_single_logit(self):
        config = fruit_config()
        with_two = self.rows(*SOUND)
        config["species"]["model"] = str(NETWORKS / "single_logit.pt")
        with_one = self.rows(*SOUND, config=self.write_config("single.json", config))
        for one, two in zip(with_one, with_two):
            self.assertEqual(one["verdict"], two["verdict"])
            if "species" in one:
                self.assertEqual(one["species"]["label"], two["species"]["label"])
                self.assertAlmostEqual(one["species"]["probability"], two["species"]["probability"], places=5)

    def test_a_multi_label_classifier_lists_all_labels_that_pass_and_names_the_likeliest(self):
        config = self.write_config("labels.json", classifier_config("multi_label"))
        lemon, sea, peach, leaf = self.rows(
            *(PICTURES / name for name in ["basket/lemon.png", "sea.jpg", "basket/peach.png", "leaf.jpg"]), config=config)
        self.assertEqual([entry["label"] for entry in lemon["classifier"]["labels"]], ["reddish", "greenish"])
        self.assertEqual((lemon["verdict"], lemon["outcome"]), ("reddish", "known"))
        self.assertEqual(lemon["probability"], lemon["classifier"]["labels"][0]["probability"])
        self.assertEqual(sea["verdict"], "bluish")
        self.assertEqual([entry["label"] for entry in peach["classifier"]["labels"]], ["reddish", "greenish"])
        # Somewhat green, but below the 0.95 of multi-label networks.
        self.assertEqual((leaf["verdict"], leaf["outcome"], leaf["decided_by"]), ("unknown", "unknown", "classifier"))
        self.assertEqual(leaf["classifier"]["labels"], [])

    def test_every_form_of_network_says_the_same(self):
        expected = [row["classifier"]["label"] for row in self.rows(*SOUND, config=self.write_config("a.json", classifier_config("classifier")))]
        for form in ["tuple", "dict", "addmm", "pooled_convolution", "mlp", "half", "double", "sidecar"]:
            rows = self.rows(*SOUND, config=self.write_config("b.json", classifier_config(form)))
            self.assertEqual([row["classifier"]["label"] for row in rows], expected, form)


class JsonLines(CliTest):
    STAGE_KEYS = {
        "gate": ["id", "label", "probability", "mass", "rank", "pass"],
        "species": ["id", "label", "probability", "pass"],
        "classifier": ["id", "label", "probability", "max_logit", "top"],
    }

    def test_keys_stand_in_their_order_and_absent_stages_are_left_out(self):
        reached = {"gate": ["gate"], "species": ["gate", "species"], "classifier": ["gate", "species", "classifier"], "decode": []}
        for row in self.rows(PICTURES, code=3):
            keys = ["path", "verdict", "outcome", "decided_by"]
            keys += ["error"] if row["outcome"] == "failed" else []
            keys += ["probability"] if row["outcome"] == "known" else []
            self.assertEqual(list(row), keys + reached[row["decided_by"]], row["path"])
            for stage in reached[row["decided_by"]]:
                self.assertEqual(list(row[stage]), self.STAGE_KEYS[stage])
            for entry in row.get("classifier", {}).get("top", []):
                self.assertEqual(list(entry), ["id", "label", "probability"])
            if "error" in row:
                self.assertEqual(list(row["error"]), ["kind", "message"])

    def test_the_figures_of_a_stage_fit_together(self):
        for row in self.rows(*SOUND):
            gate = row["gate"]
            self.assertEqual(gate["pass"], gate["rank"] <= 3)
            self.assertEqual(gate["rank"] == 1, gate["label"] in ("red", "orange", "yellow"))
            self.assertTrue(0 <= gate["mass"] <= 1)
            if "classifier" in row:
                top = row["classifier"]["top"]
                self.assertEqual(top[0]["label"], row["classifier"]["label"])
                self.assertEqual([e["probability"] for e in top], sorted((e["probability"] for e in top), reverse=True))
                self.assertAlmostEqual(sum(e["probability"] for e in top), 1)
            if row["outcome"] == "known":
                self.assertEqual(row["probability"], row["classifier"]["probability"])
                self.assertEqual(row["verdict"], row["classifier"]["label"])

    def test_the_one_picture_passes_by_its_third_rank(self):
        (row,) = self.rows(PICTURES / "basket/dark_tomato.png")
        self.assertEqual((row["gate"]["label"], row["gate"]["rank"], row["gate"]["pass"]), ("brown", 3, True))

    def test_numbers_are_the_shortest_that_read_back_and_logits_are_float32(self):
        for line in self.infer(*SOUND, "-f", "jsonl").text.splitlines():
            def check(text):
                value = float(text)
                self.assertLessEqual(len(text), len(repr(value)) + 2, text)
                return value
            row = json.loads(line, parse_float=check)
            if "classifier" in row:
                logit = row["classifier"]["max_logit"]
                (as_float32,) = struct.unpack("f", struct.pack("f", logit))
                self.assertAlmostEqual(logit, as_float32, delta=abs(logit) * 1e-7)
                self.assertLessEqual(len(repr(logit)), 12)

    def test_a_path_that_is_not_utf8_is_given_in_base64(self):
        name = os.fsencode(self.folder) + b"/t\xffmato.png"
        shutil.copy(PICTURES / "tomato.png", name)
        (row,) = self.rows(os.fsdecode(name))
        self.assertNotIn("path", row)
        self.assertEqual(list(row)[0], "path_base64")
        self.assertEqual(base64.b64decode(row["path_base64"]), name)
        (record,) = csv.DictReader(io.StringIO(self.infer(os.fsdecode(name), "-f", "csv").text))
        self.assertEqual((record["path"], base64.b64decode(record["path_base64"])), ("", name))

    def test_a_path_with_quotes_and_line_ends_stays_one_line(self):
        name = str(self.folder / 'a "red"\n,tomato.png')
        shutil.copy(PICTURES / "tomato.png", name)
        (row,) = self.rows(name)
        self.assertEqual(row["path"], name)
        (record,) = csv.DictReader(io.StringIO(self.infer(name, "-f", "csv").text, newline=""))
        self.assertEqual(record["path"], name)


class OtherFormats(CliTest):
    def test_csv_says_what_jsonl_says(self):
        rows = self.rows(PICTURES, code=3)
        text = self.infer(PICTURES, "-f", "csv", code=3).stdout.decode()
        self.assertEqual(text.count("\r\n"), text.count("\n"), "RFC 4180 ends lines with CR LF")
        records = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual(len(records), len(rows))
        for record, row in zip(records, rows):
            for key in ("path", "verdict", "outcome", "decided_by"):
                self.assertEqual(record[key], row[key])
            self.assertEqual(record["error_kind"], row.get("error", {}).get("kind", ""))
            self.assertEqual(record["error_message"], row.get("error", {}).get("message", ""))
            self.assertEqual(float(record["probability"]) if record["probability"] else None, row.get("probability"))
            for stage, keys in JsonLines.STAGE_KEYS.items():
                for key in keys:
                    field = record[f"{stage}_{key}"]
                    value = row.get(stage, {}).get(key)
                    if value is None:
                        self.assertEqual(field, "")
                    elif key == "top":
                        parsed = [part.rsplit(":", 1) for part in field.split(";")]
                        self.assertEqual([(label, float(p)) for label, p in parsed], [(e["label"], e["probability"]) for e in value])
                    elif isinstance(value, bool):
                        self.assertEqual(field, str(value).lower())
                    elif isinstance(value, (int, float)):
                        self.assertEqual(float(field), value)
                    else:
                        self.assertEqual(field, value)

    def test_csv_of_a_classifier_alone_has_no_columns_of_other_stages(self):
        config = self.write_config("alone.json", classifier_config("classifier"))
        header = self.infer(PICTURES / "tomato.png", "-f", "csv", config=config).text.splitlines()[0].split(",")
        self.assertFalse([column for column in header if column.startswith(("gate_", "species_"))])

    def test_the_table_has_a_line_a_picture_the_reason_and_the_counts(self):
        text = self.infer(PICTURES, "-f", "table", code=3).text
        lines = text.splitlines()
        self.assertEqual(len(lines), 1 + len(VERDICTS) + 2)
        for line, (name, (verdict, _, decided_by)) in zip(lines[1:], VERDICTS.items()):
            self.assertTrue(line.startswith(verdict + " "), line)
            self.assertIn(f" {decided_by} ", line)
            self.assertIn(name, line)
        self.assertIn("looks like NOT_FRUIT", next(line for line in lines if "peach" in line))
        self.assertIn("looks like blue", next(line for line in lines if "sea" in line))
        self.assertIn("13 pictures: 4 known, 6 unknown, 3 failed", lines[-1])

    def test_the_format_follows_the_name_of_the_output(self):
        self.infer(PICTURES / "tomato.png", "-o", self.folder / "a.csv")
        self.assertTrue((self.folder / "a.csv").read_text().startswith("path,verdict,"))
        self.infer(PICTURES / "tomato.png", "-o", self.folder / "a.jsonl")
        self.assertEqual(json.loads((self.folder / "a.jsonl").read_text())["verdict"], "tomato")
        self.infer(PICTURES / "tomato.png", "-o", self.folder / "b.csv", "-f", "jsonl")
        self.assertEqual(json.loads((self.folder / "b.csv").read_text())["verdict"], "tomato")


class SameBytes(CliTest):
    def test_rows_are_the_same_bytes_for_any_batch_thread_and_job_count(self):
        config = fruit_config()
        pictures = SOUND * 5
        for classifier in ("classifier", "mlp"):
            config["classifier"]["model"] = str(NETWORKS / (classifier + ".pt"))
            path = self.write_config("same.json", config)
            expected = self.infer(*pictures, config=path).stdout
            for flags in (["-b", 1], ["-b", 5], ["-b", 64], ["--threads", 1], ["--threads", 2], ["-j", 1], ["-j", 4],
                          ["-b", 1, "--threads", 2, "-j", 4]):
                self.assertEqual(self.infer(*pictures, *flags, config=path).stdout, expected, (classifier, flags))

    def test_a_picture_says_the_same_alone_as_among_others(self):
        among = self.infer(*SOUND).text.splitlines()
        for picture, line in zip(SOUND[:3], among):
            self.assertEqual(self.infer(picture).text, line + "\n")

    def test_networks_run_as_they_were_saved_say_the_same(self):
        self.assertEqual(self.verdicts(*SOUND), self.verdicts(*SOUND, "--no-optimise"))


if __name__ == "__main__":
    main()
