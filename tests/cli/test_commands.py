"""What every command shares (help, version), and inspect, doctor and init."""

import hashlib
import json
import os
import pathlib
import zipfile

from openset_cli import COMMANDS, NETWORKS, PICTURES, SOUND, CliTest, main

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class EveryCommand(CliTest):
    def test_help_is_short_says_what_it_does_and_shows_two_examples(self):
        for command in COMMANDS:
            text = self.run_program(f"openset-{command}", "--help").text
            self.assertLessEqual(len(text.splitlines()), 45, command)
            self.assertIn(f"usage: openset {command}", text)
            examples = text.split("examples:\n")[1]
            self.assertGreaterEqual(examples.count(f"  openset {command}"), 2, command)
            self.assertIn(f"openset {command} --help-all", text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 120, line)

    def test_help_all_lists_what_help_leaves_out(self):
        for command in COMMANDS:
            short = self.openset(command, "--help").text
            everything = self.openset(command, "--help-all").text
            self.assertGreater(len(everything), len(short))
            for flag in ("--quiet", "--verbose", "--color", "--log-json", "--help-all", "--version"):
                self.assertIn(flag, everything, command)

    def test_help_is_an_answer_even_where_a_required_option_is_missing(self):
        for command in COMMANDS:
            self.openset(command, "--help", "--bogus", code=0)

    def test_version_is_that_of_openset(self):
        number = self.openset("--version").text.split()[1]
        for command in COMMANDS:
            text = self.openset(command, "--version").text
            self.assertEqual(text.split()[:2], ["openset", number])
        self.assertIn("LibTorch", self.openset("infer", "--version").text)

    def test_unknown_flags_get_a_suggestion_and_exit_code_2(self):
        for command in COMMANDS:
            result = self.openset(command, "--verison", code=2)
            self.assertEqual(result.text, "")
            self.assertIn('did you mean "--version"', result.messages)


class Inspect(CliTest):
    def test_a_network_is_described(self):
        text = self.openset("inspect", NETWORKS / "classifier.pt").text
        for words in ("TorchScript", "classifier", "openset.json inside", "shorter side to 32", "tomato", "lemon", "softmax"):
            self.assertIn(words, text)

    def test_json_says_the_same_for_programs(self):
        described = json.loads(self.openset("inspect", NETWORKS / "gate.pt", "-f", "json").text)
        self.assertEqual(described["sha256"], hashlib.sha256((NETWORKS / "gate.pt").read_bytes()).hexdigest())
        self.assertEqual(described["bytes"], (NETWORKS / "gate.pt").stat().st_size)
        self.assertEqual(len(described["info"]["labels"]), 16)
        self.assertEqual(described["info"]["format"], "openset-model/1")

    def test_a_sidecar_is_named_and_assumptions_are_told(self):
        self.assertIn("sidecar.pt.openset.json", self.openset("inspect", NETWORKS / "sidecar.pt").text)
        self.assertIn("assumed", self.openset("inspect", NETWORKS / "without_info.pt").messages)

    def test_flags_say_what_the_network_does_not(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\nZitrone\n")
        result = self.openset("inspect", NETWORKS / "without_info.pt", "--labels", self.folder / "names.txt", "--preprocess", "imagenet")
        self.assertIn("Apfelsine", result.text)
        self.assertNotIn("ImageNet", result.messages)
        self.assertIn("of its own", self.openset("inspect", NETWORKS / "classifier.pt", "--labels", self.folder / "names.txt").messages)

    def test_many_labels_are_cut_short_unless_all_are_wanted(self):
        labels = [f"label {i}" for i in range(100)]
        info = {"format": "openset-model/1", "name": "many", "labels": labels,
                "preprocess": {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]}}
        with zipfile.ZipFile(self.folder / "many.pt", "w") as archive:
            archive.writestr("many/constants.pkl", b"")
            archive.writestr("many/extra/openset.json", json.dumps(info))
        self.assertNotIn("label 99", self.openset("inspect", self.folder / "many.pt").text)
        self.assertIn("label 99", self.openset("inspect", self.folder / "many.pt", "--all-labels").text)

    def test_what_is_no_network_is_refused(self):
        for name, words in (("text.pt", "no ZIP archive"), ("weights_alone.pt", "without TorchScript code"), ("nowhere.pt", "no such file"),
                            ("truncated.pt", "damaged")):
            result = self.openset("inspect", NETWORKS / name, code=1)
            self.assertIn(words, result.messages)
            self.assertIn(str(NETWORKS / name), result.messages)
        self.openset("inspect", NETWORKS, code=1)

    def test_a_description_with_mistakes_lists_all_of_them(self):
        with zipfile.ZipFile(self.folder / "bad.pt", "w") as archive:
            archive.writestr("bad/constants.pkl", b"")
            archive.writestr("bad/extra/openset.json", '{"format": "openset-model/2", "labels": "cat", "preprocess": {}}')
        messages = self.openset("inspect", self.folder / "bad.pt", code=1).messages
        for pointer in ("/format", "/labels", "/preprocess"):
            self.assertIn(pointer, messages)


