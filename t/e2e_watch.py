# SPDX-License-Identifier: Apache-2.0
"""GET /v1/watch: what watchers are told equals what was acknowledged, through batches and deletes, engines that die,
frontends that are restarted and clients that come back with the last id.
"""
import base64
import http.client
import json
import os
import random
import signal
import socket
import tempfile
import threading
import time
import urllib.parse

import harness

SMALL = dict(MEMTABLE_SIZE_LIMIT="64K")


class Watch:
    """One connection to /v1/watch, read event by event. `last_id` moves on as a browser's would."""

    def __init__(self, port, last_id=None, token=None, **query):
        self.last_id = last_id
        self.comments = 0
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        path = "/v1/watch?" + urllib.parse.urlencode(query)
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        if token:
            headers["Authorization"] = "Bearer " + token
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def problem(self):
        return json.loads(self.response.read())

    def line(self):
        got = self.response.readline()
        if not got.endswith(b"\n"):
            raise EOFError
        return got[:-1].decode()

    def block(self):
        """The next block of lines as (event or None, data or None); EOFError at the end of the stream."""
        event = data = None
        for line in iter(self.line, ""):
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments += 1
            elif name == "id":
                self.last_id = int(value)
            elif name == "event":
                event = value
            elif name == "data":
                data = json.loads(value)
        return event, data

    def event(self):
        """The next change, or the last word; blocks without data are no events."""
        while True:
            event, data = self.block()
            if data is not None:
                return event, data

    def close(self):
        self.connection.close()


class Watcher(threading.Thread):
    """Watches for good: comes back with its last id whenever the stream ends. `changes` is what it was told."""

    def __init__(self, port, since, prefix="", pause=0.0):
        super().__init__(daemon=True)
        self.port, self.last_id, self.prefix, self.pause = port, since, prefix, pause
        self.changes, self.error, self.returns = [], None, -1
        self.stop = False
        self.start()

    def run(self):
        try:
            while not self.stop:
                try:
                    self.watch_once()
                except (OSError, http.client.HTTPException, EOFError):
                    time.sleep(0.05)
        except BaseException as e:      # handed to the test
            self.error = e

    def watch_once(self):
        watch = Watch(self.port, last_id=self.last_id, prefix=self.prefix, heartbeat=1)
        try:
            if watch.status == 503:
                raise OSError("not ready")
            harness.equal(watch.status, 200, f"watch from {self.last_id}")
            self.returns += 1
            while not self.stop:
                event, data = watch.block()
                if data is not None:
                    assert event in ("put", "delete"), (event, data)
                    harness.equal(data["version"], watch.last_id, "the event's id")
                    self.changes.append((event, data["key"], data.get("value"), data["version"]))
                    time.sleep(self.pause)
                self.last_id = watch.last_id
        finally:
            watch.close()

    def wait_for(self, version):
        def there():
            if self.error:
                raise self.error
            return self.last_id >= version
        harness.wait_until(there, 60, f"watcher of {self.prefix!r} to come to {version} (is at {self.last_id})")
        self.stop = True


def last_version(server):
    return server.client().json("GET", "/api/stats")[1]["lastSequence"]


def apply(changes):
    state = {}
    for event, key, value, _ in changes:
        if event == "put":
            state[key] = value
        else:
            state.pop(key, None)
    return state


def write_some(client, me, rounds, acknowledged, done=None):
    """Single writes, deletes and batches of its own keys; acknowledged: (event, key, value) in order."""
    rng = random.Random(me)
    for n in range(rounds):
        kind = rng.randrange(4)
        if kind < 2:
            key, value = f"w{me}/{rng.randrange(50)}", f"{me}.{n} é \"quoted\"\n" + "x" * rng.randrange(300)
            assert client.write(key, value)[0] == 200
            acknowledged.append([("put", key, value)])
        elif kind == 2:
            key = f"w{me}/{rng.randrange(50)}"
            assert client.delete(key)[0] == 200
            acknowledged.append([("delete", key, None)])
        else:
            ops, told = [], []
            for i in range(rng.randrange(2, 20)):
                key, value = f"w{me}/{rng.randrange(50)}", f"{me}.{n}.{i}"
                delete = rng.randrange(5) == 0
                ops.append({"type": "delete", "key": key} if delete else {"type": "write", "key": key, "value": value})
                told.append(("delete", key, None) if delete else ("put", key, value))
            status, answer = client.batch(ops)
            assert status == 200, answer
            acknowledged.append(told)
        if done and done.is_set():
            return


