#!/usr/bin/env python3
"""openset train as a whole program: new heads on the colour world's networks (tests/networks), whose features are a picture's
mean colour; and a small network from scratch."""

import json
import random
import struct
import tarfile
import unittest
import zlib

from openset_cli import NETWORKS, CliTest, main

TRUNK = NETWORKS / "classifier.pt"
COLOURS = {"plum": (110, 30, 120), "lime": (120, 220, 30), "sky": (110, 190, 250), "rust": (180, 70, 20)}


def png(colour, size=8):
    """A picture of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * size) * size
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class TrainTest(CliTest):
    def pictures(self, folder, count, seed=0, classes=COLOURS):
        """A folder of classes: colours around those of COLOURS."""
        chance = random.Random(seed)
        for name in classes:
            place = self.folder / folder / name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                colour = [max(0, min(255, c + chance.randint(-25, 25))) for c in COLOURS[name]]
                (place / f"{number:03}.png").write_bytes(png(colour))
        return self.folder / folder

    def setUp(self):
        super().setUp()
        self.data = self.pictures("data", 12)
        self.test = self.pictures("test", 5, seed=1)
        self.network = self.folder / "new.pt"

    def train(self, *arguments, output=None, trunk=TRUNK, data=None, **options):
        with_trunk = ["--trunk", trunk] if trunk else []
        with_data = ["--data", data or self.data] if data != [] else []
        return self.openset("train", *with_trunk, *with_data, "-o", output or self.network, *arguments, **options)

    def report(self, network=None):
        return json.loads((self.folder / f"{network or self.network}.training.json").read_text())

    def info(self, network=None):
        return json.loads(self.openset("inspect", network or self.network, "-f", "json").text)

    def named(self, folder, network=None):
        """Path below the folder -> verdict of the network alone."""
        config = self.write_config("new.json", {"openset": 1, "classifier": {"model": str(network or self.network)}})
        rows = self.rows(str(folder), config=config)
        return {row["path"]: row["verdict"] for row in rows}


class NewHead(TrainTest):
    def test_folders_of_classes_become_a_network_that_names_them(self):
        result = self.train("--test", self.test)
        self.assertIn("test", result.text)
        report = self.report()
        self.assertEqual(report["labels"], sorted(COLOURS))
        by_name = {one["name"]: one for one in report["sets"]}
        self.assertEqual(by_name["train"]["pictures"], 48)
        self.assertEqual(by_name["test"]["accuracy"], 1.0)
        self.assertEqual(by_name["validation"]["how"], "5-fold cross-validation")
        for path, verdict in self.named(self.test).items():
            self.assertIn(f"/{verdict}/", path)

    def test_heads_made_on_one_trunk_share_its_forward_pass(self):
        self.train()
        config = self.write_config("both.json", {"openset": 1, "species": {"model": str(self.network), "accept": ["plum", "lime", "sky"]},
                                                 "classifier": {"model": str(TRUNK)}})
        shared = self.infer(self.test, config=config)
        self.assertIn("species and classifier share one trunk: 1 forward pass instead of 2", shared.messages)
        self.assertEqual(shared.stdout, self.infer(self.test, "--no-share", config=config).stdout)

    def test_the_same_again_gives_the_same_bytes(self):
        self.train()
        self.train("--threads", "1", output=self.folder / "again.pt")
        self.assertEqual(self.report()["sets"], self.report(self.folder / "again.pt")["sets"])
        first = self.network.read_bytes()
        self.train("--force")
        self.assertEqual(first, self.network.read_bytes())

    def test_features_are_computed_once_and_anew_where_pictures_were_added(self):
        first = self.train()
        self.assertIn("48 pictures in", first.messages)
        self.assertNotIn("pictures in 0:", self.train("--force").messages)
        self.pictures("data", 13, classes=["sky"])
        again = self.train("--force")
        self.assertIn("computing the features anew", again.messages)
        self.assertEqual(self.report()["sets"][0]["pictures"], 49)

    def test_features_are_computed_anew_where_a_picture_was_replaced_under_its_name(self):
        self.train()
        (self.data / "sky" / "000.png").write_bytes(png(COLOURS["rust"]))
        self.assertIn("computing the features anew", self.train("--force").messages)
        self.assertLess(self.report()["sets"][0]["accuracy"], 1)

    def test_a_replaced_picture_is_noticed_behind_two_slashes_too(self):
        data = str(self.data) + "//"
        self.train(data=data)
        self.assertNotIn("computing the features anew", self.train("--force", data=data).messages)
        (self.data / "sky" / "000.png").write_bytes(png(COLOURS["rust"]))
        self.assertIn("computing the features anew", self.train("--force", data=data).messages)

    def test_a_dry_run_says_what_would_be_learned(self):
        result = self.train("--dry-run", "--test", self.test, "--positive", "sky")
        self.assertEqual(result.text, "data: 48 pictures\n36\tother\n12\tsky\nvalidation: 5 folds of the data\n"
                                      "test: 20 pictures\n15\tother\n5\tsky\nnothing was learned\n")
        self.assertEqual([file.name for file in self.folder.iterdir() if "new" in file.name], [])

    def test_a_store_that_extract_made_serves_as_well(self):
        self.openset("extract", "--model", TRUNK, self.data, "-o", self.folder / "data.store", "-q")
        self.train("--views", "plain")
        self.train(data=self.folder / "data.store", output=self.folder / "by_store.pt")
        self.assertEqual(self.report()["sets"][0]["loss"], self.report(self.folder / "by_store.pt")["sets"][0]["loss"])

    def test_a_table_tells_the_classes_too(self):
        lines = [f"data/{name}/{n:03}.png,{name}" for name in COLOURS for n in range(12)]
        (self.folder / "data.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
        self.train(data=self.folder / "data.csv", output=self.folder / "by_table.pt")
        self.train()
        self.assertEqual(self.report()["sets"], self.report(self.folder / "by_table.pt")["sets"])

    def test_pictures_in_an_archive_teach_a_head_too(self):
        self.train()
        sky = self.data / "sky"
        with tarfile.open(sky / "photos.tar", "w") as tar:
            for file in sorted(sky.glob("*.png")):
                tar.add(file, file.name)
                file.unlink()
        self.train(output=self.folder / "by_tar.pt")
        self.assertEqual(self.report()["sets"], self.report(self.folder / "by_tar.pt")["sets"])

    def test_sigmoid_gives_one_regression_a_label(self):
        self.train("--activation", "sigmoid", "--l2", "1e-4")
        config = self.write_config("s.json", {"openset": 1, "classifier": {"model": str(self.network),
                                                                           "min_probability": 0.5}})
        rows = self.rows(str(self.test / "sky"), config=config)
        self.assertEqual({row["verdict"] for row in rows}, {"sky"})
        self.assertEqual(self.info()["info"]["activation"], "sigmoid")

    def test_weights_make_a_rare_class_count_as_much(self):
        rare = self.pictures("rare", 2, classes=["rust"])
        self.pictures("rare", 40, classes=["plum"], seed=3)
        recall = {}
        for balance in ("none", "weights"):
            self.train("--balance", balance, "--l2", "1", "--validation", "2", data=rare, output=self.folder / balance)
            labels = self.report(self.folder / balance)["sets"][0]["labels"]
            recall[balance] = {one["label"]: one["recall"] for one in labels}
        self.assertEqual(recall["weights"]["rust"], 1.0)
        self.assertLess(recall["none"]["rust"], 1.0)

    def test_the_weights_are_those_of_the_pictures_that_learn(self):
        rare = self.pictures("rare", 3, classes=["rust"])
        self.pictures("rare", 20, classes=["plum"], seed=3)
        made = []
        for few, many in (("rust", "plum"), ("plum", "rust")):
            judges = self.pictures(f"many-{many}", 2, classes=[few], seed=4)
            self.pictures(f"many-{many}", 30, classes=[many], seed=5)
            self.train("--balance", "weights", "--l2", "0.1", "--name", "net", "--validation", judges, "--force", data=rare)
            made.append(self.network.read_bytes())
        self.assertEqual(made[0], made[1])

    def test_the_validation_pictures_are_a_share_or_a_folder_of_their_own(self):
        self.train("--validation", "0.25")
        self.assertEqual([s["pictures"] for s in self.report()["sets"]], [36, 12])
        self.train("--validation", self.test, "--force")
        self.assertEqual([s["pictures"] for s in self.report()["sets"]], [48, 20])

    def test_a_picture_that_cannot_be_read_is_left_out_and_told(self):
        (self.data / "sky" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        self.train(code=3)
        self.assertEqual(self.report()["sets"][0]["failed"], 1)
        self.assertEqual(self.report()["sets"][0]["pictures"], 48)
        self.assertIn("sky/broken.png: ", self.train("--force", "--max-errors", "1").messages)
        for number in range(5):
            (self.data / "sky" / f"notes{number}.txt").write_text("no picture")
        messages = self.train("--force", code=3).messages
        self.assertIn(f"and 3 more pictures failed; {self.network}.features/train-plain.store/samples.csv lists all 6", messages)

    def test_copies_that_augment_made_are_no_honest_judges(self):
        self.openset("augment", self.data, "-o", self.folder / "more", "--copies", "1", "-q")
        self.assertIn("validation figures are too good", self.train(data=self.folder / "more").messages)
        self.assertNotIn("too good", self.train("--validation", self.test, "--force", data=self.folder / "more").messages)

    def test_what_is_told_can_be_acted_on(self):
        few = self.pictures("few", 3, classes=["sky", "plum", "rust"])
        self.pictures("few", 12, classes=["lime"])
        result = self.train(data=few)
        for words in ("train pictures, as they are: 21 pictures in", "train pictures, mirrored: 21 pictures in",
                      "plum: has 3 pictures for 5 folds, so that in some folds none of it judges"):
            self.assertIn(words, result.messages)
        self.assertRegex(result.messages, r"l2 [0-9.e-]{1,9} of 11 tried gives the smallest validation loss, [0-9.e-]{1,9}\n")
        self.assertRegex(result.messages, r"none weaker was tried: see whether --l2 1e-06 gives a smaller loss still")
        self.assertIn("ROC and PR areas rest on 9 pictures of others than lime, 3 pictures of plum, ", result.text)

    def test_what_the_network_says_of_itself(self):
        self.train("--name", "colours", "--license", "CC0-1.0")
        shown = json.dumps(self.info())
        for text in ("colours", "CC0-1.0", "plum", "a head on"):
            self.assertIn(text, shown)

    def test_inspect_knows_the_record(self):
        self.train("--test", self.test)
        record = f"{self.network}.training.json"
        text = self.openset("inspect", record).text
        for line in (r"kind +record of a training", r"labels +4", r"  test +20 +1 "):
            self.assertRegex(text, line)
        self.assertEqual(json.loads(self.openset("inspect", record, "-f", "json").text)["record"]["sets"], self.report()["sets"])

    def test_the_loss_is_drawn(self):
        self.train()
        self.assertTrue((self.folder / "new.pt.loss.svg").read_text().startswith("<svg"))


    def test_test_pictures_of_other_classes_are_left_out_and_told(self):
        strange = self.pictures("strange", 2, seed=6, classes=["sky"])
        (strange / "sky").rename(strange / "sea")
        self.assertIn("2 pictures of other classes left out", self.train("--test", strange).text)


class Filter(TrainTest):
    def test_named_classes_against_all_others(self):
        self.train("--positive", "sky,lime", "--test", self.test)
        self.assertEqual(self.report()["labels"], ["other", "family"])
        verdicts = self.named(self.test)
        self.assertEqual({v for p, v in verdicts.items() if "/sky/" in p or "/lime/" in p}, {"family"})
        self.assertEqual({v for p, v in verdicts.items() if "/plum/" in p or "/rust/" in p}, {"other"})

    def test_a_folder_of_the_family_against_the_data(self):
        family = self.pictures("family", 9, classes=["sky"])
        others = self.pictures("others", 9, classes=["plum", "rust"])
        self.train("--positive-dir", family, "--filter-labels", "NOT_SKY,SKY", "--test", self.test, data=others)
        self.assertEqual(self.report()["labels"], ["NOT_SKY", "SKY"])
        verdicts = self.named(self.test)
        self.assertEqual({v for p, v in verdicts.items() if "/sky/" in p}, {"SKY"})
        self.assertEqual({v for p, v in verdicts.items() if "/plum/" in p}, {"NOT_SKY"})

    def test_one_class_gives_the_filter_its_name(self):
        self.train("--positive", "sky")
        self.assertEqual(self.report()["labels"], ["other", "sky"])


class WrongUse(TrainTest):
    def refused(self, *arguments, says, code=2, **options):
        result = self.train(*arguments, code=code, **options)
        self.assertIn(says, result.messages)
        self.assertFalse(self.network.exists())

    def test_what_does_not_go_together(self):
        self.refused("--arch", "resnet18", says="--trunk together with --arch")
        self.refused(trunk=None, says="nothing to begin with")
        self.refused("--epochs", "3", says="--epochs is for training by gradient")
        self.refused("--width", "8", says="--width is for --arch")
        self.refused("--filter-labels", "a,b", says="--filter-labels is for a filter")
        self.refused("--finetune", "--l2", "1", says="--l2 is for a head alone")

    def test_values_out_of_range(self):
        self.refused("--l2", "-1", says="--l2 -1: expected a number above 0, or auto")
        self.refused("--validation", "1.5", says="--validation 1.5: expected a share")
        self.refused("--views", "mirrored", says="mirror")

    def test_a_class_that_is_not_there(self):
        self.refused("--positive", "skye", says='did you mean "sky"')
        self.assertFalse((self.folder / "new.pt.features").exists())

    def test_everything_of_the_family(self):
        self.refused("--positive", ",".join(COLOURS), says="expected others too")

    def test_one_class_only(self):
        self.refused(data=self.pictures("one", 3, classes=["sky"]), says="one class only")
        self.assertFalse((self.folder / "new.pt.features").exists())

    def test_a_folder_of_classes_with_an_array_of_a_store_in_it(self):
        (self.data / "logits.npy").write_bytes(b"")
        self.refused(says="holds logits.npy, as an activation store does, and folders, as pictures of classes do")

    def test_a_trunk_that_is_not_there(self):
        self.refused(trunk=self.folder / "nowhere.pt", says="nowhere.pt: no such file")

    def test_a_file_that_strayed_among_the_classes(self):
        (self.data / "stray.png").write_bytes(png((1, 2, 3)))
        self.refused(says="stray.png: lies beside folders of classes")

    def test_a_picture_where_a_folder_is_expected(self):
        self.refused(data=self.data / "sky" / "000.png", says="is a file, expected a folder")

    def test_sets_are_looked_for_before_anything_is_computed(self):
        for flag in ("--test", "--validation", "--positive-dir"):
            self.refused(flag, self.folder / "tset", says='did you mean')
        self.assertFalse((self.folder / "new.pt.features").exists())

    def test_nothing_there(self):
        self.refused(data=self.folder / "nowhere", says="nowhere")

    def test_a_network_that_stands_there_is_not_replaced_unasked(self):
        self.network.write_text("mine")
        self.assertIn("--force", self.train(code=2).messages)
        self.assertEqual(self.network.read_text(), "mine")

    def test_nor_are_the_reports_beside_it(self):
        for report in ("new.pt.training.json", "new.pt.loss.svg"):
            (self.folder / report).write_text("mine")
            self.refused(says=f"{report}: exists; choose another name, or add --force")
            self.assertEqual((self.folder / report).read_text(), "mine")
            (self.folder / report).unlink()

    def test_the_trunk_is_never_the_output(self):
        result = self.train("--force", output=TRUNK, code=2)
        self.assertIn("--trunk", result.messages)

    def test_a_network_without_a_last_linear(self):
        self.refused(trunk=NETWORKS / "halved_in_place.pt", code=1, says="do not come straight from a Linear")

    def test_sets_that_are_not_there_or_of_no_use_cost_no_training(self):
        strange = self.folder / "strange"
        self.test.rename(strange)
        (strange / "sky").rename(strange / "sea")
        for name in ("lime", "plum", "rust"):
            (strange / name).rename(strange / f"no {name}")
        for way in ([], [*FromScratch.FLAGS]):
            trunk = None if way else TRUNK
            self.refused(*way, "--test", self.folder / "tset", trunk=trunk, says="tset")
            self.refused(*way, "--validation", strange, trunk=trunk, says="has no picture of what is taught")

    def test_pictures_count_once(self):
        self.refused("--positive-dir", self.data / "sky", says="lies in --data")
        self.refused("--validation", self.data, says="so that its pictures would count twice")
        self.refused("--data", self.data / "sky", says="sky: lies in --data")

    def test_a_store_of_another_network(self):
        self.openset("extract", "--model", NETWORKS / "species.pt", self.data, "-o", self.folder / "other.store", "-q")
        self.refused(data=self.folder / "other.store", says="expected one of the trunk")
        self.refused("--views", "ten-crop", data=self.folder / "other.store", says="--data is a store")

    def test_strict_makes_no_network_where_a_picture_fails(self):
        self.refused("--strict", "--finetune", says="--strict is for a head alone")
        (self.data / "sky" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        self.refused("--strict", code=1, says="--strict makes no network then")
        self.refused("--strict", code=1, says="--strict makes no network then")
        (self.data / "sky" / "broken.png").unlink()
        self.train("--strict")

    def test_two_labels_of_one_name(self):
        self.refused("--positive", "sky", "--filter-labels", "sky,sky", says="expected two different names")


class FromScratch(TrainTest):
    FLAGS = ["--arch", "resnet18", "--width", "4", "--input-size", "16", "--stem", "cifar", "--epochs", "6", "--no-flip",
             "--jitter", "0", "--crop-scale", "1", "--rotate", "0", "--batch", "8", "--learning-rate", "0.05"]

    def test_a_new_network_learns_and_is_judged_as_it_was_written(self):
        self.train(*self.FLAGS, "--test", self.test, trunk=None)
        by_name = {one["name"]: one for one in self.report()["sets"]}
        self.assertGreater(by_name["test"]["accuracy"], 0.7)
        right = sum(f"/{verdict}/" in path for path, verdict in self.named(self.test).items())
        self.assertEqual(right, round(20 * by_name["test"]["accuracy"]))
        self.assertEqual(len(self.report()["curve"]), 6)
        self.assertFalse((self.folder / "new.pt.checkpoint").exists())

    def test_a_trunk_may_learn_too(self):
        self.train("--finetune", "--epochs", "2", "--crop-scale", "1", "--jitter", "0", "--rotate", "0")
        self.assertEqual(len(self.report()["curve"]), 2)

    def test_a_head_that_was_fitted_for_the_same_labels_is_where_fine_tuning_begins(self):
        self.train()
        again = self.train("--finetune", "--epochs", "1", "--learning-rate", "1e-6", "--crop-scale", "1", "--jitter", "0",
                           "--rotate", "0", trunk=self.network, output=self.folder / "fine.pt")
        self.assertIn("its head is kept", again.messages)
        self.assertIn("may have been fitted on the validation pictures", again.messages)
        self.assertEqual(self.named(self.test), self.named(self.test, self.folder / "fine.pt"))

    def test_fine_tuning_says_whether_it_has_helped(self):
        self.train()
        again = self.train("--finetune", "--epochs", "1", "--learning-rate", "10", "--no-flip", "--test", self.test,
                           trunk=self.network, output=self.folder / "fine.pt")
        self.assertIn("it has not helped", again.messages)
        self.assertIn("100.0 % before", again.messages)
        by_name = {one["name"]: one for one in self.report(self.folder / "fine.pt")["sets"]}
        self.assertEqual(by_name["before"]["accuracy"], 1.0)

    def test_a_store_has_no_pictures_to_learn_from(self):
        self.openset("extract", "--model", TRUNK, self.data, "-o", self.folder / "data.store", "-q")
        result = self.train(*self.FLAGS, trunk=None, data=self.folder / "data.store", code=2)
        self.assertIn("is a store, expected pictures", result.messages)


if __name__ == "__main__":
    main()
