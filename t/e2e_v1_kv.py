#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The native API on keys and lists of keys, by Python's client and by curl: values of any bytes and sizes, versions,
conditions under a race, counters, batches in three forms, many keys at one snapshot."""
import base64
import email.utils
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HERE, Server, background, equal, run, wait_until  # noqa: E402

server = Server(FRONTEND_WORKERS=2)
MiB = 1 << 20
EVERY_BYTE = bytes(range(256))


def path(key, call="kv"):
    return f"/v1/{call}/" + urllib.parse.quote(key, safe="")


def client():
    return server.client()


def put(key, value, c=None, query="", **fields):
    headers = {name.replace("_", "-"): text for name, text in fields.items()}
    return (c or client()).request("PUT", path(key) + query, value, headers)


def version_of(got):
    return int(got[1]["etag"].strip('"'))


def problem(got, status, code):
    equal((got[0], got[1]["content-type"]), (status, "application/problem+json"))
    body = json.loads(got[2])
    equal((body["status"], body["code"]), (status, code))
    return body


def post(call, body, query="", content_type="application/json", c=None):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return (c or client()).request("POST", f"/v1/{call}{query}", body, {"Content-Type": content_type})


def the_server_starts():
    server.start()


def what_was_put_comes_back_with_its_version():
    c = client()
    before = int(time.time())
    got = put("plain", b"one", c)
    equal((got[0], got[2]), (204, b""))
    version = version_of(got)
    status, fields, value = c.request("GET", path("plain"))
    equal((status, value, fields["etag"]), (200, b"one", f'"{version}"'))
    equal((fields["content-type"], fields["content-length"]), ("application/octet-stream", "3"))
    modified = email.utils.parsedate_to_datetime(fields["last-modified"]).timestamp()
    assert before - 1 <= modified <= time.time() + 1, fields["last-modified"]
    assert "memory;dur=" in fields["server-timing"], fields
    status, fields, value = c.request("HEAD", path("plain"))
    equal((status, value, fields["content-length"], fields["etag"]), (200, b"", "3", f'"{version}"'))
    assert version_of(put("plain", b"two", c)) > version
    equal(c.request("GET", path("plain"))[2], b"two")
    equal(c.read("plain")[1]["value"], "two")


def a_deleted_key_is_gone():
    c = client()
    put("gone", b"1", c)
    equal(c.request("DELETE", path("gone"))[0], 204)
    problem(c.request("GET", path("gone")), 404, "not_found")
    equal(c.request("HEAD", path("gone"))[0], 404)
    equal(c.request("DELETE", path("gone"))[0], 204)


def values_hold_every_byte_and_keys_too():
    c = client()
    for key in (b"\0", b"a\0b", b"a/b", b"/", b"//", b"%", b"+ +", b"\xff\xfe", "ä€😀".encode(), EVERY_BYTE, b"k" * 1024):
        value = key + EVERY_BYTE * 3
        equal(put(key, value, c)[0], 204, repr(key))
        equal(c.request("GET", path(key))[2], value, repr(key))
    put(b"x/y", b"slash", c)
    equal(c.request("GET", "/v1/kv/x/y")[2], b"slash")
    equal(c.request("GET", "/v1/kv/x%2Fy")[2], b"slash")


def values_of_every_size_up_to_the_limit():
    c = client()
    for size in (0, 1, 2, 100, 4095, 4096, 65536, MiB + 1, 8 * MiB):
        value = (EVERY_BYTE * (size // 256 + 1))[:size]
        equal(put("sized", value, c)[0], 204, f"{size} bytes")
        status, fields, got = c.request("GET", path("sized"))
        equal((status, fields["content-length"], got == value), (200, str(size), True), f"{size} bytes")
    for size in (8 * MiB + 1, 16 * MiB):
        problem(put("sized", b"x" * size, c), 413, "value_too_large")
    equal(len(c.request("GET", path("sized"))[2]), 8 * MiB)


def wrong_requests_are_told_what_is_wrong():
    c = client()
    problem(put("", b"x", c), 400, "key_empty")
    problem(put("k" * 1025, b"x", c), 400, "key_too_long")
    problem(c.request("PUT", "/v1/kv/%zz", b"x"), 400, "key_invalid")
    said = problem(c.request("GET", "/api/read/a%00b"), 400, "key_invalid")
    assert "zero byte" in said["detail"], said
    problem(put("p", b"x", c, "?ttl=0"), 400, "parameter_invalid")
    problem(put("p", b"x", c, "?ttl=3153600001"), 400, "parameter_invalid")
    problem(put("p", b"x", c, "?sync=maybe"), 400, "parameter_invalid")
    problem(put("p", b"x", c, "?tll=1"), 400, "parameter_unknown")
    problem(c.request("GET", path("p") + "?ttl=1"), 400, "parameter_unknown")
    problem(c.request("GET", path("p")), 404, "not_found")
    got = c.request("POST", path("p"), b"x")
    problem(got, 405, "method_not_allowed")
    equal(got[1]["allow"], "GET, HEAD, PUT, DELETE, OPTIONS")


def a_value_with_a_ttl_expires():
    c = client()
    equal(put("brief", b"x", c, "?ttl=1")[0], 204)
    wait_until(lambda: c.request("GET", path("brief"))[0] == 404, 30, "the end of a value")
    explained = json.loads(c.request("GET", path("brief") + "?explain=1")[2])
    equal((explained["found"], explained["tombstones"]), (False, 1))


def a_client_that_has_the_value_is_told_so():
    c = client()
    version = version_of(put("cached", b"x", c))
    for field in (f'"{version}"', f'W/"{version}"', f'"0", "{version}"', "*"):
        status, fields, body = c.request("GET", path("cached"), headers={"If-None-Match": field})
        equal((status, body, fields["etag"]), (304, b"", f'"{version}"'), field)
        equal(c.request("HEAD", path("cached"), headers={"If-None-Match": field})[0], 304, field)
    for field in ('"1"', '"x"', f'"{version}0"'):
        equal(c.request("GET", path("cached"), headers={"If-None-Match": field})[0], 200, field)
    for field in ("", "17", '"1" "2"', '"1'):
        problem(c.request("GET", path("cached"), headers={"If-None-Match": field}), 400, "condition_invalid")
    equal(c.request("GET", path("cached"), headers={"If-Match": f'"{version}"'})[0], 200)
    told = problem(c.request("GET", path("cached"), headers={"If-Match": '"1"'}), 412, "precondition_failed")
    equal((told["version"], told["detail"]), (version, "The key has another version than the request asks for."))
    told = problem(c.request("GET", path("nobody"), headers={"If-Match": "*"}), 412, "precondition_failed")
    equal((told["version"], told["detail"]), (0, "No value is stored under this key, and the request asks for one."))
    equal(c.request("GET", path("nobody"), headers={"If-None-Match": "*"})[0], 404)


def conditions_decide_whether_a_write_is_applied():
    c = client()
    got = put("cond", b"1", c, If_Match="*")
    equal(problem(got, 412, "precondition_failed")["version"], 0)
    assert "etag" not in got[1], got
    first = version_of(put("cond", b"1", c, If_None_Match="*"))
    got = put("cond", b"2", c, If_None_Match="*")
    equal((problem(got, 412, "precondition_failed")["version"], version_of(got)), (first, first))
    second = version_of(put("cond", b"2", c, If_Match=f'"{first}"'))
    for stale in (f'"{first}"', '"nonsense"', f'W/"{second}"', '"72057594037927935"'):
        equal(problem(put("cond", b"3", c, If_Match=stale), 412, "precondition_failed")["version"], second, stale)
    equal(c.request("GET", path("cond"))[2], b"2")
    equal(put("cond", b"3", c, If_Match="*")[0], 204)
    problem(c.request("DELETE", path("cond"), headers={"If-Match": f'"{second}"'}), 412, "precondition_failed")
    third = version_of(c.request("GET", path("cond")))
    equal(c.request("DELETE", path("cond"), headers={"If-Match": f'"{third}"'})[0], 204)
    problem(c.request("DELETE", path("cond"), headers={"If-Match": "*"}), 412, "precondition_failed")
    for fields in ({"If_Match": '"1", "2"'}, {"If_Match": "1"}, {"If_Match": ""}, {"If_None_Match": '"1"'},
                   {"If_Match": "*", "If_None_Match": "*"}):
        problem(put("cond", b"4", c, **fields), 400, "condition_invalid")
    problem(c.request("GET", path("cond")), 404, "not_found")


def what_would_make_a_write_another_one_is_not_passed_over():
    c, date = client(), {"If-Unmodified-Since": "Mon, 22 Jan 2024 14:00:00 GMT"}
    tag = put("whole", b"0123456789", c)[1]["etag"]
    for method, target in (("PUT", path("whole")), ("DELETE", path("whole")), ("POST", path("whole", "increment")),
                           ("POST", "/v1/batch"), ("DELETE", "/v1/kv?prefix=whole"), ("POST", "/v1/import")):
        kind = "application/x-ndjson" if target == "/v1/import" else "application/json"
        told = problem(c.request(method, target, b"", {"Content-Type": kind, **date}), 400, "condition_invalid")
        assert "If-Unmodified-Since" in told["detail"], told
    for target in ("/v1/kv?prefix=whole", "/v1/kv?all=true"):
        for name, text in (("If-Match", tag), ("If-None-Match", "*")):
            problem(c.request("DELETE", target, None, {name: text}), 400, "condition_invalid")
    told = problem(c.request("PUT", path("whole"), b"45", {"Content-Range": "bytes 4-5/10"}), 400, "invalid")
    assert "Content-Range" in told["detail"], told
    equal(c.request("GET", path("whole"))[2], b"0123456789")
    equal(c.request("GET", path("whole"), None, date)[0], 200, "a read goes by tags")
    equal(put("whole", b"1", c, If_Match=tag, If_Unmodified_Since=date["If-Unmodified-Since"])[0], 204, "with If-Match the date is not looked at")


def no_cache_answers_in_our_place():
    c = client()
    put("cached", b"1", c)
    for target, status in ((path("cached"), 200), (path("nobody"), 404), ("/v1/kv?limit=1", 200), ("/v1/kv?limit=x", 400), ("/v1/export", 200),
                           ("/api/read/cached", 200), ("/api/read/nobody", 404), ("/api/stats", 200), ("/openapi.json", 200), ("/none", 404),
                           ("/v1/watch?since=99999999", 410), ("/v1/mget", 405)):
        for method in ("GET", "HEAD"):
            if (method, status) != ("HEAD", 410):        # a watch that is not begun
                got = c.request(method, target)
                equal((got[0], got[1].get("cache-control")), (status, "no-cache"), method + " " + target)
    equal(c.request("GET", path("cached"), headers={"If-None-Match": "*"})[1]["cache-control"], "no-cache")
    assert "cache-control" not in put("cached", b"1", c)[1], "not even a cache would keep that"


def of_two_writers_exactly_one_wins():
    rounds, wins = 100, [[], []]
    put("race", b"start")

    def writer(me):
        c = client()
        for n in range(rounds):
            seen = wait_until(lambda: (lambda v: v if len(wins[0]) + len(wins[1]) >= n else None)(version_of(c.request("GET", path("race")))))
            got = put("race", b"%d:%d" % (me, n), c, If_Match=f'"{seen}"')
            assert got[0] in (204, 412), got
            if got[0] == 204:
                wins[me].append((seen, version_of(got)))
    both = [background(writer, me) for me in (0, 1)]
    for t in both:
        t.join()
    beaten = sorted(wins[0] + wins[1])
    equal(len({seen for seen, _ in beaten}), len(beaten), "versions that were replaced, each once")
    equal([seen for seen, _ in beaten[1:]], [made for _, made in beaten[:-1]], "each replaced what the one before wrote")
    assert len(beaten) >= rounds, beaten


def of_many_who_create_exactly_one_wins():
    for n in range(20):
        results = []

        def create(n=n, results=results):
            results.append(put(f"create-{n}", b"x", If_None_Match="*")[0])
        threads = [background(create) for _ in range(4)]
        for t in threads:
            t.join()
        equal(sorted(results), [204, 412, 412, 412])


def increments_of_eight_connections_add_up():
    def count():
        c = client()
        values = [json.loads(post("increment/sum", {"by": 3}, c=c)[2])["value"] for _ in range(50)]
        equal(values, sorted(set(values)))
    threads = [background(count) for _ in range(8)]
    for t in threads:
        t.join()
    equal(client().request("GET", path("sum"))[2], b"1200")


def a_counter_says_why_it_does_not_count():
    c = client()
    got = c.request("POST", path("n", "increment"))
    equal((got[0], json.loads(got[2])), (200, {"value": 1, "version": version_of(got)}))
    equal(json.loads(post("increment/n", {"by": -5}, c=c)[2])["value"], -4)
    equal(json.loads(post("increment/n", {}, c=c)[2])["value"], -3)
    put("n", b"9223372036854775806", c)
    equal(json.loads(post("increment/n", {"by": 1}, c=c)[2])["value"], 2 ** 63 - 1)
    equal(problem(post("increment/n", {"by": 1}, c=c), 409, "conflict")["reason"], "overflow")
    put("n", b"forty", c)
    equal(problem(post("increment/n", {"by": 1}, c=c), 409, "conflict")["reason"], "not_a_number")
    for body in (b'{"by":1.5}', b'{"by":"1"}', b'{"by":9223372036854775808}'):
        problem(post("increment/n", body, c=c), 400, "field_value")
    problem(post("increment/n", b'{"to":1}', c=c), 400, "field_unknown")
    problem(post("increment/n", b"[1]", c=c), 400, "json_invalid")
    problem(post("increment/n", b"1", content_type="text/plain", c=c), 415, "media_type_unsupported")
    equal(c.request("GET", path("n"))[2], b"forty")


def a_batch_is_applied_whole_or_not_at_all():
    c = client()
    one = version_of(put("b1", b"1", c))
    got = post("batch", {"operations": [
        {"type": "write", "key": "b1", "value": "2", "if_version": one},
        {"type": "write", "key": "b2", "value_base64": base64.b64encode(EVERY_BYTE).decode(), "if_absent": True},
        {"type": "write", "key_base64": "/wA=", "value": "binary", "ttl": 1000},
        {"type": "delete", "key": "b3"}]}, c=c)
    versions = json.loads(got[2])["versions"]
    equal((got[0], versions), (200, list(range(versions[0], versions[0] + 4))))
    equal(version_of(c.request("GET", path("b1"))), versions[0])
    equal(c.request("GET", path("b2"))[2], EVERY_BYTE)
    equal(c.request("GET", path(b"\xff\0"))[2], b"binary")
    told = problem(post("batch", {"operations": [
        {"type": "write", "key": "b1", "value": "3"},
        {"type": "write", "key": "b2", "value": "3", "if_absent": True}]}, c=c), 412, "precondition_failed")
    equal((told["index"], told["version"]), (1, versions[1]))
    told = problem(post("batch", {"operations": [{"type": "delete", "key": "none", "if_version": 3}]}, c=c), 412, "precondition_failed")
    equal((told["index"], told["version"]), (0, 0))
    equal(c.request("GET", path("b1"))[2], b"2")
    equal(post("batch", {"operations": [{"type": "write", "key": "none", "value": "", "if_version": 0}]}, c=c)[0], 200)
    equal(json.loads(post("batch", {"operations": []}, c=c)[2]), {"versions": []})


def a_wrong_batch_changes_nothing():
    c = client()
    good = {"type": "write", "key": "w", "value": "1"}
    for wrong, code in (({"key": "w", "value": "1"}, "field_missing"), ({**good, "type": "put"}, "field_value"),
                        ({**good, "key_base64": "dw=="}, "field_value"), ({**good, "value_base64": "dw=="}, "field_value"),
                        ({**good, "if_version": 1, "if_absent": True}, "field_value"), ({**good, "if_version": -1}, "field_value"),
                        ({**good, "if_version": "1"}, "field_type"), ({**good, "if_absent": 1}, "field_type"), ({**good, "tll": 1}, "field_unknown"),
                        ({**good, "ttl": 0}, "field_value"), ({"type": "delete", "key": "w", "ttl": 1}, "field_unknown"),
                        ({**good, "key": ""}, "key_empty"), ({**good, "key": "k" * 1025}, "key_too_long"),
                        ({"type": "write", "key_base64": "d=", "value": ""}, "field_value"), ([], "field_type"), (None, "field_type")):
        told = problem(post("batch", {"operations": [good, wrong]}, c=c), 400, code)
        assert "operations[1]" in told["detail"], told
        line = json.dumps(good).encode() + b"\n\n" + json.dumps(wrong).encode() + b"\n"
        problem(post("batch", line, content_type="application/x-ndjson", c=c), 400, code)
    for text in (b"", b"{", b'{"operations":[}', b'{"operations":[]} x', b'{"operations":[{"type":"write","key":"w","key":"w"}]}', b"\xff"):
        problem(post("batch", text, c=c), 400, "json_invalid")
    problem(post("batch", {"ops": []}, c=c), 400, "field_unknown")
    problem(post("batch", {}, c=c), 400, "field_missing")
    problem(post("batch", {"operations": [good]}, content_type="application/x-www-form-urlencoded", c=c), 415, "media_type_unsupported")
    problem(c.request("POST", "/v1/batch", b"{}", {"If-Match": "*"}), 400, "condition_invalid")
    problem(post("batch", {"operations": [good] * 10001}, c=c), 413, "batch_too_large")
    problem(c.request("GET", path("w")), 404, "not_found")
    equal(post("batch", {"operations": [good] * 10000}, c=c)[0], 200)


def field(number, value):
    """One field of a protobuf message: a number as varint, bytes with their length."""
    def varint(n):
        out = b""
        while n > 127:
            out += bytes((n & 127 | 128,))
            n >>= 7
        return out + bytes((n,))
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def lines_and_protobuf_are_batches_too():
    c = client()
    lines = b"".join(json.dumps({"type": "write", "key": f"l{i}", "value": str(i)}).encode() + b"\r\n" for i in range(1000))
    got = post("batch", lines, content_type="application/x-ndjson; charset=utf-8", c=c)
    equal((got[0], len(json.loads(got[2])["versions"])), (200, 1000))
    equal(c.request("GET", path("l999"))[2], b"999")
    entry = field(4, b"p\0") + field(5, EVERY_BYTE) + field(8, int(time.time() * 1000) + 10 ** 7)
    body = field(1, entry) + field(1, field(3, 1) + field(4, b"l0"))
    got = post("batch", body, content_type="application/x-protobuf", c=c)
    versions = json.loads(got[2])["versions"]
    equal((got[0], len(versions)), (200, 2))
    got = c.request("GET", path(b"p\0"))
    equal((got[2], version_of(got)), (EVERY_BYTE, versions[0]))
    problem(c.request("GET", path("l0")), 404, "not_found")
    told = problem(post("batch", field(1, field(4, b"p\0") + field(10, 1)), content_type="application/x-protobuf", c=c), 412, "precondition_failed")
    equal((told["index"], told["version"]), (0, versions[0]))
    for wrong in (b"\xff", body[:-1], field(2, b""), field(1, field(5, b"v") + field(4, b"k")), field(1, field(1, 7) + field(4, b"k")),
                  field(1, field(3, 2) + field(4, b"k")), field(1, field(3, 3) + field(4, b"k")), field(1, field(3, 1) + field(4, b"k") + field(5, b"v"))):
        problem(post("batch", body + wrong, content_type="application/x-protobuf", c=c), 400, "protobuf_invalid")
    problem(post("batch", field(1, field(4, b"k" * 1025)), content_type="application/x-protobuf", c=c), 400, "key_too_long")
    problem(post("batch", field(1, b""), content_type="application/x-protobuf", c=c), 400, "key_empty")
    equal(version_of(c.request("GET", path(b"p\0"))), versions[0])


def many_keys_come_in_the_order_asked():
    c = client()
    put("m1", b"one", c)
    put("m2", b"\xff", c)
    got = post("mget", {"keys": ["m2", "m0", "m1", "m2"]}, c=c)
    body = json.loads(got[2])
    equal([(i["key"], i["found"]) for i in body["items"]], [("m2", True), ("m0", False), ("m1", True), ("m2", True)])
    equal((body["items"][0]["value_base64"], body["items"][2]["value"]), ("/w==", "one"))
    equal(body["items"][2]["version"], version_of(c.request("GET", path("m1"))))
    assert body["version"] >= body["items"][0]["version"], body
    coded = json.loads(post("mget", {"keys_base64": ["bTE=", "/wA="]}, c=c)[2])["items"]
    equal((coded[0]["value"], coded[1]["key_base64"]), ("one", "/wA="))
    equal(json.loads(post("mget", {"keys": []}, c=c)[2])["items"], [])
    many = json.loads(post("mget", {"keys": [f"l{i}" for i in range(1, 1000)] * 10}, c=c)[2])["items"]
    equal([i["value"] for i in many], [str(i) for i in range(1, 1000)] * 10)
    for wrong, code in (({}, "field_missing"), ({"keys": ["a"], "keys_base64": ["YQ=="]}, "field_unknown"), ({"keys": "a"}, "field_type"),
                        ({"keys": [1]}, "field_type"), ({"keys": [""]}, "key_empty"), ({"keys_base64": ["?"]}, "field_value")):
        problem(post("mget", wrong, c=c), 400, code)
    problem(post("mget", b'{"keys":["a"', c=c), 400, "json_invalid")
    problem(post("mget", {"keys": ["a"] * 10001}, c=c), 413, "batch_too_large")
    put("large", b"x" * (6 * MiB), c)
    told = problem(post("mget", {"keys": ["large"] * 4}, c=c), 413, "answer_too_large")
    equal(told["index"], 3)
    equal(len(json.loads(post("mget", {"keys": ["large"] * 3}, c=c)[2])["items"]), 3)


def many_keys_are_of_one_snapshot():
    """A writer moves two keys together; no reader sees one of them alone. The keys between make the walk long."""
    enough = []

    def writer():
        c, n = client(), 0
        while not enough:
            n += 1
            equal(c.batch([{"type": "write", "key": "s1", "value": str(n)}, {"type": "write", "key": "s2", "value": str(n)}])[0], 200)
    client().batch([{"type": "write", "key": "s1", "value": "-"}, {"type": "write", "key": "s2", "value": "-"}])
    t = background(writer)
    c, seen = client(), set()
    while len(seen) < 20:
        items = json.loads(post("mget", {"keys": ["s1", *[f"l{i}" for i in range(300)], "s2"]}, c=c)[2])["items"]
        equal(items[0]["value"], items[-1]["value"])
        seen.add(items[0]["value"])
        assert t.is_alive(), "the writer ended early"
    enough.append(True)
    t.join()


def answers_to_writes_tell_their_durability():
    c = client()
    equal(put("d", b"1", c)[1]["durability"], "synced")
    lazy = Server(WAL_SYNC="off").start()
    try:
        d = lazy.client()
        equal(put("d", b"1", d)[1]["durability"], "buffered")
        for got in (put("d", b"1", d, "?sync=true"), post("batch", {"operations": [{"type": "delete", "key": "d"}]}, "?sync=1", c=d),
                    post("increment/i", {}, "?sync=true", c=d), d.request("DELETE", path("d") + "?sync=true")):
            equal(got[1]["durability"], "synced")
        equal(put("d", b"1", d, "?sync=false")[1]["durability"], "buffered")
    finally:
        lazy.stop()


def a_read_explains_itself():
    c = client()
    version = version_of(put("why", b"12345", c))
    told = json.loads(c.request("GET", path("why") + "?explain=1")[2])
    equal((told["found"], told["version"], told["value_bytes"], told["memtables"]), (True, version, 5, 1))
    equal(told["steps"][-1]["outcome"], "value")
    c.request("DELETE", path("why"))
    told = json.loads(c.request("GET", path("why") + "?explain=true")[2])
    equal((told["found"], told["tombstones"], told["steps"][0]["outcome"]), (False, 1, "tombstone"))
    equal(json.loads(c.request("GET", path("never") + "?explain=1")[2])["found"], False)


def what_is_in_tables_is_read_alike():
    c = client()
    put("flushed", EVERY_BYTE, c)
    version = version_of(c.request("GET", path("flushed")))
    equal(server.ctl("compact").returncode, 0)
    server.kill("frontend.0")
    server.kill("frontend.1")
    server.wait_running("frontend.0")
    server.wait_running("frontend.1")
    c = server.client(patient=True)
    got = c.request("GET", path("flushed"))
    equal((got[0], got[2], version_of(got)), (200, EVERY_BYTE, version))
    told = json.loads(c.request("GET", path("flushed") + "?explain=1")[2])
    equal((told["found"], told["tables"] > 0, told["blocks"]["cache"] + told["blocks"]["disk"] > 0), (True, True, True))
    items = json.loads(post("mget", {"keys": ["flushed", "l7", "m1"]}, c=c)[2])["items"]
    equal([i["found"] for i in items], [True, True, True])


def decided_writes_on_one_connection_keep_their_order():
    """Pipelined: each behind the one before, as if sent one by one."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    ask = b"".join((b"PUT /v1/kv/pipe HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1",
                    b"POST /v1/increment/pipe HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                    b"PUT /v1/kv/pipe HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nContent-Length: 1\r\n\r\n7",
                    b"POST /v1/increment/pipe HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{\"by\": 40}",
                    b"GET /v1/kv/pipe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    s.sendall(ask)
    text = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            break
        text += piece
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", text)
    equal(statuses, [b"204", b"200", b"412", b"200", b"200"])
    assert text.endswith(b"\r\n\r\n42"), text[-80:]


