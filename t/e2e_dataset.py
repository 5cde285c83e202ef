# SPDX-License-Identifier: Apache-2.0
"""Loads every package record that apt knows through /api/batch, with a memtable so small that flushes and several
levels of compaction happen, while workers are killed all along; then everything acknowledged must read back
identical, before and after a crash of the whole server.

Key = package name and version, value = the record as JSON. Every 7th record is deleted again.

LSM_TEST_RECORDS=N takes N records evenly from all, for a build that is slow (sanitizers, valgrind). Too few, and the load
is over before a worker is killed: the test says so.
"""
import json
import os
import random
import subprocess
import threading
import time

import harness

BATCH = 14
LOADERS = 4
READERS = 4
KILL_EVERY_S = 0.25
KILL_MOST_S = 20
LEAST_RECORDS = 500          # a machine without package lists still has what is installed


def stanzas(text):
    """The records of a Debian control file as dictionaries."""
    for block in text.split("\n\n"):
        record, field = {}, None
        for line in block.splitlines():
            if line[:1] in " \t" and field:
                record[field] += "\n" + line
            elif ":" in line:
                field, _, value = line.partition(":")
                record[field] = value.strip()
        if "Package" in record and "Version" in record:
            yield record


def package_records():
    """key -> value; from the package lists, or from what is installed when there are none."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, errors="replace").stdout
    records = {f"{r['Package']}_{r['Version']}": json.dumps(r, ensure_ascii=False) for r in stanzas(text)}
    if len(records) < LEAST_RECORDS:
        with open("/var/lib/dpkg/status", errors="replace") as f:
            records.update((f"{r['Package']}_{r['Version']}", json.dumps(r, ensure_ascii=False)) for r in stanzas(f.read()))
    return sample(records, int(os.environ.get("LSM_TEST_RECORDS", 0)))


def sample(records, count):
    """count of the records, evenly; all of them when count is 0 or too many."""
    if not 0 < count < len(records):
        return records
    keys = list(records)
    return {keys[i * len(keys) // count]: records[keys[i * len(keys) // count]] for i in range(count)}


def memtable_size(records):
    """So small that even few records are flushed often enough to be compacted."""
    return min(1 << 20, max(64 << 10, sum(len(v) for v in records.values()) // 16))


class State:
    server = None
    records = package_records()
    live = None             # what must be there
    dead = None             # what must be gone
    acknowledged = 0        # batches; a count lost between two loaders does not matter


def load(port, items):
    client = harness.Client(port, patient=True, patience=60)
    for first in range(0, len(items), BATCH):
        part = items[first:first + BATCH]
        status, answer = client.batch([{"type": "write", "key": k, "value": v} for k, v in part])
        harness.equal((status, answer.get("operationsCompleted")), (200, len(part)), "batch answer")
        gone = [k for i, (k, _) in enumerate(part) if (first + i) % 7 == 0]
        status, answer = client.batch([{"type": "delete", "key": k} for k in gone])
        harness.equal((status, status == 200 or answer), (200, True), "delete batch")
        State.acknowledged += 1


def killer(server, stop, kills):
    """Kills as fast as the store gets along with: whenever no batch was acknowledged since the last kill, the next one comes
    after twice the time. No compaction ends in a world whose compactor or engine dies each time before."""
    choice, pause, seen = random.Random(1), KILL_EVERY_S, 0
    while not stop.wait(pause):
        pause = min(KILL_MOST_S, pause * 2) if State.acknowledged == seen else KILL_EVERY_S
        seen = State.acknowledged
        name = choice.choice(["engine", "engine", "compactor.0", "frontend.0"])
        server.kill(name)
        kills.append(name)


def every_record_is_acknowledged_while_workers_are_killed():
    assert len(State.records) >= LEAST_RECORDS, f"only {len(State.records)} package records on this machine"
    small = memtable_size(State.records)
    server = State.server = harness.Server(MEMTABLE_SIZE_LIMIT=small, TABLE_SIZE_TARGET=1 << 20, LEVEL_SIZE_RATIO=2,
                                             COMPACTION_TRIGGER_RATIO=2, COMPACTION_REST_MS=0).start()
    items = list(State.records.items())
    share = (len(items) + LOADERS - 1) // LOADERS
    State.live, State.dead = {}, []
    stop, kills = threading.Event(), []
    began = time.monotonic()
    threads = []
    for n in range(LOADERS):
        mine = items[n * share:(n + 1) * share]
        for i, (k, v) in enumerate(mine):
            if i % 7 == 0:
                State.dead.append(k)
            else:
                State.live[k] = v
        threads.append(harness.background(load, server.port, mine))
    kill_thread = harness.background(killer, server, stop, kills)
    try:
        for t in threads:
            t.join()
    finally:
        stop.set()
    kill_thread.join()
    print(f"# {len(items)} records, {sum(len(v) for v in State.records.values()) >> 20} MiB, {len(kills)} kills "
          f"({', '.join(f'{kills.count(w)} {w}' for w in sorted(set(kills)))}), {time.monotonic() - began:.0f} s")
    assert kills, "nothing was killed: the load was too short to prove anything"


def check(port, live, dead):
    client = harness.Client(port, patient=True, patience=60)
    for key, value in live:
        status, answer = client.read(key)
        harness.equal(status, 200, f"status of {key}")
        harness.equal((answer["key"], answer["value"]), (key, value), f"record {key}")
    for key in dead:
        harness.equal(client.read(key)[0], 404, f"deleted {key}")


def check_everything():
    live, dead = list(State.live.items()), State.dead
    threads = [harness.background(check, State.server.port, live[n::READERS], dead[n::READERS]) for n in range(READERS)]
    for t in threads:
        t.join()


def every_acknowledged_record_reads_back_identical_and_every_deleted_one_is_gone():
    check_everything()


def tables_reached_several_levels():
    def deep():
        levels = State.server.client().json("GET", "/api/stats")[1]["levels"]
        return len([x for x in levels if x["fileCount"] > 0 and x["level"] > 0]) >= (2 if len(State.records) > 40000 else 1)
    harness.wait_until(deep, 60, "tables on several levels")


def the_same_after_everything_was_killed_and_started_anew():
    State.server.crash()
    State.server.start()
    check_everything()


def the_server_stops_cleanly():
    harness.equal(State.server.stop(), 0, "exit status")


harness.run(every_record_is_acknowledged_while_workers_are_killed,
            every_acknowledged_record_reads_back_identical_and_every_deleted_one_is_gone,
            tables_reached_several_levels,
            the_same_after_everything_was_killed_and_started_anew,
            the_server_stops_cleanly)
