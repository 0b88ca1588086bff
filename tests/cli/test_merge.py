"""openset merge: the parts of a sharded run become the bytes of one run."""

import hashlib
import json
import os
import resource
import subprocess

from openset_cli import BIN, PICTURES, VERDICTS, CliTest, main

COUNTS = ("known", "unknown", "failed")


def records_of(data, ending):
    """The records of a row file, csv's header apart. Names in the colour world hide no line ends."""
    lines = data.splitlines(keepends=True)
    return (lines[0], lines[1:]) if ending == "csv" else (b"", lines)


class MergeTest(CliTest):
    def whole(self, ending):
        """One run over the colour world: its bytes and its record."""
        path = self.folder / f"whole.{ending}"
        if not path.exists():
            self.infer(PICTURES, "-o", path, "--progress", "never", code=3)
        record = json.loads((self.folder / f"whole.{ending}.run.json").read_text())
        record["row_format"] = ending
        return path.read_bytes(), record

    def shards(self, ending, count):
        """What `--shard I/count` writes: every count-th row of the whole, and a record of it."""
        data, record = self.whole(ending)
        header, rows = records_of(data, ending)
        paths = []
        for index in range(count):
            mine = range(index, len(rows), count)
            outcomes = [list(VERDICTS.values())[i] for i in mine]
            counts = {outcome: sum(1 for _, o, _ in outcomes if o == outcome) for outcome in COUNTS}
            deciders = {by: sum(1 for _, _, b in outcomes if b == by) for by in {b for _, _, b in outcomes}}
            part = record | {"shard": {"index": index, "count": count},
                             "counts": {"pictures": len(mine), **counts, "decided_by": deciders}}
            paths.append(self.folder / f"part-{index}.{ending}")
            paths[-1].write_bytes(header + b"".join(rows[i] for i in mine))
            (self.folder / f"part-{index}.{ending}.run.json").write_text(json.dumps(part))
        return paths

    def change_record(self, part, **changes):
        path = part.with_name(part.name + ".run.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def merge(self, *arguments, **options):
        return self.openset("merge", *arguments, **options)


class Merge(MergeTest):
    def test_the_parts_become_the_bytes_of_one_run_in_any_order(self):
        for ending in ("jsonl", "csv"):
            data, _ = self.whole(ending)
            for count in (1, 2, 3, 5, 13, 20):
                parts = self.shards(ending, count)
                self.merge("-o", self.folder / "all", *reversed(parts))
                self.assertEqual((self.folder / "all").read_bytes(), data, (ending, count))

    def test_the_record_beside_it_is_of_the_whole_and_names_the_parts(self):
        parts = self.shards("jsonl", 4)
        self.merge("-o", self.folder / "all.jsonl", *parts)
        merged = json.loads((self.folder / "all.jsonl.run.json").read_text())
        _, whole = self.whole("jsonl")
        for key in ("format", "complete", "counts", "config", "networks", "inputs", "row_format"):
            self.assertEqual(merged[key], whole[key], key)
        self.assertNotIn("shard", merged)
        self.assertEqual(merged["parts"], [{"file": part.name, "sha256": hashlib.sha256(part.read_bytes()).hexdigest(), "rows": rows}
                                           for part, rows in zip(parts, (4, 3, 3, 3))])

    def test_exit_code_is_0_though_pictures_failed_and_the_counts_are_told(self):
        result = self.merge("-o", self.folder / "all.jsonl", *self.shards("jsonl", 2), code=0)
        self.assertEqual(result.text, "")
        self.assertIn("2 parts, 13 rows: 4 known, 6 unknown, 3 failed", result.messages)

    def test_standard_output_is_an_output(self):
        data, _ = self.whole("csv")
        self.assertEqual(self.merge(*self.shards("csv", 3)).stdout, data)
        with open("/dev/full", "wb") as full:
            self.assertIn("cannot write", self.merge(*self.shards("csv", 3), stdout=full, code=1).messages)

    def test_an_ending_that_promises_another_format_is_warned_of(self):
        parts = self.shards("jsonl", 2)
        self.assertIn("all.csv: the rows are jsonl as in the parts, although the name ends in .csv; choose another name",
                      self.merge("-o", self.folder / "all.csv", *parts).messages)
        for name in ("all.jsonl", "all.ndjson", "all"):
            self.assertNotIn("warning", self.merge("-o", self.folder / name, *parts).messages)

    def test_a_dry_run_reads_everything_and_writes_nothing(self):
        parts = self.shards("jsonl", 2)
        before = sorted(self.folder.iterdir())
        result = self.merge("--dry-run", "-o", self.folder / "all.jsonl", *parts)
        self.assertEqual(result.text, "2 parts, 13 rows: 4 known, 6 unknown, 3 failed; nothing was written\n")
        self.assertEqual(sorted(self.folder.iterdir()), before)
        parts[1].write_bytes(parts[1].read_bytes()[:-1])
        self.assertIn("changed since", self.merge("--dry-run", *parts, code=1).messages)

    def test_more_parts_than_a_shell_opens_files(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 200:
            self.skipTest("this machine allows too few open files")
        data, _ = self.whole("jsonl")
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (30, hard))
        self.merge("-o", self.folder / "all.jsonl", *self.shards("jsonl", 100), preexec_fn=limit)
        self.assertEqual((self.folder / "all.jsonl").read_bytes(), data)

    def test_memory_does_not_grow_with_the_rows(self):
        (part,) = self.shards("jsonl", 1)
        data, record = part.read_bytes(), json.loads((self.folder / "part-0.jsonl.run.json").read_text())
        times = 4000
        with open(part, "wb") as file:
            for _ in range(times):
                file.write(data)
        counts = record["counts"]
        self.change_record(part, counts={key: value * times for key, value in counts.items() if key != "decided_by"} |
                           {"decided_by": {by: n * times for by, n in counts["decided_by"].items()}})
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        process = subprocess.Popen([BIN / "openset-merge", "-q", "-o", self.folder / "all.jsonl", part])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertGreater(part.stat().st_size, 15e6)
        self.assertLess(usage.ru_maxrss, 60_000, f"kB; before: {before}")


class Refused(MergeTest):
    def refused(self, *arguments, code=2):
        """The message; nothing was left behind."""
        before = sorted(self.folder.iterdir())
        result = self.merge("-o", self.folder / "all.jsonl", *arguments, code=code)
        self.assertEqual(sorted(self.folder.iterdir()), before, result.messages)
        return result.messages

    def test_gaps_and_doubles(self):
        parts = self.shards("jsonl", 4)
        self.assertIn("missing: shards 1/4, 3/4", self.refused(parts[0], parts[2]))
        self.assertIn("are both shard 2/4", self.refused(*parts, parts[2]))

    def test_a_missing_shard_that_lies_unfinished_beside_the_others_is_named(self):
        parts = self.shards("jsonl", 3)
        for ending in ("", ".run.json"):
            (self.folder / f"part-1.jsonl{ending}").rename(self.folder / f"part-1.jsonl.partial{ending}")
        self.change_record(self.folder / "part-1.jsonl.partial", complete=False)
        (self.folder / "other.partial").write_text("no rows")
        (self.folder / "other.partial.run.json").write_text("{")
        messages = self.refused(parts[0], parts[2])
        self.assertIn("missing: shard 1/3", messages)
        self.assertIn(f"{self.folder}/part-1.jsonl.partial: shard 1/3, its run has not ended; finish it with --resume first", messages)
        self.assertNotIn("other", messages)

    def test_a_run_record_among_the_parts(self):
        parts = self.shards("jsonl", 2)
        self.assertIn("part-1.jsonl.run.json: is a run record, not rows; leave it out", self.refused(*parts, self.folder / "part-1.jsonl.run.json"))

    def test_parts_of_different_runs(self):
        parts = self.shards("jsonl", 2)
        config = json.loads((self.folder / "part-1.jsonl.run.json").read_text())["config"]
        config["gate"]["k"] = 5
        self.change_record(parts[1], config=config)
        messages = self.refused(*parts)
        self.assertIn("part-1.jsonl is of another run than", messages)
        self.assertIn("config /gate/k was 3, now 5", messages)

    def test_an_unfinished_run(self):
        parts = self.shards("jsonl", 2)
        self.change_record(parts[0], complete=False)
        self.assertIn("part-0.jsonl: its run has not ended", self.refused(*parts))

    def test_a_part_without_its_record_and_no_part_at_all(self):
        parts = self.shards("jsonl", 2)
        os.remove(self.folder / "part-1.jsonl.run.json")
        self.assertIn("part-1.jsonl: no run record beside it (part-1.jsonl.run.json)", self.refused(*parts))
        self.assertIn("nowhere.jsonl: no such file", self.refused(self.folder / "nowhere.jsonl"))
        self.assertIn("no parts", self.refused())

    def test_a_damaged_record(self):
        parts = self.shards("jsonl", 2)
        (self.folder / "part-1.jsonl.run.json").write_text("{")
        self.assertIn("part-1.jsonl.run.json: line 1, column", self.refused(*parts, code=1))

    def test_rows_that_were_changed_since(self):
        parts = self.shards("jsonl", 2)
        data = parts[1].read_bytes()
        lines = data.splitlines(keepends=True)
        for changed, words in ((b"".join(lines[:-1]), "ends after row 5, its record counts 6"),
                               (data + lines[0], "has more rows, its record counts 6"),
                               (data[:-1], "ends after row 5"),
                               (data.replace(b'"outcome"', b'"outcame"', 1), 'row 1: no "outcome"'),
                               (b"", "ends after row 0")):
            parts[1].write_bytes(changed)
            self.assertIn(words, self.refused(*parts, code=1))

    def test_the_output_may_not_be_a_part_nor_its_record(self):
        parts = self.shards("jsonl", 2)
        os.link(parts[0], self.folder / "other-name")
        for output in (parts[1], self.folder / "other-name", self.folder / "part-0.jsonl.run.json"):
            before = {path: path.read_bytes() for path in self.folder.iterdir()}
            self.assertIn("would replace a part", self.merge("-o", output, *parts, code=2).messages)
            self.assertEqual({path: path.read_bytes() for path in self.folder.iterdir()}, before)

    def test_an_older_output_stands_where_the_parts_are_refused(self):
        parts = self.shards("jsonl", 2)
        (self.folder / "all.jsonl").write_text("older")
        parts[1].write_bytes(parts[1].read_bytes()[:-1])
        self.refused(*parts, code=1)
        self.assertEqual((self.folder / "all.jsonl").read_text(), "older")

    def test_an_output_that_another_run_is_writing(self):
        import fcntl
        parts = self.shards("jsonl", 2)
        with open(self.folder / "all.jsonl.partial", "w") as partial:
            partial.write("theirs")
            partial.flush()
            fcntl.flock(partial, fcntl.LOCK_EX)
            self.assertIn("another run is writing it", self.refused(*parts, code=1))
            self.assertEqual((self.folder / "all.jsonl.partial").read_text(), "theirs")


if __name__ == "__main__":
    main()
