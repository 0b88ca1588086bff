"""openset infer: names of files that are legal and unusual, in every way in and out."""

import base64
import csv
import fcntl
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import termios
import time
import unittest
import urllib.parse

from openset_cli import BIN, PICTURES, CliTest, main

NAMES_FILE = pathlib.Path(os.environ.get("OPENSET_SHARED") or pathlib.Path(__file__).parents[3] / "shared") / "golden/pixels/names.csv"
TOMATO = (PICTURES / "tomato.png").read_bytes()


def unusual_names():
    if not NAMES_FILE.exists():
        raise unittest.SkipTest(f"no {NAMES_FILE} (set OPENSET_SHARED)")
    with NAMES_FILE.open(newline="") as table:
        return [urllib.parse.unquote_to_bytes(row["name_percent_encoded"]) for row in csv.DictReader(table)]


def is_utf8(name):
    try:
        name.decode()
        return True
    except UnicodeDecodeError:
        return False


def path_of(row):
    """The bytes of the path: it stands in one of two places, never in both."""
    encoded = row.get("path_base64")
    assert bool(row.get("path")) != bool(encoded), row
    path = base64.b64decode(encoded, validate=True) if encoded else row["path"].encode()
    assert is_utf8(path) != bool(encoded), row
    return path


class UnusualNames(CliTest):
    def setUp(self):
        super().setUp()
        self.names = unusual_names()
        self.photos = os.fsencode(self.folder / "photos")
        os.mkdir(self.photos)
        for name in self.names:
            with open(os.path.join(self.photos, name), "wb") as file:
                file.write(TOMATO)
        self.visible = sorted(name for name in self.names if not name.startswith(b"."))

    def paths(self, prefix, names):
        return [prefix + name for name in names]

    def check(self, text, expected):
        """One row a name, in order, all classified: in jsonl, one line each."""
        lines = text.split(b"\n")
        self.assertEqual(lines.pop(), b"")
        rows = [json.loads(line) for line in lines]
        self.assertEqual([path_of(row) for row in rows], expected)
        self.assertEqual({row["verdict"] for row in rows}, {"tomato"})

    def test_come_out_of_a_folder_in_bytewise_order_as_jsonl(self):
        self.assertEqual(len(self.names), 38)
        result = self.infer(os.fsdecode(self.photos), "-f", "jsonl")
        self.check(result.stdout, self.paths(self.photos + b"/", self.visible))

    def test_come_out_of_a_folder_as_csv(self):
        text = self.infer(os.fsdecode(self.photos), "-f", "csv").text
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual([path_of(row) for row in rows], self.paths(self.photos + b"/", self.visible))
        self.assertEqual({row["verdict"] for row in rows}, {"tomato"})

    def test_are_arguments_after_two_dashes(self):
        names = [os.fsdecode(name) for name in self.names]
        result = self.openset("infer", "-c", self.config, "-f", "jsonl", "--", *names, cwd=os.fsdecode(self.photos))
        self.check(result.stdout, self.names)

    def test_come_out_of_an_archive_with_their_bytes_in_any_locale(self):
        archive = self.folder / "photos.tar"
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            with tarfile.open(archive, "w", format=form, errors="surrogateescape") as tar:
                for name in self.names:
                    tar.add(os.path.join(os.fsdecode(self.photos), os.fsdecode(name)), arcname=os.fsdecode(name))
            for locale in ("C", "C.UTF-8"):
                result = self.infer(archive, "-f", "jsonl", env=os.environ | {"LC_ALL": locale})
                self.check(result.stdout, self.paths(os.fsencode(archive) + b"//", [name for name in self.names if not name.startswith(b".")]))


class Archives(CliTest):
    def archive(self, **members):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return file.getvalue()

    def test_through_standard_input_have_a_row_a_member(self):
        rows = self.rows("-", input=self.archive(b=TOMATO, a=TOMATO))
        self.assertEqual([(row["path"], row["verdict"]) for row in rows], [("-//b", "tomato"), ("-//a", "tomato")])

    def test_that_are_cut_have_a_failed_row(self):
        whole = self.archive(b=TOMATO, a=TOMATO)
        path = self.folder / "cut.tar"
        path.write_bytes(whole[: 512 + len(TOMATO) + 1024])
        b, cut = self.rows(path, code=3)
        self.assertEqual((b["path"], b["verdict"]), (f"{path}//b", "tomato"))
        self.assertEqual((cut["path"], cut["error"]["kind"]), (str(path), "truncated"))
        self.assertIn("after 1 of its members", cut["error"]["message"])

    def test_that_are_compressed_have_a_failed_row_with_the_way_out(self):
        (row,) = self.rows("-", input=b"\x1f\x8b" + bytes(1000), code=3)
        self.assertEqual(row["error"]["kind"], "unsupported-format")
        self.assertIn("zcat", row["error"]["message"])


class StandardInput(CliTest):
    def interrupted_while_it_waits(self, *arguments, after):
        """The rows of a run that reads so much and waits for more."""
        process = subprocess.Popen([BIN / "openset", "infer", "-c", self.config, "-f", "jsonl", *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdin.write(after)
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder) > 0:
            self.assertLess(time.monotonic(), deadline, "not read within a minute")
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), -signal.SIGINT)
        return [json.loads(line) for line in process.stdout.read().splitlines()]

    def test_an_interrupt_ends_a_run_that_waits_for_it(self):
        name = os.fsencode(PICTURES / "tomato.png")
        rows = self.interrupted_while_it_waits("--files-from", "-", after=name + b"\nhalf a na")
        # The whole name has a row if a network had begun with its picture, the half one never.
        self.assertLessEqual({row["verdict"] for row in rows}, {"tomato"})
        self.assertEqual(self.interrupted_while_it_waits("-", after=TOMATO[:100]), [])


if __name__ == "__main__":
    main()
