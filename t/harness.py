# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a server in a temporary directory on a port of the kernel's choice, an HTTP client
that waits out restarts, and TAP output.

A test is a function named after the property it proves; run(tests) prints one TAP line for each.
"""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("LSM_BUILD_DIR", os.path.join(HERE, "..", "build"))
SUPERVISOR = os.path.join(BUILD, "lsm-supervisor")
LSMCTL = os.path.join(BUILD, "lsmctl")
OUR_VARIABLES = re.compile(r"^(HOST|PORT|DATA_DIR|RUN_DIR|LOG_|NODE_ENV|MEMTABLE_|WAL_|CACHE_|COMPACTION_|LEVEL_|TABLE_|BLOCK_"
                           r"|WATCH_|FRONTEND_|COMPACTOR_|DISK_|MAX_|CORS_|MEMORY_|LISTEN_|AUTH_|TLS_|ACCESS_|SLOW_|NOTIFY_SOCKET|WATCHDOG_)")

# AddressSanitizer keeps what was freed, which is no memory that tests which measure it should find.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")


def has_sanitizer():
    """Is the server built so? Memory is more then."""
    with open(SUPERVISOR, "rb") as f:
        text = f.read()
    return b"__asan_init" in text or b"__tsan_init" in text


# What a build with sanitizers says when it finds a defect: no test that provoked it may pass.
DEFECT = re.compile(r"runtime error: |ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|SUMMARY: \w+Sanitizer")
DEFECT_LINES = 60


def wait_until(condition, seconds=30.0, what="the condition"):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.01)


def check_no_defect(text, source):
    """Fails when a sanitizer has reported something in text."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if DEFECT.search(line):
            report = "\n".join(lines[number:number + DEFECT_LINES])
            raise AssertionError(f"a sanitizer has found a defect ({source}):\n{report}")


