# SPDX-License-Identifier: Apache-2.0
"""Is there an order in which the operations on one key, each at some moment between its begin and its end, give what their
clients were told? (Wing and Gong's search, with a memory of what was tried.)

A key is a register with versions: absent, or (value, version). An operation whose outcome is unknown has no end: it takes
effect at any time after its begin, or never. When it did nobody was told its version, so the state's version is None
until somebody sees it. Versions rise with every write.
"""
import math

ABSENT = None
STEPS_MAX = 2000000


class Op:
    """verb: read, put, create (If-None-Match: *), swap (If-Match), delete, drop (delete with If-Match), increment.
    told: None (unknown), ("ok", value, version) or ("refused", version of what is there, 0: nothing). A read of nothing is
    ("ok", ABSENT, 0)."""

    def __init__(self, verb, begin, end=math.inf, value=None, match=0, told=None):
        self.verb, self.begin, self.value, self.match, self.told = verb, begin, value, match, told
        self.end = end if told else math.inf

    def __repr__(self):
        return f"{self.verb}({self.value!r}, match={self.match}) [{self.begin:.6f}, {self.end:.6f}] -> {self.told}"


def is_version(state, version):
    """Whether the state may have this version; 0: nothing is there."""
    if state is ABSENT or version == 0:
        return state is ABSENT and version == 0
    return state[1] is None or state[1] == version


def condition_may_hold(op, state):
    if op.verb == "create":
        return state is ABSENT
    if op.verb in ("swap", "drop"):
        return state is not ABSENT and is_version(state, op.match)
    return True


def result(op, state, version):
    """The state after op took effect."""
    if op.verb in ("delete", "drop"):
        return ABSENT
    if op.verb == "increment":
        return str(int(state[0] if state else 0) + op.value), version
    return op.value, version


def after_read(op, state):
    _, value, version = op.told
    if not is_version(state, version) or (state is not ABSENT and state[0] != value):
        return []
    return [(value, version) if state is not ABSENT else ABSENT]


def after_refusal(op, state):
    version = op.told[1]
    if not is_version(state, version):
        return []
    held = version == 0 if op.verb == "create" else version == op.match
    if held or op.verb not in ("create", "swap", "drop"):
        return []
    return [ABSENT if state is ABSENT else (state[0], version)]


def after(op, state):
    """The states that op can leave behind, given what was told; [] when it cannot have happened in this state."""
    if op.verb == "read":
        return after_read(op, state)
    if op.told and op.told[0] == "refused":
        return after_refusal(op, state)
    if not condition_may_hold(op, state):
        return []
    new = result(op, state, op.told[2] if op.told else None)
    if op.told and new is not ABSENT:
        if op.verb == "increment" and op.told[1] != new[0]:
            return []
        if state is not ABSENT and state[1] is not None and new[1] <= state[1]:
            return []
    return [new]


def candidates(ops, done, first):
    """Operations that may be the next: begun before any other that is left has ended. Those with an early end come first."""
    found, limit = [], math.inf
    for i in range(first, len(ops)):
        if ops[i].begin > limit:
            break
        if not done >> i & 1:
            found.append(i)
            limit = min(limit, ops[i].end)
    return sorted(found, key=lambda i: -ops[i].end)


def is_linear(ops, state=ABSENT):
    """ops of one key, in any order."""
    ops = sorted((op for op in ops if op.told or op.verb != "read"), key=lambda op: op.begin)
    wanted = sum(1 << i for i, op in enumerate(ops) if op.told)
    seen, stack = set(), [(0, 0, state)]
    while stack:
        done, first, state = stack.pop()
        if done & wanted == wanted:
            return True
        while done >> first & 1:
            first += 1
        for i in candidates(ops, done, first):
            for new in after(ops[i], state):
                place = done | 1 << i, new
                if place not in seen:
                    seen.add(place)
                    stack.append((place[0], first, new))
        if len(seen) > STEPS_MAX:
            raise AssertionError(f"too many orders to look at: {len(ops)} operations")
    return False