class Doctor(CliTest):
    def test_flags_about_a_network_want_a_network(self):
        for flags in (["--labels", "names.txt"], ["--preprocess", "imagenet"], ["--device", "cpu"]):
            self.assertIn(f"{flags[0]}: found without --model", self.openset("doctor", *flags, code=2).messages)

    def test_the_machine_is_described(self):
        text = self.openset("doctor").text
        for words in ("LibTorch", "BLAS", "processor", "cores", "CUDA"):
            self.assertIn(words, text)
        self.assertTrue("slow: " in text or "nothing here will be slow" in text)

    def test_a_slow_kernel_is_flagged(self):
        plain = self.openset("doctor").text
        if "OpenBLAS" not in next(line for line in plain.splitlines() if line.startswith("BLAS")):
            self.skipTest("this LibTorch does not use OpenBLAS")
        slow = self.openset("doctor", env=os.environ | {"OPENBLAS_CORETYPE": "Prescott"}).text
        if "AVX2" not in slow:
            self.skipTest("this processor has no AVX2: the kernel would be the right one")
        self.assertIn("kernel Prescott", slow)
        self.assertRegex(slow, r"slow: OpenBLAS chose its Prescott kernel .* OPENBLAS_CORETYPE=(Haswell|SkylakeX)")
        self.assertNotIn("slow: OpenBLAS", plain)

    def test_a_network_is_tried_and_the_optimised_form_compared(self):
        for name in ("classifier", "dict", "mlp", "pooled_convolution"):
            text = self.openset("doctor", "--model", NETWORKS / f"{name}.pt").text
            self.assertIn("the optimised network agrees", text)
            self.assertRegex(text, r"same bits .*: yes")

    def doctor_on_pictures(self, network, *flags, **options):
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
        return self.openset("doctor", "--model", NETWORKS / f"{network}.pt", *flags, PICTURES, env=environment, **options)

    def engines_of_infer(self, config, *flags):
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
        output = self.folder / "rows.jsonl"
        self.openset("infer", "-c", config, "-o", output, *flags, SOUND[0], env=environment)
        networks = json.loads((self.folder / "rows.jsonl.run.json").read_text())["networks"]
        return {network["stage"]: network["engine"] for network in networks}

    def test_engines_are_compared_on_the_users_pictures(self):
        self.assertEqual(set(self.engines_of_infer(self.config).values()), {"torch"})
        done = self.doctor_on_pictures("classifier")
        self.assertRegex(done.text, r"pictures +10; the same likeliest label for 10")
        self.assertIn("the engine onednn agrees with LibTorch on these pictures", done.text)
        self.assertIn("broken_text.jpg: left out: ", done.messages)
        record = json.loads((self.folder / "cache" / "openset" / "engines.json").read_text())
        (found,) = record["agreements"].values()
        self.assertEqual(found["same_label"], 10)
        self.assertEqual(set(self.engines_of_infer(self.config).values()), {"torch"})  # ten pictures are too few: test_doctor.py
        self.assertEqual(set(self.engines_of_infer(self.config, "--engine", "torch").values()), {"torch"})

    def test_a_network_that_only_libtorch_can_run_is_said_to_be_one(self):
        done = self.doctor_on_pictures("conv1d")
        self.assertIn("LibTorch runs it, as the engine onednn cannot: aten::flatten", done.text)

    def test_flags_say_what_the_network_does_not(self):
        (self.folder / "names.txt").write_text("Tomate\nApfelsine\n")
        self.assertNotIn("ImageNet", self.openset("doctor", "--model", NETWORKS / "without_info.pt", "--preprocess", "imagenet").messages)
        messages = self.openset("doctor", "--model", NETWORKS / "without_info.pt", "--labels", self.folder / "names.txt", code=1).messages
        self.assertIn("3 outputs, but 2 labels", messages)

    def test_a_network_that_cannot_be_used_is_an_error(self):
        self.assertIn("3 outputs, but 4 labels", self.openset("doctor", "--model", NETWORKS / "four_labels.pt", code=1).messages)


