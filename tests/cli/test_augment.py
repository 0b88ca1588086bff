"""openset augment: what stands in the folder that it leaves, and that nothing else does."""

import csv
import shutil
import signal
import subprocess
import time

from openset_cli import BIN, PICTURES, CliTest, main


class Augment(CliTest):
    def setUp(self):
        super().setUp()
        self.train = self.folder / "train"
        self.put("red", "tomato.png")
        self.put("yellow", "basket/lemon.png", "orange.jpg", "snow.png")
        self.out = self.folder / "out"

    def put(self, label, *names):
        (self.train / label).mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(PICTURES / name, self.train / label)

    def augment(self, *arguments, **options):
        return self.openset("augment", self.train, *arguments, **options)

    def files(self, folder=None):
        """Name -> content of every file, the hidden one too."""
        folder = folder or self.out
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def pictures(self, folder=None):
        return {name: content for name, content in self.files(folder).items() if not name.startswith(".")}

    def test_originals_stand_beside_six_copies_of_each(self):
        self.augment("-o", self.out)
        pictures = self.pictures()
        self.assertEqual(len(pictures), 4 * 7)
        self.assertEqual(pictures["red/tomato.png"], (PICTURES / "tomato.png").read_bytes())
        copies = {name: content for name, content in pictures.items() if "-" in name}
        self.assertEqual(sorted(copies)[:2], ["red/tomato-1.jpg", "red/tomato-2.jpg"])
        self.assertEqual(len(set(copies.values())), 4 * 6)
        self.assertTrue(all(content.startswith(b"\xff\xd8") for content in copies.values()))

    def test_the_result_is_a_training_set_for_other_commands(self):
        self.augment("-o", self.out)
        rows = self.rows(self.out)
        self.assertEqual(len(rows), 4 * 7)
        self.assertNotIn("failed", {row["outcome"] for row in rows})

    def test_what_is_a_copy_of_what_is_recorded(self):
        self.augment("-o", self.out, "--copies", "2")
        with open(self.out / ".augment.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["path"] for row in rows}, set(self.pictures()))
        copy = next(row for row in rows if row["path"] == "yellow/lemon-2.jpg")
        self.assertEqual(copy, {"path": "yellow/lemon-2.jpg", "label": "yellow", "source": str(self.train / "yellow/lemon.png"), "copy": "2"})

    def test_the_same_seed_gives_the_same_bytes_with_any_number_of_jobs(self):
        one, four, moved, other = (self.folder / name for name in ("one", "four", "moved", "other"))
        self.augment("-o", one, "-j", "1")
        self.augment("-o", four, "-j", "4")
        self.assertEqual(self.pictures(one), self.pictures(four))
        self.train = self.train.rename(self.folder / "elsewhere")
        self.augment("-o", moved)
        self.assertEqual(self.pictures(one), self.pictures(moved))
        self.augment("-o", other, "--seed", "1")
        self.assertNotEqual(self.pictures(one)["red/tomato-1.jpg"], self.pictures(other)["red/tomato-1.jpg"])

    def test_copies_do_not_depend_on_what_other_pictures_there_are(self):
        self.augment("-o", self.out)
        before = self.pictures()
        self.put("red", "sea.jpg")
        self.augment("-o", self.out, "--force")
        self.assertEqual(before.items() - self.pictures().items(), set())

    def test_balance_makes_classes_equal(self):
        self.augment("-o", self.out, "--balance")
        self.assertEqual(sorted(self.pictures()),
                         ["red/tomato-1.jpg", "red/tomato-2.jpg", "red/tomato.png", "yellow/lemon.png", "yellow/orange.jpg", "yellow/snow.png"])

    def test_copies_alone(self):
        self.augment("-o", self.out, "--no-originals", "--copies", "1", "-f", "png")
        self.assertEqual(sorted(self.pictures()), ["red/tomato-1.png", "yellow/lemon-1.png", "yellow/orange-1.png", "yellow/snow-1.png"])

    def test_with_every_change_switched_off_a_copy_is_the_picture(self):
        off = ["--rotate", "0", "--flip", "0", "--noise", "0", "--blur", "0", "--shear", "0", "--contrast", "1:1"]
        self.augment("-o", self.out, "--copies", "2", "-f", "png", *off)
        pictures = self.pictures()
        self.assertEqual(pictures["red/tomato-1.png"], pictures["red/tomato-2.png"])
        rows = {row["path"]: row["classifier"] for row in self.rows(self.out / "red")}
        self.assertEqual(rows[f"{self.out}/red/tomato-1.png"], rows[f"{self.out}/red/tomato.png"])

    def test_a_contact_sheet_may_be_had_alone(self):
        sheet = self.folder / "sheet.png"
        self.augment("--contact-sheet", sheet)
        self.assertTrue(sheet.read_bytes().startswith(b"\x89PNG"))
        self.assertFalse(self.out.exists())
        self.augment("-o", self.out, "--contact-sheet", self.folder / "sheet.jpg")
        self.assertTrue((self.folder / "sheet.jpg").read_bytes().startswith(b"\xff\xd8"))

    def test_a_contact_sheet_is_replaced_only_when_told(self):
        sheet = self.folder / "sheet.png"
        self.augment("--contact-sheet", sheet)
        self.assertIn("sheet.png: exists; choose another name, or add --force", self.augment("--contact-sheet", sheet, code=2).messages)
        self.augment("--contact-sheet", sheet, "--force")

    def test_a_dry_run_says_what_would_be_written(self):
        result = self.augment("-o", self.out, "--balance", "--dry-run")
        self.assertEqual(result.text, "red\t1 original and 2 copies\nyellow\t3 originals and 0 copies\n4 originals and 2 copies; nothing was written\n")
        self.assertFalse(self.out.exists())

    def test_pictures_that_fail_are_told_and_left_out(self):
        self.put("red", "broken_truncated.jpg", "broken_text.jpg")
        result = self.augment("-o", self.out, code=3)
        self.assertIn("red/broken_truncated.jpg: ", result.messages)
        self.assertIn("; 2 failed", result.messages)
        self.assertFalse([name for name in self.files() if "broken" in name])
        self.assertNotIn("broken", self.files()[".augment.csv"].decode())
        self.augment("-o", self.out, "--force", "--max-errors", "2")

    def test_where_all_fail_nothing_is_written(self):
        shutil.rmtree(self.train)
        self.put("red", "broken_text.jpg")
        result = self.augment("-o", self.out, code=1)
        self.assertIn("none of the 1 files could be decoded; nothing was written", result.messages)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"fruit.json", "train"})

    def test_what_stands_there_is_replaced_only_when_told(self):
        self.augment("-o", self.out)
        self.assertIn("exists; choose another name, or add --force", self.augment("-o", self.out, code=2).messages)
        self.augment("-o", self.out, "--force", "--copies", "1")
        self.assertEqual(len(self.pictures()), 4 * 2)
        foreign = self.folder / "foreign"
        foreign.mkdir()
        (foreign / "letter.txt").write_text("dear")
        self.assertIn("holds files but no .augment.csv", self.augment("-o", foreign, "--force", code=1).messages)
        self.assertEqual((foreign / "letter.txt").read_text(), "dear")

    def test_what_makes_no_sense_is_refused(self):
        for arguments, piece in [
            ([], "found neither -o nor --contact-sheet"),
            (["-o", self.train / "more"], "would lie among the pictures in"),
            (["--contact-sheet", self.train / "sheet.png"], "would lie among the pictures in"),
            (["-o", self.out, "--copies", "0"], "--copies 0: found nothing to do"),
            (["-o", self.out, "--copies", "0", "--balance", "--no-originals"], "the largest class would be empty"),
            (["-o", self.out, "--flip", "2"], '--flip: found "2", expected a number from 0 to 1'),
            (["-o", self.out, "--contrast", "1.5"], '--contrast: found "1.5", expected two factors'),
            (["-o", self.out, "--contrast", "2:1"], '--contrast: found "2:1", expected two factors'),
            (["-o", self.out, "--rotat", "2"], 'did you mean "--rotate"?'),
        ]:
            self.assertIn(piece, self.augment(*arguments, code=2).messages)
        self.assertIn("found nothing there", self.openset("augment", self.folder / "no", "-o", self.out, code=2).messages)
        self.assertFalse(self.out.exists())

    def test_an_interrupted_run_leaves_nothing(self):
        for i in range(40):
            shutil.copy(PICTURES / "orange.jpg", self.train / "yellow" / f"orange{i}.jpg")
        with subprocess.Popen([BIN / "openset-augment", self.train, "-o", self.out, "--copies", "2000"], stderr=subprocess.PIPE) as process:
            while not (self.folder / "out.partial" / "red").exists() and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            messages = process.stderr.read().decode()
            self.assertEqual(process.wait(60), -signal.SIGINT)
        self.assertIn("interrupted; nothing was written", messages)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"fruit.json", "train"})


if __name__ == "__main__":
    main()
