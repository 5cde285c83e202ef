# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface as documented: shapes, and what bad input is answered with."""
import json
import subprocess
import socket
import time

import harness

server = harness.Server(MAX_BODY_BYTES=1 << 20).start()
client = server.client()


def a_write_reads_back_with_its_timestamp():
    status, answer = client.write("user:123", "john_doe")
    harness.equal((status, answer["success"], type(answer["timestamp"])), (200, True, int))
    status, read = client.read("user:123")
    harness.equal((status, read), (200, {"key": "user:123", "value": "john_doe", "timestamp": answer["timestamp"]}))


def a_delete_hides_the_key_and_is_fine_when_there_is_none():
    client.write("gone", "x")
    harness.equal(client.delete("gone"), (200, {"success": True}))
    harness.equal(client.read("gone")[0], 404)
    harness.equal(client.delete("never"), (200, {"success": True}))


def a_batch_applies_all_its_operations_in_order():
    client.write("user:3", "c")
    operations = [{"type": "write", "key": "user:1", "value": "alice"}, {"type": "write", "key": "user:2", "value": "bob"},
                  {"type": "delete", "key": "user:3"}, {"type": "write", "key": "user:1", "value": "alicia"}]
    harness.equal(client.batch(operations), (200, {"success": True, "operationsCompleted": 4}))
    harness.equal([client.read(f"user:{n}")[0] for n in (1, 2, 3)], [200, 200, 404])
    harness.equal(client.read("user:1")[1]["value"], "alicia")


def an_empty_batch_is_done_at_once():
    harness.equal(client.batch([]), (200, {"success": True, "operationsCompleted": 0}))


def reads_until_gone(key, value):
    """Reads the key until it has expired; each answer before must be the value."""
    while True:
        status, answer = client.read(key)
        if status == 404:
            harness.equal(answer["code"], "not_found", key)
            return
        harness.equal((status, answer["value"]), (200, value), key)
        time.sleep(0.02)


def a_value_with_a_ttl_goes_when_its_time_is_over():
    client.write("ttl:older", "older")
    begun = time.time()
    operations = [{"type": "write", "key": "ttl:batch", "value": "b", "ttl": 2}, {"type": "write", "key": "ttl:kept", "value": "k", "ttl": 3600}]
    harness.equal(client.json("POST", "/api/write", {"key": "ttl:older", "value": "newer", "ttl": 1})[0], 200)
    harness.equal(client.batch(operations), (200, {"success": True, "operationsCompleted": 2}))
    reads_until_gone("ttl:older", "newer")
    assert time.time() - begun >= 1, "gone before its second was over"
    reads_until_gone("ttl:batch", "b")
    assert time.time() - begun >= 2, "gone before its two seconds were over"
    harness.equal(client.read("ttl:kept")[1]["value"], "k")
    client.write("ttl:older", "again")
    harness.equal(client.read("ttl:older")[1]["value"], "again")


def an_expired_value_stays_gone_after_a_restart_and_a_live_one_goes_in_its_time():
    client.json("POST", "/api/write", {"key": "ttl:first", "value": "1", "ttl": 1})
    client.json("POST", "/api/write", {"key": "ttl:second", "value": "2", "ttl": 3})
    reads_until_gone("ttl:first", "1")
    pid = server.kill("engine")
    server.wait_running("engine", not_pid=pid)
    harness.equal(client.read("ttl:first")[0], 404)
    reads_until_gone("ttl:second", "2")
    harness.equal(server.client(patient=True).write("ttl:first", "3")[0], 200)


def a_bad_ttl_is_refused_with_the_limits():
    for ttl, code in ((0, "field_value"), (-1, "field_value"), (3153600001, "field_value"), (1.5, "field_type"), ("60", "field_type"),
                      (True, "field_type"), (None, "field_type"), ([], "field_type")):
        harness.equal(refused("POST", "/api/write", {"key": "ttl:bad", "value": "v", "ttl": ttl}, 400), code, f"ttl {ttl!r}")
    refused("POST", "/api/batch", {"operations": [{"type": "delete", "key": "ttl:bad", "ttl": 1}]}, 400)
    harness.equal(client.read("ttl:bad")[0], 404)


