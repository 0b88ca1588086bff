"""What is refused: each message names the thing, what was found, what was expected, and what to do now.

The tables are read as: what somebody typed -> the pieces that the message must have. tests/layers/check_messages.py looks at the
messages in the sources, these at what comes out.
"""

import json
import pathlib
import pickle
import re
import zipfile

from openset_cli import COMMANDS, NETWORKS, PICTURES, CliTest, classifier_config, fruit_config, main

TOMATO = str(PICTURES / "tomato.png")
CLASSIFIER = str(NETWORKS / "classifier.pt")


class MessageTest(CliTest):
    def refused(self, *arguments, code=2, says, **options):
        """Runs a command that must refuse; its messages hold every piece and are of good form."""
        result = self.openset(*arguments, code=code, **options)
        self.assertEqual(result.text, "", arguments)
        for piece in says:
            self.assertIn(piece, result.messages, arguments)
        for line in result.messages.splitlines():
            self.assertRegex(line, r"^openset: (warning: )?\S", arguments)
            self.assertNotRegex(line, r"\.$|!|please|[Ii]nvalid|[Ff]ailed to|\b[Ee]rror:|frame #|0x[0-9a-f]{6}|  ", arguments)
            self.assertLess(len(line), 500, arguments)
        return result.messages


class CommandLine(MessageTest):
    def test_slips_of_the_fingers(self):
        need_config = "expected one; openset init NETWORK -o my.json writes one; see openset infer --help"
        table = [
            # command, what was typed -> thing, found, expected, way out
            ("infer", ["--closed", TOMATO], ["unknown option --closed", 'did you mean "--closed-set"?', "openset infer --help"]),
            ("infer", ["--clsed-set"], ["unknown option --clsed-set", '"--closed-set"']),
            ("infer", ["--gate", "3"], ["unknown option --gate;", '"--gate-rule", "--gate-top-k" or "--gate-min-mass"']),
            ("infer", ["--confg", "x.json", TOMATO], ["unknown option --confg", '"--config"']),
            ("infer", ["--colour=never"], ["unknown option --colour;", '"--color"']),
            ("infer", ["-x"], ["unknown option -x; see openset infer --help"]),
            ("infer", [TOMATO], ["found no --config FILE", "pipeline config", need_config]),
            ("infer", ["-c"], ["--config: found no value", "expected --config FILE (pipeline config"]),
            ("infer", ["-c", "a.json", "-c", "b.json"], ["--config: found 2 times", "expected once", "keep one"]),
            ("infer", ["-c", "a.json", "-o", "--dry-run", TOMATO], ["--output: found the flag --dry-run", "expected --output FILE", "./--dry-run"]),
            ("infer", ["-c", "a.json", "--output=", TOMATO], ["--output: found no value after the =", "expected one"]),
            ("infer", ["-c", "a.json", "--strict=yes"], ["strict: found a value", "expected none", "leave out the ="]),
            ("infer", ["-c", "a.json", "--batch", "0"], ['--batch: found "0"', "expected a whole number from 1 to 4096"]),
            ("infer", ["-c", "a.json", "--batch", "many"], ['--batch: found "many"', "expected a whole number"]),
            ("infer", ["-c", "a.json", "--gate-top-k", "few"], ['--gate-top-k: found "few"', "expected a number"]),
            ("infer", ["-c", "a.json", "--species-min", "half"], ['--species-min: found "half"', "expected a number"]),
            ("infer", ["-c", "a.json", "--decode-memory", "1 GB"], ['--decode-memory: found "1 GB"', "expected a number of bytes such as"]),
            ("infer", ["-c", "a.json", "-f", "jsno"], ['--format: found "jsno"', "expected one of auto, jsonl, csv, table"]),
            ("infer", ["-c", "a.json", "--color", "alway"], ['--color: found "alway"', 'did you mean "always"?']),
            ("inspect", [], ["found no FILE", "network (TorchScript archive)", "expected one"]),
            ("inspect", [CLASSIFIER, TOMATO], ["left over", "expected one FILE"]),
            ("doctor", [CLASSIFIER], ["PICTURE: found without --model", "add --model or leave PICTURE out"]),
            ("doctor", ["--labels", "names.txt"], ["--labels: found without --model", "add --model or leave --labels out"]),
            ("doctor", ["--preprocess", "imagenet"], ["--preprocess: found without --model"]),
            ("doctor", ["--device", "cpu"], ["--device: found without --model"]),
            ("completion", [], ["found no SHELL", "bash, zsh or fish"]),
            ("completion", ["tcsh"], ['SHELL: found "tcsh"', "expected one of bash, zsh, fish"]),
            ("merge", [], ["found no parts", "expected the row files or stores that --shard wrote"]),
            ("init", [], ["found no networks", "expected one of them: a folder of networks, or --from-reference"]),
            ("init", ["--from-reference", "x"], ["--from-reference x: found no --name", "expected one of its MODELS"]),
            ("init", ["models", "--from-reference", "x"], ["--from-reference together with PATH", "expected one of them"]),
        ]
        for command, typed, says in table:
            with self.subTest(f"{command} {typed}"):
                self.refused(command, *typed, says=[f"openset: {command}: " if "--help" in says[-1] else "openset: ", *says], cwd=self.folder)

    def test_devices(self):
        for typed, meant in (("gpu", "cuda"), ("gpu:0", "cuda:0"), ("cuad", "cuda")):
            self.refused("doctor", "--model", CLASSIFIER, "--device", typed,
                         says=[f'--device: "{typed}", expected auto, cpu, cuda or cuda:N; did you mean "{meant}"?'])

    def test_the_same_for_every_command(self):
        for command in COMMANDS:
            messages = self.refused(command, "--verbos", says=[f"openset: {command}: unknown option --verbos", 'did you mean "--verbose"?',
                                                               f"See openset {command} --help"])
            self.assertEqual(len(messages.splitlines()), 1)

    def test_openset_itself(self):
        for typed, says in ((["infre"], ['no command "infre"', ', expected one that openset --help lists; did you mean "infer"?']),
                            (["mer"], ['did you mean "merge"?']),
                            (["classify", TOMATO], ['no command "classify", expected one that openset --help lists; pictures go to openset infer -c CONFIG PATH']),
                            ([TOMATO], [f'no command "{TOMATO}", expected one that openset --help lists; pictures go to openset infer -c CONFIG {TOMATO}']),
                            ([PICTURES], [f"openset infer -c CONFIG {PICTURES}"]),
                            (["xyzzyxyzzy"], ['no command "xyzzyxyzzy", expected one that openset --help lists']),
                            (["--hlep"], ["unknown option --hlep", 'did you mean "--help"? Options follow the command'])):
            self.refused(*typed, says=says)


