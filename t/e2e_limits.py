# SPDX-License-Identifier: Apache-2.0
"""What is bounded stays so: open files with many more tables than may be open, and memory under one budget."""
import contextlib
import os
import random
import re

import harness

DESCRIPTORS = 200
KEYS = 45000
BUDGET = 4 << 20

server = harness.Server(MEMTABLE_SIZE_LIMIT=16384, TABLE_SIZE_TARGET=4096, MAX_CONNECTIONS=40, MEMORY_LIMIT=BUDGET, WAL_SYNC="off",
                        BLOCK_COMPRESSION="none")
server.launcher = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"]
server.start()
client = server.client(patient=True)
rnd = random.Random(20260122)


def value_of(n):
    return f"{n:06}" * 20


def tables():
    return sum(level["fileCount"] for level in client.json("GET", "/api/stats")[1]["levels"])


def many_more_tables_are_written_than_may_be_open():
    numbers = list(range(KEYS))
    rnd.shuffle(numbers)
    for at in range(0, KEYS, 500):
        operations = [{"type": "write", "key": f"key:{n}", "value": value_of(n)} for n in numbers[at:at + 500]]
        harness.equal(client.batch(operations)[0], 200)
    harness.wait_until(lambda: tables() > 3 * DESCRIPTORS, 60, "enough tables")


def every_key_is_read_and_no_table_too_many_is_open():
    for _ in range(3000):
        n = rnd.randrange(KEYS)
        status, answer = client.read(f"key:{n}")
        harness.equal((status, answer.get("value")), (200, value_of(n)), f"key:{n}")
    for _ in range(200):
        harness.equal(client.read(f"key:{rnd.randrange(KEYS)}:none")[0], 404)
    opened = server.metric("lsm_open_tables")
    assert 0 < opened <= DESCRIPTORS - 64 - 40, opened
    used = len(os.listdir(f"/proc/{server.pid_of('frontend.0')}/fd"))
    assert used < DESCRIPTORS, used
    with open(server.log_path, errors="replace") as f:
        harness.equal(re.findall("Too many open files", f.read()), [], "what the log says")


def decisions_read_tables_within_the_budget_too():
    """The engine looks every key up, for writes that are to happen only where there is none."""
    for _ in range(3000):
        status, _, _ = client.request("PUT", f"/v1/kv/key:{rnd.randrange(KEYS)}", b"other", {"If-None-Match": "*"})
        harness.equal(status, 412)


def memory_is_told_by_part_and_stays_within_the_budget():
    harness.equal(client.write("one more", "in the memtable")[0], 200)
    parts = [server.metric(f"lsm_memory_{p}_bytes") for p in ("memtables", "indexes", "filters", "block_cache")]
    harness.equal(server.metric("lsm_memory_budget_bytes"), BUDGET, "the budget")
    assert all(part > 0 for part in parts) and sum(parts) <= BUDGET, parts
    memory = client.json("GET", "/api/stats")[1]["memory"]
    harness.equal(sorted(memory), ["blockCache", "budget", "filters", "indexes", "memtables"])
    harness.equal(memory["budget"], BUDGET)


def block_reads():
    return server.metric("lsm_cache_hits_total"), server.metric("lsm_cache_misses_total")


def a_block_is_a_miss_when_it_comes_from_a_file_and_a_hit_when_it_is_read_again():
    harness.wait_until(lambda: not client.json("GET", "/api/stats")[1]["isCompacting"], 60, "the end of compaction")
    begun = block_reads()
    for i in range(KEYS):               # all together are larger than the budget
        n = rnd.randrange(KEYS)
        client.read(f"key:{n}")
        hits, misses = block_reads()
        if i >= 50 and misses > begun[1]:
            break
        client.read(f"key:{n}")
        again = block_reads()
        assert again[0] >= hits + 1 and again[1] == misses, (n, hits, misses, again)
    assert block_reads()[1] > begun[1], "every key was in the cache already"


def the_server_stops_cleanly():
    client.close()
    harness.equal(server.stop(), 0)


def too_few_open_files_to_serve_anybody_are_a_clear_error():
    small = harness.Server()
    small.launcher = ["prlimit", "--nofile=100:100"]
    try:
        small.start()
    except AssertionError as e:
        assert "ended with status 71" in str(e), e
    else:
        raise AssertionError("it started")
    with open(small.log_path, errors="replace") as f:
        assert "Only 100 open files are allowed, at least 128 are needed" in f.read(), small.log_tail()


def connections_are_accepted_whatever_snapshots_hold_open():
    """Each cursor's snapshot has a memtable of its own, which only it holds since a flush."""
    small = harness.Server(SNAPSHOTS_MAX=32, MAX_CONNECTIONS=1000)
    small.launcher = ["prlimit", "--nofile=128:128"]
    small.start()
    cursors = []
    for n in range(32):
        with contextlib.closing(small.client()) as c:
            harness.equal(c.batch([{"type": "write", "key": f"k{i}", "value": f"{n}"} for i in range(3)])[0], 200)
            cursors.append(c.json("GET", "/v1/kv?limit=1")[1]["cursor"])
        harness.equal(small.ctl("flush").returncode, 0)
    for round in ("before", "after"):
        with open(small.log_path, errors="replace") as f:
            allowed = int(re.findall("only (\\d+) connections at once", f.read())[-1])
        clients = [small.client() for _ in range(allowed)]
        for c in clients:
            harness.equal(c.read("k0")[0], 200, f"{round} a restart")
        got = [clients[0].json("GET", f"/v1/kv?cursor={c}")[0] for c in cursors]
        for c in clients:
            c.close()
        kept = got.count(200)
        assert 4 < kept < 16 and got == [410] * (32 - kept) + [200] * kept, got
        harness.equal(small.ctl("restart", "frontend.0").returncode, 0)
    with open(small.log_path, errors="replace") as f:
        harness.equal(re.findall("no descriptor or memory|Too many open files", f.read()), [], "what the log says")
    small.stop()


def a_budget_that_memtables_alone_exceed_is_refused():
    small = harness.Server(MEMORY_LIMIT=1 << 20, MEMTABLE_SIZE_LIMIT=1 << 20)
    try:
        small.start()
    except AssertionError as e:
        assert "ended with status 64" in str(e) and "too little for four memtables" in str(e), e
    else:
        raise AssertionError("it started")


harness.run(many_more_tables_are_written_than_may_be_open, every_key_is_read_and_no_table_too_many_is_open,
            decisions_read_tables_within_the_budget_too,
            memory_is_told_by_part_and_stays_within_the_budget,
            a_block_is_a_miss_when_it_comes_from_a_file_and_a_hit_when_it_is_read_again, the_server_stops_cleanly,
            too_few_open_files_to_serve_anybody_are_a_clear_error,
            connections_are_accepted_whatever_snapshots_hold_open, a_budget_that_memtables_alone_exceed_is_refused)
