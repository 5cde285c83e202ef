#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scans over HTTP: pages with cursors, streams, exports, range deletes, snapshots; while writes, compactions and kills go on."""
import base64
import http.client
import json
import socket
import threading
import time
import urllib.parse

import harness
from harness import Server, wait_until

LINES = {"Accept": "application/x-ndjson"}
PROTOBUF = {"Accept": "application/x-protobuf"}


def fill(server, count, value="v" * 100, prefix="k"):
    client = server.client()
    for at in range(0, count, 1000):
        status, _ = client.batch([{"type": "write", "key": f"{prefix}{i:07d}", "value": value} for i in range(at, min(at + 1000, count))])
        assert status == 200
    client.close()


def get(client, path, headers=None):
    status, fields, body = client.request("GET", path, None, headers)
    return status, (json.loads(body) if body else None)


def pages(server, query, limit, new_connections=False):
    """All items of a scan, page by page; on a new connection each, if wanted."""
    client, items, cursor = server.client(), [], None
    while True:
        tail = f"&cursor={cursor}" if cursor else ""
        status, page = get(client, f"/v1/kv?{query}&limit={limit}{tail}")
        assert status == 200, page
        items += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return items
        assert len(page["items"]) <= limit
        if new_connections:
            client.close()
            client = server.client()


def keys(items):
    return [i["key"] for i in items]


# ---- pages ----

def pages_have_every_key_once_in_either_direction():
    server = Server(MEMTABLE_SIZE_LIMIT=65536).start()
    fill(server, 2500)
    want = [f"k{i:07d}" for i in range(2500)]
    assert keys(pages(server, "prefix=k", 333)) == want
    assert keys(pages(server, "prefix=k&reverse=true", 250)) == want[::-1]
    assert keys(pages(server, "start=k0000100&end=k0000200", 7)) == want[100:200]
    assert keys(pages(server, "start=k0000100&end=k0000200&reverse=true&keys_only=true", 7)) == want[199:99:-1]
    first = pages(server, "prefix=k0000001", 1)[0]
    assert first["value"] == "v" * 100 and first["version"] == 2 and abs(first["timestamp"] - time.time()) < 600
    assert "value" not in pages(server, "prefix=k0000001&keys_only=true", 1)[0]
    assert get(server.client(), "/v1/kv?prefix=none")[1] == {"items": [], "cursor": None}
    server.stop()


def a_page_is_limited_by_bytes_too():
    server = Server().start()
    fill(server, 40, value="x" * 100000)
    status, page = get(server.client(), "/v1/kv?limit=10000")
    assert 10 <= len(page["items"]) < 14 and page["cursor"], len(page["items"])
    assert len(pages(server, "prefix=k", 10000)) == 40
    server.stop()


def a_scan_of_pages_shows_one_state_while_writes_and_compactions_go_on():
    server = Server(FRONTEND_WORKERS=2, MEMTABLE_SIZE_LIMIT=65536, TABLE_SIZE_TARGET=65536, COMPACTION_REST_MS=0).start()
    fill(server, 3000, value="old" * 30)
    client = server.client()
    status, page = get(client, "/v1/kv?limit=100")
    items, cursor, round_ = page["items"], page["cursor"], 0
    while cursor:
        for at in range(0, 3000, 1000):
            operations = [{"type": "write", "key": f"k{i:07d}", "value": f"new{round_}" * 20} for i in range(at, at + 1000)]
            operations[round_ % 1000] = {"type": "delete", "key": f"k{at + round_ % 1000:07d}"}
            assert client.batch(operations)[0] == 200
        status, page = get(server.client(), f"/v1/kv?limit=300&cursor={cursor}")
        assert status == 200, page
        items += page["items"]
        cursor = page["cursor"]
        round_ += 1
    assert len(items) == 3000 and all(i["value"] == "old" * 30 for i in items)
    assert server.metric("lsm_compaction_runs_total") > 0 or server.metric("lsm_flushes_total") > 0
    server.stop()


