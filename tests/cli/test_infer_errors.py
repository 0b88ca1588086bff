"""openset infer: exit codes, and messages that say where, what was found, what was expected."""

import json
import os

from openset_cli import NETWORKS, PICTURES, SOUND, CliTest, classifier_config, fruit_config, main

TOMATO = str(PICTURES / "tomato.png")


class ExitCodes(CliTest):
    def test_0_when_every_row_is_fine_rejected_ones_included(self):
        self.infer(*SOUND, code=0)

    def test_3_when_some_inputs_failed(self):
        self.assertIn("3 failed", self.infer(PICTURES, code=3).messages)

    def test_max_errors_lets_that_many_pass(self):
        self.infer(PICTURES, "--max-errors", 3, code=0)
        self.infer(PICTURES, "--max-errors", 2, code=3)

    def test_strict_stops_at_the_first_failure_with_1(self):
        result = self.infer(PICTURES, "--strict", "-o", self.folder / "rows.jsonl", code=1)
        self.assertIn("broken_empty.png", result.messages)
        self.assertFalse((self.folder / "rows.jsonl").exists())
        rows = [json.loads(line) for line in (self.folder / "rows.jsonl.partial").read_text().splitlines()]
        self.assertEqual([row["outcome"] for row in rows].count("failed"), 1)
        self.assertEqual(rows[-1]["outcome"], "failed")

    def test_strict_is_content_where_nothing_fails(self):
        self.infer(*SOUND, "--strict", code=0)

    def test_1_when_a_network_cannot_be_used(self):
        for name, words in (("text", "no ZIP archive"), ("truncated", "damaged"), ("damaged", "damaged.pt"),
                            ("weights_alone", "without TorchScript code"), ("four_labels", "3 outputs, but 4 labels"),
                            ("fixed_size", "check crop and resize"), ("not_a_tensor", "returned Int")):
            config = self.write_config("config.json", classifier_config(name))
            result = self.infer(TOMATO, config=config, code=1)
            self.assertEqual(result.text, "")
            self.assertIn(str(NETWORKS / f"{name}.pt"), result.messages)
            self.assertIn(words, result.messages)
            self.assertNotIn("frame #", result.messages)
            self.assertEqual(len(result.messages.splitlines()), 1, result.messages)

    def test_all_files_that_are_no_networks_are_told_at_once(self):
        config = fruit_config()
        config["gate"]["model"] = str(NETWORKS / "not_a_tensor.pt")  # found out by loading it
        config["species"]["model"] = str(NETWORKS / "text.pt")
        config["classifier"]["model"] = str(NETWORKS / "weights_alone.pt")
        messages = self.infer(TOMATO, config=self.write_config("config.json", config), code=1).messages
        self.assertIn("text.pt: no ZIP archive", messages)
        self.assertIn("weights_alone.pt: weights alone or a pickled module", messages)
        self.assertNotIn("not_a_tensor", messages)

    def test_labels_are_checked_before_networks_are_loaded(self):
        config = fruit_config()
        config["gate"]["accept"] = ["yelow"]
        config["classifier"]["model"] = str(NETWORKS / "not_a_tensor.pt")
        self.assertIn('did you mean "yellow"', self.infer(TOMATO, config=self.write_config("config.json", config), code=2).messages)

    def test_a_network_that_cannot_be_used_leaves_no_output(self):
        config = self.write_config("config.json", classifier_config("text"))
        self.infer(TOMATO, "-o", self.folder / "rows.jsonl", config=config, code=1)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith("rows")], [])