class InitFromNetworks(CliTest):
    def setUp(self):
        super().setUp()
        self.models = self.folder / "models"
        self.models.mkdir()
        for name in ("species", "classifier"):
            (self.models / f"{name}.pt").symlink_to(NETWORKS / f"{name}.pt")

    def add_gate(self):
        labels = [f"thing {i}" for i in range(1000)]
        labels[7], labels[8] = "tomato", "fruit fly"
        info = {"format": "openset-model/1", "name": "imagenet", "labels": labels,
                "preprocess": {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]}}
        with zipfile.ZipFile(self.models / "imagenet.pt", "w") as archive:
            archive.writestr("imagenet/constants.pkl", b"")
            archive.writestr("imagenet/extra/openset.json", json.dumps(info))

    def printed(self, config):
        return json.loads(self.openset("infer", "-c", config, "--print-config").text)

    def test_a_folder_of_networks_becomes_a_config_that_runs(self):
        result = self.openset("init", "models", "-o", "fruit_start.json", cwd=self.folder)
        for words in ("species: models/species.pt, because its file is named so", "classifier: models/classifier.pt, because its file is named so",
                      "wrote fruit_start.json", "next: openset infer -c fruit_start.json --dry-run PHOTOS"):
            self.assertIn(words, result.messages)
        self.assertEqual(self.verdicts(PICTURES / "tomato.png", config=self.folder / "fruit_start.json"), {"tomato.png": "tomato"})
        self.assertEqual(self.printed(self.folder / "fruit_start.json")["name"], "fruit_start")

    def test_a_network_of_a_thousand_labels_is_the_gate(self):
        self.add_gate()
        self.openset("init", "models", "-o", "start.json", cwd=self.folder)
        config = self.printed(self.folder / "start.json")
        self.assertTrue(config["gate"]["model"].endswith("/models/imagenet.pt"))
        self.assertEqual(config["gate"]["accept"], ["tomato", "fruit fly"])
        self.assertEqual(config["species"]["accept"], ["FRUIT"])
        for words in ("those that pass. Guessed: ", "// guessed; its labels: "):
            self.assertIn(words, (self.folder / "start.json").read_text())

    def test_names_tell_before_labels_do_and_doubt_is_told(self):
        (self.models / "gate.pt").symlink_to(NETWORKS / "gate.pt")
        for name in ("four_labels", "multi_label"):
            (self.models / f"{name}.pt").symlink_to(NETWORKS / f"{name}.pt")
        messages = self.openset("init", "models", "-o", "start.json", cwd=self.folder).messages
        for words in ("gate: models/gate.pt, because its file is named so", "classifier: models/classifier.pt, because",
                      "not used: models/four_labels.pt, models/multi_label.pt; "):
            self.assertIn(words, messages)
        self.assertNotIn("warning", messages)
        (self.models / "classifier.pt").unlink()
        messages = self.openset("init", "models", "-o", "other.json", cwd=self.folder).messages
        self.assertIn("warning: 2 networks could be the classifier (four_labels.pt, multi_label.pt): took four_labels.pt; ", messages)

    def test_a_pipeline_without_a_gate_says_so_and_its_comments_speak_of_labels(self):
        messages = self.openset("init", "models", "-o", "start.json", cwd=self.folder).messages
        self.assertIn("gate: none, no network here has ImageNet's 1000 labels", messages)
        self.assertNotIn("min_probability", json.dumps(self.printed(self.folder / "start.json")["classifier"]))
        self.assertIn("// Names one of tomato", (self.folder / "start.json").read_text())

    def test_single_networks_may_be_named(self):
        text = self.openset("init", "models/classifier.pt", "-o", "-", cwd=self.folder).text
        self.assertIn('"model": "models/classifier.pt"', text)
        self.assertNotIn("species", text)

    def test_what_is_no_network_is_left_out_and_told(self):
        (self.models / "weights.pt").write_text("no network")
        (self.models / "notes.txt").write_text("nothing to do with it")
        messages = self.openset("init", "models", "-o", "start.json", cwd=self.folder).messages
        self.assertRegex(messages, r"warning: models/weights.pt: no ZIP archive; .*; left out")
        self.assertNotIn("notes.txt", messages)
        self.openset("init", "models/weights.pt", cwd=self.folder, code=1)

    def test_nothing_is_replaced_unless_it_is_asked_for_and_a_dry_run_writes_nothing(self):
        self.assertEqual(self.openset("init", "models", "--name", "a", "--dry-run", cwd=self.folder).text, "would write a.json\n")
        self.assertFalse((self.folder / "a.json").exists())
        self.openset("init", "models", "--name", "a", cwd=self.folder)
        self.assertIn("a.json: exists; choose another name", self.openset("init", "models", "--name", "a", cwd=self.folder, code=2).messages)
        self.openset("init", "models", "--name", "a", "--force", cwd=self.folder)


