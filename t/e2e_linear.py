# SPDX-License-Identifier: Apache-2.0
"""Reads, conditional writes, deletes and counters of several clients while engine and frontends are killed: what the clients
were told has an order that explains it (linear.py), for every key. LSM_TEST_KILLS makes it longer (make linear)."""
import http.client
import json
import os
import random
import threading
import time

import harness
import linear
from linear import Op

KILLS = int(os.environ.get("LSM_TEST_KILLS", "8"))
SEED = int(os.environ.get("LSM_TEST_SEED", "0")) or random.randrange(1 << 30)
CLIENTS = 6
KEYS = 3                        # at a time; new ones between two kills, so that no history is long
NOTHING_CHANGED = ("engine_unavailable", "busy", "overloaded", "not_ready")


def ok(begin, end, verb, value=None, version=0, **kw):
    told_value = value if verb != "increment" else kw.pop("total")
    return Op(verb, begin, end, value, told=("ok", told_value, version), **kw)


def refused(begin, end, verb, version, **kw):
    return Op(verb, begin, end, "refused", told=("refused", version), **kw)


GOOD = {
    "empty": [],
    "one_after_the_other": [ok(0, 1, "put", "a", 1), ok(2, 3, "read", "a", 1), ok(4, 5, "delete"), ok(6, 7, "read", None, 0)],
    "a_read_beside_a_write_sees_either": [ok(0, 1, "put", "a", 1), ok(2, 9, "put", "b", 2), ok(3, 4, "read", "a", 1), ok(5, 6, "read", "b", 2)],
    "unknown_and_never_seen": [ok(0, 1, "put", "a", 1), Op("put", 2, value="b"), ok(3, 4, "read", "a", 1)],
    "unknown_and_seen_later": [ok(0, 1, "put", "a", 1), Op("put", 2, value="b"), ok(3, 4, "read", "a", 1), ok(50, 51, "read", "b", 7)],
    "unknown_and_seen_by_its_version": [ok(0, 1, "put", "a", 1), Op("put", 2, value="b"), refused(3, 4, "swap", 7, match=1), ok(5, 6, "read", "b", 7)],
    "unknown_swap_that_had_no_effect": [ok(0, 1, "put", "a", 2), Op("swap", 2, value="b", match=1), ok(3, 4, "read", "a", 2)],
    "two_swaps_one_wins": [ok(0, 1, "put", "a", 1), ok(2, 5, "swap", "b", 2, match=1), refused(2, 5, "swap", 2, match=1)],
    "counters_add_up": [ok(0, 9, "increment", 2, 1, total="2"), ok(0, 9, "increment", 3, 2, total="5"), ok(10, 11, "read", "5", 2)],
    "unknown_counter_counts_once": [ok(0, 1, "increment", 1, 1, total="1"), Op("increment", 2, value=5), ok(3, 4, "increment", 1, 9, total="7")],
    "created_deleted_created": [ok(0, 1, "create", "a", 1), ok(2, 3, "drop", match=1), ok(4, 5, "create", "b", 3)],
}

