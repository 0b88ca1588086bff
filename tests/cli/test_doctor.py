#!/usr/bin/env python3
"""openset doctor with pictures: two engines side by side, and what --engine auto makes of it."""

import json
import os

from openset_cli import NETWORKS, SOUND, CliTest, main

CLASSIFIER = NETWORKS / "classifier.pt"


class Engines(CliTest):
    def setUp(self):
        super().setUp()
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")

    def doctor(self, *arguments, **options):
        return self.openset("doctor", "--model", CLASSIFIER, *arguments, **options)

    def kept(self):
        return json.loads((self.folder / "cache" / "openset" / "engines.json").read_text())["agreements"]

    def engines(self, **options):
        self.infer(*SOUND[:1], "-o", self.folder / "rows.jsonl", **options)
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        return {network["stage"]: network["engine"] for network in record["networks"]}

    def test_a_few_pictures_say_too_little(self):
        text = self.doctor(*SOUND).text
        self.assertIn(f"{len(SOUND)}; the same likeliest label for {len(SOUND)}", text)
        self.assertIn("--engine auto wants 20 or more", text)
        self.assertEqual(set(self.engines().values()), {"torch"})

    def test_what_was_found_holds_for_every_head_on_the_trunk(self):
        self.assertIn("agrees with LibTorch on these pictures", self.doctor(*SOUND * 3).text)
        (place, found), = self.kept().items()
        self.assertEqual((found["pictures"], found["same_label"]), (3 * len(SOUND), 3 * len(SOUND)))
        self.assertGreater(found["torch_milliseconds"], 0)
        for part in ("graph ", "preprocessing ", "openset ", "LibTorch ", "oneDNN "):
            self.assertIn(part, place)
        # Which of them is faster on a network this small may change; make it certain.
        file = self.folder / "cache" / "openset" / "engines.json"
        file.write_text(json.dumps({"format": "openset-engines/2", "agreements": {place: {**found, "onednn_milliseconds": 0}}}))
        self.assertEqual(self.engines(), {stage: "onednn" for stage in ("gate", "species", "classifier")})

    def test_other_devices_have_no_engines_to_compare(self):
        self.assertIn("--device cuda: with pictures two engines of the CPU are compared, expected cpu or auto",
                      self.doctor(*SOUND, "--device", "cuda", code=2).messages)


if __name__ == "__main__":
    main()
