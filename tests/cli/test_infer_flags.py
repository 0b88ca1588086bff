"""openset infer: what each flag changes."""

import json
import os
import pathlib
import subprocess
import sys

from openset_cli import BIN, NETWORKS, PICTURES, SOUND, VERDICTS, CliTest, classifier_config, fruit_config, main

TOMATO = PICTURES / "tomato.png"
DARK_TOMATO = PICTURES / "basket/dark_tomato.png"  # red is third at the gate


class Rules(CliTest):
    def decided_by(self, picture, *flags, **options):
        (row,) = self.rows(picture, *flags, **options)
        return row["decided_by"], row["verdict"]

    def test_gate_top_k_tightens_the_gate(self):
        self.assertEqual(self.decided_by(DARK_TOMATO), ("classifier", "tomato"))
        self.assertEqual(self.decided_by(DARK_TOMATO, "--gate-top-k", 2), ("gate", "unknown"))
        self.assertEqual(self.decided_by(DARK_TOMATO, "--gate-rule", "top-1"), ("gate", "unknown"))
        self.assertEqual(self.decided_by(TOMATO, "--gate-rule", "top-1"), ("classifier", "tomato"))

    def test_gate_rule_mass_sums_the_accepted_labels(self):
        # The accepted labels have 14 % of the dark tomato and 90 % of the other.
        self.assertEqual(self.decided_by(DARK_TOMATO, "--gate-rule", "mass"), ("gate", "unknown"))
        self.assertEqual(self.decided_by(TOMATO, "--gate-rule", "mass"), ("classifier", "tomato"))
        self.assertEqual(self.decided_by(DARK_TOMATO, "--gate-min-mass", 0.1), ("classifier", "tomato"), "brings its rule along")
        self.assertEqual(self.decided_by(TOMATO, "--gate-rule", "mass", "--gate-min-mass", 0.95), ("gate", "unknown"))

    def test_species_min_moves_the_filter(self):
        peach = PICTURES / "basket/peach.png"  # 8 % fruit
        self.assertEqual(self.decided_by(peach), ("species", "unknown"))
        self.assertEqual(self.decided_by(peach, "--species-min", 0.05), ("classifier", "lemon"))
        self.assertEqual(self.decided_by(TOMATO, "--species-min", 1), ("species", "unknown"))

    def test_classifier_min_moves_the_last_threshold(self):
        between = PICTURES / "between.png"  # 51 % tomato
        self.assertEqual(self.decided_by(between), ("classifier", "unknown"))
        self.assertEqual(self.decided_by(between, "--classifier-min", 0.5), ("classifier", "tomato"))
        self.assertEqual(self.decided_by(TOMATO, "--classifier-min", 0.9), ("classifier", "unknown"))

    def test_thresholds_may_differ_by_label(self):
        config = fruit_config()
        config["classifier"]["min_probability"] = {"tomato": 0.9, "*": 0.5}
        path = self.write_config("by_label.json", config)
        self.assertEqual(self.verdicts(TOMATO, PICTURES / "orange.jpg", config=path), {"tomato.png": "unknown", "orange.jpg": "orange"})

    def test_closed_set_names_every_picture_and_loads_the_classifier_alone(self):
        config = fruit_config()
        config["gate"]["model"] = str(NETWORKS / "nowhere.pt")
        rows = self.rows(*SOUND, "--closed-set", config=self.write_config("closed.json", config))
        self.assertEqual({row["outcome"] for row in rows}, {"known"})
        self.assertEqual({row["decided_by"] for row in rows}, {"classifier"})
        self.assertFalse([row for row in rows if "gate" in row or "species" in row])

    def test_all_stages_reports_every_stage_and_changes_no_verdict(self):
        plain, all_stages = self.rows(*SOUND), self.rows(*SOUND, "--all-stages")
        for one, other in zip(plain, all_stages):
            self.assertEqual({key: other[key] for key in one}, one)
            self.assertTrue({"gate", "species", "classifier"} <= set(other))

    def test_all_stages_keeps_the_verdict_where_a_later_network_fails(self):
        config = fruit_config()
        config["classifier"]["model"] = str(NETWORKS / "nan_for_black.pt")
        (row,) = self.rows(PICTURES / "night.png", "--all-stages", config=self.write_config("nan.json", config))
        self.assertEqual((row["verdict"], row["outcome"], row["decided_by"]), ("unknown", "unknown", "gate"))
        self.assertNotIn("classifier", row)

    def test_top_limits_the_list_of_labels(self):
        for top, length in ((1, 1), (2, 2), (99, 3)):
            (row,) = self.rows(TOMATO, "--top", top)
            self.assertEqual(len(row["classifier"]["top"]), length)
        (row,) = self.rows(TOMATO, "--top", 0)
        self.assertNotIn("top", row["classifier"])

    def test_a_gate_that_chance_passes_is_warned_about_with_the_figure(self):
        # 3 of 16 labels, the 4 likeliest count: 1 - C(13,4)/C(16,4) = 0.607
        self.assertIn("60.71 %", self.infer(TOMATO, "--gate-top-k", 4).messages)
        self.assertNotIn("warning", self.infer(TOMATO).messages)