def keys_and_values_of_any_text_survive():
    for key, value in (("a/b c?d#e%20&+", "slash"), ("\u00fcml\u00e4ut \u4e16\u754c \U0001f600", "\u0000\u001f\"\\/\u2028 \U0001f600"),
                       ("k" * 1024, ""), ("spaces  ", "v" * 500000)):
        harness.equal(client.write(key, value)[0], 200, f"write of {key!r:.60}")
        status, answer = client.read(key)
        harness.equal((status, answer["key"], answer["value"] == value), (200, key, True), f"read of {key!r:.60}")
        harness.equal(client.delete(key)[0], 200)
        harness.equal(client.read(key)[0], 404)


def refused(method, path, body, want, headers=None):
    """A request that must be refused with a problem document and leave the connection usable; its code."""
    status, got, data = client.request(method, path, body, headers if headers is not None else {"Content-Type": "application/json"})
    what = f"{method} {path} {str(body)[:60]}"
    harness.equal(status, want, f"{what}: {data[:200]}")
    harness.equal(got["content-type"], "application/problem+json", what)
    problem = json.loads(data)
    harness.equal(sorted({"type", "title", "status", "detail", "code", "success"} - set(problem)), [], what)
    harness.equal((problem["status"], problem["success"]), (want, False), what)
    assert problem["detail"], what
    return problem["code"]


def bad_input_is_refused_and_changes_nothing():
    before = client.json("GET", "/api/stats")[1]["lastSequence"]
    for body in ("", "{", "[]", "null", "3", '"x"', "{}", '{"key":"a"}', '{"value":"a"}', '{"key":1,"value":"a"}', '{"key":"a","value":1}',
                 '{"key":"a","value":null}', '{"key":"a","value":"b","key":"c"}', '{"key":"a","value":"b"} x', '{"key":"","value":"b"}',
                 '{"key":"a","value":"b","colour":"red"}', '{"key":"\\ud800","value":"b"}', "{'key':'a','value':'b'}",
                 json.dumps({"key": "k" * 1025, "value": "b"})):
        refused("POST", "/api/write", body, 400)
    for body in ('{"operations":{}}', '{"operations":[{"type":"write","key":"a"}]}', '{"operations":[3]}',
                 '{"operations":[{"type":"write","key":"ok","value":"1"},{"type":"erase","key":"a"}]}',
                 '{"operations":[{"type":"delete","key":"a","value":"b"}]}', '{"operations":[{"type":"write","key":"ok","value":"1"},{"type":"delete"}]}'):
        refused("POST", "/api/batch", body, 400)
    many = json.dumps({"operations": [{"type": "delete", "key": "a"}] * 10001})
    refused("POST", "/api/batch", many, 413)
    harness.equal(client.read("ok")[0], 404, "a refused batch wrote nothing")
    harness.equal(client.json("GET", "/api/stats")[1]["lastSequence"], before, "last sequence")


def bad_bytes_in_json_are_refused():
    refused("POST", "/api/write", b'{"key":"\xff\xfe","value":"b"}', 400)
    refused("POST", "/api/write", b'{"key":"a","value":"\x01"}', 400)


def wrong_paths_and_methods_are_told_apart():
    refused("GET", "/", None, 404)
    refused("GET", "/api/unknown", None, 404)
    refused("GET", "/api/read/", None, 400)
    refused("GET", "/api/read/" + "k" * 1025, None, 400)
    refused("GET", "/api/read/%zz", None, 400)
    for method, path, allow in (("PUT", "/api/write", "POST"), ("DELETE", "/api/read/a", "GET"), ("POST", "/api/stats", "GET"),
                                ("GET", "/api/batch", "POST")):
        status, headers, _ = client.request(method, path, b"{}")
        harness.equal(status, 405, f"{method} {path}")
        assert allow in headers["allow"], headers


def a_missing_key_is_a_problem_document_too():
    harness.equal(refused("GET", "/api/read/never-written", None, 404), "not_found")


def a_body_over_the_limit_is_refused_before_it_is_read():
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
        s.settimeout(10)
        answer = s.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 "), answer


def refusals_keep_the_connection_where_http_allows():
    other = server.client()
    other.request("GET", "/api/read/never-written")
    socket_before = other.connection.sock
    other.request("POST", "/api/write", b"{", {"Content-Type": "application/json"})
    other.request("PUT", "/api/write", b"{}")
    harness.equal(other.request("GET", "/livez")[0], 200)
    assert other.connection.sock is socket_before, "the connection was closed"


