"""openset infer --decode-memory: what decoders take at a time is bounded, whatever comes together."""

import json
import os
import subprocess

try:
    from PIL import Image
except ImportError:
    print("SKIPPED: python3-pil is not installed")
    raise SystemExit(77)

from openset_cli import BIN, PICTURES, CliTest, main

MB = 1_000_000


class DecodeMemory(CliTest):
    def peak(self, *arguments):
        """Peak resident memory of a run in bytes, and its standard output."""
        with open(self.folder / "rows", "w+b") as rows:
            process = subprocess.Popen([BIN / "openset-infer", "-c", self.config, "-q", "-f", "jsonl", *map(str, arguments)], stdout=rows)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            rows.seek(0)
            return usage.ru_maxrss * 1024, process.returncode, [json.loads(line) for line in rows]

    def setUp(self):
        super().setUp()
        # Progressive: all coefficients are in memory before the first pixel is.
        self.side = 3000
        self.folder_of_eight = self.folder / "eight"
        self.folder_of_eight.mkdir()
        first = self.folder_of_eight / "0.jpg"
        Image.effect_noise((self.side, self.side), 60).convert("RGB").save(first, progressive=True, quality=40)
        self.content = first.stat().st_size
        for number in range(1, 8):
            os.link(first, self.folder_of_eight / f"{number}.jpg")

    def test_eight_large_progressive_jpegs_at_once_take_no_more_than_they_may(self):
        alone, _, _ = self.peak(PICTURES / "tomato.png", "-j", 8)
        free, free_code, free_rows = self.peak(self.folder_of_eight, "-j", 8, "--decode-memory", "4GiB")
        bounded, code, rows = self.peak(self.folder_of_eight, "-j", 8, "--decode-memory", "64MiB")
        self.assertEqual((code, len(rows)), (0, 8))
        self.assertEqual((free_code, free_rows), (0, rows), "the same rows")
        self.assertLess(bounded, alone + 64 * 1.05 * MB + 8 * self.content + 40 * MB)
        self.assertGreater(free, bounded + 100 * MB, "or else nothing was bounded")

    def test_a_picture_that_needs_more_alone_fails_with_the_way_out(self):
        _, code, rows = self.peak(self.folder_of_eight / "0.jpg", PICTURES / "tomato.png", "--decode-memory", "20MiB")
        self.assertEqual(code, 3)
        self.assertEqual([row["outcome"] for row in rows], ["failed", "known"])
        self.assertEqual(rows[0]["error"]["kind"], "too-large")
        self.assertRegex(rows[0]["error"]["message"], r"3000 x 3000 pixels need \d+ bytes .*raise --decode-memory")

    def test_a_file_of_more_bytes_is_not_even_read(self):
        _, code, rows = self.peak(self.folder_of_eight / "0.jpg", "--decode-memory", "1000")
        self.assertEqual(code, 3)
        self.assertRegex(rows[0]["error"]["message"], r"the file has \d+ bytes, more than the 1000")

    def test_sizes_are_written_as_people_write_them(self):
        for text in ("0", "-1", "1XB", "GiB", "many"):
            self.assertIn("expected a number of bytes such as", self.infer(PICTURES, f"--decode-memory={text}", code=2).messages)
        self.infer(PICTURES / "tomato.png", "--decode-memory", "2GB")


main()
