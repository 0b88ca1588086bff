"""openset inspect on row files and run records."""

import json
import os

from openset_cli import NETWORKS, PICTURES, CliTest, main


class InspectRows(CliTest):
    def rows_file(self, ending="jsonl"):
        path = self.folder / f"rows.{ending}"
        self.infer(PICTURES, "-o", path, code=3)
        return path

    def described(self, path):
        return json.loads(self.openset("inspect", path, "-f", "json").text)

    def test_rows_are_counted_by_outcome_stage_verdict_and_failure(self):
        for ending in ("jsonl", "csv"):
            text = self.openset("inspect", self.rows_file(ending)).text
            for words in (f"kind          rows, {ending}", "rows          13, all whole",
                          "outcomes      known 4 (30.8 %), unknown 6 (46.2 %), failed 3 (23.1 %)",
                          "decided by    ", "verdicts      5",
                          "  2  tomato", "  6  unknown", "failures      3", "  1  truncated, the first ", "broken_truncated.jpg",
                          f"run record    rows.{ending}.run.json: complete", "config        fruit", "gate          ", "sha256"):
                self.assertIn(words, text)

    def test_json_says_the_same_for_programs(self):
        for ending in ("jsonl", "csv"):
            path = self.rows_file(ending)
            described = self.described(path)
            record = json.loads((self.folder / f"rows.{ending}.run.json").read_text())
            self.assertEqual((described["kind"], described["format"], described["rows"], described["torn_bytes"]), ("rows", ending, 13, 0))
            self.assertEqual(described["bytes"], path.stat().st_size)
            self.assertEqual(described["outcomes"], {"known": 4, "unknown": 6, "failed": 3})
            self.assertEqual(described["decided_by"], record["counts"]["decided_by"])
            self.assertEqual(list(described["verdicts"].items())[0], ("unknown", 6))
            self.assertEqual(described["failures"]["empty"], {"count": 1, "first": str(PICTURES / "broken_empty.png")})
            self.assertEqual(described["record"]["networks"], record["networks"])

    def test_a_torn_tail_is_told(self):
        for ending in ("jsonl", "csv"):
            path = self.rows_file(ending)
            partial = self.folder / "other.partial"  # told by content: the name says nothing
            data = path.read_bytes()
            partial.write_bytes(data[:-10])
            text = self.openset("inspect", partial).text
            self.assertIn("rows          12 whole, then ", text)
            self.assertIn("bytes of a torn one", text)
            self.assertIn("none beside it", text)
            torn = self.described(partial)["torn_bytes"]
            self.assertEqual(len(data) - 10 - torn, data[:-10].rindex(b"\n") + 1)

    def test_a_partial_file_with_its_record(self):
        path = self.rows_file()
        record = json.loads((self.folder / "rows.jsonl.run.json").read_text())
        partial = self.folder / "rows.jsonl.partial"
        partial.write_bytes(b"")  # killed before its first row
        partial.with_name("rows.jsonl.partial.run.json").write_text(json.dumps(record | {"complete": False, "shard": {"index": 1, "count": 4}}))
        text = self.openset("inspect", partial).text
        self.assertIn("rows          0, all whole", text)
        self.assertIn("rows.jsonl.partial.run.json: the run has not ended", text)
        self.assertIn("shard         1/4", text)

    def test_rows_that_their_record_does_not_count_are_warned_of(self):
        path = self.rows_file()
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        self.assertIn("its run record counts 13 rows", self.openset("inspect", path).messages)

    def test_many_verdicts_are_cut_short_unless_all_are_wanted(self):
        path = self.folder / "many.jsonl"
        path.write_text("".join(json.dumps({"path": "a", "verdict": f"label {i:02}", "outcome": "known", "decided_by": "classifier"}) + "\n"
                                for i in range(30)))
        text = self.openset("inspect", path).text
        self.assertIn("label 19", text)
        self.assertNotIn("label 20", text)
        self.assertIn("label 29", self.openset("inspect", path, "--all-labels").text)

    def test_control_characters_do_not_reach_the_terminal(self):
        path = self.folder / "rows.jsonl"
        path.write_text(json.dumps({"path": "\x1b[31m", "verdict": "failed", "outcome": "failed", "decided_by": "decode",
                                    "error": {"kind": "\x1b[2J", "message": ""}}) + "\n")
        self.assertNotIn("\x1b", self.openset("inspect", path).text)

    def test_damaged_rows_are_told_by_number(self):
        path = self.rows_file()
        path.write_bytes(path.read_bytes() + b"{]\n")
        self.assertIn("rows.jsonl: row 14: line 1, column 2", self.openset("inspect", path, code=1).messages)


class InspectRecords(CliTest):
    def test_a_run_record_says_what_the_run_was(self):
        self.infer(PICTURES, "-o", self.folder / "rows.jsonl", code=3)
        os.rename(self.folder / "rows.jsonl.run.json", self.folder / "anything")
        text = self.openset("inspect", self.folder / "anything").text
        for words in ("kind          run record, complete", "rows          13, jsonl", "known 4 (30.8 %)", "config        fruit",
                      "classifier    ", "LibTorch", "cpu"):
            self.assertIn(words, text)
        described = json.loads(self.openset("inspect", self.folder / "anything", "-f", "json").text)
        self.assertEqual((described["kind"], described["record"]["counts"]["pictures"]), ("run record", 13))

    def test_json_of_another_kind_is_refused_by_its_format(self):
        (self.folder / "model.json").write_text(json.dumps({"format": "openset-model/1"}))
        self.assertIn("is JSON of format openset-model/1, expected", self.openset("inspect", self.folder / "model.json", code=2).messages)
        config = self.openset("inspect", self.config, code=2).messages
        self.assertIn("is a pipeline config, expected a network (TorchScript archive), an activation store", config)
        self.assertIn("--dry-run checks it", config)
        (self.folder / "torn.json").write_text('{"format": "openset-run/1", ')
        self.assertIn("line 1, column", self.openset("inspect", self.folder / "torn.json", code=1).messages)

    def test_a_network_is_a_network_whatever_its_name(self):
        os.symlink(NETWORKS / "classifier.pt", self.folder / "rows.jsonl")
        self.assertIn("TorchScript network", self.openset("inspect", self.folder / "rows.jsonl").text)


if __name__ == "__main__":
    main()
