# SPDX-License-Identifier: Apache-2.0
"""Planned restarts and stops under load: no connection is refused, no request fails."""
import http.client
import json
import socket
import threading
import time

import harness

RESTARTS = 5
CLIENTS = 8


class Load:
    """Clients that repeat nothing: whatever fails is counted with what it was."""

    def __init__(self, server):
        self.server, self.stop, self.done, self.failures = server, threading.Event(), [0] * (CLIENTS + 2), []
        jobs = [(self.keep_alive, n) for n in range(CLIENTS)] + [(self.come_and_go, CLIENTS), (self.think, CLIENTS + 1)]
        self.threads = [harness.background(self.guarded, *job) for job in jobs]

    def guarded(self, job, me):
        try:
            job(me)
        except (OSError, http.client.HTTPException) as e:
            self.failures.append(f"client {me} after {self.done[me]} requests: {e!r}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)

    def ask(self, connection, me, n):
        if n % 2:
            connection.request("GET", f"/api/read/k{me}")
        else:
            connection.request("POST", "/api/write", '{"key":"k%d","value":"%d"}' % (me, n))
        r = connection.getresponse()
        r.read()
        if r.status != 200:
            self.failures.append(f"client {me}, request {n}: status {r.status}")
        self.done[me] += 1

    def keep_alive(self, me):
        connection = self.connect()
        for n in range(1 << 30):
            if self.stop.is_set():
                return
            self.ask(connection, me, n)

    def come_and_go(self, me):
        for n in range(1 << 30):
            if self.stop.is_set():
                return
            connection = self.connect()
            self.ask(connection, me, n)
            connection.close()

    def think(self, me):
        """Half a second between two requests of a connection: idle whenever a restart begins."""
        connection = self.connect()
        for n in range(1 << 30):
            if self.stop.wait(0.5):
                return
            self.ask(connection, me, n)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        harness.equal(self.failures, [], "failed requests")
        assert all(self.done), f"a client did nothing: {self.done}"


def restarts_of_frontends_fail_no_request(workers=1):
    server = harness.Server(FRONTEND_WORKERS=workers).start()
    load = Load(server)
    pids = set()
    for n in range(RESTARTS):
        name = f"frontend.{n % workers}"
        pids.add(server.pid_of(name))
        got = server.ctl("restart", name)
        harness.equal(got.returncode, 0, got.stderr)
        pids.add(server.pid_of(name))
        time.sleep(0.3)
    load.end()
    harness.equal(len(pids), RESTARTS + workers, "processes that served")
    harness.equal(sum(w["restarts"] for n, w in server.workers().items() if n.startswith("frontend")), RESTARTS, "restarts told")
    server.stop()


def restarts_of_two_frontends_fail_no_request():
    restarts_of_frontends_fail_no_request(2)


def cursors_outlive_restarts(workers=1):
    """A scan page by page, each on a connection of its own, while frontends and the engine are replaced and keys overwritten."""
    server = harness.Server(FRONTEND_WORKERS=workers).start()
    count, got, cursor = 1200, [], ""

    def fill(value):
        status, answer = server.client(patient=True).batch([{"type": "write", "key": f"k{i:05d}", "value": value} for i in range(count)])
        harness.equal(status, 200, answer)

    fill("first")
    names = [f"frontend.{n}" for n in range(workers)]
    restarts = iter((names + ["engine"]) * 2 + names)
    while cursor is not None:
        status, _, body = server.client(patient=True).request("GET", "/v1/kv?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        page = json.loads(body)
        harness.equal(status, 200, page)
        got, cursor = got + page["items"], page["cursor"]
        name = next(restarts, None)
        if name:
            harness.equal(server.ctl("restart", name).returncode, 0)
            fill(f"after {name}")
    assert next(restarts, None) is None, "too few pages"
    harness.equal([(i["key"], i["value"]) for i in got], [(f"k{i:05d}", "first") for i in range(count)], "the scan")
    server.stop()


def cursors_outlive_restarts_of_two_frontends():
    cursors_outlive_restarts(2)


def export_slowly(server, seconds):
    """Lines of an export that is read for that long after a restart of its frontend; None: it was cut off."""
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.settimeout(30)
        s.sendall(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n")
        got = s.recv(1000)
        harness.equal(server.ctl("restart", "frontend.0").returncode, 0)
        until = time.monotonic() + seconds
        try:
            while piece := s.recv(1 << 20 if time.monotonic() > until else 4096):
                got += piece
                if time.monotonic() < until:
                    time.sleep(0.05)
                if got.endswith(b"\r\n0\r\n\r\n"):
                    return got.count(b'"key":')
        except ConnectionResetError:
            return None
    raise AssertionError("an export that is not complete ended as if it were")


def a_long_answer_goes_on_for_the_time_that_it_is_given():
    count, value = 8000, "v" * 2000
    server = harness.Server(FRONTEND_WORKERS=1, DRAIN_S=40).start()
    for at in range(0, count, 1000):
        server.client().batch([{"type": "write", "key": f"k{i}", "value": value} for i in range(at, at + 1000)])
    harness.equal(export_slowly(server, 12), count, "lines of an export that takes longer than a stop would")
    server.stop()
    server.settings["DRAIN_S"] = "1"
    server.start()
    harness.equal(export_slowly(server, 8), None, "an export that takes longer than DRAIN_S")
    server.stop()


def cursors_outlive_a_predecessor_that_is_hurried():
    """An export that nobody reads holds the predecessor; the next restart has it end within seconds, with all that it keeps."""
    server = harness.Server(FRONTEND_WORKERS=1).start()
    value = "v" * 2000
    for at in range(0, 8000, 1000):
        server.client().batch([{"type": "write", "key": f"k{i}", "value": value} for i in range(at, at + 1000)])
    cursors = [server.client().json("GET", f"/v1/kv?limit={n + 1}")[1]["cursor"] for n in range(12)]
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        harness.equal(server.ctl("restart", "frontend.0").returncode, 0)
        got = []
        again = harness.background(lambda: got.append(server.ctl("restart", "frontend.0").returncode))
        pages = 0
        while again.is_alive():
            for c in cursors:
                status, page = server.client(patient=True).json("GET", f"/v1/kv?limit=1&cursor={c}")
                harness.equal(status, 200, page)
                pages += 1
            time.sleep(0.1)
        again.join()
        harness.equal(got, [0], "the second restart")
        assert pages > len(cursors), pages
    for c in cursors:
        status, page = server.client(patient=True).json("GET", f"/v1/kv?limit=1&cursor={c}")
        harness.equal(status, 200, page)
    server.stop()


def the_successor_serves_while_its_predecessor_finishes():
    """A connection that is in the middle of a request holds the predecessor; another one is served meanwhile."""
    server = harness.Server().start()
    old = server.pid_of("frontend.0")
    body = b'{"key":"slow","value":"1"}'
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.settimeout(20)
        s.sendall(b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        time.sleep(0.2)
        harness.equal(server.ctl("restart", "frontend.0").returncode, 0)
        assert server.pid_of("frontend.0") != old
        harness.equal(server.client().write("quick", "1")[0], 200, "the successor")
        s.sendall(body[5:])
        answer = s.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer, answer
        harness.equal(s.recv(10), b"", "the end of the connection")
    harness.equal(server.client().read("slow")[0], 200)
    server.stop()


def a_successor_that_cannot_serve_changes_nothing():
    import os
    import tempfile
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "tokens")
        token = "admin-0123456789abcdef"
        with open(path, "w") as f:
            f.write(f"{token} admin\n")
        os.chmod(path, 0o600)
        server = harness.Server(AUTH_TOKENS_FILE=path).start()
        old = server.pid_of("frontend.0")
        with open(path, "w") as f:
            f.write("nonsense\n")
        got = server.ctl("restart", "frontend.0")
        harness.equal(got.returncode, 1, got.stdout)
        assert "its successor" in got.stderr, got.stderr
        harness.equal(server.pid_of("frontend.0"), old, "the process that serves")
        harness.equal(server.client().request("GET", "/api/stats", None, {"Authorization": f"Bearer {token}"})[0], 200)
        server.stop()


def a_stop_answers_what_is_under_way_and_is_over_soon():
    server = harness.Server().start()
    body = b'{"key":"last","value":"1"}'
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.settimeout(20)
        s.sendall(b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        time.sleep(0.2)
        server.process.terminate()
        harness.wait_until(lambda: "connections are being finished" in server.log_tail(), 20, "the drain")
        s.sendall(body[5:])
        answer = s.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer, answer
    harness.equal(server.process.wait(30), 0, "exit status, with idle connections open")
    for c in idle:
        c.close()
    server.stop()
    server.start()
    harness.equal(server.client().read("last")[0], 200, "what was answered last")
    server.stop()


harness.run(restarts_of_frontends_fail_no_request,
            restarts_of_two_frontends_fail_no_request,
            cursors_outlive_restarts,
            cursors_outlive_restarts_of_two_frontends,
            cursors_outlive_a_predecessor_that_is_hurried,
            a_long_answer_goes_on_for_the_time_that_it_is_given,
            the_successor_serves_while_its_predecessor_finishes,
            a_successor_that_cannot_serve_changes_nothing,
            a_stop_answers_what_is_under_way_and_is_over_soon)
