#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lsm-bench on small databases: its rows, its table, what it refuses, and what it must not touch."""

import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ.get("LSM_BUILD_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build")
BENCH = os.path.join(BUILD, "lsm-bench")
ROW = re.compile(r"^(\w+) +: +([\d.]+) micros/op (\d+) ops/sec ([\d.]+) seconds (\d+) operations;(?: +[\d.]+ MB/s)?"
                 r"(?: \((\d+) of (\d+) found\))?$")
NUM = 20000


def bench(*options, tmp):
    """The exit code, the rows as {name: (operations, found or None)}, and all that was said."""
    run = subprocess.run([BENCH, *options], capture_output=True, text=True, check=False, env=dict(os.environ, TMPDIR=tmp))
    rows = {}
    for line in run.stdout.splitlines():
        m = ROW.match(line)
        if m:
            rows[m.group(1)] = (int(m.group(5)), int(m.group(6)) if m.group(6) else None)
    return run.returncode, rows, run.stdout + run.stderr


class Tap:
    def __init__(self):
        self.number = 0

    def check(self, good, name, said=""):
        self.number += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        for line in "" if good else said.splitlines():
            print(f"# {line}")


def workloads(tap, tmp):
    code, rows, said = bench(f"--num={NUM}", "--threads=2", "--write_buffer_size=262144", "--value-size=200",
                             "--benchmarks=fillseq,readrandom,readmissing,readseq,readreverse,seekrandom,overwrite,"
                             "readwhilewriting,deleterandom,flush,waitforcompaction,compact,levelstats,readwhilecompacting,stats", tmp=tmp)
    tap.check(code == 0, "all_workloads_run", said)
    tap.check(rows.get("fillseq") == (2 * NUM, None), "every_thread_writes_num_keys", said)
    for name in ("readrandom", "seekrandom", "readwhilewriting"):
        tap.check(rows.get(name) == (2 * NUM, 2 * NUM), f"{name}_finds_every_key_that_was_written", said)
    tap.check(0 < (rows.get("readwhilecompacting", (0, 0))[1] or 0) < 2 * NUM, "compaction_leaves_what_was_not_deleted", said)
    tap.check(re.search(r"^compaction bytes written: [1-9]", said, re.M) is not None, "stats_tell_what_was_written", said)
    tap.check(rows.get("readmissing") == (2 * NUM, 0), "readmissing_finds_none", said)
    tap.check(rows.get("readseq") == (2 * NUM, None), "readseq_sees_every_key", said)
    tap.check(rows.get("readreverse") == (2 * NUM, None), "readreverse_sees_every_key", said)
    table = [line for line in said.split("workload", 1)[-1].splitlines() if line.startswith("overwrite ")]
    tap.check(len(table) == 1 and float(table[0].split()[4]) > 0.5, "the_table_tells_write_amplification", said)
    levels = [line.split() for line in said.splitlines() if re.match(r"^ +\d +\d+ +[\d.]+$", line)]
    tap.check(len(levels) == 7 and sum(int(files) > 0 for _, files, _ in levels) == 1, "compact_leaves_one_level", said)
    tap.check(os.listdir(tmp) == [], "the_temporary_folder_is_gone", str(os.listdir(tmp)))


def random_choices(tap, tmp):
    options = (f"--num={NUM}", "--benchmarks=fillrandom,readrandom")
    _, rows, said = bench(*options, tmp=tmp)
    found = rows.get("readrandom", (0, 0))[1] or 0
    # Random writes leave out one key in e; who reads what was written before would find all.
    tap.check(0.6 * NUM < found < 0.67 * NUM, "reads_choose_their_keys_without_knowing_what_was_written", said)
    _, again, _ = bench(*options, tmp=tmp)
    tap.check(again == rows, "the_same_seed_chooses_the_same_keys", said)


def directories(tap, tmp):
    db, foreign = os.path.join(tmp, "db"), os.path.join(tmp, "foreign")
    code, _, said = bench(f"--num={NUM}", f"--db={db}", "--benchmarks=fillseq", tmp=tmp)
    tap.check(code == 0 and os.path.exists(os.path.join(db, "manifest.db")), "a_named_database_stays", said)
    code, rows, said = bench(f"--num={NUM}", f"--db={db}", "--use_existing_db", "--benchmarks=fillseq,readrandom", tmp=tmp)
    tap.check(code == 0 and rows == {"readrandom": (NUM, NUM)}, "an_existing_database_is_kept_and_read", said)
    os.mkdir(foreign)
    with open(os.path.join(foreign, "manifest.db"), "w", encoding="utf-8") as f:
        f.write("precious")
    code, rows, said = bench("--num=10", f"--db={foreign}", "--benchmarks=fillseq", tmp=tmp)
    tap.check(code == 64 and rows == {} and os.listdir(foreign) == ["manifest.db"], "a_foreign_folder_stays_as_it_is", said)


def refusals(tap, tmp):
    for options, word in ((("--benchmarks=fillseq,nonsense",), "nonsense"), (("--nonsense=1",), "--nonsense"),
                          (("--num=many",), "many"), (("--num=0",), "--num"), (("--key-size=4",), "--key-size"),
                          (("--threads",), "--threads"), (("--compression=lzw",), "lzw"), (("fillseq",), "fillseq"),
                          (("--use-existing-db",), "--db"), (("--benchmarks=",), "nothing to run"),
                          (("--benchmarks=fillseq", "--use-existing-db", f"--db={tmp}/none"), "nothing to run")):
        code, rows, said = bench(*options, tmp=tmp)
        tap.check(code == 64 and rows == {} and word in said, f"{options[0]} is_refused_by_name", said)


def serialization(tap, tmp):
    code, _, said = bench("--benchmarks=serialization", tmp=tmp)
    ratios = [float(line.split()[-1]) for line in said.splitlines() if re.match(r"^  (bytes|encode|decode)", line)]
    tap.check(code == 0 and len(ratios) == 4 and ratios[0] > 1.5, "serialization_compares_protobuf_and_json", said)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as tmp:
        workloads(tap, tmp)
        random_choices(tap, tmp)
        directories(tap, tmp)
        refusals(tap, tmp)
        serialization(tap, tmp)
    print(f"1..{tap.number}")
    return 0


sys.exit(main())
