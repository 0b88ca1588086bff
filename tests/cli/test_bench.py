#!/usr/bin/env python3
"""openset bench: the figures hang together; what a time is depends on the machine."""

import json
import os
import re

from openset_cli import PICTURES, SOUND, CliTest, main


class Bench(CliTest):
    def bench(self, *arguments, **options):
        return self.openset("bench", "-c", self.config, *arguments, **options)

    def test_json_tells_where_the_time_went_and_the_limit(self):
        result = json.loads(self.bench(*SOUND * 3, "--json", "--rounds", 2).text)
        self.assertEqual(result["format"], "openset-bench/1")
        self.assertEqual(result["pictures"], 3 * len(SOUND))
        self.assertEqual(result["failed"], 0)
        self.assertEqual(len(result["wall_seconds_of_runs"]), 2)
        gate, species, classifier = result["stages"]
        self.assertEqual((gate["stage"], gate["passed"]), ("gate", 3 * len(SOUND)))
        self.assertGreater(gate["passes"], 0)
        self.assertEqual((species["passed"], classifier["passed"]), (0, 0))  # one trunk
        self.assertGreater(species["pictures"], classifier["pictures"])
        self.assertEqual(set(gate["a_picture_alone_by_batch"]), {"1", "2", "4", "8", "16", "32"})
        limit = result["limit"]
        self.assertAlmostEqual(limit["passes_seconds"] + limit["decode_seconds"], limit["seconds"])
        self.assertAlmostEqual(limit["passes_seconds"], gate["passed"] * gate["best_wall_seconds_a_picture"])
        self.assertAlmostEqual(limit["percent"], 100 * limit["seconds"] / result["wall_seconds"])
        self.assertGreater(result["peak_bytes"], 10_000_000)

    def test_without_sharing_every_stage_has_its_passes(self):
        result = json.loads(self.bench(*SOUND, "--json", "--rounds", 1, "--no-share").text)
        for stage in result["stages"]:
            self.assertEqual(stage["passed"], stage["pictures"])
            self.assertGreater(stage["best_batch"], 0)

    def test_the_table_names_every_part(self):
        text = self.bench(PICTURES, "--rounds", 1).text
        for part in ("13 pictures (3 failed)", "read and decode", "resize and crop", "gate: normalise", "gate: forward", "species: head, rule",
                     "rows", "decode threads wait for room", "inference threads wait", "pictures/s", "limit", "CPU", "memory"):
            self.assertIn(part, text)

    def test_flags_are_those_that_it_heeds(self):
        flags = self.openset("bench", "--help-all").text
        self.assertIn("--fast-decode", flags)
        for flag in ("--strict", "--max-errors", "--progress"):
            self.assertNotIn(flag, flags)

    def test_settings_by_hand_stand_beside_the_default(self):
        text = self.bench(*SOUND[:2], "--rounds", 1, "--by-hand", "--closed-set").text
        self.assertIn("the default ", text)
        settings = re.findall(r"-b (\d+) +-j (\d+) +--threads (\d+) ", text)
        self.assertEqual({batch for batch, _, _ in settings}, {"1", "4", "8", "16", "32"})
        self.assertEqual(len(settings), len(set(settings)))

    def test_what_cannot_be_measured_is_told(self):
        self.assertIn("expected files: they are run several times", self.bench("-", code=2).messages)
        self.assertIn("found standard input, expected a file", self.bench("--files-from", "-", code=2).messages)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        self.assertIn("found no file that can be read again", self.bench("--files-from", pipe, code=2).messages)
        self.assertIn("holds no picture that can be read", self.bench(self.folder / "nothing", code=2).messages)


if __name__ == "__main__":
    main()