BAD = {
    "stale_read": [ok(0, 1, "put", "a", 1), ok(2, 3, "put", "b", 2), ok(4, 5, "read", "a", 1)],
    "lost_write": [ok(0, 1, "put", "a", 1), ok(2, 3, "read", None, 0)],
    "read_of_what_nobody_wrote": [ok(0, 1, "put", "a", 1), ok(2, 3, "read", "z", 2)],
    "right_value_with_a_wrong_version": [ok(0, 1, "put", "a", 1), ok(2, 3, "read", "a", 2)],
    "two_swaps_both_win": [ok(0, 1, "put", "a", 1), ok(2, 5, "swap", "b", 2, match=1), ok(2, 5, "swap", "c", 3, match=1)],
    "two_creates_both_win": [ok(0, 9, "create", "a", 1), ok(0, 9, "create", "b", 2)],
    "refused_although_it_held": [ok(0, 1, "put", "a", 1), refused(2, 3, "swap", 1, match=1)],
    "refused_for_a_version_that_was_not_there": [ok(0, 1, "put", "a", 3), refused(2, 3, "swap", 2, match=1)],
    "create_refused_when_nothing_was_there": [ok(0, 1, "put", "a", 1), ok(2, 3, "delete"), refused(4, 5, "create", 1)],
    "swap_of_something_deleted": [ok(0, 1, "put", "a", 1), ok(2, 3, "delete"), ok(4, 5, "swap", "b", 3, match=1)],
    "back_to_the_value_before": [ok(0, 1, "put", "a", 1), ok(2, 9, "put", "b", 2), ok(3, 4, "read", "b", 2), ok(5, 6, "read", "a", 1)],
    "unknown_seen_and_unseen": [ok(0, 1, "put", "a", 1), Op("put", 2, value="b"), ok(3, 4, "read", "b", 2), ok(5, 6, "read", "a", 1)],
    "unknown_before_it_began": [ok(0, 1, "put", "a", 1), ok(2, 3, "read", "b", 2), Op("put", 4, value="b")],
    "unknown_with_an_effect_it_cannot_have": [ok(0, 1, "put", "a", 2), Op("swap", 2, value="b", match=1), ok(3, 4, "read", "b", 3)],
    "counter_counted_twice": [ok(0, 1, "increment", 1, 1, total="1"), Op("increment", 2, value=5), ok(3, 4, "increment", 1, 9, total="12")],
    "counter_lost_one": [ok(0, 1, "increment", 1, 1, total="1"), ok(2, 3, "increment", 1, 2, total="1")],
    "deleted_and_there_again": [ok(0, 1, "put", "a", 1), ok(2, 3, "delete"), ok(4, 5, "read", "a", 1)],
    "versions_that_fall": [ok(0, 1, "put", "a", 5), ok(2, 3, "put", "b", 4)],
}


def good_histories_are_believed():
    for name, history in GOOD.items():
        assert linear.is_linear(history), name


def bad_histories_are_not():
    for name, history in BAD.items():
        assert not linear.is_linear(history), name


def a_good_history_with_one_lie_is_not_believed():
    """Random operations on a real register, beside each other; then one answer is changed."""
    rnd = random.Random(SEED)
    for _ in range(50):
        history, state, version = [], None, 0
        for n in range(40):
            begin, end = n - rnd.random() * 3, n + rnd.random() * 3
            version += 1
            if rnd.random() < 0.5:
                state = (f"v{n}", version)
                history.append(ok(begin, end, "put", *state))
            else:
                history.append(ok(begin, end, "read", *(state or (None, 0))))
        assert linear.is_linear(history), history
        lie = rnd.choice([op for op in history if op.verb == "read"] or history)
        lie.told = ("ok", "lie", 1000)
        assert not linear.is_linear(history), history


class Histories:
    """What all clients did, by key, and which keys are used at present."""

    def __init__(self):
        self.lock = threading.Lock()
        self.by_key = {}
        self.phase = 0

    def key(self, rnd):
        counter = rnd.random() < 0.25
        return f"{'count' if counter else 'lin'}:{self.phase}:{rnd.randrange(KEYS)}"

    def add(self, key, op):
        with self.lock:
            self.by_key.setdefault(key, []).append(op)


