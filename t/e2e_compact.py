#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lsmctl compact: everything on the last level, the room of what was deleted given back, other commands meanwhile."""
import os
import re

import harness

KEYS = 6000


def disk_bytes(server):
    place = os.path.join(server.data_dir, "sst")
    sizes = []
    for name in os.listdir(place):
        try:
            sizes.append(os.path.getsize(os.path.join(place, name)))
        except FileNotFoundError:
            pass                                # a compaction was quicker
    return sum(sizes)


def levels(client):
    return [level["level"] for level in client.json("GET", "/api/stats")[1]["levels"] if level["fileCount"]]


def fill(client, first, last, operation):
    for n in range(first, last, 100):
        operations = [dict(operation, key=f"key{k:06}", **({"value": os.urandom(100).hex()} if operation["type"] == "write" else {}))
                      for k in range(n, n + 100)]
        harness.equal(client.batch(operations)[0], 200, operations[0]["key"])


def compact_leaves_one_level_and_gives_back_what_was_deleted():
    server = harness.Server(MEMTABLE_SIZE_LIMIT="131072", COMPACTION_REST_MS="0", COMPACTION_TRIGGER_RATIO="30").start()
    client = server.client(patient=True)
    fill(client, 0, KEYS, {"type": "write"})
    harness.equal(server.ctl("flush").returncode, 0, "flush")
    before = disk_bytes(server)
    fill(client, 0, KEYS - 300, {"type": "delete"})
    kept = client.read(f"key{KEYS - 1:06}")[1]["value"]
    harness.equal(levels(client), [0], "levels before: nothing is compacted by itself")
    got = server.ctl("compact")
    harness.equal(got.returncode, 0, got.stderr)
    assert re.search(r"up to sequence \d+: (1 job|[1-9]\d* jobs), \d+\.\d MiB merged to \d+\.\d MiB", got.stdout), got.stdout
    harness.equal(levels(client), [6], "levels")
    harness.wait_until(lambda: disk_bytes(server) < before / 8, 30, f"the disk to shrink from {before} bytes")
    harness.equal(client.read("key000000")[0], 404, "a deleted key")
    harness.equal(client.read(f"key{KEYS - 1:06}")[1]["value"], kept, "a kept key")
    again = server.ctl("compact")
    harness.equal(again.returncode, 0, again.stderr)
    assert ": 0 jobs," in again.stdout, again.stdout
    harness.equal(client.write("one", "more")[0], 200)
    once = server.ctl("compact")
    assert once.returncode == 0 and ": 1 job, " in once.stdout, once.stdout + once.stderr
    harness.equal(server.stop(), 0, "exit status")
    server.start()
    harness.equal((levels(server.client()), server.client().read("key000000")[0]), ([6], 404), "after a restart")
    server.stop()


def without_wait_it_goes_on_and_others_get_their_turn():
    server = harness.Server(MEMTABLE_SIZE_LIMIT="131072", COMPACTION_REST_MS="0").start()
    client = server.client(patient=True)
    got = server.ctl("compact", "status")
    harness.equal(got.returncode, 1, "never asked")
    assert "no compaction was asked for" in got.stderr, got.stderr
    fill(client, 0, KEYS, {"type": "write"})
    harness.equal(server.ctl("set", "compaction-rate-limit", "1K").returncode, 0, "a limit that lets nothing come to an end")
    fill(client, 0, KEYS // 2, {"type": "write"})
    got = server.ctl("compact", "--no-wait")
    harness.equal(got.returncode, 0, got.stderr)
    got = server.ctl("compact", "status")
    harness.equal(got.returncode, 1, got.stdout)
    assert "are left" in got.stderr, got.stderr
    client.write("another", "1")
    harness.equal(server.ctl("flush").returncode, 0, "another command")

    def shown():
        text = server.ctl("compactions").stdout
        stats = client.json("GET", "/api/stats")[1]["compactions"]
        return stats if len(text.splitlines()) == 2 and stats else None
    job = harness.wait_until(shown, 30, "the running job")[0]
    harness.equal(sorted(job), ["bytes", "inputLevel", "job", "outputLevel", "parts", "progress", "reason"], "a running job")
    assert 0 <= job["progress"] < 1 and job["bytes"] > 0 and job["reason"], job
    harness.equal(server.ctl("set", "compaction-rate-limit", "0").returncode, 0, "no limit")
    harness.wait_until(lambda: server.ctl("compact", "status").returncode == 0, 60, "the end")
    harness.equal(server.ctl("compact", "soon").returncode, 64, "a word that is not known")
    server.stop()
    harness.equal(server.ctl("compact").returncode, 69, "nobody there")


harness.run(compact_leaves_one_level_and_gives_back_what_was_deleted,
            without_wait_it_goes_on_and_others_get_their_turn)
