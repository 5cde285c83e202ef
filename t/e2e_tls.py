# SPDX-License-Identifier: Apache-2.0
"""HTTPS as clients meet it: curl and Python's ssl, reloads of the certificate, files that are wrong, and peers that are."""
import http.client
import json
import os
import socket
import ssl
import subprocess
import tempfile
import time

import harness


class Secure:
    """A server with a certificate made for it."""

    def __init__(self, **settings):
        self.dir = tempfile.TemporaryDirectory(prefix="lsm-tls-")
        self.cert, self.key = self.file("cert.pem"), self.file("key.pem")
        self.make("first.example")
        self.server = harness.Server(TLS_CERT_FILE=self.cert, TLS_KEY_FILE=self.key, **settings).start()

    def file(self, name):
        return os.path.join(self.dir.name, name)

    def make(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.cert],
                       check=True, capture_output=True)
        os.chmod(self.key, 0o600)

    def context(self):
        context = ssl.create_default_context(cafile=self.cert)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def connect(self, context=None):
        """A TLS connection that tells an end without close_notify by an exception."""
        raw = socket.create_connection(("127.0.0.1", self.server.port))
        raw.settimeout(30)
        return (context or self.context()).wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def client(self):
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=30, context=self.context())

    def common_name(self):
        with self.connect(ssl_without_checks()) as s:
            return subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=s.getpeercert(True),
                                  capture_output=True, check=True).stdout.decode().strip()

    def stop(self):
        self.server.stop()
        self.dir.cleanup()


def ssl_without_checks():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def read_all(s):
    data = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece


def the_api_is_served_over_tls():
    t = Secure()
    url = f"https://127.0.0.1:{t.server.port}"
    got = subprocess.run(["curl", "-sS", "--cacert", t.cert, f"{url}/api/write", "-d", '{"key":"a","value":"1"}'], capture_output=True,
                         text=True, check=True)
    assert json.loads(got.stdout)["success"] is True, got.stdout
    for option in ("--tlsv1.3", "--tls-max"):
        words = [option] + (["1.2"] if option == "--tls-max" else [])
        got = subprocess.run(["curl", "-sS", "--cacert", t.cert, *words, f"{url}/api/read/a"], capture_output=True, text=True, check=True)
        harness.equal(json.loads(got.stdout)["value"], "1", option)
    client = t.client()
    for n in range(200):                                # keep-alive
        client.request("GET", "/api/read/a")
        harness.equal(json.loads(client.getresponse().read())["value"], "1")
    harness.equal(client.sock.selected_alpn_protocol(), "http/1.1")
    assert f"https://127.0.0.1:{t.server.port}" in t.server.ctl("status").stdout, t.server.ctl("status").stdout
    t.stop()


def a_target_may_name_the_whole_address():
    t = Secure()
    for target, status in (("https://a", b"404"), ("https://A/readyz", b"200"), ("HTTPS://a/readyz?", b"200"), ("http://a/readyz", b"200"),
                           ("https://b/readyz", b"400"), ("https:/a/readyz", b"400"), ("wss://a/readyz", b"400")):
        with t.connect() as s:
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            harness.equal(read_all(s).split(b" ", 2)[1], status, target)
    t.stop()


