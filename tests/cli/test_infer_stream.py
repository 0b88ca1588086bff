"""openset infer --stream: a worker that is fed a path a line and answers a row a line."""

import json
import os
import select
import signal
import subprocess
import tarfile
import time

from openset_cli import BIN, PICTURES, VERDICTS, CliTest, main


class Worker:
    """openset infer --stream as a process that an engine drives."""

    def __init__(self, config, *flags):
        self.process = subprocess.Popen([BIN / "openset", "infer", "-c", config, "--stream", *flags], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.answers = b""

    def wait_until_ready(self):
        return self.process.stderr.readline().decode()

    def send(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else os.fsencode(line))
        self.process.stdin.flush()

    def answer(self, seconds=30):
        """One line of standard output, without waiting for the worker's end."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.answers:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no row within {seconds} s"
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            assert more, "the worker ended without a row"
            self.answers += more
        line, self.answers = self.answers.split(b"\n", 1)
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.messages = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(60), self.answers + rest


class Stream(CliTest):
    def worker(self, *flags):
        worker = Worker(self.config, *flags)
        self.addCleanup(worker.process.kill)
        return worker

    def test_says_that_it_is_ready_and_answers_each_line_at_once(self):
        worker = self.worker()
        self.assertEqual(json.loads(worker.wait_until_ready()), {"ready": True, "protocol": 1})
        for name, (verdict, outcome, decided_by) in VERDICTS.items():
            worker.send(f"{PICTURES / name}\n")
            row = worker.answer()  # before the next line is sent
            self.assertEqual((row["path"], row["verdict"], row["outcome"], row["decided_by"]),
                             (str(PICTURES / name), verdict, outcome, decided_by))
        self.assertEqual(worker.end(), (3, b""), "three pictures are broken")

    def test_rows_are_those_of_a_plain_run_in_the_order_of_the_lines(self):
        paths = [str(PICTURES / name) for name in VERDICTS] * 20
        paths.reverse()
        worker = self.worker("-b", "4", "-j", "3")
        worker.wait_until_ready()
        worker.send("".join(path + "\n" for path in paths))
        code, rows = worker.end()
        self.assertEqual(code, 3)
        self.assertEqual(rows, self.infer("--files-from", "-", "-f", "jsonl", input="".join(path + "\n" for path in paths).encode(), code=3).stdout)

    def test_every_line_has_exactly_one_row_whatever_it_names(self):
        archive = self.folder / "photos.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(PICTURES / "tomato.png", arcname="tomato.png")
        lines = [b"", os.fsencode(PICTURES), os.fsencode(archive), b"no/such/file", b"\xff\xfe.png", b"-", os.fsencode(PICTURES / "leaf.jpg")]
        worker = self.worker()
        worker.wait_until_ready()
        worker.send(b"\n".join(lines))  # the last without its line end
        code, rows = worker.end()
        rows = [json.loads(line) for line in rows.splitlines()]
        self.assertEqual(code, 3)
        self.assertEqual([row["outcome"] for row in rows], ["failed"] * 6 + ["unknown"])
        self.assertEqual([row.get("path") for row in rows],
                         ["", str(PICTURES), str(archive), "no/such/file", None, "-", str(PICTURES / "leaf.jpg")])

    def test_the_end_of_input_is_the_end_of_the_worker(self):
        worker = self.worker()
        worker.wait_until_ready()
        self.assertEqual(worker.end(), (0, b""))

    def test_a_signal_ends_a_worker_that_waits(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.worker()
            worker.wait_until_ready()
            worker.send(f"{PICTURES / 'tomato.png'}\n")
            self.assertEqual(worker.answer()["verdict"], "tomato")
            worker.process.send_signal(number)
            self.assertEqual(worker.process.wait(10), -number)
            worker.end()

    def test_a_reader_that_goes_away_ends_the_worker(self):
        worker = self.worker()
        worker.wait_until_ready()
        worker.process.stdout.close()
        worker.send(f"{PICTURES / 'tomato.png'}\n")
        self.assertIn(worker.process.wait(10), (-signal.SIGPIPE, 1))
        worker.process.stderr.close()

    def test_strict_ends_it_at_the_first_failure_though_more_might_come(self):
        worker = self.worker("--strict")
        worker.wait_until_ready()
        worker.send("no/such/file\n")
        self.assertEqual(worker.answer()["error"]["kind"], "not-found")
        self.assertEqual(worker.process.wait(10), 1)
        worker.end()

    def test_flags_that_have_no_meaning_beside_it_are_refused(self):
        for flags in (["photos"], ["--files-from", "x"], ["--shard", "0/2"], ["-o", "rows.jsonl"], ["-f", "csv"]):
            self.assertIn("--stream together with", self.infer("--stream", *flags, code=2).messages)


main()
