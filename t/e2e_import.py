#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports and imports: the round trip in both forms, coded and plain; broken off, bad, resumed, repeated."""
import gzip
import json
import os
import random
import signal
import socket
import threading
import time

import harness
from harness import Server, wait_until

LINES, PROTOBUF = "application/x-ndjson", "application/x-protobuf"


def export(server, form=LINES, headers=None):
    status, fields, body = server.client().request("GET", "/v1/export", None, {"Accept": form, **(headers or {})})
    assert status == 200, body
    return gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body


def load(server, body, form=LINES, query="", headers=None):
    status, fields, answer = server.client().request("POST", "/v1/import" + query, body, {"Content-Type": form, **(headers or {})})
    lines = [json.loads(line) for line in answer.splitlines()]
    return status, lines


def contents(body):
    """What an import must keep: all but version and timestamp."""
    return [{k: v for k, v in json.loads(line).items() if k not in ("version", "timestamp")} for line in body.splitlines()]


def some_entries(count, seed=7):
    rng, soon = random.Random(seed), time.time() + 10000
    for i in range(count):
        key = f"k{i:06d}" + rng.choice(["", "\u0000", "\u00e4", "/", "\""])
        line = {"key": key, "value": "x" * rng.randrange(200)}
        if i % 3 == 0:
            line = {"key": key, "value_base64": "/wD+"}
        if i % 5 == 0:
            line["expires_at"] = round(soon + rng.random() * 1000, 3)
        yield line


def as_lines(entries):
    return b"".join(json.dumps(e).encode() + b"\n" for e in entries)


def what_is_exported_is_imported_again():
    one, other = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start(), Server(FRONTEND_WORKERS=2).start()
    body = as_lines(some_entries(20000))
    status, lines = load(one, body)
    assert status == 200 and lines[-1] == {"done": True, "imported": 20000, "bytes": len(body), "line": 20000}, (status, lines[-1])
    want = contents(export(one))
    assert len(want) == 20000 and any("key_base64" in w for w in want) is False and any("value_base64" in w for w in want)
    for form in (LINES, PROTOBUF):
        for coded in (False, True):
            assert other.client().json("DELETE", "/v1/kv?all=true")[0] == 200
            sent = export(one, form, {"Accept-Encoding": "gzip" if coded else "identity"})
            plain = len(sent)
            status, lines = load(other, gzip.compress(sent, 1) if coded else sent, form, "", {"Content-Encoding": "gzip"} if coded else {})
            assert status == 200 and lines[-1]["done"] and (lines[-1]["imported"], lines[-1]["bytes"]) == (20000, plain), lines[-1]
            assert contents(export(other)) == want, (form, coded)
    one.stop()
    other.stop()


def a_bad_record_is_named_and_nothing_behind_it_is_applied():
    server = Server().start()
    entries = [json.dumps({"key": f"k{i:04d}", "value": "v"}).encode() + b"\n" for i in range(1000)]
    entries[700] = b'{"key":"k0700","value":17}\n'
    place = sum(len(e) for e in entries[:700])
    status, lines = load(server, b"".join(entries))
    problem = lines[-1]
    assert (status, problem["code"], problem["imported"], problem["line"], problem["bytes"]) == (400, "field_type", 700, 700, place), problem
    assert f"Record 701, at byte {place}:" in problem["detail"], problem
    assert [c["key"] for c in contents(export(server))] == [f"k{i:04d}" for i in range(700)]
    # the rest, once it is mended
    entries[700] = b'{"key":"k0700","value":"v"}\n'
    status, lines = load(server, b"".join(entries), query=f"?skip={problem['line']}")
    assert status == 200 and (lines[-1]["imported"], lines[-1]["line"]) == (300, 1000), lines
    assert len(contents(export(server))) == 1000
    server.stop()


def an_export_that_broke_off_is_refused_at_its_last_line():
    server = Server().start()
    status, lines = load(server, b'{"key":"a","value":"1"}\n{"error":{"code":"snapshot_gone"}}\n')
    assert (status, lines[-1]["code"], lines[-1]["imported"]) == (400, "field_unknown", 1), lines
    status, lines = load(server, b"\x05\x0a\x01k\x12\x01v\x09cut", PROTOBUF)
    assert (status, lines[-1]["code"]) == (400, "invalid"), lines
    server.stop()


