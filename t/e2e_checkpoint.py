#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of a server that is being written to, opened by a second server beside the first; what it refuses."""
import os
import re
import shutil
import tempfile
import threading

import harness


def write_until(server, stop, acknowledged):
    """Batches of ten keys with one value each time; notes which was answered last."""
    client = server.client(patient=True)
    n = 0
    while not stop.is_set():
        n += 1
        status, answer = client.batch([{"type": "write", "key": f"key{k}", "value": str(n)} for k in range(10)])
        harness.equal(status, 200, answer)
        acknowledged[0] = n


def a_checkpoint_under_writes_is_whole_and_has_all_that_was_acknowledged():
    server = harness.Server(MEMTABLE_SIZE_LIMIT="65536").start()
    client = server.client()
    for n in range(3000):
        client.write(f"old{n:05}", "x" * 100)
    stop, acknowledged = threading.Event(), [0]
    writer = harness.background(write_until, server, stop, acknowledged)
    places = tempfile.mkdtemp(prefix="lsm-test-")
    try:
        for round in range(3):
            harness.wait_until(lambda: acknowledged[0] > 20 * (round + 1), 60, "writes")
            before = acknowledged[0]
            got = server.ctl("checkpoint", os.path.join(places, f"copy{round}"))
            harness.equal(got.returncode, 0, got.stderr)
            assert re.search(r"everything up to sequence \d+; \d+ tables", got.stdout), got.stdout
            copy = harness.Server(data_dir=os.path.join(places, f"copy{round}")).start()
            values = {copy.client().read(f"key{k}")[1]["value"] for k in range(10)}
            harness.equal(len(values), 1, f"values of one batch: {values}")
            assert int(values.pop()) >= before, "an acknowledged write is missing"
            for n in (0, 1500, 2999):
                harness.equal(copy.client().read(f"old{n:05}")[1]["value"], "x" * 100)
            harness.equal(copy.client().write("copy", "alone")[0], 200)
            harness.equal(client.read("copy")[0], 404, "the first server knows nothing of it")
            harness.equal(copy.stop(), 0, "exit status of the copy")
    finally:
        stop.set()
    writer.join(30)
    harness.equal(client.read("key0")[1]["value"], str(acknowledged[0]))
    harness.equal(server.stop(), 0, "exit status")
    server.start()
    harness.equal(server.client().read("old02999")[1]["value"], "x" * 100)
    server.stop()
    shutil.rmtree(places)


def what_is_no_place_for_a_checkpoint_is_refused_with_a_sentence():
    server = harness.Server().start()
    server.client().write("a", "something to be linked")
    inside = os.path.join(server.data_dir, "tmp", "copy")
    for place, sentence in ((server.data_dir, "checkpoints may only lie in"), (inside, "checkpoints may only lie in"),
                            ("/dev/shm/lsm-test-copy", "another file system"), ("/nowhere/copy", "No such file")):
        if os.path.dirname(place) == "/dev/shm" and os.stat("/dev/shm").st_dev == os.stat(server.data_dir).st_dev:
            continue
        got = server.ctl("checkpoint", place)
        harness.equal(got.returncode, 64, place)
        assert sentence in got.stderr, got.stderr
    assert '"level":50' not in server.log_tail(1000), "a mistyped name is no alarm: " + server.log_tail(40)
    for left in ("/dev/shm/lsm-test-copy", "/dev/shm/lsm-test-copy.partial", inside):
        assert not os.path.exists(left), left
    place = os.path.join(server.data_dir, "checkpoints", "copy")
    harness.equal(server.ctl("checkpoint", place).returncode, 0, "inside checkpoints/")
    got = server.ctl("checkpoint", place)
    harness.equal(got.returncode, 64, "a second one of that name")
    assert "is there already" in got.stderr, got.stderr
    os.makedirs(os.path.join(server.data_dir, "checkpoints", "mine.partial", "photos"))
    for name, sentence in (("mine", "mine.partial is in the way"), ("n" * 250, "is too long")):
        got = server.ctl("checkpoint", os.path.join(server.data_dir, "checkpoints", name))
        harness.equal(got.returncode, 64, name)
        assert sentence in got.stderr, got.stderr
    got = server.ctl("checkpoint", "")
    harness.equal(got.returncode, 64, "no name")
    assert "empty" in got.stderr, got.stderr
    harness.equal(server.stop(), 0, "exit status")


def lsmctl_flush_empties_the_memory():
    server = harness.Server().start()
    server.client().write("a", "1" * 100000)
    got = server.ctl("flush")
    harness.equal(got.returncode, 0, got.stderr)
    assert os.listdir(os.path.join(server.data_dir, "sst")), "no table"
    harness.wait_until(lambda: server.client().json("GET", "/api/stats")[1]["memTableSize"] < 50000, 30,
                       "that people are told, though nobody writes,")
    harness.equal(server.ctl("flush", "twice").returncode, 64, "a word too many")
    server.stop()
    harness.equal(server.ctl("flush").returncode, 69, "nobody there")


def lsmctl_shows_what_is_compacted():
    server = harness.Server().start()
    got = server.ctl("compactions")
    harness.equal((got.returncode, got.stdout.split()), (0, ["JOB", "LEVELS", "PARTS", "MIB", "DONE", "REASON"]), got.stderr)
    harness.equal(server.client().json("GET", "/api/stats")[1]["compactions"], [], "compactions in stats")
    server.stop()


harness.run(a_checkpoint_under_writes_is_whole_and_has_all_that_was_acknowledged,
            what_is_no_place_for_a_checkpoint_is_refused_with_a_sentence,
            lsmctl_flush_empties_the_memory, lsmctl_shows_what_is_compacted)