class Files(MessageTest):
    def test_a_config_that_is_none(self):
        (self.folder / "page.json").write_text("<!DOCTYPE html><title>404</title>")
        (self.folder / "list.txt").write_text("a.png\nb.png\n")
        (self.folder / "empty.json").touch()
        (self.folder / "array.json").write_text("[]")
        for file, says in (
            ("friut.json", ["friut.json: no such file", "expected a pipeline config", 'did you mean "fruit.json"?']),
            ("nowhere.json", ["nowhere.json: no such file", "expected a pipeline config, as openset init writes one"]),
            (self.folder, [f"{self.folder}: is a folder, expected a file"]),
            (CLASSIFIER, [f"{CLASSIFIER}: found a ZIP archive, such as a network is", "expected a pipeline config", "openset init writes one"]),
            (TOMATO, [f"{TOMATO}: found a PNG picture", "expected JSON"]),
            ("page.json", ["page.json: found an HTML page", "expected JSON"]),
            ("list.txt", ["list.txt: line 1, column 1: found no JSON value", "last read: 'a'", "expected JSON"]),
            ("empty.json", ["empty.json: "]),
            ("array.json", ["array.json: ", "expected an object with openset and classifier"]),
        ):
            with self.subTest(file):
                self.refused("infer", "-c", file, TOMATO, says=says, cwd=self.folder)

    def write_archive(self, name, **entries):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for entry, content in entries.items():
                archive.writestr(f"archive/{entry.replace('_pkl', '.pkl')}", content)
        return str(self.folder / name)

    def write_bytes(self, name, content):
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def test_a_network_that_is_none(self):
        # What torch.save() writes names its classes so.
        state_dict = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x09\x00\x00\x00fc.weightq\x02ctorch._utils\n_rebuild_tensor_v2\n"
        checkpoint = b"\x80\x02}q\x00(X\x05\x00\x00\x00epochq\x01K\x07X\x05\x00\x00\x00modelq\x02ccollections\nOrderedDict\nq\x03)Rq\x04."
        module = b"\x80\x02ctorchvision.models.resnet\nResNet\nq\x00)\x81q\x01}q\x02."
        whole = pathlib.Path(CLASSIFIER).read_bytes()
        export = "expected a TorchScript archive, as torch.jit.script(model).save(path) writes it"
        table = [
            (self.write_archive("state_dict.pt", data_pkl=state_dict), ["weights alone (a state_dict)", "without TorchScript code", export]),
            (self.write_archive("checkpoint.pt", data_pkl=checkpoint), ["weights alone (a state_dict)", export, "load it in Python, then save it so"]),
            (self.write_archive("module.pt", data_pkl=module),
             ["a pickled Python module (torchvision.models.resnet.ResNet)", "without TorchScript code", export]),
            (self.write_archive("other.zip", readme=b"hello"), ["a ZIP archive without TorchScript code", export]),
            (self.write_bytes("half.pt", whole[:len(whole) // 2]), ["a damaged ZIP archive, or the beginning of one", "copy it again", export]),
            (self.write_bytes("old.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02"), ["from torch.save() before PyTorch 1.6", export]),
            (self.write_bytes("pickle.pt", pickle.dumps({"a": [1]}, protocol=4)), ["but a Python pickle", export]),
            (self.write_bytes("lfs.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"),
             ["a Git LFS pointer", "git lfs pull", export]),
            (self.write_bytes("weights.safetensors", b"\x20\0\0\0\0\0\0\0" + b'{"fc.weight":{"dtype":"F32"}}'), ["a safetensors file of weights", export]),
            (self.write_bytes("page.pt", b"<html><head>"), ["no ZIP archive but an HTML page", export]),
            (TOMATO, ["no ZIP archive but a PNG picture", export]),
            (str(self.folder), ["holds no logits.npy", "expected an activation store"]),
            (CLASSIFIER + "x", ["no such file", "expected a network (TorchScript archive), an activation store", f'did you mean "{CLASSIFIER}"?']),
        ]
        for file, says in table:
            with self.subTest(file):
                self.refused("inspect", file, code=1, says=[f"openset: {file}: ", *says])
        for file, says in table[2:5]:
            with self.subTest(file):
                self.refused("doctor", "--model", file, code=1, says=[f"openset: {file}: ", *says])
                config = self.write_config("config.json", {"openset": 1, "classifier": {"model": file}})
                self.refused("infer", "-c", config, TOMATO, code=1, says=[f"openset: {file}: ", *says])

    def test_networks_that_a_config_names_and_nobody_finds(self):
        config = fruit_config()
        config["gate"]["model"] = str(NETWORKS / "gat.pt")
        messages = self.refused("infer", "-c", self.write_config("typo.json", config), TOMATO,
                                says=["typo.json: /gate/model: ", "gat.pt: no such file", "relative to the config's folder", '/gate.pt"?'])
        self.assertEqual(len(messages.splitlines()), 1)

    def test_labels_that_are_none(self):
        (self.folder / "gap.txt").write_text("a\n\nb\n")
        (self.folder / "nothing.txt").touch()
        config = self.write_config("bare.json", classifier_config("without_info"))
        for file, says in (("gap.txt", ["gap.txt: line 2 is empty", "expected a label", "take the line out"]),
                           ("nothing.txt", ["nothing.txt: is empty", "expected labels, one a line"]),
                           ("gaps.txt", ["gaps.txt: no such file", "expected label names, one a line", 'did you mean "gap.txt"?'])):
            self.refused("infer", "-c", config, TOMATO, "--labels", file, says=says, cwd=self.folder)
            self.refused("doctor", "--model", NETWORKS / "without_info.pt", "--labels", file, says=says, cwd=self.folder)

    def test_labels_for_a_stage_that_is_none(self):
        (self.folder / "two.txt").write_text("a\nb\n")
        self.refused("infer", "-c", self.config, TOMATO, "--labels", "gaet=two.txt", cwd=self.folder,
                     says=['--labels gaet=two.txt: no stage "gaet", expected gate, species or classifier; did you mean "gate"?'])
        self.refused("infer", "-c", self.config, TOMATO, "--labels", "xyzzy=two.txt", cwd=self.folder, says=["xyzzy=two.txt: no such file"])

    def test_places_where_nothing_can_be_written(self):
        for output, says in ((self.folder, ["is a folder", "expected the name of a file to write"]),
                             (self.folder / "no/rows.csv", [f"{self.folder}/no: no such folder", "make it, or choose another place"]),
                             ("/proc/rows.csv", ["/proc/rows.csv.partial: cannot write: "])):
            self.refused("infer", "-c", self.config, TOMATO, "-o", output, code=1, says=says)
        self.refused("infer", "-c", self.config, TOMATO, "-o", self.config, says=[f"-o {self.config}", "would replace a file that this run reads"])

    def test_a_folder_without_networks(self):
        self.refused("init", self.folder, says=[f"{self.folder}: found no networks", "expected TorchScript archives (.pt) there"])
        says = "no such file, expected a folder of networks, or a network (TorchScript archive)"
        self.refused("init", self.folder / "nowhere", code=1, says=[f"nowhere: {says}"])
        (self.folder / "models").mkdir()
        self.refused("init", "modles/", code=1, says=[f'modles/: {says}; did you mean "models"?'], cwd=self.folder)

    def test_what_is_a_config_and_what_is_not(self):
        (self.folder / "commented.json").write_text("// fruit\n" + json.dumps(fruit_config(), indent=2))
        for name in ("fruit.json", "commented.json"):
            self.refused("inspect", name, cwd=self.folder, says=[f"{name}: is a pipeline config, expected a network (TorchScript archive), an activation store",
                                                                 f"openset infer -c {name} --dry-run checks it"])
        for rows in ("rows.jsonl", "rows.csv"):
            self.infer(TOMATO, "-o", self.folder / rows)
            self.refused("infer", "-c", rows, TOMATO, cwd=self.folder, says=[f"{rows}: found rows as openset infer writes them, expected a pipeline config"])


class Configs(MessageTest):
    def test_each_mistake_with_its_place_what_was_found_and_what_was_expected(self):
        def config(**changes):
            made = fruit_config()
            for place, value in changes.items():
                stage, _, key = place.partition("__")
                made.setdefault(stage, {})[key] = value
            return made
        label = '(16 labels)'
        table = [
            (config(gate__rule="top_k"), ["/gate/rule", '"top_k"', 'expected one of "top-k", "mass", "top-1"', "did you mean"]),
            (config(gate__k=0), ["/gate/k", "found 0", "expected"]),
            (config(gate__min_mass=0.5), ["/gate/min_mass", 'has no meaning with the rule "top-k"', "remove it"]),
            (config(gate__acept=["red"]), ["/gate/acept", "unknown key", 'did you mean "accept"?']),
            (config(gate__accept=["yelow"]), ["/gate/accept/0", 'no label "yelow"', label, 'did you mean "yellow"?']),
            (config(gate__accept=["3-1"]), ["/gate/accept/0", 'found the range "3-1"', 'expected the lower id first: "1-3"']),
            (config(gate__accept=[99]), ["/gate/accept/0", "no id 99", "expected 0 to 15"]),
            (config(gate__accept=[]), ["/gate/accept", "found an empty array", "expected an array of label names"]),
            (config(species__min_probability="half"), ["/species/min_probability", '"half"', "expected a number from 0 to 1"]),
            (config(classifier__min_probability={"tomatto": 0.5}), ["/classifier/min_probability/tomatto", 'did you mean "tomato"?']),
            (config(classifier__preprocess="imagnet"), ["/classifier/preprocess", '"imagnet"', 'expected "imagenet" or an object']),
            (config(gate__preprocess={"resize": {"mode": "squash"}}), ["/gate/preprocess/resize", 'no "size"', "expected [height, width]"]),
            ({"openset": 2, "classifier": {"model": CLASSIFIER}}, ["/openset", "found 2", "expected"]),
            ({"openset": 1}, ['no "classifier"', "expected an object with model"]),
        ]
        for made, says in table:
            with self.subTest(says):
                path = self.write_config("wrong.json", made)
                self.refused("infer", "-c", path, TOMATO, says=[f"openset: {path}", *says])

    def test_json_with_a_slip_says_where(self):
        for text, says in (('{"openset": 1,\n "classifier": }', "line 2, column 16"), ('{"openset": 1', "line 1, column 14"),
                           ("{'openset': 1}", "line 1, column 2")):
            path = self.write_config("slip.json", text)
            self.refused("infer", "-c", path, TOMATO, says=[path, says])

    def test_flags_that_stand_for_keys_are_named_in_place_of_them(self):
        alone = self.write_config("alone.json", {"openset": 1, "classifier": {"model": CLASSIFIER}})
        for config, flags, says in ((alone, ["--gate-top-k", 3], ["--gate-top-k", "the config has no /gate", "leave the flag out"]),
                                    (alone, ["--labels", "gate=x"], ["--labels gate=x", "the config has no /gate", "add it, or leave the flag out"]),
                                    (self.config, ["--species-min", 7], ["--species-min", "found 7", "expected a number from 0 to 1"])):
            self.refused("infer", "-c", config, TOMATO, *flags, says=says)


class Rows(MessageTest):
    """What rows say of pictures that failed."""

    def test_a_row_says_what_the_file_is_and_what_could_be_read(self):
        (self.folder / "words.png").write_text("no picture")
        (self.folder / "nothing.png").touch()
        (self.folder / "half.png").write_bytes(pathlib.Path(TOMATO).read_bytes()[:60])
        rows = self.rows(*[self.folder / f"{name}.png" for name in ("words", "nothing", "half", "nowhere")], code=3)
        for row, kind, piece in zip(rows, ("not-an-image", "empty", "truncated", "not-found"), ("first bytes", "0 bytes", "cut short", "no such file")):
            self.assertEqual(row["error"]["kind"], kind)
            self.assertIn(piece, row["error"]["message"])
            self.assertNotRegex(row["error"]["message"], r"\.$|\n|!")

    def test_strict_names_the_picture_and_where_the_rows_are(self):
        output = self.folder / "rows.jsonl"
        messages = self.openset("infer", "-c", self.config, PICTURES, "--strict", "-o", output, code=1).messages
        for piece in ("broken_empty.png", "0 bytes", "--strict", f"{output}.partial"):
            self.assertIn(piece, messages)


class Warnings(MessageTest):
    """What is done all the same, but may not be what was meant."""

    def told(self, *arguments, says, code=0, config=None):
        messages = self.infer(*arguments, code=code, config=config).messages
        for piece in says:
            self.assertIn(piece, messages, arguments)
        return messages

    def test_an_ending_that_promises_another_format(self):
        for name, flags, says in (("rows.json", [], ["rows.json: the rows are jsonl", "the name ends in .json", "choose the format with -f"]),
                                  ("rows.tsv", [], ["the rows are jsonl", ".tsv"]), ("rows.csv", ["-f", "jsonl"], ["the rows are jsonl", ".csv"]),
                                  ("rows.jsonl", ["-f", "csv"], ["the rows are csv", ".jsonl"])):
            self.told(TOMATO, "-o", self.folder / name, *flags, says=["warning: ", *says])
        for name, flags in (("a.jsonl", []), ("a.ndjson", []), ("a.csv", []), ("a", []), ("a.txt", ["-f", "table"])):
            self.assertNotIn("warning", self.told(TOMATO, "-o", self.folder / name, *flags, says=[]))

    def test_files_none_of_which_is_a_picture(self):
        (self.folder / "words.png").write_text("no picture")
        self.told(self.folder / "words.png", self.folder / "nowhere.png", code=3, says=["none of the inputs could be read as a picture", "Their rows say why"])
        self.assertNotIn("none of the inputs", self.told(TOMATO, self.folder / "words.png", code=3, says=[]))

    def test_a_config_can_be_checked_without_pictures(self):
        result = self.infer("--dry-run")
        for piece in (": fine", str(NETWORKS / "gate.pt"), "3 of 16 labels accepted", "no inputs were named; nothing was run"):
            self.assertIn(piece, result.text)

    def test_one_picture_is_one_picture(self):
        self.told(TOMATO, says=["1 picture in "])
        self.told(TOMATO, PICTURES / "sea.jpg", says=["2 pictures in "])


class AllOfThem(CliTest):
    def test_a_message_is_json_where_programs_ask_for_it(self):
        for arguments in (["infer", "--closed"], ["infer", "-c", "nowhere.json", "x"], ["inspect", "nowhere.pt"], ["init"], ["doctor", "--device", "x"]):
            result = self.run_program(f"openset-{arguments[0]}", *arguments[1:], "--log-json", code=1 if arguments[0] == "inspect" else 2)
            for line in result.messages.splitlines():
                self.assertEqual(json.loads(line)["level"], "error")
                self.assertFalse(re.search(r"^openset: ", json.loads(line)["message"]))


if __name__ == "__main__":
    main()