def curl(*words, data=None):
    got = subprocess.run(["curl", "-sS", "-i", *words], input=data, capture_output=True)
    equal(got.returncode, 0, got.stderr.decode())
    head, _, body = got.stdout.rpartition(b"\r\n\r\n")
    return head.decode(), body


def curl_speaks_with_it():
    url = f"http://127.0.0.1:{server.port}/v1"
    head, _ = curl("-X", "PUT", f"{url}/kv/curl%00key", "--data-binary", "@-", data=EVERY_BYTE)
    assert " 204 " in head and "ETag:" in head, head
    tag = head.split("ETag: ")[1].split("\r\n")[0]
    head, body = curl(f"{url}/kv/curl%00key")
    equal(body, EVERY_BYTE)
    head, _ = curl("-H", f"If-None-Match: {tag}", f"{url}/kv/curl%00key")
    assert " 304 " in head, head
    head, body = curl("--json", '{"keys_base64":["Y3VybABrZXk="]}', f"{url}/mget")
    equal(json.loads(body)["items"][0]["found"], True)
    head, _ = curl("-X", "DELETE", "-H", f"If-Match: {tag}", f"{url}/kv/curl%00key")
    assert " 204 " in head, head
    head, body = curl("-X", "POST", f"{url}/increment/curl")
    equal(json.loads(body)["value"], 1)