def a_cursor_works_at_every_frontend():
    server = Server(FRONTEND_WORKERS=3, MEMTABLE_SIZE_LIMIT=65536).start()
    fill(server, 1000)
    cursor = get(server.client(), "/v1/kv?limit=10")[1]["cursor"]
    fill(server, 1000, value="newer" * 30)
    for _ in range(30):
        status, page = get(server.client(), f"/v1/kv?limit=500&cursor={cursor}")
        assert status == 200, page
        assert len(page["items"]) == 500 and all(i["value"] == "v" * 100 for i in page["items"])
    listed = get(server.client(), "/v1/snapshots")[1]["snapshots"]
    assert len(listed) == 1 and listed[0]["pinned_bytes"] >= 0 and listed[0]["sequence"] == 1000, listed
    server.stop()


# ---- cursors that do not fit ----

def a_cursor_that_was_changed_is_refused():
    server = Server().start()
    fill(server, 100)
    client = server.client()
    cursor = get(client, "/v1/kv?limit=10")[1]["cursor"]
    for wrong in (cursor[:-1], cursor + "A", "B" + cursor[1:], cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:], "", "x"):
        status, body = get(client, f"/v1/kv?cursor={wrong}")
        assert (status, body["code"]) == (400, "cursor_invalid"), (wrong, body)
    for other in ("prefix=x", "reverse=true", "keys_only=true", "start=a"):
        status, body = get(client, f"/v1/kv?cursor={cursor}&{other}")
        assert (status, body["code"]) == (400, "cursor_invalid"), (other, body)
    assert get(client, f"/v1/kv?cursor={cursor}&limit=5&reverse=false")[0] == 200
    server.stop()


def a_cursor_is_gone_when_its_snapshot_is():
    server = Server(SNAPSHOT_IDLE_S=1).start()
    fill(server, 100)
    client = server.client()
    cursor = get(client, "/v1/kv?limit=10")[1]["cursor"]
    wait_until(lambda: not get(client, "/v1/snapshots")[1]["snapshots"], what="the end of the snapshot")
    status, body = get(client, f"/v1/kv?cursor={cursor}")
    assert (status, body["code"]) == (410, "snapshot_gone"), body

    cursor = get(client, "/v1/kv?limit=10")[1]["cursor"]
    one = get(client, "/v1/snapshots")[1]["snapshots"][0]["id"]
    assert client.request("DELETE", f"/v1/snapshots/{one}")[0] == 204
    assert client.request("DELETE", f"/v1/snapshots/{one}")[0] == 404
    assert get(client, f"/v1/kv?cursor={cursor}")[0] == 410
    server.stop()


def a_cursor_of_a_frontend_that_was_started_anew_is_gone():
    server = Server(FRONTEND_WORKERS=2).start()
    fill(server, 100)
    cursor = get(server.client(), "/v1/kv?limit=10")[1]["cursor"]
    for name in ("frontend.0", "frontend.1"):
        pid = server.kill(name)
        server.wait_running(name, pid)
    fill(server, 100, value="newer")
    status, body = get(server.client(patient=True), f"/v1/kv?cursor={cursor}")
    assert (status, body["code"]) == (410, "snapshot_gone"), body
    server.stop()


def a_cursor_of_a_server_that_was_started_anew_is_gone():
    server = Server().start()
    fill(server, 100)
    cursor = get(server.client(), "/v1/kv?limit=10")[1]["cursor"]
    id_ = get(server.client(), "/v1/snapshots")[1]["snapshots"][0]["id"]
    server.stop()
    server.start()
    assert get(server.client(), "/v1/kv?limit=10")[1]["cursor"]
    assert get(server.client(), "/v1/snapshots")[1]["snapshots"][0]["id"] == id_      # the same number, another snapshot
    assert get(server.client(), f"/v1/kv?cursor={cursor}")[0] == 410
    server.stop()