def changes_come_live_with_ids_keys_values_and_times():
    server = harness.Server().start()
    client = server.client()
    client.write("before", "1")
    watch = Watch(server.port)
    harness.equal((watch.status, watch.response.getheader("Content-Type")), (200, "text/event-stream"))
    watch.block()
    harness.equal(watch.last_id, 1, "where it began")
    client.write("a", "é\n\"")
    client.json("POST", "/api/write", {"key": "b", "value": "v", "ttl": 1000})
    client.delete("a")
    client.batch([{"type": "write", "key": "c", "value": "1"}, {"type": "delete", "key": "b"}])
    events = [watch.event() for _ in range(5)]
    harness.equal([e for e, _ in events], ["put", "put", "delete", "put", "delete"])
    harness.equal([d["key"] for _, d in events], ["a", "b", "a", "c", "b"])
    harness.equal([d["version"] for _, d in events], [2, 3, 4, 5, 6])
    harness.equal(events[0][1]["value"], "é\n\"")
    assert "value" not in events[2][1] and "expires_at" not in events[0][1], events
    assert abs(events[0][1]["timestamp"] - time.time()) < 60, events
    assert abs(events[1][1]["expires_at"] - events[1][1]["timestamp"] - 1000) < 5, events
    harness.equal(watch.last_id, 6)
    watch.close()
    server.stop()


def writes_of_every_kind_are_told_as_what_came_of_them():
    server = harness.Server().start()
    client = server.client()
    watch = Watch(server.port)
    watch.block()

    def ask(status, method, path, body=None, headers=None):
        harness.equal(client.request(method, path, body, headers)[0], status, f"{method} {path}")
    ask(204, "PUT", "/v1/kv/%FF%00", b"\x80\x00")
    ask(412, "PUT", "/v1/kv/%FF%00", b"no", {"If-None-Match": "*"})
    ask(204, "PUT", "/v1/kv/r/1", b"one")
    ask(204, "PUT", "/v1/kv/r/2", b"two", {"If-None-Match": "*"})
    ask(200, "POST", "/v1/increment/n", b'{"by": 5}', {"Content-Type": "application/json"})
    ask(200, "POST", "/v1/increment/n", b'{"by": -7}', {"Content-Type": "application/json"})
    ask(200, "DELETE", "/v1/kv?prefix=r/")
    got = [watch.event() for _ in range(7)]
    data = got[0][1]
    harness.equal((base64.b64decode(data["key_base64"]), base64.b64decode(data["value_base64"])), (b"\xff\x00", b"\x80\x00"))
    harness.equal([(e, d["key"], d.get("value")) for e, d in got[1:]],
                  [("put", "r/1", "one"), ("put", "r/2", "two"), ("put", "n", "5"), ("put", "n", "-2"),
                   ("delete", "r/1", None), ("delete", "r/2", None)])
    harness.equal([d["version"] for _, d in got], list(range(1, 8)))
    watch.close()
    server.stop()


def bad_questions_are_refused_with_what_is_wrong():
    server = harness.Server().start()
    server.client().write("a", "1")
    for query, headers, code in [
        ("since=-1", {}, "parameter_invalid"), ("since=x", {}, "parameter_invalid"), ("since=", {}, "parameter_invalid"),
        ("heartbeat=0", {}, "parameter_invalid"), ("heartbeat=3601", {}, "parameter_invalid"), ("sinc=1", {}, "parameter_unknown"),
        ("prefix=%zz", {}, "parameter_invalid"), ("prefix=" + "p" * 1025, {}, "parameter_invalid"),
        ("since=1&since=1", {}, "parameter_repeated"), ("", {"Last-Event-ID": "abc"}, "parameter_invalid"),
        ("since=0", {"Last-Event-ID": "-2"}, "parameter_invalid"), ("since=1", {"Last-Event-ID": "99999999999999999999"}, "parameter_invalid"),
    ]:
        status, got, body = server.client().request("GET", "/v1/watch?" + query, headers=headers)
        harness.equal((status, json.loads(body)["code"]), (400, code), query + str(headers))
    status, got, body = server.client().request("POST", "/v1/watch")
    harness.equal((status, json.loads(body)["code"]), (405, "method_not_allowed"))
    status, got, body = server.client().request("GET", "/v1/watch?since=2")
    harness.equal((status, json.loads(body)["code"], json.loads(body)["newest_version"]), (410, "watch_ahead", 1))
    status, got, body = server.client().request("HEAD", "/v1/watch")
    harness.equal((status, got["content-type"], body), (200, "text/event-stream", b""))
    server.stop()


