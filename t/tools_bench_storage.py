#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/bench-storage on a small database: every workload gets its row for both engines, and the figures are kept.

What the figures are is not looked at: a test machine is no machine to measure on.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("LSM_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILD = os.environ.get("LSM_BUILD_DIR") or os.path.join(SOURCE, "build")
ROW = re.compile(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| [\d.]+ \|")
WORKLOADS = ["fillseq", "fillrandom", "overwrite", "readrandom", "readmissing", "readseq", "seekrandom", "fillsync", "fillsync16",
             "readwhilewriting"]
FIGURES = ["write amplification, fillrandom", "write amplification, overwrite", "space amplification", "p99 of idle reads",
           "p99 of reads while writing", "p99 of reads while compacting"]


def main():
    if not shutil.which("db_bench"):
        print("1..0 # SKIP db_bench is missing (Debian: rocksdb-tools)")
        return 0
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "table.md")
        run = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "bench-storage"), "--build", BUILD, "--nums", "20000",
                              "--rounds", "1", "--syncs", "100", "--dir", tmp, "--out", out], capture_output=True, text=True, check=False)
        text = open(out, encoding="utf-8").read() if os.path.exists(out) else ""
        lines = [json.loads(line) for line in open(out + ".jsonl", encoding="utf-8")] if os.path.exists(out + ".jsonl") else []
        left = sorted(os.listdir(tmp))
    rows = {m.group(1): m.groups()[1:] for m in map(ROW.match, text.splitlines()) if m}
    checks = [("both_engines_run_all_phases", run.returncode == 0),
              ("every_workload_has_a_row_with_figures_of_both", sorted(rows) == sorted(WORKLOADS) and "0" not in sum(rows.values(), ())),
              ("the_other_figures_are_told", all(f"| {figure} | " in text for figure in FIGURES)),
              ("raw_figures_of_both_engines_are_kept", {line["engine"] for line in lines} == {"lsm-engine", "RocksDB"}),
              ("a_whole_run_is_not_called_interrupted", "INTERRUPTED" not in text and "all rounds" in text),
              ("nothing_but_the_report_stays", left == ["table.md", "table.md.jsonl"])]
    for number, (name, good) in enumerate(checks, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    if not all(good for _, good in checks):
        print("\n".join("# " + line for line in (run.stdout + run.stderr + text).splitlines()))
    print(f"1..{len(checks)}")
    return 0


sys.exit(main())
