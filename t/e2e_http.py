# SPDX-License-Identifier: Apache-2.0
"""HTTP around the calls: methods, origins of browsers, content codings both ways, and the limits of them."""
import gzip
import json
import random
import socket
import zlib

import harness

ORIGIN = "https://app.example"
server = harness.Server(MAX_BODY_BYTES=1 << 20, CORS_ALLOW_ORIGIN=f"{ORIGIN} https://b.example").start()
client = server.client()


def request(method, path, body=None, **fields):
    return client.request(method, path, body, {k.replace("_", "-"): v for k, v in fields.items()})


def raw_answer(text):
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(text)
        return s.makefile("rb").read()


def gunzip_exactly(data):
    """One whole gzip document and nothing behind it."""
    z = zlib.decompressobj(31)
    plain = z.decompress(data)
    assert z.eof and not z.unused_data, (z.eof, z.unused_data)
    return plain


def code_of(got):
    harness.equal(got[1]["content-type"], "application/problem+json")
    return got[0], json.loads(got[2])["code"]


def every_path_tells_its_methods():
    for path, allow in (("/api/read/k", "GET, HEAD, OPTIONS"), ("/api/write", "POST, OPTIONS"), ("/api/delete/k", "DELETE, OPTIONS"),
                        ("/metrics", "GET, HEAD, OPTIONS"), ("/livez", "GET, HEAD, OPTIONS")):
        status, fields, body = request("OPTIONS", path)
        harness.equal((status, fields["allow"], body), (204, allow, b""), path)
        assert "content-length" not in fields and "content-type" not in fields and "date" in fields, fields
        status, fields, body = request("PATCH", path)
        harness.equal((status, fields["allow"], json.loads(body)["code"]), (405, allow, "method_not_allowed"), path)
    harness.equal(code_of(request("OPTIONS", "/nothing")), (404, "route_not_found"))
    answer = raw_answer(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n") and b"POST" in answer and answer.endswith(b"\r\n\r\n"), answer


def head_is_get_without_the_body():
    for path in ("/api/stats", "/api/read/none", "/metrics", "/nothing"):
        got, head = request("GET", path), request("HEAD", path)
        harness.equal((head[0], head[1]["content-type"], head[2]), (got[0], got[1]["content-type"], b""), path)
        assert int(head[1]["content-length"]) > 10, head


def metrics_have_two_names():
    for path in ("/metrics", "/api/metrics"):
        status, fields, body = request("GET", path)
        harness.equal((status, fields["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        assert b"lsm_http_requests_total" in body


def pages_of_allowed_origins_may_read_and_others_not():
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://b.example", "https://b.example"), ("https://evil.example", None), (None, None)):
        for method, path in (("GET", "/livez"), ("GET", "/nothing"), ("GET", "/api/stats")):
            status, fields, _ = request(method, path, **({"Origin": origin} if origin else {}))
            harness.equal(fields.get("access-control-allow-origin"), allowed, f"{origin} {path}")
            assert "Origin" in fields["vary"], fields
            harness.equal("access-control-expose-headers" in fields, allowed is not None)


def a_preflight_is_answered():
    status, fields, _ = request("OPTIONS", "/api/delete/k", Origin=ORIGIN, Access_Control_Request_Method="DELETE",
                                Access_Control_Request_Headers="content-type")
    harness.equal((status, fields["access-control-allow-origin"], fields["access-control-allow-methods"]), (204, ORIGIN, "DELETE, OPTIONS"))
    assert "Content-Type" in fields["access-control-allow-headers"] and int(fields["access-control-max-age"]) > 0, fields
    status, fields, _ = request("OPTIONS", "/api/delete/k", Origin="https://evil.example", Access_Control_Request_Method="DELETE")
    harness.equal((status, [f for f in fields if f.startswith("access-control")]), (204, []))


def without_the_setting_no_origin_is_told_anything():
    plain = harness.Server().start()
    status, fields, _ = plain.client().request("GET", "/livez", None, {"Origin": ORIGIN})
    harness.equal((status, [f for f in fields if f.startswith("access-control") or f == "vary"]), (200, []))
    harness.equal(plain.stop(), 0)


def large_answers_are_coded_for_those_who_like_it():
    value = "".join(random.Random(1).choices("abcd", k=5000))
    client.write("coded", value)
    plain = request("GET", "/api/read/coded")
    for accept in (b"Accept-Encoding: gzip\r\n", b""):
        assert b"\r\nVary: Accept-Encoding\r\n" in raw_answer(b"GET /api/read/coded HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + accept + b"\r\n")
    for accept, coded in (("gzip", True), ("gzip, deflate, br", True), ("*", True), ("identity;q=0, gzip", True), ("gzip;q=0", False),
                          ("identity", False), ("br", False), ("gzip;q=0.5, identity", False), ("", False)):
        status, fields, data = request("GET", "/api/read/coded", Accept_Encoding=accept)
        harness.equal((status, fields.get("content-encoding")), (200, "gzip" if coded else None), accept)
        harness.equal(gunzip_exactly(data) if coded else data, plain[2], accept)
        if coded:
            assert len(data) < len(plain[2]) / 2, len(data)
            head = request("HEAD", "/api/read/coded", Accept_Encoding=accept)
            harness.equal((head[1]["content-length"], head[1]["content-encoding"], head[2]), (str(len(data)), "gzip", b""))


def small_answers_stay_as_they_are_unless_they_must_not():
    client.write("small", "v")
    harness.equal("content-encoding" in request("GET", "/api/read/small", Accept_Encoding="gzip")[1], False)
    status, fields, data = request("GET", "/api/read/small", Accept_Encoding="identity;q=0, gzip")
    harness.equal((status, fields["content-encoding"], json.loads(gunzip_exactly(data))["value"]), (200, "gzip", "v"))
    status, fields, data = request("GET", "/api/read/none", Accept_Encoding="gzip, *;q=0")
    harness.equal((status, json.loads(gunzip_exactly(data))["code"]), (404, "not_found"))


def who_accepts_nothing_changes_nothing():
    for accept in ("identity;q=0", "*;q=0", "br, identity;q=0"):
        harness.equal(code_of(request("POST", "/api/write", b'{"key":"unacceptable","value":"v"}', Accept_Encoding=accept)), (406, "not_acceptable"))
    harness.equal(client.read("unacceptable")[0], 404)


def coded_bodies_are_taken():
    operations = [{"type": "write", "key": f"zipped:{n}", "value": "v" * 100} for n in range(1000)]
    body = gzip.compress(json.dumps({"operations": operations}).encode())
    status, _, data = request("POST", "/api/batch", body, Content_Encoding="gzip")
    harness.equal((status, json.loads(data)), (200, {"success": True, "operationsCompleted": 1000}))
    harness.equal(client.read("zipped:999")[1]["value"], "v" * 100)
    half = json.dumps({"key": "two", "value": "documents"}).encode()
    body = gzip.compress(half[:10]) + gzip.compress(half[10:])
    harness.equal(request("POST", "/api/write", body, Content_Encoding="X-Gzip")[0], 200)
    harness.equal(client.read("two")[1]["value"], "documents")
    harness.equal(request("POST", "/api/write", half, Content_Encoding="identity")[0], 200)


def other_codings_and_broken_ones_are_refused():
    body = gzip.compress(b'{"key":"broken","value":"v"}')
    for coding in ("br", "deflate", "gzip, gzip", "gzip;q=1"):
        got = request("POST", "/api/write", body, Content_Encoding=coding)
        harness.equal((code_of(got), got[1]["accept-encoding"]), ((415, "content_coding_unsupported"), "gzip"), coding)
    for broken in (body[:-1], body[:12], body + b"x", b'{"key":"broken","value":"v"}', body[:-6] + b"\0" + body[-5:]):
        harness.equal(code_of(request("POST", "/api/write", broken, Content_Encoding="gzip")), (400, "content_coding_invalid"), repr(broken))
    harness.equal(client.read("broken")[0], 404)


def a_bomb_ends_at_the_limit():
    bomb = gzip.compress(b'{"key":"bomb","value":"' + b"v" * (600 << 20 >> 2) + b'"}')
    assert len(bomb) < 1 << 20
    harness.equal(code_of(request("POST", "/api/write", bomb, Content_Encoding="gzip")), (413, "body_too_large"))
    client.close()
    memory = int(open(f"/proc/{server.pid_of('frontend.0')}/statm").read().split()[1]) * 4096
    assert memory < 100 << 20, memory


def the_query_is_no_part_of_the_path():
    client.write("asked", "v")
    harness.equal(request("GET", "/api/read/asked?")[0], 200)


def the_server_stops_cleanly():
    client.close()
    harness.equal(server.stop(), 0)


harness.run(every_path_tells_its_methods, head_is_get_without_the_body, metrics_have_two_names,
            pages_of_allowed_origins_may_read_and_others_not, a_preflight_is_answered, without_the_setting_no_origin_is_told_anything,
            large_answers_are_coded_for_those_who_like_it, small_answers_stay_as_they_are_unless_they_must_not,
            who_accepts_nothing_changes_nothing, coded_bodies_are_taken, other_codings_and_broken_ones_are_refused,
            a_bomb_ends_at_the_limit, the_query_is_no_part_of_the_path, the_server_stops_cleanly)
