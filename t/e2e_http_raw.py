# SPDX-License-Identifier: Apache-2.0
"""Every case of http_raw_cases.py against a running server: alone, behind a good request in one piece, and byte by byte. A
canary follows each on the same connection, where it must be answered or never heard, and on a new one."""
import json
import socket

import harness
import http_raw_cases as table

SECONDS = 20                    # less than an idle connection lives
FAILURES_MAX = 12               # of a section; each may have waited SECONDS
CANARY = b"GET /api/read/canary HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_CANARY = CANARY[:-2] + b"Connection: close\r\n\r\n"
server = harness.Server(MAX_BODY_BYTES=table.MAX_BODY).start()
server.client().write("canary", "alive")


def connect():
    s = socket.create_connection(("127.0.0.1", server.port), SECONDS)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    """All that comes until the server ends its side."""
    parts = []
    while True:
        part = s.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def send(s, pieces):
    """A server that has refused a request need not read the rest."""
    try:
        for piece in pieces:
            s.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass


def split_answers(data, heads):
    """Bytes into (status, fields, body), strictly; heads: which of them (interim ones not counted) are without a body."""
    answers = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        assert end, f"an answer without end: {data!r}"
        first, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = first.split(" ", 2)
        harness.equal(version, "HTTP/1.1")
        fields = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name.lower() not in fields, f"field {line!r}"
            fields[name.lower()] = value
        if status == "100":
            assert not fields
            data = rest
            continue
        bare = status == "204" or len(answers) in heads
        length = 0 if bare else int(fields["content-length"])
        assert "date" in fields and "transfer-encoding" not in fields and len(rest) >= length, (fields, rest)
        answers.append((status, fields, rest[:length]))
        data = rest[length:]
    return answers


def check_answer(want, got):
    """want: "400 framing_invalid", "400|501", "200 head"."""
    statuses, *words = want.split(" ")
    status, fields, body = got
    assert status in statuses.split("|"), f"got {status} {body!r}, want {want}"
    if int(status) >= 400:
        harness.equal(fields["content-type"], "application/problem+json")
        if "head" not in words:
            problem = json.loads(body)
            harness.equal(str(problem["status"]), status)
            assert not words or words == [problem["code"]], f"got {problem['code']}, want {want}"


def check_answers(wanted, data, canaries, ends):
    """The answers wanted, with canaries of them (before, behind) around."""
    wanted = ["200"] * canaries[0] + wanted + ["200"] * canaries[1]
    answers = split_answers(data, {i for i, want in enumerate(wanted) if want.endswith(" head")})
    for want, got in zip(wanted, answers):
        check_answer(want, got)
    assert len(answers) == len(wanted), f"{len(answers)} answers, want {len(wanted)}: {data!r}"
    for got in answers[:canaries[0]] + answers[len(answers) - canaries[1]:]:
        harness.equal(json.loads(got[2])["value"], "alive")
    if ends and wanted:
        harness.equal(answers[-1][1].get("connection"), "close", "Connection")


def new_connection_serves():
    with connect() as s:
        s.sendall(LAST_CANARY)
        check_answers([], read_all(s), (0, 1), True)


def play(case, pieces, before):
    """Sends the pieces of a case (its canary is the last of them or follows) and looks at what comes."""
    name, wanted, after, _ = case
    lives = after == table.LIVES
    with connect() as s:
        send(s, pieces)
        if after == table.HALF:
            try:
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        data = read_all(s)
    check_answers(wanted, data, (before, 1 if lives else 0), after != table.HALF)
    new_connection_serves()


def tail(case):
    """What follows the case: a canary that must be answered, or one more that must not."""
    return {table.LIVES: LAST_CANARY, table.ENDS: CANARY, table.HALF: b""}[case[2]]


def play_section(number):
    names = list(table.SECTIONS)
    begin = table.SECTIONS[names[number]]
    end = table.SECTIONS[names[number + 1]] if number + 1 < len(names) else len(table.CASES)
    failures = []
    for case in table.CASES[begin:end]:
        if len(failures) >= FAILURES_MAX:
            break
        data = case[3] + tail(case)
        ways = [("alone", [data], 0), ("behind a request", [CANARY + data], 1)]
        if len(data) < 400:
            ways.append(("byte by byte", [data[i:i + 1] for i in range(len(data))], 0))
        else:
            ways.append(("in two pieces", [data[:len(data) // 2], data[len(data) // 2:]], 0))
        for way, pieces, before in ways:
            try:
                play(case, pieces, before)
            except (AssertionError, OSError, KeyError, ValueError) as e:
                failures.append(f"{case[0]} {way}: {type(e).__name__} {str(e)[:300]}")
    assert not failures, "\n".join(failures)


def make(number, name):
    def test():
        play_section(number)
    test.__name__ = name.replace(" ", "_").replace(",", "")
    return test


def the_table_is_large_and_has_no_name_twice():
    names = [(s, c[0]) for s, c in zip(section_of_cases(), table.CASES)]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    assert len(names) >= 200, len(names)


def section_of_cases():
    begins = sorted((begin, name) for name, begin in table.SECTIONS.items())
    return [[name for begin, name in begins if begin <= i][-1] for i in range(len(table.CASES))]


def nothing_was_smuggled():
    client = server.client()
    harness.equal(client.read("canary")[1]["value"], "alive")
    harness.equal(client.read("smuggled")[0], 404)
    harness.equal(server.workers()["frontend.0"]["restarts"], 0)


harness.run(the_table_is_large_and_has_no_name_twice, *(make(n, name) for n, name in enumerate(table.SECTIONS)), nothing_was_smuggled)
