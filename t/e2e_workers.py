# SPDX-License-Identifier: Apache-2.0
"""Workers that die or are restarted: held writes, repeated requests, the supervisor's word, orphans, and refusals
before anything starts.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import harness


def a_write_during_an_engine_restart_is_held_and_answered():
    server = harness.Server().start()
    client = server.client()
    for n in range(10):
        pid = server.kill("engine")
        status, answer = client.write(f"key{n}", "x")
        harness.equal((status, answer["success"]), (200, True), "write while the engine restarts")
        server.wait_running("engine", not_pid=pid)
    server.stop()


def wait_for_state(pid, state):
    """Signals take their time. T: stopped, Z: dead and not waited for."""
    def there():
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == state
    harness.wait_until(there, 20, f"state {state} of process {pid}")


def a_write_is_refused_with_retry_after_when_the_engine_stays_away():
    server = harness.Server().start()
    client = server.client()
    engine = server.pid_of("engine")
    server.process.send_signal(signal.SIGSTOP)          # nobody starts another one
    try:
        wait_for_state(server.process.pid, "T")
        os.kill(engine, signal.SIGKILL)
        wait_for_state(engine, "Z")                     # until then it may still take a write
        began = time.monotonic()
        status, headers, body = client.request("POST", "/api/write", {"key": "a", "value": "1"})
        waited = time.monotonic() - began
        harness.equal(status, 503, "status")
        problem = json.loads(body)
        harness.equal(headers["content-type"], "application/problem+json", "type")
        assert problem["success"] is False and problem["code"] in ("engine_unavailable", "outcome_unknown"), problem
        assert "retry-after" in headers, headers
        assert waited >= 1.0, f"not held at all: {waited:.2f} s"
        harness.equal(client.read("a")[0], 404, "reads go on")
    finally:
        server.process.send_signal(signal.SIGCONT)
    harness.wait_until(lambda: client.write("a", "2")[0] == 200, 30, "writes to come back")
    server.stop()


def a_repeated_request_is_applied_once():
    """Every write uses one sequence number: one that was applied twice would show as a number too many. A write whose
    outcome is unknown (the engine was away for more than two seconds) may have used one.
    """
    server = harness.Server().start()
    done, unknown, stop = [0] * 4, [0] * 4, threading.Event()

    def write_on(me):
        client = harness.Client(server.port)
        while not stop.is_set():
            status, answer = client.write(f"k{me}-{done[me]}", "v")
            if status == 503:
                unknown[me] += 1
                continue
            harness.equal(status, 200, str(answer))
            done[me] += 1
    threads = [harness.background(write_on, n) for n in range(4)]
    for _ in range(8):
        time.sleep(0.3)
        pid = server.kill("engine")
        server.wait_running("engine", not_pid=pid)
    stop.set()
    for t in threads:
        t.join()
    sequences = [server.client().request("GET", f"/api/read/k{me}-{n}")[0] for me in range(4) for n in range(done[me])]
    harness.equal(set(sequences), {200}, "every acknowledged write")
    assert sum(unknown) < sum(done) // 10, f"{sum(unknown)} unknown, {sum(done)} done"
    used = server.client().json("GET", "/api/stats")[1]["lastSequence"]
    assert sum(done) <= used <= sum(done) + sum(unknown), f"{used} sequences used, {sum(done)} done, {sum(unknown)} unknown"
    server.crash()
    server.start()
    harness.equal(server.client().json("GET", "/api/stats")[1]["lastSequence"], used, "sequences after a crash")
    server.stop()


def every_worker_comes_back_by_itself():
    server = harness.Server(FRONTEND_WORKERS=2, COMPACTOR_WORKERS=2).start()
    server.client().write("a", "1")
    for name in ("engine", "compactor.0", "compactor.1", "frontend.0", "frontend.1"):
        pid = server.kill(name)
        server.wait_running(name, not_pid=pid)
    harness.equal(harness.Client(server.port, patient=True).read("a")[1]["value"], "1")
    assert server.workers()["engine"]["restarts"] == 1
    status = server.ctl("status").stdout
    assert "killed by SIGKILL" in status, status
    assert "killed by SIGKILL" in server.log_tail(200), "no obituary in the log"
    server.stop()


def lsmctl_restarts_workers():
    server = harness.Server().start()
    client = harness.Client(server.port, patient=True)
    client.write("a", "1")
    for name in ("engine", "compactor.0", "frontend.0", "all"):
        before = {n: w["pid"] for n, w in server.workers().items()}
        got = server.ctl("restart", name)
        harness.equal(got.returncode, 0, got.stderr)
        after = {n: w["pid"] for n, w in server.workers().items()}
        for n in before:
            harness.equal(before[n] != after[n], name in (n, "all"), f"{n} replaced by restart {name}")
        harness.equal(client.read("a")[1]["value"], "1")
    got = server.ctl("bogus", "word")
    harness.equal((got.returncode, got.stderr.splitlines()[0]), (64, "lsmctl: not understood: bogus word"), got.stderr)
    got = server.ctl("restart", "janitor")
    harness.equal(got.returncode, 1)
    assert "no worker" in got.stderr, got.stderr
    server.stop()


def workers_come_back_when_somebody_has_removed_the_run_directory():
    server = harness.Server().start()
    client = server.client(patient=True)
    assert client.write("k", "1")[0] == 200
    engine = server.pid_of("engine")
    shutil.rmtree(os.path.join(server.data_dir, "run"))
    os.kill(engine, signal.SIGKILL)
    harness.wait_until(lambda: client.write("k", "2")[0] == 200, 30, "writes to be taken again")
    assert "was gone and is made anew" in server.log_tail()
    assert server.stop() == 0


def workers_end_when_the_supervisor_is_killed():
    server = harness.Server().start()
    pids = [w["pid"] for w in server.workers().values()]
    server.process.kill()
    server.process.wait()
    harness.wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 20, "the end of orphans")
    server.process = None
    server.start()                       # and the directory is free again
    server.stop()


def a_second_server_on_the_same_directory_is_refused_with_the_pid():
    server = harness.Server().start()
    second = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=20)
    harness.equal(second.returncode, 66, second.stderr)
    assert f"pid {server.process.pid}" in second.stderr, second.stderr
    harness.equal(server.client().write("a", "1")[0], 200, "the first goes on")
    server.stop()


def a_second_server_with_the_same_run_dir_is_refused_and_takes_nothing_away():
    server = harness.Server().start()
    with tempfile.TemporaryDirectory() as d:
        env = {**server.environment(), "DATA_DIR": d, "RUN_DIR": os.path.join(server.data_dir, "run")}
        second = subprocess.run([harness.SUPERVISOR], env=env, capture_output=True, text=True, timeout=20)
    harness.equal(second.returncode, 66, second.stderr)
    assert f"pid {server.process.pid}" in second.stderr and "RUN_DIR" in second.stderr, second.stderr
    pid = server.kill("engine")
    server.wait_running("engine", not_pid=pid)          # asks over the control socket
    harness.equal(server.client().write("a", "1")[0], 200, "the first goes on")
    harness.equal(server.client().read("a")[0], 200, "reads too")
    server.stop()


def a_second_server_on_the_same_port_is_refused():
    server = harness.Server(FRONTEND_WORKERS=2).start()
    with tempfile.TemporaryDirectory() as d:
        env = {**server.environment(), "DATA_DIR": d, "PORT": str(server.port)}
        second = subprocess.run([harness.SUPERVISOR], env=env, capture_output=True, text=True, timeout=20)
    harness.equal(second.returncode, 71, second.stderr)
    assert str(server.port) in second.stderr and "in use" in second.stderr, second.stderr
    server.stop()


def refused(env, text="", want=64):
    """Runs a supervisor that must end at once; returns what it said."""
    with tempfile.TemporaryDirectory() as d:
        conf = os.path.join(d, "x.conf")
        with open(conf, "w") as f:
            f.write(text)
        full = {**harness.Server(data_dir=os.path.join(d, "data")).environment(), **env}
        got = subprocess.run([harness.SUPERVISOR, "--config", conf], env=full, capture_output=True, text=True, timeout=20)
        harness.equal(got.returncode, want, got.stderr)
        if want == 64:
            assert not os.path.exists(os.path.join(d, "data")), "something was started"
        harness.equal(len(got.stderr.strip().splitlines()), 1, got.stderr)
        return got.stderr


def a_wrong_setting_is_one_sentence_and_exit_64():
    for env, text, word in (({"PORT": "99999"}, "", "PORT"), ({"MEMTABLE_SIZE_LIMIT": "abc"}, "", "MEMTABLE_SIZE_LIMIT"),
                            ({"WAL_SYNC": "sometimes"}, "", "WAL_SYNC"), ({"WAL_SYNC": "interval:0"}, "", "WAL_SYNC"),
                            ({}, "PROT=5000\n", "PROT"), ({}, "# fine\nnonsense\n", "line 2"),
                            ({}, "CACHE_SIZE_LIMIT=-1\n", "CACHE_SIZE_LIMIT"), ({"HOST": "example.org"}, "", "HOST"),
                            ({"WAL_TEST_MODE": "true"}, "", "WAL_TEST_MODE")):
        said = refused(env, text)
        assert word in said, f"{env} {text!r}: {said}"
    with tempfile.NamedTemporaryFile() as f:
        assert "Not a directory" in refused({"DATA_DIR": f.name, "RUN_DIR": f"{f.name}/run"})
    got = subprocess.run([harness.SUPERVISOR, "--config"], capture_output=True, text=True, timeout=20)
    harness.equal((got.returncode, "needs the name of a file" in got.stderr), (64, True), got.stderr)


def the_documented_file_is_accepted_and_says_what_is_effective():
    text = subprocess.run([harness.SUPERVISOR, "--print-default-config"], capture_output=True, text=True, check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(text.replace("#MEMTABLE_SIZE_LIMIT=52428800", "MEMTABLE_SIZE_LIMIT=8M"))
        f.flush()
        env = harness.Server(data_dir="/nonexistent/x").environment()
        got = subprocess.run([harness.SUPERVISOR, "--config", f.name, "--print-config"], env=env, capture_output=True, text=True)
    harness.equal(got.returncode, 0, got.stderr)
    assert "MEMTABLE_SIZE_LIMIT=8388608" in got.stdout, got.stdout


def a_foreign_directory_is_refused_and_untouched():
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "thesis.txt"), "w") as f:
            f.write("mine")
        said = refused({"DATA_DIR": d}, want=65)
        assert d in said and "thesis.txt" in said, said
        harness.equal(os.listdir(d), ["thesis.txt"], "content")


def a_damaged_database_is_refused_with_what_and_where():
    server = harness.Server().start()
    server.client().write("a", "1")
    server.stop()
    manifest = os.path.join(server.data_dir, "manifest.db")
    with open(manifest, "r+b") as f:
        f.write(b"this is no database at all")
    got = subprocess.run([harness.SUPERVISOR], env=server.environment(), capture_output=True, text=True, timeout=30)
    harness.equal(got.returncode, 65, got.stderr)
    assert "manifest.db" in got.stderr, got.stderr


def a_served_database_starts_again_after_a_clean_stop():
    server = harness.Server().start()
    for n in range(100):
        server.client().write(f"k{n}", str(n))
    harness.equal(server.stop(), 0, "exit status")
    server.start()
    for n in range(100):
        harness.equal(server.client().read(f"k{n}")[1]["value"], str(n))
    harness.equal(server.stop(signal.SIGINT), 0, "exit status")


harness.run(a_write_during_an_engine_restart_is_held_and_answered,
            a_write_is_refused_with_retry_after_when_the_engine_stays_away,
            a_repeated_request_is_applied_once,
            every_worker_comes_back_by_itself,
            lsmctl_restarts_workers,
            workers_come_back_when_somebody_has_removed_the_run_directory,
            workers_end_when_the_supervisor_is_killed,
            a_second_server_on_the_same_directory_is_refused_with_the_pid,
            a_second_server_with_the_same_run_dir_is_refused_and_takes_nothing_away,
            a_second_server_on_the_same_port_is_refused,
            a_wrong_setting_is_one_sentence_and_exit_64,
            the_documented_file_is_accepted_and_says_what_is_effective,
            a_foreign_directory_is_refused_and_untouched,
            a_damaged_database_is_refused_with_what_and_where,
            a_served_database_starts_again_after_a_clean_stop)
