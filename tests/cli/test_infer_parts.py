"""openset infer: a run in parts: --resume after an interruption, --shard on several machines; --sort-into."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tarfile
import time

from openset_cli import BIN, FAILURES, PICTURES, SOUND, VERDICTS, CliTest, main

TOMATO = PICTURES / "tomato.png"


class Resume(CliTest):
    def setUp(self):
        super().setUp()
        self.output = self.folder / "rows.jsonl"
        self.partial = self.folder / "rows.jsonl.partial"
        self.photos = self.folder / "photos"
        shutil.copytree(PICTURES, self.photos)

    def interrupted(self, rows, *flags, torn=b"", output=None):
        """What a run leaves that was killed after some rows: a run that --strict stopped, cut where we want it."""
        output = output or self.output
        (self.photos / "zzz.txt").write_text("no picture")
        self.infer(self.photos, "-o", output, *flags, code=3)
        whole = output.read_bytes()
        lines = whole.splitlines(keepends=True)
        header = 1 if output.suffix == ".csv" else 0
        partial = output.with_name(output.name + ".partial")
        partial.write_bytes(b"".join(lines[: rows + header]) + torn)
        record = json.loads(output.with_name(output.name + ".run.json").read_text())
        record["complete"] = False
        partial.with_name(partial.name + ".run.json").write_text(json.dumps(record))
        output.unlink()
        output.with_name(output.name + ".run.json").unlink()
        return whole

    def test_goes_on_after_the_rows_that_are_there(self):
        whole = self.interrupted(5)
        result = self.infer(self.photos, "-o", self.output, "--resume", "-v", code=3)
        self.assertEqual(self.output.read_bytes(), whole)
        self.assertIn(f"going on after 5 rows of {self.partial}", result.messages)
        self.assertIn("with the 5 of before", result.messages)
        self.assertFalse(self.partial.exists())
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        self.assertTrue(record["complete"])
        self.assertEqual(record["counts"]["pictures"], len(VERDICTS) + 1)

    def test_a_torn_last_line_is_dropped(self):
        for torn in (b"{", b'{"path": "photos/basket/dark_', b'{"path": "x", "verdict": "tomato"'):
            whole = self.interrupted(3, torn=torn)
            self.infer(self.photos, "-o", self.output, "--resume", code=3)
            self.assertEqual(self.output.read_bytes(), whole, torn)

    def test_csv_is_taken_up_too_even_in_its_header(self):
        output = self.folder / "rows.csv"
        for rows, torn in ((4, b'"photos/new\nline'), (0, b""), (0, b"photos/torn,")):
            whole = self.interrupted(rows, output=output, torn=torn)
            self.infer(self.photos, "-o", output, "--resume", code=3)
            self.assertEqual(output.read_bytes(), whole, (rows, torn))
        whole = self.interrupted(0, output=output)
        partial = self.folder / "rows.csv.partial"
        partial.write_bytes(partial.read_bytes()[:10])
        self.infer(self.photos, "-o", output, "--resume", code=3)
        self.assertEqual(output.read_bytes(), whole)

    def test_with_nothing_to_take_up_it_begins(self):
        result = self.infer(self.photos, "-o", self.output, "--resume", code=3)
        self.assertIn("nothing to resume: beginning", result.messages)
        self.assertEqual(len(self.output.read_bytes().splitlines()), len(VERDICTS))

    def test_a_whole_output_is_left_as_it_is(self):
        self.infer(self.photos, "-o", self.output, code=3)
        before = self.output.stat()
        result = self.infer(self.photos, "-o", self.output, "--resume", code=3)
        self.assertIn("whole already, 13 rows; nothing to do", result.messages)
        self.assertEqual(self.output.stat().st_mtime_ns, before.st_mtime_ns)
        (self.photos / "zzz.png").write_bytes(TOMATO.read_bytes())
        result = self.infer(self.photos, "-o", self.output, "--resume", code=2)
        self.assertIn(f"the inputs now go on with {self.photos / 'zzz.png'}", result.messages)

    def test_killed_between_the_rows_name_and_the_records_it_is_whole_all_the_same(self):
        self.infer(self.photos, "-o", self.output, code=3)
        record = self.folder / "rows.jsonl.run.json"
        record.rename(self.folder / "rows.jsonl.partial.run.json")
        self.assertIn("whole already", self.infer(self.photos, "-o", self.output, "--resume", code=3).messages)
        self.assertTrue(record.exists())

    def test_other_settings_are_refused_by_name(self):
        self.interrupted(5)
        kept = self.partial.read_bytes()
        for flags, difference in (
            (["--gate-top-k", 2], "/gate/k was 3, now 2"),
            (["--top", 1], "--top was 5, now 1"),
            (["--closed-set"], "--closed-set was false, now true"),
            (["--max-pixels", 1000], "max-pixels"),
            (["--shard", "0/2"], "shard"),
        ):
            result = self.infer(self.photos, "-o", self.output, "--resume", *flags, code=2)
            self.assertIn("was made in another way", result.messages)
            self.assertIn(difference, result.messages)
            self.assertIn("without --resume to begin anew", result.messages)
            self.assertEqual(self.partial.read_bytes(), kept)

    def test_another_network_is_refused_by_its_hash(self):
        self.interrupted(5)
        config = json.loads(pathlib.Path(self.config).read_text())
        other = self.folder / "classifier.pt"
        other.write_bytes(pathlib.Path(config["classifier"]["model"]).read_bytes())
        config["classifier"]["model"] = str(other)
        moved = self.write_config("moved.json", config)
        self.infer(self.photos, "-o", self.output, "--resume", config=moved, code=3)  # the same network in another place
        self.interrupted(5)
        other.write_bytes(other.read_bytes() + b"\0")  # still a ZIP archive, but another file
        result = self.infer(self.photos, "-o", self.output, "--resume", config=moved, code=2)
        self.assertIn("classifier", result.messages)
        self.assertIn("was made in another way", result.messages)

    def test_what_decides_no_row_may_change(self):
        whole = self.interrupted(5)
        self.infer(self.photos, "-o", self.output, "--resume", "-b", 3, "-j", 1, "--threads", 1, code=3)
        self.assertEqual(self.output.read_bytes(), whole)

    def test_other_inputs_are_refused_by_the_first_row_that_is_not_theirs(self):
        self.interrupted(5)
        (self.photos / "aaa.png").write_bytes(TOMATO.read_bytes())
        result = self.infer(self.photos, "-o", self.output, "--resume", code=2)
        self.assertIn("row 1 is of", result.messages)
        self.assertIn("aaa.png", result.messages)

    def test_rows_without_a_record_are_refused(self):
        self.interrupted(5)
        (self.folder / "rows.jsonl.partial.run.json").unlink()
        self.assertIn("nothing says what made the rows", self.infer(self.photos, "-o", self.output, "--resume", code=2).messages)

    def test_forgotten_it_loses_no_row(self):
        self.interrupted(5)
        kept = self.partial.read_bytes()
        result = self.infer(self.photos, "-o", self.output, code=3)
        self.assertIn(f"the rows of an interrupted run are kept as {self.partial}.old, --resume would have gone on", result.messages)
        self.assertEqual((self.folder / "rows.jsonl.partial.old").read_bytes(), kept)
        self.assertTrue((self.folder / "rows.jsonl.partial.old.run.json").exists())
        self.assertEqual(len(self.output.read_bytes().splitlines()), len(VERDICTS) + 1)

    def test_a_signal_while_rows_are_checked_is_no_end_of_the_inputs(self):
        self.interrupted(5)
        kept = self.partial.read_bytes()
        read, write = os.pipe()
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "--files-from", "-", "-o", str(self.output), "--resume"],
                                   stdin=read, stderr=subprocess.PIPE)
        os.write(write, f"{self.photos / 'basket/dark_tomato.png'}\n".encode())
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        messages = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, -signal.SIGINT, messages)
        self.assertNotIn("inputs now end", messages)
        self.assertEqual(self.partial.read_bytes(), kept)
        os.close(read)
        os.close(write)

    def test_strict_does_not_walk_past_a_failure_that_was_kept(self):
        self.infer(self.photos, "-o", self.output, "--strict", code=1)
        self.assertIn("--strict ends a run at the first", self.infer(self.photos, "-o", self.output, "--strict", "--resume", code=2).messages)
        self.infer(self.photos, "-o", self.output, "--resume", code=3)

    def test_a_record_of_another_run_does_not_take_the_place_of_the_right_one(self):
        self.infer(self.photos, "-o", self.output, code=3)
        record = self.folder / "rows.jsonl.run.json"
        before = record.read_bytes()
        stale = json.loads(before)
        stale["complete"] = False
        (self.folder / "rows.jsonl.partial.run.json").write_text(json.dumps(stale))
        self.infer(self.photos, "-o", self.output, "--resume", code=3)
        self.assertEqual(record.read_bytes(), before)

    def test_needs_a_file_that_can_be_taken_up(self):
        self.assertIn("--resume", self.infer(self.photos, "--resume", code=2).messages)
        self.interrupted(2)
        self.assertIn("table", self.infer(self.photos, "--resume", "-o", self.output, "-f", "table", code=2).messages)

    def test_a_signal_leaves_a_file_that_can_be_taken_up_and_says_how(self):
        many = self.folder / "list"
        many.write_text("".join(f"{path}\n" for path in SOUND * 2000))
        command = [BIN / "openset", "infer", "-c", self.config, "--files-from", str(many), "-o", str(self.output)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while not self.partial.exists() or self.partial.stat().st_size == 0:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        messages = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn(f"stand in {self.partial}; the same command with --resume goes on", messages)
        kept = self.partial.read_bytes()
        self.assertTrue(kept.endswith(b"\n"))
        self.assertGreater(kept.count(b"\n"), 0)
        self.assertLess(kept.count(b"\n"), 20000)
        self.infer("--files-from", many, "-o", self.output, "--resume")
        rows = self.output.read_bytes()
        self.assertEqual(rows.count(b"\n"), 20000)
        self.assertTrue(rows.startswith(kept))

    def test_a_disk_that_fills_up_leaves_what_can_be_taken_up(self):
        def small_disk():  # no file may grow beyond 100 kB
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        many = self.folder / "list"
        many.write_text("".join(f"{path}\n" for path in SOUND * 100))
        result = self.infer("--files-from", many, "-o", self.output, code=1, preexec_fn=small_disk)
        self.assertIn("rows.jsonl.partial: cannot write: File too large", result.messages)
        self.assertIn("the same command with --resume goes on", result.messages)
        self.assertFalse(self.output.exists())
        self.assertEqual(self.partial.stat().st_size, 100_000)
        self.infer("--files-from", many, "-o", self.output, "--resume")
        self.assertEqual(self.output.read_bytes(), self.infer("--files-from", many, "-f", "jsonl").stdout)

    def test_two_runs_never_write_one_file(self):
        read, write = os.pipe()
        first = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "--files-from", "-", "-o", str(self.output)],
                                 stdin=read, stderr=subprocess.DEVNULL)
        while not self.partial.exists():
            time.sleep(0.01)
        result = self.infer(self.photos, "-o", self.output, code=1)
        self.assertIn("another run is writing it", result.messages)
        os.close(read)
        os.close(write)
        first.wait(60)


class Shard(CliTest):
    def test_parts_that_are_merged_are_the_whole(self):
        for ending in ("jsonl", "csv"):
            whole = self.folder / f"whole.{ending}"
            self.infer(PICTURES, "-o", whole, code=3)
            parts = [self.folder / f"part{index}.{ending}" for index in range(8)]
            for index, part in enumerate(parts):
                self.infer(PICTURES, "--shard", f"{index}/8", "-o", part, "--max-errors", 9)
            self.openset("merge", "-o", self.folder / f"merged.{ending}", *reversed(parts))
            self.assertEqual((self.folder / f"merged.{ending}").read_bytes(), whole.read_bytes())

    def test_a_part_of_a_tar_file_or_a_list_is_told_by_position(self):
        names = sorted(VERDICTS)
        (self.folder / "list").write_text("".join(f"{PICTURES / name}\n" for name in names))
        rows = self.rows("--files-from", self.folder / "list", "--shard", "1/3", code=3)
        self.assertEqual([row["path"] for row in rows], [str(PICTURES / name) for name in names[1::3]])

    def test_what_is_no_part_is_refused(self):
        for shard in ("3/3", "-1/3", "1", "a/b", "1/0"):
            self.assertIn("expected I/N", self.infer(PICTURES, f"--shard={shard}", code=2).messages)


class SortInto(CliTest):
    def test_a_folder_among_the_inputs_is_refused(self):
        photos = self.folder / "photos"
        shutil.copytree(PICTURES, photos)
        for inside in (photos, photos / "sorted"):
            self.assertIn("would be sorted itself", self.infer(photos, "--sort-into", inside, code=2).messages)

    def test_what_is_only_a_link_in_an_archive_has_no_place(self):
        archive = self.folder / "links.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(TOMATO, arcname="a.png")
            link = tarfile.TarInfo("b.png")
            link.type, link.linkname = tarfile.SYMTYPE, "a.png"
            tar.addfile(link)
        self.infer(archive, "--sort-into", self.sorted, code=3)
        self.assertEqual(self.tree(), {"tomato/a.png"})

    def test_a_file_is_no_folder_to_sort_into(self):
        self.assertIn("is a file, expected a folder", self.infer(PICTURES, "--sort-into", self.config, code=2).messages)

    def setUp(self):
        super().setUp()
        self.sorted = self.folder / "sorted"

    def tree(self):
        return {str(path.relative_to(self.sorted)) for path in self.sorted.rglob("*") if not path.is_dir() or path.is_symlink()}

    def expected(self):
        return {f"{verdict}/{pathlib.Path(name).name}" for name, (verdict, _, _) in VERDICTS.items()}

    def test_links_every_picture_into_its_verdicts_folder(self):
        rows = self.infer(PICTURES, "--sort-into", self.sorted, "-f", "jsonl", code=3).stdout
        self.assertEqual(self.tree(), self.expected())
        self.assertEqual(os.readlink(self.sorted / "tomato" / "tomato.png"), str(TOMATO))
        self.assertEqual(rows, self.infer(PICTURES, "-f", "jsonl", code=3).stdout, "the rows are the same")

    def test_copies_where_it_is_asked_to(self):
        self.infer(PICTURES, "--sort-into", self.sorted, "--copy", code=3)
        self.assertEqual(self.tree(), self.expected())
        self.assertFalse((self.sorted / "tomato" / "tomato.png").is_symlink())
        self.assertEqual((self.sorted / "tomato" / "tomato.png").read_bytes(), TOMATO.read_bytes())

    def test_again_it_changes_nothing(self):
        self.infer(PICTURES, "--sort-into", self.sorted, code=3)
        before = {path: os.lstat(path).st_mtime_ns for path in self.sorted.rglob("*")}
        self.infer(PICTURES, "--sort-into", self.sorted, code=3)
        self.assertEqual({path: os.lstat(path).st_mtime_ns for path in self.sorted.rglob("*")}, before)

    def test_pictures_of_one_name_are_kept_apart_and_nothing_is_overwritten(self):
        for folder in ("a", "b"):
            (self.folder / folder).mkdir()
            shutil.copy(TOMATO, self.folder / folder / "x.png")
        (self.sorted / "tomato").mkdir(parents=True)
        (self.sorted / "tomato" / "x.png").write_text("somebody's own")
        self.infer(self.folder / "a", self.folder / "b", "--sort-into", self.sorted)
        self.assertEqual((self.sorted / "tomato" / "x.png").read_text(), "somebody's own")
        self.assertEqual({os.readlink(self.sorted / "tomato" / name) for name in ("x-2.png", "x-3.png")},
                         {str(self.folder / "a" / "x.png"), str(self.folder / "b" / "x.png")})

    def test_members_of_a_tar_file_become_files(self):
        archive = self.folder / "photos.tar"
        subprocess.run(["tar", "-C", str(PICTURES), "-cf", str(archive), "."], check=True)
        self.infer(archive, "--sort-into", self.sorted, "-f", "jsonl", code=3)
        self.assertEqual(self.tree(), self.expected())
        for name, (verdict, _, _) in VERDICTS.items():
            self.assertEqual((self.sorted / verdict / pathlib.Path(name).name).read_bytes(), (PICTURES / name).read_bytes())

    def test_after_a_resume_every_picture_has_its_place(self):
        output = self.folder / "rows.jsonl"
        self.infer(PICTURES, "--sort-into", self.sorted, "-o", output, "--strict", code=1)
        self.assertLess(self.tree(), self.expected())
        self.infer(PICTURES, "--sort-into", self.sorted, "-o", output, "--resume", code=3)
        self.assertEqual(self.tree(), self.expected())


main()