class Init(CliTest):
    REFERENCE = SOURCE / "tests/data/classification.config"

    def init(self, *arguments, **options):
        return self.openset("init", "--from-reference", self.REFERENCE, *arguments, cwd=self.folder, **options)

    def test_a_reference_config_becomes_a_config_with_its_label_files(self):
        self.init("--name", "spaniels")
        for ending in (".json", ".species.labels.txt", ".classifier.labels.txt"):
            self.assertTrue((self.folder / ("spaniels" + ending)).read_text().strip(), ending)
        printed = json.loads(self.openset("infer", "-c", self.folder / "spaniels.json", "--print-config").text)
        self.assertEqual(set(printed), {"openset", "name", "gate", "species", "classifier"})
        self.assertIn("exists; choose another name", self.init("--name", "spaniels", code=2).messages)
        self.init("--name", "spaniels", "--force")

    def test_a_dash_prints_the_config_and_writes_nothing(self):
        before = sorted(self.folder.iterdir())
        self.assertIn('"classifier"', self.init("--name", "spaniels", "-o", "-").text)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_a_file_that_exists_leaves_the_others_unwritten(self):
        (self.folder / "spaniels.classifier.labels.txt").write_text("mine")
        before = sorted(self.folder.iterdir())
        for flags in ([], ["--dry-run"]):
            self.assertIn("spaniels.classifier.labels.txt: exists; choose another name", self.init("--name", "spaniels", *flags, code=2).messages)
            self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_a_dry_run_says_what_it_would_write(self):
        before = sorted(self.folder.iterdir())
        text = self.init("--name", "spaniels", "--dry-run").text
        self.assertEqual(text.splitlines(), [f"would write spaniels{ending}" for ending in (".json", ".species.labels.txt", ".classifier.labels.txt")])
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_a_name_that_no_file_can_have(self):
        messages = self.init("--name", "spaniels", "-o", "n" * 300, code=1).messages
        self.assertIn("too long", messages)
        self.assertNotIn("mistake in openset", messages)

    def test_an_unknown_entry_gets_a_suggestion(self):
        self.assertIn('did you mean "spaniels"', self.init("--name", "spanielsx", code=2).messages)

    def test_a_config_that_is_not_there(self):
        self.assertIn("nowhere", self.openset("init", "--from-reference", "nowhere", "--name", "x", code=2).messages)


if __name__ == "__main__":
    main()
