# SPDX-License-Identifier: Apache-2.0
"""Access tokens as clients meet them: who may do what, reloads, files that are wrong, and who may listen where."""
import json
import os
import signal
import socket
import subprocess
import tempfile

import harness

READER, WRITER, ADMIN, SHOP = ("reader-0123456789abcdef", "writer-0123456789abcdef", "admin-0123456789abcdef",
                               "shop-0123456789abcdef")
TOKENS = f"# all of them\n{READER} reader\n{WRITER} writer\n{ADMIN} admin\n\n{SHOP} writer shop%3A\n"


def write_tokens(path, text, mode=0o600):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


class Guarded:
    """A server with tokens, in a directory that holds the tokens' file too."""

    def __init__(self, text=TOKENS, **settings):
        self.dir = tempfile.TemporaryDirectory(prefix="lsm-auth-")
        self.path = os.path.join(self.dir.name, "tokens")
        write_tokens(self.path, text)
        self.server = harness.Server(AUTH_TOKENS_FILE=self.path, **settings).start()

    def ask(self, token, method, path, body=None):
        """(status, code of the problem or None, fields)"""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = self.server.client(patient=False)
        status, fields, data = client.request(method, path, body, headers)
        client.close()
        problem = fields.get("content-type") == "application/problem+json"
        return status, json.loads(data)["code"] if problem and data else None, fields

    def stop(self):
        self.server.stop()
        self.dir.cleanup()


def each_role_may_do_what_it_is_for():
    g = Guarded()
    write, batch = {"key": "k", "value": "v"}, {"operations": [{"type": "write", "key": "k", "value": "v"}]}
    calls = [("POST", "/api/write", write, WRITER), ("POST", "/api/batch", batch, WRITER),
             ("GET", "/api/read/k", None, READER), ("HEAD", "/api/read/k", None, READER),
             ("GET", "/api/stats", None, READER), ("GET", "/api/health", None, READER), ("GET", "/api/metrics", None, READER),
             ("DELETE", "/api/delete/k", None, WRITER), ("GET", "/livez", None, None), ("GET", "/readyz", None, None)]
    order = [None, READER, WRITER, ADMIN]
    for method, path, body, least in calls:
        for token in order:
            status, code, fields = g.ask(token, method, path, body)
            what = f"{method} {path} as {token}"
            if order.index(token) >= order.index(least):
                harness.equal(status, 200, what)
            elif token is None:
                harness.equal((status, code), (401, None if method == "HEAD" else "token_missing"), what)
                assert fields["www-authenticate"].startswith("Bearer realm="), fields
            else:
                harness.equal((status, code), (403, "role_insufficient"), what)
                assert "insufficient_scope" in fields["www-authenticate"], fields
    harness.equal(g.ask(None, "GET", "/nothing/here")[0], 401, "a path that is not there, without a token")
    harness.equal(g.ask(READER, "GET", "/nothing/here")[0], 404, "and with one")
    g.stop()


def a_wrong_token_is_refused_and_counted():
    g = Guarded()
    for token in ("x" * 20, READER[:-1], READER + "x", "x" * 5000):
        status, code, fields = g.ask(token, "GET", "/api/read/k")
        harness.equal((status, code), (401, "token_invalid"), token)
        assert 'error="invalid_token"' in fields["www-authenticate"], fields
    for field in (READER, f"Basic {READER}", "Bearer", "Bearer "):
        status, fields, data = g.server.client().request("GET", "/api/read/k", None, {"Authorization": field})
        harness.equal((status, json.loads(data)["code"]), (401, "token_missing"), field)
    status = g.server.client().request("GET", "/api/read/k", None, {"Authorization": f"bEARER   {READER}"})[0]
    harness.equal(status, 404, "the scheme in other letters")
    text = g.server.client().request("GET", "/api/metrics", None, {"Authorization": f"Bearer {READER}"})[2].decode()
    assert "\nlsm_auth_failures_total 8\n" in text, "auth failures: " + "".join(x for x in text.splitlines(True) if "auth" in x)
    g.stop()