def an_idle_watch_gets_comments_that_move_its_id_on():
    server = harness.Server().start()
    client = server.client()
    watch = Watch(server.port, prefix="mine/", heartbeat=1)
    watch.block()
    for n in range(10):
        client.write(f"other/{n}", "x")
    while watch.last_id < 10:
        harness.equal(watch.block(), (None, None), "a block while nothing matches")
    assert watch.comments >= 2, watch.comments
    client.write("mine/1", "x")
    harness.equal(watch.event()[1]["version"], 11)
    watch.close()
    harness.wait_until(lambda: server.metric("lsm_watchers") == 0, 30, "the watcher's end to be noticed")
    server.stop()


def a_watch_resumes_in_the_middle_of_a_batch_and_the_id_wins_over_since():
    server = harness.Server().start()
    client = server.client()
    client.batch([{"type": "write", "key": f"k{n}", "value": "x"} for n in range(1, 11)])
    for kind in ({"since": 4}, {"last_id": 4}, {"since": 9, "last_id": 4}):
        watch = Watch(server.port, **kind)
        harness.equal([watch.event()[1]["key"] for _ in range(6)], [f"k{n}" for n in range(5, 11)], str(kind))
        watch.close()
    server.stop()


def all_watchers_are_told_what_was_acknowledged_while_workers_die():
    server = harness.Server(FRONTEND_WORKERS=2, WATCH_RETAIN_BYTES="256M", **SMALL).start()
    watchers = [Watcher(server.port, 0), Watcher(server.port, 0, "w1/"), Watcher(server.port, 0, pause=0.0005)]
    acknowledged = [[], [], []]
    done = threading.Event()
    writers = [harness.background(write_some, harness.Client(server.port, patient=True), me, 100000, acknowledged[me], done)
               for me in range(3)]
    for round in range(5):
        time.sleep(0.5)
        pid = server.kill("engine")
        server.wait_running("engine", not_pid=pid)
        name = f"frontend.{round % 2}"
        pid = server.kill(name, signal.SIGTERM if round % 2 else signal.SIGKILL)
        server.wait_running(name, not_pid=pid)
    done.set()
    for w in writers:
        w.join()
    last = last_version(server)
    for w in watchers:
        w.wait_for(last)
    harness.equal([c[3] for c in watchers[0].changes], list(range(1, last + 1)), "versions")
    harness.equal(watchers[2].changes, watchers[0].changes, "the slow one")
    harness.equal(watchers[1].changes, [c for c in watchers[0].changes if c[1].startswith("w1/")], "the one with a prefix")
    assert sum(w.returns for w in watchers) > 0, "nobody was ever cut off"
    for me in range(3):
        check_acknowledged(acknowledged[me], [c[:3] for c in watchers[0].changes if c[1].startswith(f"w{me}/")])
    state = apply(watchers[0].changes)
    for key in {c[1] for c in watchers[0].changes}:
        status, answer = server.client().read(key)
        harness.equal(answer["value"] if status == 200 else None, state.get(key), key)
    server.stop()


def check_acknowledged(groups, told):
    """Every acknowledged group is there as a whole and in order. Between them there are repeats only: a client that is cut
    off does not know and asks again, and what it asked first may be applied later than its repeat."""
    at = 0
    for n in range(len(groups) + 1):
        while at < len(told):
            again = [g for g in groups[max(0, n - 20):n] if told[at:at + len(g)] == g]
            if n < len(groups) and told[at:at + len(groups[n])] == groups[n] or not again:
                break
            at += len(again[-1])
        if n < len(groups):
            assert told[at:at + len(groups[n])] == groups[n], f"told {told[at:at + 3]!r}, acknowledged {groups[n - 1:n + 1]!r}"
            at += len(groups[n])
    harness.equal(len(told), at, "changes told")