def examples():
    """(command, what must stand in its answer) of docs/api.md, section "Keys and values": a line of the answer without its
    times and versions, or the status that a refusal names."""
    with open(os.path.join(HERE, "..", "docs", "api.md"), encoding="utf-8") as f:
        section = f.read().split("\n## Keys and values\n")[1].split("\n## ")[0]
    for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S):
        command, answer = "", ""
        for line in [*block.splitlines(), "curl"]:
            if line.startswith("#"):
                answer += line[2:].strip()
            elif command and answer or line.startswith(("curl", "printf")) and command.count("'") % 2 == 0 and not command.endswith("|\n"):
                if command:
                    yield command, answer
                command, answer = line + "\n", ""
            else:
                command += line + "\n"


def the_examples_of_the_documents_work_as_printed():
    fresh, count = Server().start(), 0
    try:
        for command, answer in examples():
            got = subprocess.run(["bash", "-c", command.replace("localhost:5000", f"127.0.0.1:{fresh.port}").replace("curl ", "curl -sS ")],
                                 capture_output=True, text=True)
            equal((got.returncode, got.stderr), (0, ""), command)
            told, shown = ('"status":412' in text for text in (got.stdout, answer))
            equal((told, '"success":false' in got.stdout), (shown, shown), command + got.stdout)
            if answer.startswith("{"):
                equal(set(re.findall(r'"(\w+)":', got.stdout)), set(re.findall(r'"(\w+)":', answer)), command)
            count += 1
        equal(count, 13, "examples that were run")
    finally:
        fresh.stop()


run(the_server_starts, what_was_put_comes_back_with_its_version, a_deleted_key_is_gone, values_hold_every_byte_and_keys_too,
    values_of_every_size_up_to_the_limit, wrong_requests_are_told_what_is_wrong, a_value_with_a_ttl_expires,
    a_client_that_has_the_value_is_told_so, conditions_decide_whether_a_write_is_applied,
    what_would_make_a_write_another_one_is_not_passed_over, no_cache_answers_in_our_place, of_two_writers_exactly_one_wins,
    of_many_who_create_exactly_one_wins, increments_of_eight_connections_add_up, a_counter_says_why_it_does_not_count,
    a_batch_is_applied_whole_or_not_at_all, a_wrong_batch_changes_nothing, lines_and_protobuf_are_batches_too,
    many_keys_come_in_the_order_asked, many_keys_are_of_one_snapshot, answers_to_writes_tell_their_durability,
    a_read_explains_itself, what_is_in_tables_is_read_alike, decided_writes_on_one_connection_keep_their_order, curl_speaks_with_it,
    the_examples_of_the_documents_work_as_printed)
