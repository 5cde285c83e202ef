# SPDX-License-Identifier: Apache-2.0
"""The access log, the log of slow requests, and what is counted by status."""
import json
import os
import signal
import tempfile
import time

import harness


def lines_of(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def wait_for_lines(path, count):
    harness.wait_until(lambda: os.path.exists(path) and len(lines_of(path)) >= count, 20, f"{count} lines in {path}")
    return lines_of(path)


def every_request_is_a_line_and_no_key_is_in_it():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "access.log")
        server = harness.Server(ACCESS_LOG=path, FRONTEND_WORKERS=2).start()
        client = server.client()
        client.write("secret-key", "secret-value")
        client.read("secret-key")
        client.read("another-secret")
        client.request("GET", "/secret/place?secret=1")
        client.request("GET", "/api/stats")
        lines = wait_for_lines(path, 5)
        told = [(x["method"], x["path"], x.get("argumentBytes"), x["status"]) for x in lines]
        harness.equal(told, [("POST", "/api/write", None, 200), ("GET", "/api/read/", 10, 200), ("GET", "/api/read/", 14, 404),
                             ("GET", "?", None, 404), ("GET", "/api/stats", None, 200)])
        harness.equal({x["client"] for x in lines}, {"127.0.0.1"}, "client")
        assert all(x["bytes"] > 0 and x["us"] >= 0 for x in lines), lines
        with open(path) as f:
            assert "secret" not in f.read()
        harness.equal(os.stat(path).st_mode & 0o777 & ~0o640, 0, "mode")
        server.stop()


def with_log_keys_the_path_is_told_as_it_was_asked():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "access.log")
        server = harness.Server(ACCESS_LOG=path, LOG_KEYS="yes").start()
        server.client().request("GET", "/api/read/a%2Fb?x=y")
        harness.equal([(x["path"], x["query"]) for x in wait_for_lines(path, 1)], [("/api/read/a%2Fb", "x=y")])
        server.stop()


def a_reload_goes_on_in_a_new_file_and_no_line_is_lost():
    with tempfile.TemporaryDirectory() as d:
        path, old = os.path.join(d, "access.log"), os.path.join(d, "access.log.1")
        server = harness.Server(ACCESS_LOG=path).start()
        client = server.client()
        for n in range(50):
            client.read(f"k{n}")
        os.rename(path, old)
        got = server.ctl("reload")
        harness.equal((got.returncode, got.stdout), (0, "1 frontend has taken its files anew\n"), got.stderr)
        harness.wait_until(lambda: os.path.exists(path), 20, "the new file")
        for n in range(50):
            client.read(f"k{n}")
        server.stop()
        harness.equal((len(lines_of(old)), len(lines_of(path))), (50, 50), "lines")


def a_file_that_cannot_be_opened_refuses_the_start():
    server = harness.Server(ACCESS_LOG="/nonexistent/access.log")
    with open(server.log_path, "w"):
        pass
    import subprocess
    got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=60)
    harness.equal(got.returncode, 64, got.stderr)
    assert "ACCESS_LOG=/nonexistent/access.log: cannot be opened" in got.stderr, got.stderr


def a_disk_that_takes_nothing_costs_lines_and_no_time():
    """A pipe that nobody empties: requests go on, what finds no room is counted."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "access.log")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        server = harness.Server(ACCESS_LOG=path, LOG_KEYS="yes").start()
        client = server.client()
        for n in range(1100):
            harness.equal(client.request("GET", "/api/read/" + "k" * 7000)[0], 400)
        assert server.metric("lsm_access_log_dropped_total") > 0
        harness.equal(client.write("a", "1")[0], 200)
        os.close(reader)
        server.stop()


def slow_requests_are_told_from_a_threshold_that_can_be_changed():
    server = harness.Server().start()
    client = server.client()

    def write_slowly(key):
        engine = server.pid_of("engine")
        os.kill(engine, signal.SIGSTOP)
        writer = harness.background(client.write, key, "1")
        time.sleep(0.5)
        os.kill(engine, signal.SIGCONT)
        writer.join()
    write_slowly("unwatched")
    got = server.ctl("set", "slow-request-ms", "200")
    harness.equal((got.returncode, got.stdout), (0, "requests of 200 ms and more are logged\n"), got.stderr)
    harness.wait_until(lambda: client.request("GET", "/api/metrics")[2].decode().count("lsm_slow_request_threshold_seconds 0.2"), 10, "the threshold")
    time.sleep(0.3)
    write_slowly("secret")
    harness.wait_until(lambda: "Slow request: POST /api/write was answered 200" in server.log_tail(), 20, "the line")
    line = [x for x in server.log_tail().splitlines() if "Slow request" in x]
    harness.equal(len(line), 1, "\n".join(line))
    assert "us with the server" in line[0] and "secret" not in line[0], line
    harness.equal(server.metric("lsm_slow_requests_total"), 1)
    pid = server.kill("frontend.0")
    server.wait_running("frontend.0", not_pid=pid)
    harness.equal(server.client().request("GET", "/api/metrics")[2].decode().count("lsm_slow_request_threshold_seconds 0.2"), 1, "a new frontend knows it")
    for value in ("-1", "x", "3600001", "1x"):
        got = server.ctl("set", "slow-request-ms", value)
        harness.equal(got.returncode, 64, got.stdout)
        assert "give milliseconds from 0 (off) to 3600000" in got.stderr, got.stderr
    harness.equal(server.ctl("set", "slow-request-ms", "0").stdout, "slow requests are not logged\n")
    server.stop()


def answers_are_counted_by_the_class_of_their_status():
    server = harness.Server().start()
    client = server.client()
    for _ in range(3):
        client.write("a", "1")
    for _ in range(2):
        client.read("none")
    harness.equal(server.metric("lsm_http_responses_4xx_total"), 2)
    harness.equal(server.metric("lsm_http_responses_2xx_total"), 4, "three writes and the metrics before")
    server.stop()


harness.run(every_request_is_a_line_and_no_key_is_in_it,
            with_log_keys_the_path_is_told_as_it_was_asked,
            a_reload_goes_on_in_a_new_file_and_no_line_is_lost,
            a_file_that_cannot_be_opened_refuses_the_start,
            a_disk_that_takes_nothing_costs_lines_and_no_time,
            slow_requests_are_told_from_a_threshold_that_can_be_changed,
            answers_are_counted_by_the_class_of_their_status)
