"""openset discover: the groups that are there, their folders and sheets, the nearest known class, and what is refused."""

import csv
import json
import shutil

import numpy as np
from openset_cli import PICTURES, main
from stores import StoreTest


class Discover(StoreTest):
    def setUp(self):
        super().setUp()
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        some = next(path for path in sorted(PICTURES.rglob("*")) if path.suffix in (".png", ".jpg"))
        rng = np.random.default_rng(1)
        self.samples, features, rows = [], [], []
        for heap, size in enumerate((12, 9, 7)):
            for number in range(size):
                path = self.pictures / f"{heap}-{number}{some.suffix}"
                shutil.copy(some, path)
                self.samples.append((str(path).encode(), b"", b""))
                features.append(np.eye(6)[heap] + 0.1 * rng.normal(size=6))
                stage = "species" if heap == 2 else "unknown"
                rows.append({"path": str(path), "verdict": "unknown", "outcome": "unknown", "decided_by": stage})
        rows.append({"path": "known.jpg", "verdict": "cat", "outcome": "known", "decided_by": "classifier"})
        self.features = np.array(features, np.float32)
        logits = np.zeros((28, 2), np.float32)
        self.photos = self.store("photos", logits, np.full(28, -1), features=self.features, samples=self.samples)
        self.rows_file = self.folder / "rows.jsonl"
        self.rows_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        known = np.repeat(np.eye(6)[[4, 5]] + [[0.9, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], 3, axis=0).astype(np.float32)
        self.training = self.store("train", np.zeros((6, 2), np.float32), np.repeat([0, 1], 3), features=known)

    def discover(self, *flags, name="found", **options):
        result = self.openset("discover", self.rows_file, self.photos, "-o", self.folder / name, *flags, **options)
        return self.folder / name, result

    def groups(self, folder):
        with open(folder / "groups.csv", newline="") as file:
            return {line["path"].rsplit("/", 1)[-1].rsplit(".", 1)[0]: line["group"] for line in csv.DictReader(file)}

    def test_the_heaps_that_there_are_become_groups_the_largest_first(self):
        folder, _ = self.discover("--train", self.training)
        found = self.groups(folder)
        self.assertEqual({name: group for name, group in found.items()},
                         {name: f"group-0{int(name[0]) + 1}" for name in found})
        self.assertEqual(len(found), 28)
        record = json.loads((folder / "groups.json").read_text())
        self.assertEqual([group["pictures"] for group in record["groups"]], [12, 9, 7])
        self.assertEqual([trial["groups"] for trial in record["tried"]], list(range(2, 13)))
        self.assertGreater(next(trial["stability"] for trial in record["tried"] if trial["groups"] == 3), 0.99)
        self.assertEqual(record["groups"][0]["nearest"]["class"], "0")  # the only known class with a part of its direction
        for number, size in ((1, 12), (2, 9), (3, 7)):
            links = sorted((folder / f"group-0{number}").iterdir())
            self.assertEqual(len(links), size)
            self.assertTrue(all(link.is_symlink() and link.exists() for link in links))
            self.assertEqual((folder / f"group-0{number}.jpg").read_bytes()[:2], b"\xff\xd8")

    def test_the_same_again_is_the_same_and_force_replaces(self):
        first, _ = self.discover()
        second, _ = self.discover(name="again")
        self.assertEqual((first / "groups.csv").read_text(), (second / "groups.csv").read_text())
        self.assertIn("exists", self.discover(code=2)[1].messages)
        self.discover("--force", "--groups", "2")
        self.assertEqual(len(set(self.groups(first).values())), 2)

    def test_features_that_are_not_finite_are_refused_by_the_picture_s_name(self):
        for value, where in ((np.nan, self.photos), (np.inf, self.photos), (np.nan, self.training)):
            features = np.load(where / "features.npy")
            changed = features.copy()
            changed[3, 1] = value
            np.save(where / "features.npy", changed)
            message = self.discover("--train", self.training, name="bad", code=1)[1].messages
            self.assertIn("has a NaN or an infinity among its features", message)
            self.assertIn("0-3" if where == self.photos else "row 3", message)
            np.save(where / "features.npy", features)
        self.assertFalse((self.folder / "bad").exists())

    def test_a_stage_and_copies(self):
        folder, _ = self.discover("--stage", "species", "--groups", "1", "--copy")
        files = sorted((folder / "group-01").iterdir())
        self.assertEqual(len(files), 7)
        self.assertFalse(any(file.is_symlink() for file in files))

    def test_a_picture_that_is_gone_is_told_and_the_others_are_shown(self):
        (self.pictures / self.samples[0][0].decode().rsplit("/", 1)[-1]).unlink()
        folder, result = self.discover("--groups", "3")
        self.assertIn("not on the contact sheet", result.messages)
        self.assertEqual(len(self.groups(folder)), 28)

    def test_wrong_input_is_refused(self):
        without = self.store("logits only", np.zeros((28, 2), np.float32), samples=self.samples)
        other = self.store("other", np.zeros((6, 2), np.float32), np.repeat([0, 1], 3), features=np.ones((6, 5), np.float32))
        for arguments, words in (((self.rows_file, without), "has no features"),
                                 ((self.rows_file, self.training), "holds none of the rejected pictures"),
                                 ((self.rows_file, self.photos, "--stage", "gate"), "no picture was rejected by the stage gate"),
                                 ((self.rows_file, self.photos, "--train", other), "of another network"),
                                 ((self.rows_file, self.photos, "--groups", "40"), "expected at least 40")):
            self.assertIn(words, self.openset("discover", *arguments, "-o", self.folder / "x", code=2).messages)
            self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    main()
