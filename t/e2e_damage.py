# SPDX-License-Identifier: Apache-2.0
"""Damage at rest, seen from outside: a key in a damaged block is answered with an error, never with a wrong value, an
older value or not-found; everything else is served as before. A damaged log is refused, untouched.
"""
import glob
import json
import os
import subprocess
import time
import urllib.parse

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


def read_all(client):
    """number of key -> problem, for the keys that cannot be read; the others have their value."""
    problems = {}
    for n in range(KEYS):
        status, answer = client.read(f"key{n:06}")
        assert status in (200, 500), (status, answer)
        if status == 200:
            harness.equal(answer["value"], value(n), f"key{n:06}")
        else:
            harness.equal((answer["code"], answer["success"]), ("corrupt", False), str(answer))
            problems[n] = answer
    return problems


def holds(problem, n):
    return problem["range"]["min"] <= f"key{n:06}" <= problem["range"]["max"]


def newest_table(server, at_least=0):
    tables = [p for p in glob.glob(server.data_dir + "/sst/*.sst") if os.path.getsize(p) >= at_least]
    return max(tables, key=lambda p: int(p.rsplit("_", 1)[1].split(".")[0]))


def a_damaged_block_is_an_error_for_its_keys_and_for_no_others():
    server = loaded(COMPACTION_TRIGGER_RATIO=100)
    server.stop()
    tables = glob.glob(server.data_dir + "/sst/*.sst")
    for path in tables:
        flip(path, 100)
    server.start()
    client = server.client()
    problems = read_all(client)
    assert 0 < len(problems) < KEYS // 2, len(problems)
    for n, problem in problems.items():
        assert holds(problem, n), (n, problem)
        harness.equal((problem["offset"], problem["status"]), (0, 500), str(problem))
        assert f"/sst/sstable_{problem['table']}.sst" in " ".join(tables), problem
    damaged = min(problems)
    harness.equal(client.write(f"key{damaged:06}", "new")[0], 200, "a write over a damaged key")
    harness.equal(client.read(f"key{damaged:06}")[1]["value"], "new", "the new value")
    server.stop()


def behind(key, reverse):
    return (f"&end={urllib.parse.quote(key)}" if reverse else f"&start={urllib.parse.quote(key)}%00")


def pages_over(client, reverse):
    """Number of key -> value of all that pages show, in their order; the ranges that they ended at; how many ended behind items.
    Damage that is met for the first time has no range yet: it goes on record, and the next scan knows it."""
    bound, cursor, seen, ranges, broke_off, unknown = "", "", {}, [], 0, 0
    for _ in range(2000):
        path = "/v1/kv?limit=10000" + (f"&cursor={cursor}" if cursor else f"&reverse={str(reverse).lower()}{bound}")
        status, fields, data = client.request("GET", path)
        page = json.loads(data)
        if status == 200:
            for item in page["items"]:
                n = int(item["key"][3:])
                assert n not in seen, f"key{n:06} comes twice"
                seen[n] = item["value"]
                bound = behind(item["key"], reverse)
            cursor = page["cursor"]
            if not cursor:
                return seen, ranges, broke_off
            continue
        harness.equal((status, page["code"]), (500, "corrupt"), str(page))
        broke_off += cursor != ""
        cursor = ""
        if "range" in page:
            ranges.append(page["range"])
            bound = f"&end={urllib.parse.quote(page['range']['min'])}" if reverse else behind(page["range"]["max"], False)
        else:
            unknown += 1
            assert unknown < 600, "damage that scans met is not on record"
            time.sleep(0.05)
    raise AssertionError("a scan does not come to its end")


def scans_end_in_front_of_damage_and_put_it_on_record():
    server = loaded(COMPACTION_TRIGGER_RATIO=100, COMPACTION_REST_MS=0)
    server.stop()
    for path in glob.glob(server.data_dir + "/sst/*.sst"):
        flip(path, 100)
    server.start()
    client = server.client()
    for reverse in (False, True):
        seen, ranges, broke_off = pages_over(client, reverse)
        harness.equal(list(seen), sorted(seen, reverse=reverse), "the order")
        assert broke_off > 0 and all(text == value(n) for n, text in seen.items()), (broke_off, ranges)
        for n in set(range(KEYS)) - set(seen):
            assert any(r["min"] <= f"key{n:06}" <= r["max"] for r in ranges), (n, ranges)
    delete_in_front_of_damage(client, seen, ranges)
    server.stop()


def delete_in_front_of_damage(client, seen, ranges):
    """A range that ends where the damage begins is deleted as any; one that reaches into it is not."""
    sound = [key for key in sorted(f"key{n:06}" for n in seen) if not any(r["min"] <= key <= r["max"] for r in ranges)]
    start, low = next((key, min(behind)) for key in sound if (behind := [r["min"] for r in ranges if r["min"] > key]))
    path = f"/v1/kv?start={start}&end={urllib.parse.quote(low)}"
    harness.equal(client.json("DELETE", path + "z")[1]["code"], "corrupt", "into the damage")
    status, answer = client.json("DELETE", path)
    harness.equal(status, 200, str(answer))
    assert answer["deleted"] > 0, answer