class Inputs(CliTest):
    def test_files_from_reads_names_from_a_file_or_from_standard_input(self):
        names = f"{TOMATO}\n\n{PICTURES / 'basket'}\r\n{PICTURES / 'sea.jpg'}\n"
        (self.folder / "list").write_text(names, newline="")
        from_file = self.infer("--files-from", self.folder / "list").stdout
        from_stdin = self.infer("--files-from", "-", input=names.encode()).stdout
        as_arguments = self.infer(TOMATO, PICTURES / "basket", PICTURES / "sea.jpg").stdout
        self.assertEqual(from_file, as_arguments)
        self.assertEqual(from_stdin, as_arguments)

    def test_a_list_that_comes_through_a_pipe_is_read_once(self):
        for flags in ([], ["--progress", "json"]):
            rows = self.rows("--files-from", "/dev/stdin", *flags, input=f"{TOMATO}\n{DARK_TOMATO}\n".encode())
            self.assertEqual([row["path"] for row in rows], [str(TOMATO), str(DARK_TOMATO)], flags)

    def test_names_with_brackets_and_commas_are_names(self):
        for name in ("[2023]", "[a,b].png", "[a,b]", "c,d.png", "[]"):
            (self.folder / name).symlink_to(TOMATO)
        (self.folder / "[2024]").mkdir()
        (self.folder / "[2024]" / "x.png").symlink_to(TOMATO)
        rows = self.rows("[2023]", "[a,b].png", "--top", 1, "[a,b]", "c,d.png", "[2024]", "[]", cwd=self.folder)
        self.assertEqual([row["path"] for row in rows], ["[2023]", "[a,b].png", "[a,b]", "c,d.png", "[2024]/x.png", "[]"])
        self.assertEqual({row["verdict"] for row in rows}, {"tomato"})

    def test_a_list_on_standard_input_is_not_counted_from_a_file_called_dash(self):
        (self.folder / "-").write_text(f"{TOMATO}\n")
        messages = self.infer("--files-from", "-", "--progress", "json", "-q", input=b"", cwd=self.folder).messages
        self.assertNotIn('"total": 1', messages)

    def test_a_dash_is_a_picture_on_standard_input(self):
        (row,) = self.rows("-", input=TOMATO.read_bytes())
        (same,) = self.rows(TOMATO)
        self.assertEqual(row.pop("path"), "-")
        same.pop("path")
        self.assertEqual(row, same)

    def test_nothing_on_standard_input_is_an_empty_picture(self):
        (row,) = self.rows("-", input=b"", code=3)
        self.assertEqual(row["error"]["kind"], "empty")

    def test_standard_input_that_cannot_be_read_is_a_failed_row(self):
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        failed, tomato = self.rows("-", TOMATO, stdin=folder, code=3)
        self.assertEqual((failed["path"], failed["error"]["kind"]), ("-", "unreadable"))
        self.assertEqual(tomato["verdict"], "tomato")

    def test_exif_orientation_is_ignored_unless_asked_for(self):
        config = self.write_config("half.json", classifier_config("left_half"))
        picture = PICTURES.parent / (PICTURES.name + "-upside-down") / "halves.jpg"
        for flags, expected in (([], "tomato"), (["--exif-orientation", "ignore"], "tomato"), (["--exif-orientation", "apply"], "lemon")):
            (row,) = self.rows(picture, *flags, config=config)
            self.assertEqual(row["verdict"], expected, flags)

    def test_fast_decode_reads_large_jpegs_at_a_part_of_their_size_and_the_record_names_it(self):
        sign = pathlib.Path(__file__).resolve().parents[2] / "samples/demo/apple.jpg"  # 192 x 192, and the networks see 32 x 32
        output = self.folder / "rows.jsonl"
        for flags, fast, size in (([], False, "192 x 192 pixels"), (["--fast-decode"], True, "96 x 96 pixels, which is 1/2 of its size")):
            self.infer(sign, TOMATO, "-o", output, *flags)
            self.assertEqual(json.loads((self.folder / "rows.jsonl.run.json").read_text())["fast_decode"], fast)
            self.assertIn(f"apple.jpg, {size}", self.infer("--explain", sign, *flags).text)
            self.assertEqual(self.infer("--explain", TOMATO, *flags).text, self.infer("--explain", TOMATO).text, "no JPEG")

    def test_max_pixels_fails_larger_pictures_before_decoding_them(self):
        tomato, lemon = self.rows(TOMATO, PICTURES / "basket/lemon.png", "--max-pixels", 64 * 64, code=3)
        self.assertEqual(tomato["error"]["kind"], "too-large")
        self.assertEqual(lemon["verdict"], "lemon")

    def test_labels_name_the_outputs_of_a_network_that_carries_none(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\nZitrone\n")
        config = self.write_config("bare.json", classifier_config("without_info"))
        plain = self.infer(TOMATO, config=config)
        self.assertEqual(json.loads(plain.text)["verdict"], "0")
        self.assertIn("assumed", plain.messages)
        self.assertEqual(self.verdicts(TOMATO, "--labels", self.folder / "names.txt", config=config), {"tomato.png": "Tomate"})
        self.assertEqual(self.verdicts("--labels", self.folder / "names.txt", TOMATO, config=config), {"tomato.png": "Tomate"}, "takes one file")
        (self.folder / "names.txt").rename(self.folder / "[a,b]")
        self.assertEqual(self.verdicts("--labels", "[a,b]", TOMATO, config=config, cwd=self.folder), {"tomato.png": "Tomate"})
        (self.folder / "[a,b]").rename(self.folder / "names.txt")
        self.assertEqual(self.verdicts(TOMATO, "--labels", f"classifier={self.folder / 'names.txt'}", config=config), {"tomato.png": "Tomate"})

    def test_labels_of_another_number_than_outputs_are_refused(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\n")
        config = self.write_config("bare.json", classifier_config("without_info"))
        messages = self.infer(TOMATO, "--labels", self.folder / "names.txt", config=config, code=1).messages
        self.assertIn("3 outputs, but 2 labels", messages)

    def test_only_what_is_still_assumed_is_told(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\nZitrone\n")
        config = self.write_config("bare.json", classifier_config("without_info"))
        labels = ["--labels", self.folder / "names.txt"]
        for flags, assumed, stated in (([], ["softmax", "ImageNet", "ids as labels"], []),
                                       (["--preprocess", "imagenet"], ["softmax", "ids as labels"], ["ImageNet"]),
                                       (labels, ["softmax", "ImageNet"], ["labels"]),
                                       ([*labels, "--preprocess", "imagenet"], ["softmax"], ["ImageNet", "labels"])):
            result = self.infer(TOMATO, *flags, config=config)
            (warning,) = (line for line in result.messages.splitlines() if "assumed" in line)
            for word in assumed:
                self.assertIn(word, warning)
            for word in stated:
                self.assertNotIn(word, warning.split("assumed")[1])
        self.assertEqual(self.infer(TOMATO, "--preprocess", "imagenet", config=config).stdout, self.infer(TOMATO, config=config).stdout)
        self.assertIn("imagenet", self.infer(TOMATO, "--preprocess", "imagnet", config=config, code=2).messages)

    def test_labels_that_nobody_needs_are_told(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\nZitrone\n")
        result = self.infer(TOMATO, "--labels", self.folder / "names.txt", "-f", "jsonl")
        self.assertEqual(json.loads(result.text)["verdict"], "tomato")
        self.assertIn("3 labels of its own", result.messages)

    def test_labels_for_a_stage_that_is_not_there_or_twice_for_one_are_refused(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\nZitrone\n")
        config = self.write_config("bare.json", classifier_config("without_info"))
        for stage in ("gate", "species"):
            messages = self.infer(TOMATO, "--labels", f"{stage}={self.folder / 'names.txt'}", config=config, code=2).messages
            self.assertIn(f"no /{stage}", messages)
        twice = ["--labels", self.folder / "names.txt", "--labels", f"classifier={self.folder / 'names.txt'}"]
        self.assertIn("a second file for classifier", self.infer(TOMATO, *twice, config=config, code=2).messages)
        (self.folder / "nothing.txt").write_text("")
        self.assertIn("nothing.txt: is empty", self.infer(TOMATO, "--labels", self.folder / "nothing.txt", config=config, code=2).messages)

    def test_an_empty_folder_gives_no_rows_and_a_warning(self):
        (self.folder / "empty").mkdir()
        result = self.infer(self.folder / "empty")
        self.assertEqual(result.text, "")
        self.assertIn("no pictures found", result.messages)


class WithoutRunning(CliTest):
    def test_dry_run_checks_counts_and_writes_nothing(self):
        result = self.infer(PICTURES, "--dry-run", "-o", self.folder / "rows.jsonl")
        self.assertIn(f"{len(VERDICTS)} inputs", result.text)
        for stage in ("gate", "species", "classifier"):
            self.assertIn(str(NETWORKS / f"{stage}.pt"), result.text)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["fruit.json"])

    def test_dry_run_finds_a_label_that_no_network_has(self):
        config = fruit_config()
        config["gate"]["accept"] = ["oragne"]
        messages = self.infer(PICTURES, "--dry-run", config=self.write_config("typo.json", config), code=2).messages
        self.assertIn('did you mean "orange"', messages)
        self.assertIn("/gate/accept/0", messages)

    def test_print_config_is_a_config_that_gives_the_same_rows(self):
        text = self.infer("--print-config", PICTURES).text
        self.assertEqual(json.loads(text)["gate"]["rule"], "top-k")
        path = self.write_config("printed.json", text)
        self.assertEqual(self.infer(*SOUND, config=path).stdout, self.infer(*SOUND).stdout)

    def test_print_config_works_from_any_folder(self):
        config = fruit_config()
        (self.folder / "configs").mkdir()
        (self.folder / "models").symlink_to(NETWORKS)
        for stage in ("gate", "species", "classifier"):
            config[stage]["model"] = f"../models/{stage}.pt"
        self.write_config("configs/relative.json", config)
        text = self.infer("--print-config", config="configs/relative.json", cwd=self.folder).text
        (self.folder / "elsewhere").mkdir()
        path = self.write_config("elsewhere/printed.json", text)
        self.assertEqual(self.infer(*SOUND, config=path).stdout, self.infer(*SOUND).stdout)

    def test_print_config_shows_what_flags_change(self):
        config = json.loads(self.infer("--print-config", "--gate-rule", "mass", "--gate-min-mass", 0.25, "--species-min", 0.75).text)
        self.assertEqual((config["gate"]["rule"], config["gate"]["min_mass"]), ("mass", 0.25))
        self.assertNotIn("k", config["gate"])
        self.assertEqual(config["species"]["min_probability"], 0.75)

    def test_comments_in_a_config_are_let_pass(self):
        text = "// a comment\n" + pathlib.Path(self.config).read_text().replace("{", "{ /* another */", 1)
        self.assertEqual(self.verdicts(TOMATO, config=self.write_config("comments.json", text)), {"tomato.png": "tomato"})

    def test_models_are_found_relative_to_the_config(self):
        config = classifier_config("classifier")
        config["classifier"]["model"] = "models/classifier.pt"
        (self.folder / "models").symlink_to(NETWORKS)
        path = self.write_config("relative.json", config)
        self.assertEqual(self.verdicts(TOMATO, config=path, cwd="/"), {"tomato.png": "tomato"})


class Messages(CliTest):
    def test_quiet_leaves_errors_only(self):
        self.assertIn("1 known", self.infer(TOMATO).messages)
        self.assertEqual(self.infer(TOMATO, "--gate-top-k", 4, "-q").messages, "")
        self.assertNotEqual(self.infer(TOMATO, "-q", config=str(self.folder / "nowhere.json"), code=2).messages, "")

    def test_messages_are_json_lines_on_demand(self):
        messages = self.infer(TOMATO, "--gate-top-k", 4, "--log-json").messages
        lines = [json.loads(line) for line in messages.splitlines()]
        self.assertTrue(lines)
        for line in lines:
            self.assertTrue({"time", "level", "message"} <= set(line), line)
        self.assertIn("warning", [line["level"] for line in lines])

    def test_errors_are_json_lines_too(self):
        for arguments, code in ((["-c", "nowhere.json", "x"], 2), (["--bogus"], 2)):
            messages = self.openset("infer", *arguments, "--log-json", code=code).messages
            for line in messages.splitlines():
                self.assertEqual(json.loads(line)["level"], "error")

    def test_progress_is_json_lines_on_demand(self):
        messages = self.infer(*SOUND, "--progress", "json", "-q").messages
        lines = [json.loads(line) for line in messages.splitlines()]
        for line in lines:
            self.assertEqual(list(line), ["done", "total", "known", "unknown", "failed", "rate"])
        self.assertEqual([lines[-1][key] for key in ("done", "total", "known", "unknown", "failed")], [10, 10, 4, 6, 0])

    def test_progress_of_a_list_on_standard_input_has_no_total(self):
        messages = self.infer("--files-from", "-", "--progress", "json", "-q", input=f"{TOMATO}\n".encode()).messages
        self.assertIsNone(json.loads(messages.splitlines()[-1])["total"])

    def test_colour_is_for_terminals_or_on_demand(self):
        escape = "\x1b["
        self.assertNotIn(escape, self.infer(TOMATO, "-f", "table").text)
        self.assertIn(escape, self.infer(TOMATO, "-f", "table", "--color", "always").text)
        self.assertNotIn(escape, self.infer(TOMATO, "-f", "table", "--color", "never").text)
        for line in self.rows(TOMATO, "--color", "always"):
            self.assertEqual(line["verdict"], "tomato")

    def test_on_a_terminal_rows_are_a_coloured_table_unless_no_color_is_set(self):
        def on_a_terminal(**environment):
            command = [str(BIN / "openset"), "infer", "-c", self.config, str(TOMATO)]
            script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
            variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | environment
            return subprocess.run([sys.executable, "-c", script, *command], env=variables, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, timeout=60).stdout.decode()
        self.assertIn("\x1b[32mtomato", on_a_terminal())
        without = on_a_terminal(NO_COLOR="1")
        self.assertIn("VERDICT", without)
        self.assertNotIn("\x1b[32m", without)
        self.assertNotIn("\x1b[32m", on_a_terminal(TERM="dumb"))


if __name__ == "__main__":
    main()
