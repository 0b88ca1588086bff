"""openset draw: a labelled world of pictures, the same for the same seed."""

import csv
import os
import pathlib
import signal
import subprocess
import time

from openset_cli import BIN, CliTest, main

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def content_of(folder):
    """Path below the folder -> bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in pathlib.Path(folder).rglob("*") if file.is_file()}


class DrawTest(CliTest):
    def draw(self, *arguments, output="world", count=2, **options):
        options.setdefault("cwd", self.folder)
        flags = ["--count", count, "--held-out", 1, "--size", "32x32"]
        return self.openset("draw", "-o", output, *flags, *arguments, **options)

    def content(self, output="world"):
        return content_of(self.folder / output)

    def truth(self, output="world"):
        with open(self.folder / output / "truth.csv", newline="") as file:
            return list(csv.DictReader(file))


class World(DrawTest):
    def test_has_a_folder_for_each_class_apart_for_training_validation_and_test(self):
        self.draw()
        files = set(self.content())
        for name in ("gate/train/ball/ball-00001.jpg", "gate/val/round_sign/cycle_path-00001.jpg", "species/train/family/limit_30-00002.jpg",
                     "species/test/other/parking-00001.jpg", "classifier/train/limit_30/limit_30-00002.jpg", "unknown/val/limit_60/limit_60-00001.jpg",
                     "unknown/test/limit_70/limit_70-00001.jpg", "other/test/stop/stop-00001.jpg", "far/test/kite/kite-00001.jpg"):
            self.assertIn(name, files)

    def test_says_in_a_table_what_is_what(self):
        self.draw()
        rows = self.truth()
        self.assertEqual({row["path"] for row in rows} | {"truth.csv"}, set(self.content()))
        for row in rows:
            self.assertEqual(row["path"].split("/")[:3], [row["set"], row["split"], row["label"]])
            self.assertTrue(row["path"].split("/")[3].startswith(row["class"] + "-"))
            self.assertIn(row["level"], ("thing", "other_sign", "family_sign"))

    def test_shows_no_network_a_class_that_is_held_out(self):
        self.draw()
        classes = {name: {row["class"] for row in self.truth() if row["set"] == name} for name in
                   ("gate", "species", "classifier", "unknown", "other", "far")}
        for held_out in ("unknown", "other", "far"):
            for trained in ("gate", "species", "classifier"):
                self.assertEqual(classes[held_out] & classes[trained], set(), f"{held_out} and {trained}")
        splits = {split: {row["class"] for row in self.truth() if row["set"] == "unknown" and row["split"] == split} for split in ("val", "test")}
        self.assertEqual(splits["val"] & splits["test"], set())

    def test_has_no_picture_twice(self):
        self.draw()
        pictures = [data for name, data in self.content().items() if name.endswith(".jpg")]
        self.assertEqual(len(set(pictures)), len(pictures))

    def test_is_the_same_for_a_seed_whatever_the_threads_and_another_for_another(self):
        self.draw("-j", 1)
        self.draw("-j", 5, output="again")
        self.draw("--seed", 2, output="other")
        self.assertEqual(self.content(), self.content("again"))
        both = set(self.content().items()) & set(self.content("other").items())
        self.assertEqual({name for name, _ in both}, {"truth.csv"})

    def test_grows_without_changing_what_was_there(self):
        self.draw()
        self.draw(count=5, output="larger")
        small, large = self.content(), self.content("larger")
        del small["truth.csv"]
        self.assertEqual({name: large[name] for name in small}, small)
        self.assertGreater(len(large), len(small))

    def test_of_one_task_is_a_part_of_the_whole(self):
        self.draw()
        self.draw("--task", "classifier", output="part")
        part = self.content("part")
        self.assertEqual({name.split("/")[0] for name in part}, {"classifier", "unknown", "truth.csv"})
        del part["truth.csv"]
        self.assertLessEqual(set(part.items()), set(self.content().items()))

    def test_is_read_by_the_commands_that_take_labelled_pictures(self):
        self.draw("--task", "classifier", "--format", "png")
        self.assertTrue((self.folder / "world/classifier/train/no_entry/no_entry-00001.png").read_bytes().startswith(b"\x89PNG"))
        network = os.environ["OPENSET_TEST_NETWORKS"] + "/classifier.pt"
        for pictures, count in ((["--csv", "world/truth.csv"], len(self.truth())), (["world/classifier/train"], 20)):
            self.assertIn(f"{count} inputs", self.openset("extract", "--model", network, *pictures, "-o", "w.store", "--dry-run", cwd=self.folder).text)

    def test_is_counted_before_it_is_drawn(self):
        text = self.draw("--dry-run", count=7).text
        self.assertIn("7\tclassifier/train/limit_30\n", text)
        self.assertRegex(text, r"\d+ pictures; nothing was drawn")
        self.assertFalse((self.folder / "world").exists())


class ContactSheet(DrawTest):
    def test_will_do_alone(self):
        for name, magic in (("sheet.png", b"\x89PNG"), ("sheet.jpg", b"\xff\xd8")):
            self.openset("draw", "--task", "classifier", "--contact-sheet", name, cwd=self.folder)
            self.assertTrue((self.folder / name).read_bytes().startswith(magic))
        self.assertEqual(sorted(path.name for path in self.folder.glob("world*")), [])

    def test_is_not_replaced_without_force(self):
        (self.folder / "sheet.png").write_bytes(b"\x89PNG mine")
        sheet = ["draw", "--task", "classifier", "--contact-sheet", "sheet.png"]
        self.assertIn("--contact-sheet sheet.png: exists; choose another name, or add --force", self.openset(*sheet, cwd=self.folder, code=2).messages)
        self.assertEqual((self.folder / "sheet.png").read_bytes(), b"\x89PNG mine")
        self.openset(*sheet, "--force", cwd=self.folder)
        self.assertNotEqual((self.folder / "sheet.png").read_bytes(), b"\x89PNG mine")

    def test_does_not_replace_what_is_no_picture(self):
        (self.folder / "notes.txt").write_text("mine")
        messages = self.openset("draw", "--contact-sheet", "notes.txt", cwd=self.folder, code=2).messages
        self.assertIn("holds no PNG or JPEG picture", messages)


class Place(DrawTest):
    def test_that_is_taken_is_refused_without_force(self):
        self.draw("--task", "classifier")
        before = self.content()
        self.assertIn("add --force to replace it", self.draw(count=3, code=2).messages)
        self.assertEqual(self.content(), before)
        self.draw("--task", "gate", "--force")
        self.assertFalse((self.folder / "world/classifier").exists())
        self.assertEqual([path.name for path in self.folder.glob("world*")], ["world"])

    def test_with_a_file_of_somebody_else_in_it_is_refused_even_with_force(self):
        self.draw("--task", "classifier")
        (self.folder / "world/classifier/notes.txt").write_text("mine")
        self.assertIn("world/classifier/notes.txt, which its truth.csv does not list", self.draw("--force", code=2).messages)
        self.assertEqual((self.folder / "world/classifier/notes.txt").read_text(), "mine")

    def test_of_anything_else_is_refused_even_with_force(self):
        (self.folder / "world").mkdir()
        (self.folder / "world/photo.jpg").write_text("mine")
        self.assertIn("holds files but no truth.csv", self.draw("--force", code=1).messages)
        self.assertEqual((self.folder / "world/photo.jpg").read_text(), "mine")

    def test_that_is_full_leaves_nothing_half_drawn(self):
        limited = ["prlimit", "--fsize=400", BIN / "openset", "draw", "-o", "world", "--count", "1", "--task", "gate"]
        result = subprocess.run(limited, cwd=self.folder, capture_output=True, text=True, preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("cannot write: File too large", result.stderr)
        self.assertEqual(list(self.folder.glob("world*")), [])

    def test_is_clean_after_an_interruption(self):
        process = subprocess.Popen([BIN / "openset", "draw", "-o", "world", "--count", "100000"], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not list(self.folder.glob("world.partial/gate/train/apple/*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn("interrupted; nothing was written", messages)
        self.assertEqual(list(self.folder.glob("world*")), [])


class Usage(DrawTest):
    def test_that_says_nothing_to_do_is_refused(self):
        for arguments, words in (([], "found neither -o nor --contact-sheet"), (["-o", "w", "--count", "0"], "--held-out N"),
                                 (["-o", "w", "--size", "64"], "found 64, expected WIDTHxHEIGHT, each from 32 to 4096 pixels"),
                                 (["-o", "w", "--size", "20x20"], "expected sides of 32 to 4096"),
                                 (["-o", "-"], "no name of a folder"), (["-o", "w", "--task", "gates"], 'did you mean "gate"')):
            self.assertIn(words, self.openset("draw", *arguments, cwd=self.folder, code=2).messages)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith("w")], [])


if __name__ == "__main__":
    main()