def a_watch_survives_the_engine_and_a_restart_of_the_server():
    server = harness.Server(WATCH_RETAIN_BYTES="16M", **SMALL).start()
    client = server.client()
    client.write("k0", "x" * 1000)
    watch = Watch(server.port, since=0, heartbeat=1)
    harness.equal(watch.event()[1]["version"], 1)
    engine = server.pid_of("engine")
    server.process.send_signal(signal.SIGSTOP)          # nobody starts another one
    os.kill(engine, signal.SIGKILL)
    before = watch.comments
    while watch.comments < before + 2:
        harness.equal(watch.block(), (None, None), "while there is no engine")
    server.process.send_signal(signal.SIGCONT)
    harness.equal(harness.Client(server.port, patient=True).write("k1", "x")[0], 200)
    harness.equal(watch.event()[1]["key"], "k1")
    for n in range(2, 600):
        server.client().write(f"k{n}", "x" * 1000)
    harness.wait_until(lambda: server.metric("lsm_watch_retained_bytes") > 300000, 30, "flushed log to be kept")
    for restart in (server.stop, server.crash):
        restart()
        server.start()
        again = Watch(server.port, since=0)
        harness.equal([again.event()[1]["key"] for _ in range(600)], [f"k{n}" for n in range(600)], "after a restart")
        again.close()
        assert server.metric("lsm_watch_retained_bytes") > 300000, "what is kept is not known any more"
    server.stop()


def a_drain_ends_a_watch_cleanly():
    server = harness.Server().start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
        s.sendall(b"GET /v1/watch HTTP/1.1\r\nHost: a\r\n\r\n")
        got = b""
        while b": watching" not in got:
            got += s.recv(4096)
        os.kill(server.pid_of("frontend.0"), signal.SIGTERM)
        while piece := s.recv(4096):
            got += piece
    assert got.endswith(b"\r\n0\r\n\r\n"), got[-100:]
    server.stop()


def fill(server, first, n):
    for k in range(first, first + n):
        server.client().batch([{"type": "write", "key": f"k{k}.{i}", "value": "y" * 500} for i in range(20)])


def what_is_no_longer_kept_is_gone():
    server = harness.Server(WATCH_RETAIN_BYTES="200K", **SMALL).start()
    server.client().write("first", "x")
    fill(server, 0, 100)
    harness.wait_until(lambda: os.listdir(os.path.join(server.data_dir, "wal", "retained")), 30, "kept segments")
    harness.wait_until(lambda: server.metric("lsm_watch_retained_bytes") >= 200 * 1024, 30, "as much as is to be kept")
    watch = Watch(server.port, since=0)
    harness.equal((watch.status, watch.response.getheader("Content-Type")), (410, "application/problem+json"))
    problem = watch.problem()
    oldest = problem["oldest_version"]
    assert problem["code"] == "watch_gone" and 1 < oldest <= 2001, problem
    watch.close()
    harness.equal(server.metric("lsm_watch_gone_total"), 1)
    watch = Watch(server.port, since=oldest - 1)
    harness.equal(watch.event()[1]["version"], oldest, "the oldest that is kept")
    watch.close()
    server.stop()


def without_retention_only_what_recovery_needs_is_there():
    server = harness.Server(WATCH_RETAIN_BYTES="0", **SMALL).start()
    fill(server, 0, 30)
    harness.wait_until(lambda: Watch(server.port, since=0).status == 410, 30, "the first changes to be gone")
    harness.equal(os.listdir(os.path.join(server.data_dir, "wal", "retained")), [])
    server.stop()


def who_does_not_read_costs_little_and_is_told_when_it_is_too_late():
    server = harness.Server(WATCH_RETAIN_BYTES="64K", **SMALL).start()
    s = socket.create_connection(("127.0.0.1", server.port))
    s.sendall(b"GET /v1/watch?since=0 HTTP/1.1\r\nHost: a\r\n\r\n")
    harness.wait_until(lambda: server.metric("lsm_watchers") == 1, 30, "the watcher")
    pid = server.pid_of("frontend.0")
    before = memory(pid)
    fill(server, 0, 2000)                               # 20 MB: more than the system's own buffers hold
    grown = memory(pid) - before
    assert grown < (64 << 20 if harness.has_sanitizer() else 8 << 20), f"{grown} bytes more"
    s.settimeout(20)
    got = b""
    while b"event: gone" not in got[-2000:] or not got.endswith(b"0\r\n\r\n"):
        piece = s.recv(1 << 16)
        assert piece, "cut off without a word"
        got += piece
    assert b'"oldest_version":' in got[-2000:], got[-200:]
    assert server.metric("lsm_watch_gone_total") == 1
    s.close()
    server.stop()


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon"))