def a_confined_token_reaches_its_prefix_and_nothing_else():
    g = Guarded()
    harness.equal(g.ask(WRITER, "POST", "/api/write", {"key": "other", "value": "v"})[0], 200)
    harness.equal(g.ask(SHOP, "POST", "/api/write", {"key": "shop:1", "value": "v"})[0], 200)
    harness.equal(g.ask(SHOP, "GET", "/api/read/shop%3A1")[0], 200)
    harness.equal(g.ask(SHOP, "GET", "/v1/kv/shop%3A1")[0], 200)
    harness.equal(g.ask(SHOP, "GET", "/api/stats")[0], 200)
    inside, outside = ({"type": "write", "key": k, "value": "v"} for k in ("shop:2", "shop"))
    for method, path, body in (("POST", "/api/write", {"key": "other", "value": "v"}), ("POST", "/api/write", {"key": "shop", "value": "v"}),
                               ("GET", "/api/read/other", None), ("GET", "/api/read/shop", None),
                               ("DELETE", "/api/delete/other", None), ("GET", "/v1/kv/other", None),
                               ("PUT", "/v1/kv/other", {}), ("DELETE", "/v1/kv/other", None), ("POST", "/v1/increment/other", {}),
                               ("POST", "/v1/batch", {"operations": [inside, {"type": "delete", "key": "other", "if_version": 1}]}),
                               ("POST", "/v1/mget", {"keys": ["shop:1", "other"]}),
                               ("GET", "/v1/kv", None), ("GET", "/v1/kv?prefix=sho", None), ("GET", "/v1/kv?start=shop:", None),
                               ("GET", "/v1/kv?start=shop:1&end=shoq", None), ("GET", "/v1/export?prefix=shop", None),
                               ("DELETE", "/v1/kv?prefix=s", None), ("DELETE", "/v1/kv?all=true", None), ("POST", "/v1/import", None),
                               ("GET", "/v1/snapshots", None),
                               ("POST", "/api/batch", {"operations": [inside, outside]}),
                               ("POST", "/api/batch", {"operations": [inside, {"type": "delete", "key": "other"}]})):
        harness.equal(g.ask(SHOP, method, path, body)[:2], (403, "prefix_forbidden"), f"{method} {path} {body}")
    harness.equal(g.ask(WRITER, "GET", "/api/read/shop%3A2")[0], 404, "nothing of a refused batch")
    harness.equal(g.ask(SHOP, "POST", "/api/batch", {"operations": [inside]})[0], 200)
    harness.equal(g.ask(SHOP, "POST", "/v1/batch", {"operations": [inside]})[0], 200)
    harness.equal(g.ask(SHOP, "POST", "/v1/mget", {"keys": ["shop:1", "shop:2"]})[0], 200)
    harness.equal(g.ask(SHOP, "POST", "/v1/increment/shop%3An", {})[0], 200)
    harness.equal(g.ask(SHOP, "DELETE", "/api/delete/shop%3A2")[0], 200)
    for query in ("prefix=shop:", "prefix=shop:1&reverse=true", "start=shop:1&end=shop:2", "start=shop:1&end=shop%3B"):
        harness.equal(g.ask(SHOP, "GET", "/v1/kv?" + query)[0], 200, query)
        harness.equal(g.ask(SHOP, "GET", "/v1/export?" + query.replace("&reverse=true", ""))[0], 200, query)
    theirs = g.server.client().request("GET", "/v1/kv?limit=1", None, {"Authorization": f"Bearer {WRITER}"})[2]
    harness.equal(g.ask(SHOP, "GET", "/v1/kv?cursor=" + json.loads(theirs)["cursor"])[:2], (403, "prefix_forbidden"))
    harness.equal(g.ask(SHOP, "DELETE", "/v1/kv?prefix=shop:")[0], 200)
    harness.equal(g.ask(WRITER, "GET", "/api/read/other")[0], 200)
    g.stop()


def a_reload_takes_new_tokens_and_a_broken_file_changes_nothing():
    g = Guarded(FRONTEND_WORKERS=2)
    fresh = "fresh-0123456789abcdef"
    write_tokens(g.path, f"{fresh} reader\n")
    harness.equal(g.ask(fresh, "GET", "/api/stats")[0], 401, "not before the reload")
    got = g.server.ctl("reload")
    harness.equal((got.returncode, got.stdout), (0, "2 frontends have taken their files anew\n"), got.stderr)
    harness.equal(g.ask(fresh, "GET", "/api/stats")[0], 200)
    harness.equal(g.ask(READER, "GET", "/api/stats")[0], 401, "a token that is gone")

    write_tokens(g.path, f"{READER} reader\nnonsense\n")
    got = g.server.ctl("reload")
    harness.equal(got.returncode, 1, got.stdout)
    assert "what was in force stays" in got.stderr, got.stderr
    assert "line 2: the token is shorter" in g.server.log_tail(), g.server.log_tail()
    harness.equal(g.ask(fresh, "GET", "/api/stats")[0], 200, "the tokens of before")

    write_tokens(g.path, TOKENS)
    g.server.process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: g.ask(READER, "GET", "/api/stats")[0] == 200, 10, "SIGHUP to be heard")
    g.stop()


