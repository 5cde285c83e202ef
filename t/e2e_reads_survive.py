# SPDX-License-Identifier: Apache-2.0
"""Reads go on, and stay right, while the engine is killed and restarted again and again; and they send no message.

A writer raises the number under each key and remembers what was acknowledged. A reader that gets a smaller number than
was acknowledged before it asked has read a stale value; a larger one than was ever sent, a wrong one.
"""
import threading
import time

import harness

KEYS = 20
ENGINE_KILLS = 20
READERS = 3


class Truth:
    """Per key: the last number acknowledged and the last one sent. Written by one thread."""

    def __init__(self):
        self.acknowledged = [0] * KEYS
        self.sent = [0] * KEYS


def write_on(port, truth, stop):
    client = harness.Client(port, patient=True, patience=60)
    number = 0
    while not stop.is_set():
        number += 1
        k = number % KEYS
        truth.sent[k] = number
        status, answer = client.write(f"key{k}", str(number))
        harness.equal(status, 200, f"write of {number}: {answer}")
        truth.acknowledged[k] = number


def read_on(port, truth, stop, counts, me):
    client = harness.Client(port)           # not patient: every read must succeed at the first try
    k = me
    while not stop.is_set():
        k = (k + 1) % KEYS
        least = truth.acknowledged[k]
        status, answer = client.read(f"key{k}")
        most = truth.sent[k]
        harness.equal(status, 200, f"read of key{k}: {answer}")
        got = int(answer["value"])
        assert least <= got <= most, f"key{k}: read {got}, acknowledged {least}, sent {most}"
        counts[me] += 1


def no_read_fails_and_none_is_stale_while_the_engine_is_killed_20_times():
    server = harness.Server(MEMTABLE_SIZE_LIMIT=64 << 10, FRONTEND_WORKERS=2).start()
    first = server.client()
    for k in range(KEYS):
        harness.equal(first.write(f"key{k}", "0")[0], 200, "first write")
    truth, stop, counts = Truth(), threading.Event(), [0] * READERS
    threads = [harness.background(write_on, server.port, truth, stop)]
    threads += [harness.background(read_on, server.port, truth, stop, counts, n) for n in range(READERS)]
    try:
        for _ in range(ENGINE_KILLS):
            time.sleep(0.25)
            pid = server.kill("engine")
            server.wait_running("engine", not_pid=pid)
            assert all(t.is_alive() for t in threads), "a reader or the writer has failed"
    finally:
        stop.set()
    for t in threads:
        t.join()
    print(f"# {sum(counts)} reads, {sum(truth.acknowledged)} as sum of last writes, {ENGINE_KILLS} kills")
    for k in range(KEYS):
        harness.equal(server.client().read(f"key{k}")[1]["value"], str(truth.acknowledged[k]), f"key{k} at the end")
    server.stop()


def reads_are_served_while_the_engine_is_down():
    server = harness.Server().start()
    client = server.client()
    client.write("a", "1")
    pid = server.kill("engine", 19)          # SIGSTOP: not dead, not answering
    for _ in range(50):
        harness.equal(client.read("a"), (200, client.read("a")[1]), "read")
    harness.equal(client.read("nothing")[0], 404, "missing key")
    server.kill("engine")
    server.wait_running("engine", not_pid=pid)
    harness.equal(client.write("a", "2")[0], 200, "write afterwards")
    server.stop()


def a_read_sends_no_message():
    server = harness.Server().start()
    client = server.client()
    client.write("a", "1")
    before = server.metric("lsm_engine_messages_total")
    assert before >= 1, "the write was not counted"
    for _ in range(200):
        harness.equal(client.read("a")[1]["value"], "1")
        client.read("missing")
    client.write("b", "1")                   # publishes, so the counter is fresh
    after = server.metric("lsm_engine_messages_total")
    harness.equal(after - before, 1.0, "messages for 400 reads and one write")
    server.stop()


harness.run(no_read_fails_and_none_is_stale_while_the_engine_is_killed_20_times,
            reads_are_served_while_the_engine_is_down,
            a_read_sends_no_message)