class Server:
    """A running server. settings are KEY=value of the configuration table.

    Its log is looked through for reports of sanitizers whenever it ends, and once more after the last test.
    """
    all = []

    def __init__(self, data_dir=None, **settings):
        self.own_dir = data_dir is None
        self.data_dir = data_dir or tempfile.mkdtemp(prefix="lsm-test-")
        self.settings = {k: str(v) for k, v in settings.items()}
        self.launcher = []                      # words in front of the server's command
        self.process = None
        self.port = None
        self.log = None
        self.log_path = self.data_dir + ".log"
        self.log_checked = 0                    # bytes of it that check_log() has seen
        Server.all.append(self)
        atexit.register(self.destroy)

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not OUR_VARIABLES.match(k)}
        env.update(PORT="0", DATA_DIR=self.data_dir, LOG_FORMAT="json")
        env.update(self.settings)
        return env

    def start(self, seconds=60):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*self.launcher, SUPERVISOR], env=self.environment(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(self.serves, seconds, "the start of the server")
        return self

    def serves(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with status {self.process.returncode}:\n{self.log_tail()}")
        workers = self.workers()
        return bool(workers) and all(w["state"] == "running" for w in workers.values())

    def ctl(self, *words):
        got = subprocess.run([LSMCTL, *words], env=self.environment(), capture_output=True, text=True)
        check_no_defect(got.stderr, "lsmctl " + " ".join(words))
        return got

    def workers(self):
        """name -> {pid, state, restarts} as lsmctl tells it; {} while nobody answers."""
        got = self.ctl("status")
        if "WORKER" not in got.stdout:
            return {}
        self.port = int(re.search(r"https?://\S+:(\d+)$", got.stdout, re.MULTILINE).group(1))
        table = got.stdout.split("\n\n")[1]
        rows = [line.split() for line in table.splitlines()[1:]]
        return {r[0]: {"pid": int(r[1]), "state": r[2], "restarts": int(r[4])} for r in rows}

    def pid_of(self, name):
        return self.workers().get(name, {}).get("pid", 0)

    def kill(self, name, sig=signal.SIGKILL):
        """Kills a worker that runs; returns its pid."""
        pid = wait_until(lambda: self.pid_of(name), 30, f"{name} to run")
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass
        return pid

    def wait_running(self, name, not_pid=0, seconds=30):
        def back():
            w = self.workers().get(name, {})
            return w.get("state") == "running" and w.get("pid") != not_pid
        wait_until(back, seconds, f"{name} to be back")

    def stop(self, sig=signal.SIGTERM):
        """Ends the server and returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(60)
        self.process = None
        self.log.close()
        self.check_log()
        return status

    def crash(self):
        """Kills every process of the server at once, as a power switch would, and waits until all are gone."""
        pids = [w["pid"] for w in self.workers().values() if w["pid"]]
        self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(60)
        wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 30, "the end of all workers")
        self.process = None
        self.log.close()
        self.check_log()

    def check_log(self):
        """Fails when a sanitizer has written into the log since the last look."""
        if not os.path.exists(self.log_path):
            return
        with open(self.log_path, "rb") as f:
            f.seek(self.log_checked)
            new = f.read()
        self.log_checked += len(new)
        check_no_defect(new.decode(errors="replace"), "log of the server")

    def destroy(self):
        try:
            if self.process is not None and self.process.poll() is None:
                self.crash()
        finally:
            if self.own_dir:
                shutil.rmtree(self.data_dir, ignore_errors=True)
                if os.path.exists(self.log_path):
                    os.unlink(self.log_path)

    def log_tail(self, lines=40):
        with open(self.log_path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def client(self, **kw):
        return Client(self.port, **kw)

    def metric(self, name):
        """The value of a metric without labels, or the sum over its labels."""
        text = self.client().request("GET", "/api/metrics")[2].decode()
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(re.escape(name) + r"(\{.*\})? ", line)]
        return sum(values)


class Client:
    """One keep-alive connection. Transport errors reconnect when `patient`, for up to `patience` seconds; so do 503s."""

    def __init__(self, port, patient=False, patience=30.0):
        self.port, self.patient, self.patience = port, patient, patience
        self.connection = None

    def once(self, method, path, body=None, headers=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self.connection.request(method, path, body, headers or {})
            r = self.connection.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def request(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        end = time.monotonic() + self.patience
        while True:
            try:
                got = self.once(method, path, body, headers)
                if not (self.patient and got[0] == 503) or time.monotonic() > end:
                    return got
            except (OSError, http.client.HTTPException):
                if not self.patient or time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    # the seed's API; each returns (status, decoded JSON)
    def json(self, method, path, body=None):
        status, headers, data = self.request(method, path, body)
        return status, json.loads(data) if data else None

    def write(self, key, value):
        return self.json("POST", "/api/write", {"key": key, "value": value})

    def read(self, key):
        return self.json("GET", "/api/read/" + urllib.parse.quote(key, safe=""))

    def delete(self, key):
        return self.json("DELETE", "/api/delete/" + urllib.parse.quote(key, safe=""))

    def batch(self, operations):
        return self.json("POST", "/api/batch", {"operations": operations})


def background(target, *args):
    """Runs target in a thread; join() raises what it raised."""
    class Runner(threading.Thread):
        error = None

        def run(self):
            try:
                target(*args)
            except BaseException as e:      # handed to the joining thread
                self.error = e

        def join(self, timeout=None):
            super().join(timeout)
            if self.error:
                raise self.error
    t = Runner(daemon=True)
    t.start()
    return t


def equal(got, want, what="value"):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def no_sanitizer_found_a_defect():
    """What a test left running is stopped first, so that leaks are told."""
    for server in Server.all:
        server.stop()
        server.check_log()


def run(*tests):
    """TAP: one line a test, named after its function, and one for what the servers of all of them said."""
    tests = (*tests, no_sanitizer_found_a_defect)
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__
        try:
            test()
            print(f"ok {number} {name}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    sys.exit(1 if failed else 0)