def there_are_no_more_watchers_than_allowed():
    server = harness.Server(MAX_WATCHERS=2).start()
    watches = [Watch(server.port) for _ in range(2)]
    one_more = Watch(server.port)
    harness.equal((one_more.status, one_more.response.getheader("Retry-After")), (503, "1"))
    harness.equal(one_more.problem()["code"], "overloaded")
    watches[0].close()
    harness.wait_until(lambda: server.metric("lsm_watchers") == 1, 30, "a place")
    harness.equal(Watch(server.port).status, 200)
    server.stop()


def a_confined_token_watches_below_its_prefix_only():
    with tempfile.NamedTemporaryFile("w", suffix=".tokens") as f:     # mode 0600
        f.write("admin-token-0123456789 admin\nreader-token-012345678 reader team/a/\n")
        f.flush()
        server = harness.Server(AUTH_TOKENS_FILE=f.name).start()

        def ask(token, query, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request(method, "/v1/watch" + query, headers={"Authorization": "Bearer " + token} if token else {})
            return connection.getresponse().status
        harness.equal(ask("", ""), 401)
        harness.equal(ask("admin-token-0123456789", ""), 200)
        harness.equal(ask("reader-token-012345678", "?prefix=team/a/x"), 200)
        for query in ("", "?prefix=", "?prefix=team/", "?prefix=team/b/"):
            harness.equal(ask("reader-token-012345678", query), 403, query)
        server.stop()


def a_token_that_is_taken_away_takes_its_watches_with_it():
    stays, goes, narrowed = "stays-token-0123456789", "goes-token-0123456789a", "narrowed-token-0123456"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokens")

        def write_tokens(text):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                f.write(text)
        write_tokens(f"{stays} writer\n{goes} reader\n{narrowed} reader a\n")
        server = harness.Server(AUTH_TOKENS_FILE=path).start()
        kept, gone = Watch(server.port, token=stays), Watch(server.port, token=goes)
        still, cut = Watch(server.port, token=narrowed, prefix="ab"), Watch(server.port, token=narrowed, prefix="a")
        harness.equal([w.status for w in (kept, gone, still, cut)], [200] * 4)
        write_tokens(f"# others stand in other lines now\n{narrowed} reader ab\n{stays} writer\n")
        got = server.ctl("reload")
        harness.equal(got.returncode, 0, got.stderr)
        for watch in (gone, cut):
            try:
                for _ in range(3):      # the hello, and perhaps a heartbeat
                    harness.equal(watch.block(), (None, None), "nothing is told")
                raise AssertionError("a watch goes on without its token")
            except EOFError:
                pass
        headers = {"Authorization": "Bearer " + stays}
        harness.equal(server.client().request("PUT", "/v1/kv/abc", "x", headers)[0], 204)
        for watch in (kept, still):
            harness.equal(watch.event()[1]["key"], "abc")
        harness.equal(Watch(server.port, token=goes).status, 401)
        harness.equal(Watch(server.port, token=narrowed, prefix="a").status, 403)
        server.stop()


harness.run(changes_come_live_with_ids_keys_values_and_times,
            writes_of_every_kind_are_told_as_what_came_of_them,
            bad_questions_are_refused_with_what_is_wrong,
            an_idle_watch_gets_comments_that_move_its_id_on,
            a_watch_resumes_in_the_middle_of_a_batch_and_the_id_wins_over_since,
            all_watchers_are_told_what_was_acknowledged_while_workers_die,
            a_watch_survives_the_engine_and_a_restart_of_the_server,
            a_drain_ends_a_watch_cleanly,
            what_is_no_longer_kept_is_gone,
            without_retention_only_what_recovery_needs_is_there,
            who_does_not_read_costs_little_and_is_told_when_it_is_too_late,
            there_are_no_more_watchers_than_allowed,
            a_confined_token_watches_below_its_prefix_only,
            a_token_that_is_taken_away_takes_its_watches_with_it)
