"""openset infer: results are whole or not there, whatever ends the run."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from openset_cli import BIN, NETWORKS, PICTURES, SOUND, CliTest, main

TOMATO = str(PICTURES / "tomato.png")


class Atomic(CliTest):
    def names(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name != "fruit.json")

    def test_a_finished_output_stands_under_its_name_with_the_record_beside_it(self):
        result = self.infer(*SOUND, "-o", self.folder / "rows.jsonl")
        self.assertEqual(result.text, "", "stdout carries results only")
        self.assertEqual(self.names(), ["rows.jsonl", "rows.jsonl.run.json"])
        self.assertEqual((self.folder / "rows.jsonl").read_bytes(), self.infer(*SOUND, "-f", "jsonl").stdout)

    def test_exit_3_finishes_the_output_too(self):
        self.infer(PICTURES, "-o", self.folder / "rows.csv", code=3)
        self.assertEqual(self.names(), ["rows.csv", "rows.csv.run.json"])

    def test_an_older_output_stands_until_the_new_one_is_whole(self):
        output = self.folder / "rows.jsonl"
        output.write_text('{"path": "older"}\n')
        self.infer(PICTURES, "--strict", "-o", output, code=1)
        self.assertEqual(output.read_text(), '{"path": "older"}\n')
        self.infer(TOMATO, "-o", output)
        self.assertEqual(json.loads(output.read_text())["verdict"], "tomato")

    def test_what_the_run_reads_is_never_replaced(self):
        photo, network, listed = (self.folder / name for name in ("photo.png", "own.pt", "list.txt"))
        photo.write_bytes(pathlib.Path(TOMATO).read_bytes())
        network.write_bytes((NETWORKS / "classifier.pt").read_bytes())
        listed.write_text(str(photo))
        config = self.folder / "own.json"
        config.write_text(json.dumps({"openset": 1, "classifier": {"model": "own.pt"}}))
        for target, inputs in ((photo, [photo]), (network, [photo]), (config, [photo]), (listed, ["--files-from", listed])):
            before = target.read_bytes()
            result = self.infer(*inputs, "-o", target, config=config, code=2)
            self.assertIn("would replace a file that this run reads", result.messages)
            self.assertEqual(target.read_bytes(), before)

    def test_nothing_is_replaced_that_no_run_has_written(self):
        photos = self.folder / "photos"
        photos.mkdir()
        photo = photos / "a.png"
        photo.write_bytes(pathlib.Path(TOMATO).read_bytes())
        labels = self.folder / "labels.txt"
        labels.write_text("one\n")
        (self.folder / "list.txt").write_text(f"{photo}\n")
        for output, standing in ((photo, photo), (labels, labels)):
            result = self.infer("--files-from", self.folder / "list.txt", "-o", output, code=2)
            self.assertIn("exists and holds no rows", result.messages)
            self.assertTrue(standing.stat().st_size)
        for side in ("rows.partial", "rows.run.json", "rows.partial.run.json"):
            (self.folder / side).write_text("my own")
            self.assertIn("exists and", self.infer(photo, "-o", self.folder / "rows", code=2).messages)
            self.assertEqual((self.folder / side).read_text(), "my own")
            (self.folder / side).unlink()

    def test_a_pipe_that_never_waits_is_waited_for(self):
        read, write = os.pipe()
        os.set_blocking(write, False)
        (self.folder / "list").write_text(f"{TOMATO}\n" * 3000)
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "--files-from", str(self.folder / "list"), "-f", "jsonl", "-q"],
                                   stdout=write)
        os.close(write)
        time.sleep(2)  # the pipe is full by now
        with open(read, "rb") as rows:
            self.assertEqual(len(rows.readlines()), 3000)
        self.assertEqual(process.wait(60), 0)

    def test_an_output_among_the_pictures_is_no_picture(self):
        photos = self.folder / "photos"
        photos.mkdir()
        (photos / "a.png").write_bytes(pathlib.Path(TOMATO).read_bytes())
        for _ in range(2):  # the second time an older output and its record lie there
            self.infer(photos, "-o", photos / "rows.jsonl", "--progress", "json")
            self.assertEqual(len((photos / "rows.jsonl").read_text().splitlines()), 1)

    def test_devices_are_written_to_directly(self):
        (self.folder / "null").symlink_to("/dev/null")  # so that a mistake leaves its files here, not in /dev
        self.infer(TOMATO, "-o", self.folder / "null")
        self.assertEqual(self.names(), ["null"], "nothing beside it, a run record neither")

    def test_the_record_says_what_made_the_rows(self):
        self.infer(PICTURES, "-o", self.folder / "rows.jsonl", "-b", 4, "-j", 1, "--threads", 1, "--gate-top-k", 2, code=3)
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        self.assertEqual(record["format"], "openset-run/1")
        self.assertTrue(record["complete"])
        self.assertEqual(record["counts"], {"pictures": 13, "known": 3, "unknown": 7, "failed": 3,
                                            "decided_by": {"classifier": 4, "decode": 3, "gate": 5, "species": 1}})
        self.assertEqual(record["config"]["gate"]["k"], 2, "with what flags changed")
        self.assertEqual(record["inputs"], [str(PICTURES)])
        self.assertEqual((record["batch"], record["jobs"], record["threads"]), (4, 1, 1))
        self.assertEqual((record["device"], record["precision"]), ("cpu", "fp32"))
        self.assertEqual([network["stage"] for network in record["networks"]], ["gate", "species", "classifier"])
        for network in record["networks"]:
            self.assertEqual(network["sha256"], hashlib.sha256(pathlib.Path(network["path"]).read_bytes()).hexdigest())
            self.assertTrue(network["cut_at_head"])
        for key in ("openset", "libtorch", "cpu_capability", "started", "seconds"):
            self.assertTrue(record[key], key)


class Interrupted(CliTest):
    ROWS = 200_000

    def start(self, *arguments):
        """A run over a list that takes a while."""
        (self.folder / "list").write_text((TOMATO + "\n") * self.ROWS)
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "--files-from", self.folder / "list", *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_rows(self, path):
        deadline = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size > 0):
            self.assertLess(time.monotonic(), deadline, "no rows within a minute")
            time.sleep(0.02)

    def check_whole_lines(self, partial):
        text = partial.read_text()
        self.assertTrue(text.endswith("\n"))
        rows = [json.loads(line) for line in text.splitlines()]
        self.assertTrue(0 < len(rows) < self.ROWS)
        self.assertEqual({row["verdict"] for row in rows}, {"tomato"})

    def test_an_interrupt_keeps_whole_lines_and_is_the_signal_that_ends_the_process(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            output = self.folder / "rows.jsonl"
            partial = self.folder / "rows.jsonl.partial"
            process = self.start("-o", output)
            self.wait_for_rows(partial)
            process.send_signal(number)
            messages = process.stderr.read().decode()
            self.assertEqual(process.wait(30), -number, "so that a shell sees 128 + signal")
            self.assertFalse(output.exists())
            self.assertFalse((self.folder / "rows.jsonl.run.json").exists())
            self.check_whole_lines(partial)
            self.assertIn(str(partial), messages)
            partial.unlink()

    def test_a_shell_sees_130(self):
        script = '"$@" & pid=$!; while ! [ -s "$OUTPUT.partial" ]; do sleep 0.05; done; kill -INT $pid; wait $pid; echo $?'
        (self.folder / "list").write_text((TOMATO + "\n") * self.ROWS)
        output = self.folder / "rows.jsonl"
        # Bash starts background jobs with SIGINT ignored unless job control is on.
        command = ["bash", "-mc", script, "bash", BIN / "openset", "infer", "-c", self.config, "--files-from", self.folder / "list", "-o", output]
        result = subprocess.run(command, env=os.environ | {"OUTPUT": str(output)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, timeout=90)
        self.assertEqual(result.stdout.decode().split()[-1], "130")

    def test_the_first_process_of_a_container_exits_with_128_and_the_signal(self):
        isolate = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
        if shutil.which("unshare") is None or subprocess.run([*isolate, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no PID namespaces here")
        (self.folder / "list").write_text((TOMATO + "\n") * self.ROWS)
        partial = self.folder / "rows.jsonl.partial"
        process = subprocess.Popen([*isolate, BIN / "openset", "infer", "-c", self.config, "--files-from", self.folder / "list", "-o",
                                    self.folder / "rows.jsonl"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.wait_for_rows(partial)
        (inside,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(inside), signal.SIGTERM)
        self.assertIn("interrupted", process.stderr.read().decode())
        self.assertEqual(process.wait(30), 143)

    def test_a_signal_after_the_output_took_its_name_changes_nothing(self):
        output, record = self.folder / "rows.jsonl", self.folder / "rows.jsonl.run.json"
        os.mkfifo(record)  # the run waits here for a reader, its rows being written
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, TOMATO, "-o", output], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.wait_for_rows(output)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        self.assertTrue(json.loads(record.read_text())["complete"])
        messages = process.stderr.read().decode()
        self.assertEqual(process.wait(30), 0, messages)
        self.assertNotIn("interrupted", messages)
        self.assertNotIn(".partial", messages)

    def test_a_kill_keeps_what_was_written(self):
        partial = self.folder / "rows.jsonl.partial"
        process = self.start("-o", self.folder / "rows.jsonl")
        self.wait_for_rows(partial)
        process.kill()
        process.wait(30)
        self.assertTrue(partial.stat().st_size > 0)
        self.assertFalse((self.folder / "rows.jsonl").exists())

    def test_a_reader_that_goes_away_ends_the_run(self):
        (self.folder / "list").write_text((TOMATO + "\n") * self.ROWS)
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "--files-from", self.folder / "list", "-f", "jsonl"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdout.readline()
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        self.assertIn(process.wait(60), (1, -signal.SIGPIPE))


class NoRoom(CliTest):
    def full(self, *arguments, code=1):
        with open("/dev/full", "wb") as full:
            return self.infer(*arguments, stdout=full, code=code).messages

    def test_a_full_disk_is_an_error(self):
        (self.folder / "full").symlink_to("/dev/full")
        messages = self.infer(*SOUND, "-o", self.folder / "full", code=1).messages
        self.assertIn(str(self.folder / "full"), messages)
        self.assertIn("No space left", messages)

    def test_a_full_disk_behind_standard_output_is_an_error(self):
        self.assertIn("standard output", self.full(*SOUND))

    def test_what_the_other_answers_cannot_write_is_an_error_too(self):
        for flag in ("--print-config", "--dry-run", "--help", "--version"):
            self.assertIn("standard output", self.full(TOMATO, flag), flag)

    def test_a_closed_standard_output_is_an_error(self):
        for flags in ([], ["--print-config"], ["--help"]):
            command = ["sh", "-c", '"$@" >&-', "sh", BIN / "openset", "infer", "-c", self.config, TOMATO, *flags]
            result = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(result.returncode, 1, flags)
            self.assertIn("standard output", result.stderr.decode())

    def test_a_closed_standard_output_does_not_end_up_in_a_file(self):
        command = ["sh", "-c", '"$@" >&-', "sh", BIN / "openset", "infer", "-c", self.config, TOMATO, "-o", self.folder / "rows.jsonl"]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, 0, "nothing was to be written there")
        self.assertEqual((self.folder / "rows.jsonl").read_text().count("\n"), 1)


if __name__ == "__main__":
    main()
