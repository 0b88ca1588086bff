"""The lines of docs/rows.md that open rows elsewhere are run as they stand there: jq, pandas, DuckDB."""

import base64
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections import Counter

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# DuckDB is in no Debian 12: scripts/setup puts it here.
sys.path.append(str(SOURCE / ".deps" / "python"))
MISSING = [name for name in ("pandas", "duckdb") if importlib.util.find_spec(name) is None] + \
          ([] if shutil.which("jq") else ["jq"])
if MISSING:
    print(f"SKIPPED: no {', '.join(MISSING)} here, so nothing shows that they open our rows; scripts/setup installs them")
    sys.exit(1 if os.environ.get("CI") else 77)

import duckdb
import pandas

from openset_cli import PICTURES, CliTest, main


def documented_lines(language):
    """The lines of the code blocks of one language, comments apart."""
    text = (SOURCE / "docs" / "rows.md").read_text().split("## Rows elsewhere")[1].split("\n## ")[0]
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")]


class RowsElsewhere(CliTest):
    """On rows with all that a format has to hide."""

    def setUp(self):
        super().setUp()
        photos = self.folder / "photos"
        shutil.copytree(PICTURES, photos)
        shutil.copy(PICTURES / "tomato.png", photos / 'two\nlines, "quoted" é.png')
        shutil.copy(PICTURES / "broken_text.jpg", photos / "007.jpg")
        shutil.copy(PICTURES / "tomato.png", os.fsencode(photos) + b"/not\xffutf8.png")
        self.infer("photos", "-o", "rows.csv", cwd=self.folder, code=3)
        self.infer("photos", "-o", "rows.jsonl", cwd=self.folder, code=3)
        self.rows = [json.loads(line) for line in (self.folder / "rows.jsonl").read_text().splitlines()]
        self.verdicts = Counter(row["verdict"] for row in self.rows)
        self.assertEqual(len(self.rows), 16)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def check_frame(self, frame, label_of_gate):
        self.assertEqual(len(frame), len(self.rows))
        self.assertEqual(frame["verdict"].value_counts().to_dict(), dict(self.verdicts))
        paths = frame["path"].where(frame["path"].notna(), None).tolist()
        self.assertEqual(paths, [row.get("path") for row in self.rows])
        (encoded,) = frame["path_base64"].dropna()
        self.assertEqual(base64.b64decode(encoded), b"photos/not\xffutf8.png")
        self.assertEqual(frame["probability"].dropna().tolist(), [row["probability"] for row in self.rows if "probability" in row])
        labels = label_of_gate(frame).dropna().tolist()
        self.assertEqual(labels, [row["gate"]["label"] for row in self.rows if "gate" in row])

    def test_pandas(self):
        jsonl, csv = documented_lines("python")[:2]
        self.assertIn("rows.jsonl", jsonl)
        self.assertIn("rows.csv", csv)
        self.check_frame(eval(jsonl), lambda frame: frame["gate"].str["label"])
        self.check_frame(eval(csv), lambda frame: frame["gate_label"])

    def test_duckdb(self):
        lines = documented_lines("python")[2:]
        self.assertEqual(len(lines), 3, "rows of both formats, and one with nested fields")
        by_verdict = sorted(self.verdicts.items())
        self.assertEqual(eval(lines[0]).fetchall(), by_verdict)
        self.assertEqual(eval(lines[1]).fetchall(), by_verdict)
        rejected = [(row.get("path"), row["gate"]["label"], row["gate"]["mass"]) for row in self.rows if row["decided_by"] == "gate"]
        self.assertEqual(eval(lines[2]).fetchall(), sorted(rejected))

    def test_duckdb_reads_names_as_they_are(self):
        sources = [re.search(r"read_(?:json|csv)\(.*?\)(?= |\")", line).group() for line in documented_lines("python")[2:4]]
        for source in sources:
            found = duckdb.sql(f"SELECT path, path_base64 FROM {source}").fetchall()
            self.assertEqual(found, [(row.get("path"), row.get("path_base64")) for row in self.rows])

    def run_line(self, line):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", line], stdout=subprocess.PIPE, check=True).stdout

    def test_jq(self):
        counts, failures = documented_lines("sh")
        self.assertEqual(json.loads(self.run_line(counts)), dict(self.verdicts))
        self.assertEqual(self.run_line(failures).decode().splitlines(),
                         [f'{row["path"]}\t{row["error"]["kind"]}' for row in self.rows if row["outcome"] == "failed"])


if __name__ == "__main__":
    main()