def what_is_no_import_is_refused():
    server = Server().start()
    assert load(server, b"x", "text/plain")[0] == 415
    assert load(server, b"x", LINES, "?skip=-1")[0] == 400
    assert load(server, b"x", LINES, "?skp=1")[0] == 400
    status, lines = load(server, b'{"key":"a","value":"1"}\n', LINES, "?skip=2")
    assert (status, lines[-1]["code"], lines[-1]["line"]) == (400, "parameter_invalid", 1), lines
    status, lines = load(server, b"", LINES)
    assert status == 200 and lines == [{"done": True, "imported": 0, "bytes": 0, "line": 0}], lines
    status, lines = load(server, b"\n\n {\"key\":\"a\",\"value\":\"\"}", LINES)
    assert status == 200 and lines[-1]["imported"] == 1, lines
    assert load(server, b"no gzip at all", LINES, "", {"Content-Encoding": "gzip"})[0] == 400
    server.stop()


def send_slowly(server, pieces, answers):
    """Sends a body in pieces, as long as the server takes them; collects the lines that come back meanwhile."""
    sock = socket.create_connection(("127.0.0.1", server.port), 30)
    sock.sendall(b"POST /v1/import HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")

    def hear():
        answers.append(b"")
        try:
            while part := sock.recv(65536):
                answers[0] += part
        except OSError:
            pass
    reader = threading.Thread(target=hear)
    reader.start()
    try:
        for piece in pieces:
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.join()
    sock.close()


def progress(data):
    return [json.loads(line) for line in data.split(b"\n") if line.startswith(b'{"imported"')]


def an_import_that_breaks_off_goes_on_where_the_last_line_says():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    entries = [json.dumps({"key": f"k{i:06d}", "value": "v" * 200}).encode() + b"\n" for i in range(60000)]
    answers = []

    def pieces():
        for at in range(0, 60000, 500):
            if at == 40000:
                server.kill("frontend.0")
            time.sleep(0.03)
            yield b"".join(entries[at:at + 500])
    pid = server.pid_of("frontend.0")
    send_slowly(server, pieces(), answers)
    told = progress(answers[0])
    assert told and told == sorted(told, key=lambda t: t["line"]), answers[0][-300:]
    server.wait_running("frontend.0", pid)
    have = len(contents(export(server)))
    assert told[-1]["line"] <= have < 60000 and told[-1]["bytes"] == sum(len(e) for e in entries[:told[-1]["line"]]), (told[-1], have)
    status, lines = load(server, b"".join(entries), query=f"?skip={told[-1]['line']}")
    assert status == 200 and lines[-1]["line"] == 60000 and lines[-1]["imported"] == 60000 - told[-1]["line"], lines[-1]
    assert [c["key"] for c in contents(export(server))] == [f"k{i:06d}" for i in range(60000)]
    server.stop()


def an_import_waits_for_an_engine_that_is_started_anew():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    entries = [json.dumps({"key": f"k{i:06d}", "value": "v" * 200}).encode() + b"\n" for i in range(20000)]
    answers = []

    def pieces():
        for at in range(0, 20000, 1000):
            if at == 8000:
                server.kill("engine")
            yield b"".join(entries[at:at + 1000])
    send_slowly(server, pieces(), answers)
    assert b'{"done":true,"imported":20000,' in answers[0], answers[0][-400:]
    wait_until(lambda: len(contents(export(server))) == 20000, what="all entries")
    server.stop()


def an_import_waits_for_compaction_that_is_behind():
    server = Server(MEMTABLE_SIZE_LIMIT=4096).start()
    os.kill(server.pid_of("compactor.0"), signal.SIGSTOP)
    client, value = server.client(patient=False), "v" * 4000
    for _ in range(1000):               # each fills a memtable: level 0 grows until writes are refused
        status, answer = client.write("a", value)
        if status != 200:
            break
    harness.equal((status, answer.get("code")), (503, "busy"))
    answers = []

    def pieces():
        for i in range(10):
            yield json.dumps({"key": f"k{i}", "value": value}).encode() + b"\n"
    sender = harness.background(send_slowly, server, pieces(), answers)
    harness.wait_until(lambda: answers and progress(answers[0]), 20, "the import to say that it waits")
    harness.equal(progress(answers[0])[0], {"imported": 0, "bytes": 0, "line": 0})
    os.kill(server.pid_of("compactor.0"), signal.SIGCONT)
    sender.join()
    assert b'{"done":true,"imported":10,' in answers[0], answers[0][-400:]
    harness.equal([c["key"] for c in contents(export(server))][-10:], [f"k{i}" for i in range(10)])
    server.stop()


harness.run(what_is_exported_is_imported_again, a_bad_record_is_named_and_nothing_behind_it_is_applied,
            an_export_that_broke_off_is_refused_at_its_last_line, what_is_no_import_is_refused,
            an_import_that_breaks_off_goes_on_where_the_last_line_says, an_import_waits_for_an_engine_that_is_started_anew,
            an_import_waits_for_compaction_that_is_behind)