def large_bodies_and_pipelined_requests_pass():
    t = Secure()
    client, value = t.client(), "x" * (6 << 20)
    client.request("POST", "/api/write", json.dumps({"key": "big", "value": value}))
    harness.equal(client.getresponse().read()[:15], b'{"success":true')
    client.request("GET", "/api/read/big")
    harness.equal(json.loads(client.getresponse().read())["value"] == value, True, "6 MiB back")
    with t.connect() as s:
        count = 500
        s.sendall(b"GET /api/read/none HTTP/1.1\r\nHost: x\r\n\r\n" * count + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = read_all(s)
        harness.equal(data.count(b"HTTP/1.1 404 "), count, "answers")
        assert data.endswith(b"\r\n\r\nok\n"), data[-200:]
    with t.connect() as s:                              # a slow reader of a large answer
        s.sendall(b"GET /api/read/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.5)
        harness.equal(len(read_all(s)) > len(value), True, "all of it")
    t.stop()


def a_session_ends_with_a_word():
    """close_notify on every way out: last answer, bad request, drain."""
    t = Secure()
    with t.connect() as s:
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(s).endswith(b"ok\n")            # ssl.SSLEOFError without close_notify
    with t.connect() as s:
        s.sendall(b"nonsense\r\n\r\n")
        assert read_all(s).startswith(b"HTTP/1.1 400 ")
    with t.connect() as s:
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(65536).endswith(b"ok\n")
        harness.equal(t.server.ctl("restart", "frontend.0").returncode, 0)
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_all(s)
        assert b"\r\nConnection: close\r\n" in answer and answer.endswith(b"ok\n"), answer
    with t.connect() as s:                              # and a client that says it first is answered first
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        raw = s.unwrap() if s.recv(65536).endswith(b"ok\n") else None
        harness.equal(raw.recv(10), b"", "the end of the connection")
    t.stop()


def sessions_are_resumed():
    """By whichever frontend the client comes to, also by those that came later."""
    t = Secure(FRONTEND_WORKERS=2)
    context = t.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with t.connect(context) as s:
        session = s.session

    def come_again():
        for _ in range(20):                             # the kernel deals connections out, some to each
            raw = socket.create_connection(("127.0.0.1", t.server.port))
            with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as s:
                harness.equal(s.session_reused, True)

    come_again()
    for worker in ("frontend.0", "frontend.1"):
        harness.equal(t.server.ctl("restart", worker).returncode, 0)
    come_again()
    harness.equal(t.server.ctl("reload").returncode, 0)
    come_again()
    t.stop()


def old_versions_and_other_protocols_are_refused():
    t = Secure()
    got = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{t.server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert got.returncode != 0 and "Cipher is (NONE)" in got.stdout, got.stdout
    context = ssl_without_checks()
    context.set_alpn_protocols(["h2"])
    try:
        t.connect(context).close()
        raise AssertionError("h2 was agreed upon")
    except ssl.SSLError as e:
        assert "NO_APPLICATION_PROTOCOL" in str(e).upper().replace(" ", "_"), e
    t.stop()


def http_without_tls_is_told_so():
    t = Secure()
    for text in (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", t.server.port)) as s:
            s.settimeout(20)
            s.sendall(text)
            answer = read_all(s)
            assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"tls_required"' in answer, answer
    with socket.create_connection(("127.0.0.1", t.server.port)) as s:       # no protocol at all
        s.settimeout(20)
        s.sendall(os.urandom(2000))
        try:
            read_all(s)
        except ConnectionResetError:
            pass
    client = t.client()
    client.request("GET", "/api/metrics")
    text = client.getresponse().read().decode()
    assert "\nlsm_tls_handshake_failures_total 3\n" in text, [x for x in text.splitlines() if "tls" in x]
    t.stop()


def a_handshake_that_does_not_come_ends_long_before_an_idle_connection():
    t = Secure()
    idle = t.connect()
    with socket.create_connection(("127.0.0.1", t.server.port)) as s:
        s.settimeout(60)
        s.sendall(b"\x16\x03\x01\x02\x00\x01")          # the beginning of a ClientHello
        try:
            data = read_all(s)
        except ConnectionResetError:
            data = b""
    harness.equal(data[:4], b"", "nothing to say")
    idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(65536).endswith(b"ok\n"), "the older one, idle all the time, is still there"
    idle.close()
    t.stop()


def a_reload_takes_the_new_certificate_and_keeps_the_old_when_it_is_wrong():
    t = Secure()
    assert "first.example" in t.common_name()
    open_before = t.connect()
    t.make("second.example")
    harness.equal(t.server.ctl("reload").returncode, 0)
    assert "second.example" in t.common_name(), t.common_name()
    open_before.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert open_before.recv(65536).endswith(b"ok\n"), "a connection of before"
    open_before.close()
    with open(t.key, "w") as f:
        f.write("nonsense\n")
    got = t.server.ctl("reload")
    harness.equal(got.returncode, 1, got.stdout)
    assert "TLS_KEY_FILE=" in t.server.log_tail() and "no private key in PEM form" in t.server.log_tail(), t.server.log_tail()
    assert "second.example" in t.common_name(), t.common_name()
    t.stop()


def the_server_does_not_start_with_files_that_are_wrong():
    t = Secure()
    t.server.stop()
    cert, key, other = open(t.cert).read(), open(t.key).read(), t.file("other.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True, capture_output=True)
    encrypted = subprocess.run(["openssl", "pkey", "-in", t.key, "-aes128", "-passout", "pass:x"], check=True, capture_output=True, text=True).stdout
    for cert_text, key_text, mode, word in (("nonsense", key, 0o600, "no certificate in PEM form"), (cert, "nonsense", 0o600, "no private key in PEM form"),
                                            (cert, open(other).read(), 0o600, "does not belong to the certificate"), (cert, encrypted, 0o600, "has a passphrase"),
                                            (cert, key, 0o644, "chmod 600"), (None, key, 0o600, "TLS_CERT_FILE="), (cert, None, 0o600, "TLS_KEY_FILE=")):
        for path, text in ((t.cert, cert_text), (t.key, key_text)):
            if os.path.exists(path):
                os.unlink(path)
            if text is not None:
                with open(path, "w") as f:
                    f.write(text)
                os.chmod(path, mode)
        got = subprocess.run([harness.SUPERVISOR], env=t.server.environment(), capture_output=True, text=True, timeout=60)
        harness.equal(got.returncode, 64, got.stderr)
        assert word in got.stderr, f"{word}: {got.stderr}"
    t.stop()


def many_clients_at_once_get_what_they_asked_for():
    t = Secure(FRONTEND_WORKERS=2)

    def work(me):
        client = t.client()
        for n in range(100):
            client.request("POST", "/api/write", json.dumps({"key": f"k{me}", "value": f"{n}" * (n * 10)}))
            harness.equal(client.getresponse().read()[:15], b'{"success":true')
            client.request("GET", f"/api/read/k{me}")
            harness.equal(json.loads(client.getresponse().read())["value"], f"{n}" * (n * 10))
            if n % 10 == me:
                client.close()
    for thread in [harness.background(work, me) for me in range(8)]:
        thread.join()
    t.stop()


harness.run(the_api_is_served_over_tls, a_target_may_name_the_whole_address,
            large_bodies_and_pipelined_requests_pass,
            a_session_ends_with_a_word,
            sessions_are_resumed,
            old_versions_and_other_protocols_are_refused,
            http_without_tls_is_told_so,
            a_handshake_that_does_not_come_ends_long_before_an_idle_connection,
            a_reload_takes_the_new_certificate_and_keeps_the_old_when_it_is_wrong,
            the_server_does_not_start_with_files_that_are_wrong,
            many_clients_at_once_get_what_they_asked_for)