def stats_have_the_documented_shape():
    status, s = client.json("GET", "/api/stats")
    harness.equal(status, 200)
    for name, kind in (("memTableSize", int), ("walSize", int), ("levels", list), ("isCompacting", bool), ("metrics", dict)):
        assert isinstance(s[name], kind), (name, s)
    for name in ("totalWrites", "totalReads", "cacheHits", "cacheMisses", "compressionRatio", "totalCompactions"):
        assert isinstance(s["metrics"][name], (int, float)), (name, s)
    assert s["metrics"]["totalWrites"] > 0 and s["memTableSize"] > 0 and s["walSize"] > 0, s


def health_has_its_five_validators():
    status, h = client.json("GET", "/api/health")
    harness.equal((status, h["status"]), (200, "healthy"), h)
    for name in ("memtable", "wal", "sstables", "disk", "directory"):
        harness.equal(h["validators"][name]["status"], "ok", name)
    for name in ("memtable", "wal", "sstables", "disk"):
        assert isinstance(h["validators"][name]["value"], int), name
    assert isinstance(h["timestamp"], int)


def liveness_and_readiness_are_apart():
    harness.equal(client.request("GET", "/livez")[0], 200)
    harness.equal(client.request("GET", "/readyz")[0], 200)
    server.kill("engine", 19)
    try:
        harness.equal(client.request("GET", "/livez")[0], 200, "livez with a stopped engine")
    finally:
        server.kill("engine", 18)


def stats_health_and_metrics_answer_while_the_engine_is_down():
    pid = server.kill("engine", 19)
    try:
        for path in ("/api/stats", "/api/health", "/api/metrics"):
            assert client.request("GET", path)[0] in (200, 503), path
        harness.equal(client.request("GET", "/api/stats")[0], 200)
        harness.equal(client.request("GET", "/api/metrics")[0], 200)
    finally:
        server.kill("engine", 9)
    server.wait_running("engine", not_pid=pid)


SEED_METRICS = """lsm_write_operations_total lsm_read_operations_total lsm_operation_duration_seconds lsm_memtable_size_bytes
lsm_wal_size_bytes lsm_sstable_files lsm_cache_hits_total lsm_cache_misses_total lsm_compaction_duration_seconds_total
lsm_batch_operations_total lsm_wal_entries_written_total lsm_corruption_detected_total lsm_crc32_verification_failed
lsm_recovery_operations_total lsm_bloom_filter_checks_total lsm_bloom_filter_useful_total lsm_compaction_in_progress
lsm_disk_usage_bytes""".split()


def metrics_have_every_documented_name():
    status, headers, text = client.request("GET", "/api/metrics")
    harness.equal(status, 200)
    assert headers["content-type"].startswith("text/plain; version=0.0.4"), headers
    typed = {line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE ")}
    harness.equal([m for m in SEED_METRICS if m not in typed], [], "missing metrics")


def promtool_accepts_the_metrics():
    text = client.request("GET", "/api/metrics")[2]
    got = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    harness.equal((got.returncode, got.stdout, got.stderr), (0, b"", b""), "promtool")


def counters_survive_the_restart_of_a_worker():
    client.write("a", "1")
    before = server.metric("lsm_write_operations_total")
    pid = server.kill("engine")
    server.wait_running("engine", not_pid=pid)
    pid = server.kill("frontend.0")
    server.wait_running("frontend.0", not_pid=pid)
    client.close()
    assert server.metric("lsm_write_operations_total") >= before > 0


def the_server_stops_cleanly():
    client.close()
    harness.equal(server.stop(), 0)


harness.run(a_write_reads_back_with_its_timestamp, a_delete_hides_the_key_and_is_fine_when_there_is_none,
            a_batch_applies_all_its_operations_in_order, an_empty_batch_is_done_at_once,
            a_value_with_a_ttl_goes_when_its_time_is_over,
            an_expired_value_stays_gone_after_a_restart_and_a_live_one_goes_in_its_time, a_bad_ttl_is_refused_with_the_limits,
            keys_and_values_of_any_text_survive, bad_input_is_refused_and_changes_nothing,
            bad_bytes_in_json_are_refused, wrong_paths_and_methods_are_told_apart, a_missing_key_is_a_problem_document_too,
            a_body_over_the_limit_is_refused_before_it_is_read, refusals_keep_the_connection_where_http_allows,
            stats_have_the_documented_shape, health_has_its_five_validators, liveness_and_readiness_are_apart,
            stats_health_and_metrics_answer_while_the_engine_is_down, metrics_have_every_documented_name, promtool_accepts_the_metrics,
            counters_survive_the_restart_of_a_worker, the_server_stops_cleanly)