def snapshots_that_wait_are_bounded():
    server = Server(SNAPSHOTS_MAX=4).start()
    fill(server, 100)
    client = server.client()
    cursors = [get(client, "/v1/kv?limit=10")[1]["cursor"] for _ in range(10)]
    assert len(get(client, "/v1/snapshots")[1]["snapshots"]) == 4
    assert [get(client, f"/v1/kv?cursor={c}")[0] for c in cursors] == [410] * 6 + [200] * 4
    server.stop()


# ---- streams ----

def a_stream_has_all_of_the_range():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 20000)
    client = server.client()
    for path in ("/v1/kv?start=k0000010", "/v1/export?start=k0000010"):
        status, fields, body = client.request("GET", path, None, LINES)
        items = [json.loads(line) for line in body.splitlines()]
        assert status == 200 and fields["content-type"] == "application/x-ndjson"
        assert keys(items) == [f"k{i:07d}" for i in range(10, 20000)]
    status, fields, body = client.request("GET", "/v1/kv?reverse=true&keys_only=true", None, LINES)
    assert [json.loads(line)["key"] for line in body.splitlines()] == [f"k{i:07d}" for i in range(19999, -1, -1)]
    status, fields, body = client.request("GET", "/v1/export?prefix=none", None, LINES)
    assert (status, body) == (200, b"")
    status, fields, body = client.request("HEAD", "/v1/export")
    assert (status, body) == (200, b"")
    wait_until(lambda: not get(client, "/v1/snapshots")[1]["snapshots"], what="the end of all snapshots")
    server.stop()


def forms_are_chosen_by_accept():
    server = Server().start()
    fill(server, 10)
    client = server.client()
    assert client.request("GET", "/v1/kv", None, {"Accept": "text/html"})[0] == 406
    assert client.request("GET", "/v1/export", None, {"Accept": "application/json"})[0] == 406
    assert client.request("GET", "/v1/kv", None, {"Accept": "text/html, */*;q=0.1"})[1]["content-type"] == "application/json"
    assert client.request("GET", "/v1/export")[1]["content-type"] == "application/x-ndjson"
    assert client.request("GET", "/v1/export", None, PROTOBUF)[1]["content-type"] == "application/x-protobuf"
    assert get(client, "/v1/kv?limit=10", LINES)[1]["code"] == "parameter_invalid"
    for query in ("limit=0", "limit=10001", "limit=x", "reverse=yes", "end=", "prefx=a", "prefix=a&prefix=b"):
        assert client.request("GET", "/v1/kv?" + query)[0] == 400, query
    server.stop()