def damage_goes_on_record_once_and_stays_there_until_it_is_forgotten():
    server = loaded(COMPACTION_TRIGGER_RATIO=100, COMPACTION_REST_MS=0)   # or the table is merged away at rest
    client = server.client()
    harness.equal(server.ctl("flush").returncode, 0, "flush")
    harness.equal(client.json("GET", "/api/health")[1]["status"], "healthy")
    server.stop()
    path = newest_table(server, at_least=4000)
    where = os.path.getsize(path) // 4                      # among the data
    flip(path, where)
    server.start()
    client = server.client()
    problems = read_all(client)
    assert 0 < len(problems) < 200, len(problems)
    harness.wait_until(lambda: server.metric("lsm_damage_records") == 1, 10, "the record")
    for name in ("lsm_corruption_detected_total", "lsm_crc32_verification_failed"):
        harness.wait_until(lambda: server.metric(name) == 1, 10, name)
    on_record = read_all(client)
    harness.equal(sorted(on_record), sorted(problems), "the same keys")
    for n in on_record:
        assert on_record[n]["record"] == 1 and holds(on_record[n], n) and on_record[n]["offset"] > 0, on_record[n]
    assert not holds(on_record[n], min(on_record) - 1) and not holds(on_record[n], max(on_record) + 1)
    health = client.json("GET", "/api/health")[1]
    harness.equal((health["status"], health["validators"]["damage"]["value"]), ("degraded", 1), str(health))
    listed = server.ctl("damage").stdout
    assert f"block at offset {on_record[n]['offset']}" in listed and f'key{min(on_record) - 1:06}' in listed, listed
    deleted, written = min(problems), max(problems)
    harness.equal(client.delete(f"key{deleted:06}")[0], 200)
    harness.equal(client.write(f"key{written:06}", value(written))[0], 200)
    server.stop()
    server.start()
    client = server.client()
    harness.equal(client.read(f"key{deleted:06}")[0], 404, "deleted after the damage")
    harness.equal(client.write(f"key{deleted:06}", value(deleted))[0], 200)
    harness.equal(sorted(read_all(client)), sorted(problems)[1:-1], "after a restart")
    harness.equal(server.metric("lsm_corruption_detected_total"), 0, "nothing new was found")
    flip(path, where)                                        # restored from a backup, the server running
    harness.equal(server.ctl("damage", "forget", "2").returncode, 1, "no such record")
    harness.equal(server.ctl("damage", "forget", "1").returncode, 0, "forget")
    harness.wait_until(lambda: client.read(f"key{deleted + 1:06}")[0] == 200, 10, "the restored block")
    harness.equal(read_all(client), {}, "all is well again")
    harness.equal(server.metric("lsm_damage_records"), 0)
    assert "no damage" in server.ctl("damage").stdout
    server.stop()


def a_table_that_vanishes_is_an_error_for_its_keys_and_the_server_goes_on():
    server = loaded(COMPACTION_TRIGGER_RATIO=100)
    harness.equal(server.ctl("flush").returncode, 0, "flush")
    server.stop()
    server.start()                                          # no table is open
    path = newest_table(server)
    os.unlink(path)
    client = server.client()
    problems = read_all(client)
    assert 0 < len(problems) < KEYS, len(problems)
    for n, problem in problems.items():
        assert holds(problem, n) and "offset" not in problem and problem["record"] == 1, (n, problem)
    server.stop()
    server.start()                                          # it is not missed
    harness.equal(sorted(read_all(server.client())), sorted(problems))
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
        report = json.load(open(server.data_dir + "/run/recovery.json"))
        harness.equal((report["action"], report["lost_to_sequence"]), ("refused", 100), report)
        server.settings["WAL_RECOVERY_MODE"] = "truncate"      # accepted once ...
        server.start()
        harness.equal(server.client().write("after", "1")[0], 200)
        server.stop()
        del server.settings["WAL_RECOVERY_MODE"]               # ... it is over
        server.start()
        harness.equal(server.client().read("after")[1]["value"], "1")
        server.stop()


harness.run(a_damaged_block_is_an_error_for_its_keys_and_for_no_others,
            scans_end_in_front_of_damage_and_put_it_on_record,
            damage_goes_on_record_once_and_stays_there_until_it_is_forgotten,
            a_table_that_vanishes_is_an_error_for_its_keys_and_the_server_goes_on,
            a_missing_table_refuses_the_start_and_names_it,
            a_log_that_lost_its_end_while_the_server_was_stopped_is_refused,
            damage_to_acknowledged_data_in_the_log_is_refused_and_truncate_keeps_what_is_before)