def a_frontend_that_dies_while_the_file_is_broken_comes_back_when_it_is_mended():
    g = Guarded()
    write_tokens(g.path, "nonsense\n")
    g.server.kill("frontend.0")
    harness.wait_until(lambda: "line 1: the token is shorter" in g.server.log_tail(), 20, "the complaint")
    harness.wait_until(lambda: g.server.workers()["frontend.0"]["state"] == "waiting", 20, "the pause")
    write_tokens(g.path, TOKENS)
    g.server.wait_running("frontend.0")
    harness.equal(g.ask(READER, "GET", "/api/stats")[0], 200)
    g.stop()


def the_server_does_not_start_with_a_file_that_is_wrong():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "tokens")
        for text, mode, word in ((TOKENS, 0o644, "chmod 600"), ("nonsense\n", 0o600, "line 1"), ("", 0o600, "there is no token"),
                                 (None, 0o600, "No such file")):
            if text is None:
                os.unlink(path)
            else:
                write_tokens(path, text, mode)
            server = harness.Server(data_dir=os.path.join(d, "data"), AUTH_TOKENS_FILE=path)
            got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=60)
            harness.equal(got.returncode, 64, got.stderr)
            assert word in got.stderr and path in got.stderr, got.stderr


def an_address_that_others_reach_needs_tokens_or_a_word():
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with tempfile.TemporaryDirectory() as d:
            env = harness.Server(data_dir=os.path.join(d, "data"), HOST=host).environment()
            got = subprocess.run([harness.SUPERVISOR], env=env, capture_output=True, text=True, timeout=20)
            harness.equal(got.returncode, 64, got.stderr)
            assert "AUTH_TOKENS_FILE" in got.stderr and "LISTEN_PUBLIC=yes" in got.stderr, got.stderr
            assert not os.path.exists(os.path.join(d, "data")), "something was started"
    server = harness.Server(HOST="0.0.0.0", LISTEN_PUBLIC="yes").start()
    harness.equal(server.client().write("a", "1")[0], 200)
    server.stop()
    g = Guarded(HOST="0.0.0.0")
    harness.equal(g.ask(READER, "GET", "/api/stats")[0], 200)
    g.stop()


def a_socket_of_systemd_that_others_reach_needs_them_too():
    with socket.create_server(("0.0.0.0", 0)) as listener, tempfile.TemporaryDirectory() as d:
        env = harness.Server(data_dir=os.path.join(d, "data")).environment()
        script = f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0"'
        got = subprocess.run(["sh", "-c", script, harness.SUPERVISOR], env=env, capture_output=True, text=True, timeout=20,
                             pass_fds=[listener.fileno()])
    harness.equal(got.returncode, 64, got.stderr)
    assert "socket of systemd listens on 0.0.0.0" in got.stderr and "LISTEN_PUBLIC=yes" in got.stderr, got.stderr


def a_body_is_not_read_from_who_may_not_write():
    g = Guarded()
    for token in (None, READER):
        with socket.create_connection(("127.0.0.1", g.server.port)) as s:
            s.settimeout(20)
            field = f"Authorization: Bearer {token}\r\n" if token else ""
            s.sendall(f"POST /api/write HTTP/1.1\r\nHost: x\r\n{field}Content-Length: 10000000\r\n\r\n".encode())
            answer = s.recv(65536)
            assert answer.startswith(b"HTTP/1.1 403 " if token else b"HTTP/1.1 401 "), answer
            assert b"\r\nConnection: close\r\n" in answer, answer
    g.stop()


def curl_and_its_bearer_option():
    g = Guarded()
    url = f"http://127.0.0.1:{g.server.port}/api/write"
    got = subprocess.run(["curl", "-sS", "--oauth2-bearer", WRITER, url, "-d", '{"key":"a","value":"1"}'], capture_output=True, text=True, check=True)
    assert json.loads(got.stdout)["success"] is True, got.stdout
    got = subprocess.run(["curl", "-sS", url, "-d", '{"key":"a","value":"1"}'], capture_output=True, text=True, check=True)
    harness.equal(json.loads(got.stdout)["code"], "token_missing")
    g.stop()


harness.run(each_role_may_do_what_it_is_for,
            a_wrong_token_is_refused_and_counted,
            a_confined_token_reaches_its_prefix_and_nothing_else,
            a_reload_takes_new_tokens_and_a_broken_file_changes_nothing,
            a_frontend_that_dies_while_the_file_is_broken_comes_back_when_it_is_mended,
            the_server_does_not_start_with_a_file_that_is_wrong,
            an_address_that_others_reach_needs_tokens_or_a_word,
            a_socket_of_systemd_that_others_reach_needs_them_too,
            a_body_is_not_read_from_who_may_not_write,
            curl_and_its_bearer_option)
