# SPDX-License-Identifier: Apache-2.0
"""Damage at rest, seen from outside: a key in a damaged block is answered with an error, never with a wrong value, an
older value or not-found; everything else is served as before. A damaged log is refused, untouched.
"""
import glob
import os
import subprocess

import harness

KEYS = 3000


def value(n):
    return f"value {n} " + "x" * 100


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ 0x40]))


def loaded(**settings):
    """A stopped server's directory with tables: every key written twice, the older value being "old"."""
    server = harness.Server(MEMTABLE_SIZE_LIMIT=64 << 10, **settings).start()
    client = server.client()
    for text in (lambda n: "old", value):
        for first in range(0, KEYS, 100):
            operations = [{"type": "write", "key": f"key{n:06}", "value": text(n)} for n in range(first, first + 100)]
            harness.equal(client.batch(operations)[0], 200, "load")
    harness.wait_until(lambda: glob.glob(server.data_dir + "/sst/*.sst"), 30, "a table")
    return server


def a_damaged_block_is_an_error_for_its_keys_and_for_no_others():
    server = loaded(COMPACTION_TRIGGER_RATIO=100)
    server.stop()
    for path in glob.glob(server.data_dir + "/sst/*.sst"):
        flip(path, 100)
    server.start()
    client = server.client()
    answers = {200: 0, 500: 0}
    damaged = None
    for n in range(KEYS):
        status, answer = client.read(f"key{n:06}")
        assert status in answers, (status, answer)
        answers[status] += 1
        if status == 200:
            harness.equal(answer["value"], value(n), f"key{n:06}")
        else:
            harness.equal((answer["code"], answer["success"]), ("corrupt", False), str(answer))
            damaged = f"key{n:06}"
    assert answers[200] > KEYS // 2 and answers[500] > 0, answers
    assert server.metric("lsm_crc32_verification_failed") > 0 and server.metric("lsm_corruption_detected_total") > 0
    harness.equal(client.write(damaged, "new")[0], 200, "a write over a damaged key")
    harness.equal(client.read(damaged)[1]["value"], "new", "the new value")
    server.stop()


def a_missing_table_refuses_the_start_and_names_it():
    server = loaded()
    server.stop()
    path = sorted(glob.glob(server.data_dir + "/sst/*.sst"))[0]
    os.rename(path, path + ".away")
    got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=60)
    harness.equal(got.returncode, 65, got.stderr)
    assert os.path.basename(path) in got.stderr, got.stderr
    os.rename(path + ".away", path)
    server.start()
    harness.equal(server.client().read("key000000")[1]["value"], value(0))
    server.stop()


def damage_to_acknowledged_data_in_the_log_is_refused_and_truncate_keeps_what_is_before():
    server = harness.Server().start()
    client = server.client()
    for n in range(100):
        harness.equal(client.write(f"key{n}", value(n))[0], 200)
    server.crash()
    segment = max(glob.glob(server.data_dir + "/wal/*.log"), key=lambda p: os.path.getsize(p) and open(p, "rb").read(8) == b"LSMWAL\r\n")
    before = open(segment, "rb").read()
    flip(segment, 4000)
    damaged = open(segment, "rb").read()
    got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=60)
    harness.equal(got.returncode, 65, got.stderr)
    assert os.path.basename(segment) in got.stderr and "WAL_RECOVERY_MODE" in got.stderr, got.stderr
    harness.equal(open(segment, "rb").read() == damaged, True, "the log is untouched")
    server.settings["WAL_RECOVERY_MODE"] = "truncate"
    server.start()
    kept = [server.client().read(f"key{n}")[0] for n in range(100)]
    assert kept == sorted(kept) and 200 in kept and 404 in kept, kept       # a prefix
    assert glob.glob(server.data_dir + "/quarantine/*.json"), "no report"
    server.stop()
    assert len(before) > 4000


def newest_segment(server):
    """The one with the last records; a prepared one that was never begun is all zeros."""
    begun = [p for p in glob.glob(server.data_dir + "/wal/*.log") if open(p, "rb").read(8) == b"LSMWAL\r\n"]
    return max(begun, key=lambda p: int(p.rsplit("_", 1)[1].split(".")[0]))


def a_log_that_lost_its_end_while_the_server_was_stopped_is_refused():
    def cut(path, size):
        os.truncate(path, size)

    def zero(path, size):
        with open(path, "r+b") as f:
            f.write(b"\0" * os.path.getsize(path))
    for damage, size in ((cut, 0), (cut, 300), (zero, 0), (lambda path, size: os.unlink(path), 0)):
        server = harness.Server().start()
        for n in range(100):
            harness.equal(server.client().write(f"key{n}", value(n))[0], 200)
        harness.equal(server.stop(), 0)
        damage(newest_segment(server), size)
        got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=60)
        harness.equal(got.returncode, 65, got.stderr)
        assert "sequences up to 100" in got.stderr, got.stderr
        server.settings["WAL_RECOVERY_MODE"] = "truncate"      # accepted once ...
        server.start()
        harness.equal(server.client().write("after", "1")[0], 200)
        server.stop()
        del server.settings["WAL_RECOVERY_MODE"]               # ... it is over
        server.start()
        harness.equal(server.client().read("after")[1]["value"], "1")
        server.stop()


harness.run(a_damaged_block_is_an_error_for_its_keys_and_for_no_others,
            a_missing_table_refuses_the_start_and_names_it,
            a_log_that_lost_its_end_while_the_server_was_stopped_is_refused,
            damage_to_acknowledged_data_in_the_log_is_refused_and_truncate_keeps_what_is_before)