class Worker:
    def __init__(self, port, number, histories):
        self.client = harness.Client(port)
        self.rnd = random.Random(SEED * 1000 + number)
        self.name, self.histories = number, histories
        self.seen = {}                  # key -> the version last heard of
        self.count = 0

    def plan(self, key):
        """(op, method, path, body, fields)"""
        path, match = "/v1/kv/" + key, self.seen.get(key, 1)
        self.count += 1
        value = f"{self.name}.{self.count}"
        by = self.rnd.randrange(1, 100)
        if self.rnd.random() < 0.4:
            return "read", None, 0, ("GET", path, None, {})
        if key.startswith("count"):
            return "increment", by, 0, ("POST", "/v1/increment/" + key, {"by": by}, {})
        verb = self.rnd.choices(("put", "create", "swap", "delete", "drop"), (2, 2, 4, 1, 1))[0]
        fields = {"create": {"If-None-Match": "*"}, "swap": {"If-Match": f'"{match}"'}, "drop": {"If-Match": f'"{match}"'}}.get(verb, {})
        if verb in ("delete", "drop"):
            return verb, None, match, ("DELETE", path, None, fields)
        return verb, value, match, ("PUT", path, value.encode(), fields)

    def ask(self, method, path, body, fields):
        """status, fields and body; None: unknown; False: it was not sent."""
        if isinstance(body, dict):
            body, fields = json.dumps(body).encode(), {"Content-Type": "application/json", **fields}
        try:
            return self.client.once(method, path, body, fields)
        except ConnectionRefusedError:
            return False
        except (OSError, http.client.HTTPException):
            return None

    def told(self, verb, value, got):
        """What op.told is; False: nothing has happened."""
        status, fields, body = got
        if status in (200, 204):
            version = int(fields["etag"].strip('"')) if "etag" in fields else 0
            if verb == "increment":
                return "ok", str(json.loads(body)["value"]), version
            return "ok", body.decode() if verb == "read" else value, version
        problem = json.loads(body)
        if status == 404 and verb == "read":
            return "ok", linear.ABSENT, 0
        if status == 412:
            return "refused", problem["version"]
        harness.equal(status, 503, f"{verb}: {problem}")
        return False if problem["code"] in NOTHING_CHANGED else None

    def once(self):
        key = self.histories.key(self.rnd)
        verb, value, match, request = self.plan(key)
        begin = time.monotonic()
        got = self.ask(*request)
        end = time.monotonic()
        told = self.told(verb, value, got) if got else got
        if told is False:
            return False
        if told:
            self.seen[key] = told[-1] or self.seen.get(key, 1)
        self.histories.add(key, Op(verb, begin, end, value, match, told))
        return bool(told)

    def run(self, stop):
        while not stop.is_set():
            if not self.once():
                time.sleep(0.01)
            time.sleep(0.002)


def what_clients_are_told_has_an_order_while_workers_are_killed():
    print(f"# LSM_TEST_SEED={SEED} LSM_TEST_KILLS={KILLS}", flush=True)
    server = harness.Server(FRONTEND_WORKERS=2, MEMTABLE_SIZE_LIMIT=64 << 10).start()
    histories, stop, rnd = Histories(), threading.Event(), random.Random(SEED)
    workers = [Worker(server.port, n, histories) for n in range(CLIENTS)]
    threads = [harness.background(w.run, stop) for w in workers]
    try:
        for kill in range(KILLS):
            time.sleep(0.1 + rnd.random() * 0.3)
            name = ("engine", "frontend.0", "engine", "frontend.1")[kill % 4]
            pid = server.kill(name)
            server.wait_running(name, not_pid=pid, seconds=60)
            time.sleep(0.1 + rnd.random() * 0.3)
            histories.phase += 1
    finally:
        stop.set()
    for t in threads:
        t.join(120)
    judge(histories)
    harness.equal(server.stop(), 0)


def judge(histories):
    ops = [op for history in histories.by_key.values() for op in history]
    unknown = sum(op.told is None for op in ops)
    print(f"# {len(ops)} operations on {len(histories.by_key)} keys, {unknown} with an unknown outcome, "
          f"{sum(bool(op.told) and op.told[0] == 'refused' for op in ops)} refused", flush=True)
    assert len(ops) > 100 * KILLS, len(ops)
    for key, history in sorted(histories.by_key.items()):
        if not linear.is_linear(history):
            text = "\n".join(map(repr, sorted(history, key=lambda op: op.begin)))
            raise AssertionError(f"no order explains what was told about {key}:\n{text}")
    for key, history in histories.by_key.items():
        assert catches_a_lie(history), f"a lie about {key} is not noticed"


def catches_a_lie(history):
    """The checker is awake on real histories, too: one read that never was."""
    read = next((op for op in history if op.verb == "read" and op.told), None)
    if read is None:
        return True
    lie = [Op("read", op.begin, op.end, told=("ok", "0.lie", 1)) if op is read else op for op in history]
    return not linear.is_linear(lie)


harness.run(good_histories_are_believed, bad_histories_are_not, a_good_history_with_one_lie_is_not_believed,
            what_clients_are_told_has_an_order_while_workers_are_killed)