def open_stream(server, path, receive_buffer=65536):
    """A client that has asked and reads nothing yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n".encode())
    return sock


def read_all(sock):
    parts = []
    while True:
        part = sock.recv(1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith("RssAnon:")).split()[1])


def a_client_that_does_not_read_costs_no_memory_and_its_state_stays():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20, CACHE_SIZE_LIMIT=8 << 20).start()
    fill(server, 30000, value="old" * 300)
    sock = open_stream(server, "/v1/export")
    wait_until(lambda: server.metric("lsm_scanned_entries_total") > 0, what="the first step")
    pid = server.pid_of("frontend.0")
    before = memory_kib(pid)
    fill(server, 30000, value="new")
    assert memory_kib(pid) < before + (12000 << 3 * harness.has_sanitizer()), (before, memory_kib(pid))
    got = bytearray()
    while not got.endswith(b"\r\n0\r\n\r\n"):
        part = sock.recv(1 << 20)
        assert part, "the stream broke off"
        got += part
    assert got.count(b'"value":"oldold') == 30000 and b'"new"' not in got
    assert memory_kib(pid) < before + (16000 << 3 * harness.has_sanitizer()), (before, memory_kib(pid))
    server.stop()


def a_client_that_goes_away_ends_its_scan():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 50000, value="x" * 500)
    sock = open_stream(server, "/v1/export")
    seen = [0]

    def stands_still():
        before, seen[0] = seen[0], server.metric("lsm_scanned_entries_total")
        time.sleep(0.05)
        return before == seen[0] > 0
    wait_until(stands_still, what="the stream to be full")
    assert get(server.client(), "/v1/snapshots")[1]["snapshots"]
    sock.close()
    wait_until(lambda: not get(server.client(), "/v1/snapshots")[1]["snapshots"], 10, "the end of the snapshot")
    server.stop()


def a_stream_whose_snapshot_ends_says_so_and_is_incomplete():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 50000, value="x" * 500)
    sock = open_stream(server, "/v1/export")
    client = server.client()
    listed = wait_until(lambda: get(client, "/v1/snapshots")[1]["snapshots"], what="the snapshot")
    assert client.request("DELETE", "/v1/snapshots/" + listed[0]["id"])[0] == 204
    got = read_all(sock)
    assert not got.endswith(b"\r\n0\r\n\r\n")
    last = got.rstrip(b"\r\n").rsplit(b"\n", 1)[1]
    assert json.loads(last)["error"]["code"] == "snapshot_gone", last
    server.stop()


def one_without_chunks_and_lines_is_cut_off_then():
    """To HTTP/1.0 the end of the connection is the end of the stream, and protobuf has no line that could say why."""
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 50000, value="x" * 500)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(b"GET /v1/export HTTP/1.0\r\nAccept: application/x-protobuf\r\n\r\n")
    client = server.client()
    listed = wait_until(lambda: get(client, "/v1/snapshots")[1]["snapshots"], what="the snapshot")
    assert client.request("DELETE", "/v1/snapshots/" + listed[0]["id"])[0] == 204
    sock.settimeout(60)
    try:
        while sock.recv(1 << 16):
            pass
        raise AssertionError("it ended as if it were complete")
    except ConnectionResetError:
        pass
    sock.close()
    server.stop()


def scans_at_once_are_bounded():
    server = Server(MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 20000, value="x" * 500)
    socks = [open_stream(server, "/v1/export") for _ in range(32)]
    wait_until(lambda: len(get(server.client(), "/v1/snapshots")[1]["snapshots"]) == 32, what="all scans")
    status, fields, body = server.client().request("GET", "/v1/kv")
    assert (status, json.loads(body)["code"]) == (429, "too_many_requests") and fields["retry-after"], body
    assert server.client().read("k0000001")[0] == 200
    for sock in socks:
        sock.close()
    wait_until(lambda: get(server.client(), "/v1/kv")[0] == 200, 10, "room for another scan")
    server.stop()


def scans_survive_kills_of_frontends_or_end_visibly():
    server = Server(FRONTEND_WORKERS=2, MEMTABLE_SIZE_LIMIT=1 << 20).start()
    fill(server, 20000)
    want = b"".join(b"k%07d" % i for i in range(20000))
    stop, whole, broken = threading.Event(), [0], [0]

    def scan():
        while not stop.is_set():
            try:
                status, fields, body = server.client().once("GET", "/v1/kv?keys_only=true", None, LINES)
            except (OSError, http.client.HTTPException):
                broken[0] += 1
                continue
            if status == 200:
                assert b"".join(json.loads(line)["key"].encode() for line in body.splitlines()) == want
                whole[0] += 1

    runners = [harness.background(scan) for _ in range(8)]
    for _ in range(3):
        for name in ("frontend.0", "frontend.1"):
            pid = server.kill(name)
            server.wait_running(name, pid)
    stop.set()
    for runner in runners:
        runner.join()
    assert whole[0] > 0
    server.stop()


def head_of_a_stream_is_its_head():
    server = Server().start()
    for target in ("/v1/export", "/v1/watch?heartbeat=1"):
        raw = [b"", b""]
        for i, method in enumerate((b"GET", b"HEAD")):
            with socket.create_connection(("127.0.0.1", server.port), 30) as s:
                s.sendall(method + b" " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                while b"\r\n\r\n" not in raw[i]:
                    raw[i] += s.recv(65536)
        heads = [sorted(x for x in r.split(b"\r\n\r\n")[0].split(b"\r\n") if not x.startswith(b"Date")) for r in raw]
        assert heads[0] == heads[1], heads
    server.stop()


# ---- range deletes ----

def a_range_delete_deletes_what_is_in_the_range():
    server = Server(MEMTABLE_SIZE_LIMIT=65536).start()
    fill(server, 3000)
    client = server.client()
    status, got = client.json("DELETE", "/v1/kv?prefix=k00001")
    assert (status, got) == (200, {"deleted": 100, "version": 3100}), got
    status, got = client.json("DELETE", "/v1/kv?start=k0002000&end=k0002500")
    assert (status, got["deleted"]) == (200, 500), got
    assert client.json("DELETE", "/v1/kv?start=b&end=a")[1] == {"deleted": 0, "version": None}
    assert client.json("DELETE", "/v1/kv?prefix=none")[1]["deleted"] == 0
    left = [i for i in range(3000) if not 100 <= i < 200 and not 2000 <= i < 2500]
    assert keys(pages(server, "prefix=k", 1000)) == [f"k{i:07d}" for i in left]
    for query in ("", "?all=false", "?prefix=", "?all=true&prefix=k"):
        status, body = client.json("DELETE", "/v1/kv" + query)
        assert (status, body["code"]) == (400, "parameter_invalid"), query
    assert client.json("DELETE", "/v1/kv?all=true&sync=true")[1]["deleted"] == len(left)
    assert pages(server, "start=", 10) == []
    server.stop()


def a_long_way_over_what_was_deleted_is_gone_in_steps():
    server = Server(COMPACTION_TRIGGER_RATIO=20).start()
    fill(server, 60000, value="v")
    client = server.client()
    assert client.json("DELETE", "/v1/kv?start=k0000001&end=k0059999")[1]["deleted"] == 59998
    for reverse in ("false", "true"):
        got = keys(pages(server, f"prefix=k&reverse={reverse}", 1))
        assert got == sorted(["k0000000", "k0059999"], reverse=reverse == "true"), got
        _, _, body = client.request("GET", f"/v1/kv?prefix=k&reverse={reverse}", None, LINES)
        assert [json.loads(line)["key"] for line in body.splitlines()] == got
    assert pages(server, "start=k0000001&end=k0059999", 10) == []
    server.stop()


def keys_of_any_bytes_are_scanned():
    server = Server().start()
    client = server.client()
    names = sorted(["a/b", "a\u0000b", "\u00e4\u00f6", "z z", "+", "q\"\\"], key=lambda s: s.encode())
    assert client.batch([{"type": "write", "key": k, "value": k} for k in names])[0] == 200
    assert keys(pages(server, "start=", 1)) == names
    assert keys(pages(server, "prefix=" + urllib.parse.quote("ä"), 10)) == ["\u00e4\u00f6"]
    assert keys(pages(server, "prefix=a%00", 10)) == ["a\0b"]
    server.stop()


harness.run(pages_have_every_key_once_in_either_direction, a_page_is_limited_by_bytes_too,
            a_scan_of_pages_shows_one_state_while_writes_and_compactions_go_on, a_cursor_works_at_every_frontend,
            a_cursor_that_was_changed_is_refused, a_cursor_is_gone_when_its_snapshot_is,
            a_cursor_of_a_frontend_that_was_started_anew_is_gone,
            a_cursor_of_a_server_that_was_started_anew_is_gone, snapshots_that_wait_are_bounded,
            a_stream_has_all_of_the_range, forms_are_chosen_by_accept,
            a_client_that_does_not_read_costs_no_memory_and_its_state_stays, a_client_that_goes_away_ends_its_scan,
            a_stream_whose_snapshot_ends_says_so_and_is_incomplete, one_without_chunks_and_lines_is_cut_off_then, scans_at_once_are_bounded,
            scans_survive_kills_of_frontends_or_end_visibly, a_range_delete_deletes_what_is_in_the_range, a_long_way_over_what_was_deleted_is_gone_in_steps,
            head_of_a_stream_is_its_head, keys_of_any_bytes_are_scanned)