class Usage(CliTest):
    def refused(self, *arguments, says, **options):
        result = self.infer(*arguments, code=2, **options)
        self.assertEqual(result.text, "")
        for words in says if isinstance(says, (list, tuple)) else [says]:
            self.assertIn(words, result.messages)
        return result.messages

    def test_a_config_that_is_not_there(self):
        self.refused(TOMATO, config="nowhere.json", says="nowhere.json")

    def test_all_networks_that_are_not_there_are_told_at_once_with_their_places(self):
        config = fruit_config()
        for stage in ("gate", "classifier"):
            config[stage]["model"] = f"nowhere/{stage}.pt"
        self.refused(TOMATO, config=self.write_config("missing.json", config),
                     says=["/gate/model", "nowhere/gate.pt", "/classifier/model", "nowhere/classifier.pt"])

    def test_no_config_at_all(self):
        messages = self.openset("infer", TOMATO, code=2).messages
        self.assertIn("--config", messages)
        self.assertIn("--help", messages)

    def test_no_pictures(self):
        self.refused(says=["no pictures", "--files-from"])

    def test_paths_together_with_a_list(self):
        self.refused(TOMATO, "--files-from", "list", says="--files-from")

    def test_a_list_that_is_not_there(self):
        self.refused("--files-from", self.folder / "nowhere.txt", says="nowhere.txt")

    def test_a_folder_in_place_of_a_list(self):
        self.refused("--files-from", PICTURES, says=["--files-from", "is a folder"])
        folder = os.open(PICTURES, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        self.assertIn("the list on standard input", self.infer("--files-from", "-", stdin=folder, code=1).messages)

    def test_unknown_flags_get_a_suggestion(self):
        self.refused(TOMATO, "--gate-topk", 3, says=["--gate-topk", 'did you mean "--gate-top-k"'])
        self.refused(TOMATO, "--colour", "never", says='did you mean "--color"')
        self.refused(TOMATO, "--xyzzyxyzzy", says="unknown option --xyzzyxyzzy")

    def test_values_that_are_none_of_the_words_get_a_suggestion(self):
        self.refused(TOMATO, "-f", "josnl", says=["josnl", "jsonl, csv", 'did you mean "jsonl"'])
        self.refused(TOMATO, "--gate-rule", "topk", says=["top-k, mass", 'did you mean "top-k"'])
        self.refused(TOMATO, "--color", "sometimes", says="auto, always, never")
        self.refused(TOMATO, "--exif-orientation", "aply", says='did you mean "apply"')

    def test_numbers_out_of_range_are_refused_by_the_flags_name(self):
        for flag, value in (("--batch", 0), ("--jobs", 0), ("--threads", -1), ("--top", -1), ("--max-pixels", 0), ("--max-errors", -1),
                            ("--batch", "many"), ("--gate-top-k", 0), ("--species-min", 1.5), ("--classifier-min", -0.1),
                            ("--gate-min-mass", "nan"), ("--species-min", "inf")):
            self.refused(TOMATO, flag, value, says=flag)

    def test_a_flag_for_a_stage_that_the_config_lacks(self):
        config = self.write_config("alone.json", classifier_config("classifier"))
        self.refused(TOMATO, "--gate-top-k", 3, config=config, says=["--gate-top-k", "/gate"])

    def test_a_device_that_nobody_knows(self):
        self.refused(TOMATO, "--device", "gpu", says=["gpu", "auto, cpu, cuda"])

    def test_a_config_that_is_no_json_says_where(self):
        self.refused(TOMATO, config=self.write_config("broken.json", '{"openset": 1,\n  "classifier": }'), says=["broken.json", "line 2"])

    def test_all_problems_of_a_config_are_told_at_once_with_their_places(self):
        config = fruit_config()
        config["gate"]["rule"] = "topk"
        config["gate"]["acept"] = config["gate"].pop("accept")
        config["species"]["min_probability"] = 7
        del config["classifier"]["model"]
        config["clasifier"] = {}
        messages = self.refused(TOMATO, config=self.write_config("bad.json", config),
                                says=["/gate/rule", "/gate/acept", 'did you mean "accept"', "/species/min_probability", "/classifier",
                                      'did you mean "classifier"'])
        for line in messages.splitlines():
            self.assertIn("bad.json", line)
        self.assertGreaterEqual(len(messages.splitlines()), 5)

    def test_all_unknown_labels_are_told_at_once(self):
        config = fruit_config()
        config["gate"]["accept"] = ["read", "yelow", 99, "red"]
        config["species"]["accept"] = ["FRIUT"]
        config["classifier"]["min_probability"] = {"tomatoe": 0.5}
        self.refused(TOMATO, config=self.write_config("labels.json", config),
                     says=["/gate/accept/0", "/gate/accept/1", 'did you mean "yellow"', "/gate/accept/2", "/species/accept/0",
                           'did you mean "FRUIT"', "/classifier/min_probability/tomatoe", 'did you mean "tomato"'])

    def test_a_multi_label_network_as_gate(self):
        config = fruit_config()
        config["gate"] = {"model": str(NETWORKS / "multi_label.pt"), "accept": ["reddish"]}
        self.refused(TOMATO, config=self.write_config("sigmoid.json", config), says=["/gate/model", "sigmoid"])


class Output(CliTest):
    def test_names_that_no_file_can_have_are_the_users_business(self):
        long = "n" * 300
        (self.folder / "loop").symlink_to("loop")
        for name, words in ((long, "too long"), ("loop/x", "symbolic links")):
            self.assertIn(words, self.infer(TOMATO, "-o", self.folder / name, code=1).messages)
            config = fruit_config()
            config["gate"]["model"] = name
            messages = self.infer(TOMATO, config=self.write_config("long.json", config), code=1).messages
            self.assertIn(name, messages)
            self.assertNotIn("mistake in openset", messages)
            self.assertNotIn("mistake in openset", self.openset("inspect", self.folder / name, code=1).messages)
        self.infer(TOMATO, "-o", self.folder / ("n" * 250), code=1)

    def test_a_network_whose_name_leaves_no_room_for_a_sidecar(self):
        name = self.folder / ("n" * 250)
        name.symlink_to(NETWORKS / "without_info.pt")
        self.assertIn("assumed", self.openset("inspect", name).messages)
    def test_control_characters_in_names_do_not_reach_the_terminal(self):
        messages = self.infer("\x1b[2J\u009b31m.png", "--strict", code=1).messages
        self.assertIn("?[2J?31m.png", messages)
        for character in "\x1b\u009b":
            self.assertNotIn(character, messages)

    def test_a_folder_that_does_not_exist(self):
        # The network that cannot be used is not met: the folder is looked at before.
        config = self.write_config("config.json", classifier_config("text"))
        for flags in ([], ["--dry-run"]):
            result = self.infer(TOMATO, "-o", self.folder / "nowhere" / "rows.jsonl", *flags, config=config, code=1)
            self.assertEqual(result.messages, f"openset: {self.folder / 'nowhere'}: no such folder; make it, or choose another place\n")
        self.assertIn("no such folder", self.infer(TOMATO, "-o", f"{TOMATO}/rows.jsonl", config=config, code=1).messages)

    def test_a_folder_in_place_of_a_file(self):
        self.assertIn("folder", self.infer(TOMATO, "-o", self.folder, code=1).messages)

    def test_an_output_that_cannot_be_written_is_told_before_the_pictures_are_classified(self):
        result = self.infer(*SOUND * 50, "-o", "/proc/nowhere/rows.jsonl", code=1, timeout=120)
        self.assertNotIn("pictures in", result.messages)


class Missing(CliTest):
    def test_a_name_at_which_there_is_nothing_is_told_before_the_run_and_is_a_row(self):
        result = self.infer("nodir", PICTURES / "tomato.png", "-f", "jsonl", code=3)
        self.assertIn("warning: nodir: no such file, expected a picture, a folder or a tar file", result.messages)
        self.assertEqual(len(result.text.splitlines()), 2)
        self.assertIn("nodir: no such file", self.infer("nodir", "--dry-run", code=3).messages)

    def test_after_failures_it_says_where_to_look(self):
        rows = self.folder / "rows.jsonl"
        self.assertIn(f"openset inspect {rows} tells what failed and why", self.infer(PICTURES, "-o", rows, code=3).messages)

    def test_what_is_no_picture_is_named(self):
        archive = self.folder / "a.bin"
        archive.write_bytes(b"\x1f\x8b\x08\0\0")
        (row,) = self.rows("--files-from", "-", input=f"{archive}\n".encode(), code=3)
        self.assertEqual(row["error"], {"kind": "not-an-image", "message": "it is a gzip archive, expected a picture"})


if __name__ == "__main__":
    main()
