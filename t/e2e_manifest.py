#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every query of docs/manifest.md, as people run them: with the sqlite3 shell, read-only, against a running server."""
import json
import os
import re
import subprocess

import harness

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "manifest.md")


def queries():
    """number -> SQL"""
    with open(DOC) as f:
        text = f.read()
    found = re.findall(r"^### (\d+)\. [^\n]*\n(?:(?!^###).)*?^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return {int(number): sql for number, sql in found}


def ask(server, sql):
    """Rows as dictionaries."""
    uri = "file:" + os.path.join(server.data_dir, "manifest.db") + "?mode=ro"
    got = subprocess.run(["sqlite3", "-json", uri, sql], capture_output=True, text=True)
    harness.equal((got.returncode, got.stderr), (0, ""), sql)
    return json.loads(got.stdout) if got.stdout.strip() else []


def traffic(server):
    """Overwrites, deletes and expiries through several flushes and compactions; key00042 lives."""
    client = server.client(patient=True)
    for round in range(8):
        for start in range(0, 600, 100):
            batch = [{"type": "write", "key": f"key{n:05}", "value": f"{round} " + "x" * 60} for n in range(start, start + 100)]
            harness.equal(client.batch(batch)[0], 200, "batch")
        harness.equal(client.batch([{"type": "delete", "key": f"key{n:05}"} for n in range(100, 200)])[0], 200, "deletes")
        temporary = [{"type": "write", "key": f"tmp{n:05}", "value": "soon gone", "ttl": 3600} for n in range(50)]
        harness.equal(client.batch(temporary)[0], 200, "with ttl")
        harness.equal(server.ctl("flush").returncode, 0, "flush")
    merged = "SELECT count(*) AS n FROM compactions WHERE entries_in > 0"
    harness.wait_until(lambda: ask(server, merged)[0]["n"] >= 2, 60, "two compactions")


def one_row(rows):
    harness.equal(len(rows), 1, "rows")
    return rows[0]


def check_levels(rows):
    assert rows and all(r["tables"] > 0 and r["mib"] >= 0 and r["entries"] > 0 for r in rows), rows


def check_tables_of_a_key(rows):
    assert rows and all(r["name"].startswith("sstable_") and r["min_seq"] <= r["max_seq"] for r in rows), rows


def check_garbage(rows):
    assert rows and all(0 <= r["percent"] <= 100 for r in rows), rows
    wasted = [r["garbage_bytes"] for r in rows]
    harness.equal(wasted, sorted(wasted, reverse=True), "order")


def check_expiries(rows):
    assert rows and all(0 < r["expiring"] <= r["entries"] and r["first_expiry"] <= r["last_expiry"] for r in rows), rows


def check_compactions(rows):
    assert len(rows) >= 2 and all(r["reason"] and r["bytes_in"] > 0 for r in rows), rows
    assert rows[0]["job"] > rows[-1]["job"], rows


def check_amplification(rows):
    row = one_row(rows)
    assert row["flushed"] > 0 and row["compacted"] > 0 and 1 < row["write_amplification"] < 100, row


def check_lineage(rows):
    assert rows[0]["generation"] == 0 and rows[0]["written_by"].startswith("job"), rows
    assert any(r["written_by"] == "flush" and r["level"] == 0 for r in rows if r["generation"] > 0), rows


def check_dropped(rows):
    row = one_row(rows)
    assert row["overwritten"] > 0 and 0 < row["percent"] <= 100, row


def check_flushes(rows):
    assert sum(r["flushes"] for r in rows) >= 8 and all(r["bytes"] > 0 for r in rows), rows


def check_no_damage(rows):
    harness.equal(rows, [], "damage")


CHECKS = {1: check_levels, 2: check_tables_of_a_key, 3: check_garbage, 4: check_expiries, 5: check_compactions,
          6: check_amplification, 7: check_lineage, 8: check_dropped, 9: check_flushes, 10: check_no_damage}

server = harness.Server(MEMTABLE_SIZE_LIMIT="1M", COMPACTION_TRIGGER_RATIO="2").start()


def every_documented_query_tells_the_truth_about_a_running_server():
    traffic(server)
    found = queries()
    harness.equal(sorted(found), sorted(CHECKS), "queries in docs/manifest.md")
    for number, check in CHECKS.items():
        try:
            check(ask(server, found[number]))
        except Exception as e:
            raise AssertionError(f"query {number}: {e}") from e


def every_view_is_documented_and_can_be_read():
    with open(DOC) as f:
        text = f.read()
    views = [r["name"] for r in ask(server, "SELECT name FROM sqlite_schema WHERE type = 'view'")]
    assert {"live_tables", "levels", "compactions", "lineage", "garbage", "dead_tables", "damaged_keys"} <= set(views), views
    for view in views:
        assert f"| `{view}` |" in text, f"{view} is not documented"
        rows = ask(server, f"SELECT * FROM {view}")
        assert rows or view == "damaged_keys", f"{view} is empty"


def live_tables_are_the_files_on_the_disk():
    def agree():
        return {r["name"] for r in ask(server, "SELECT name FROM live_tables")} == set(os.listdir(os.path.join(server.data_dir, "sst")))
    harness.wait_until(agree, 30, "manifest and sst/ to agree")


def a_reader_cannot_change_it():
    uri = "file:" + os.path.join(server.data_dir, "manifest.db") + "?mode=ro"
    for change, why in (("DELETE FROM jobs", "readonly"), ("DELETE FROM files", "lsm_row_sum")):
        got = subprocess.run(["sqlite3", uri, change], capture_output=True, text=True)
        assert got.returncode != 0 and why in got.stderr, got.stderr
    harness.equal(server.stop(), 0, "exit status")


harness.run(every_documented_query_tells_the_truth_about_a_running_server,
            every_view_is_documented_and_can_be_read,
            live_tables_are_the_files_on_the_disk,
            a_reader_cannot_change_it)
