#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recovery as operators see it: progress while a log is replayed, and what is said of a log that is damaged."""
import json
import os
import re
import signal
import subprocess

import harness

VALUE = "v" * 4000


def wal_files(server):
    d = os.path.join(server.data_dir, "wal")
    names = [n for n in os.listdir(d) if n.startswith("wal_")]
    return sorted((os.path.join(d, n) for n in names), key=lambda p: int(re.search(r"wal_(\d+)", p).group(1)))


def fill(client, count):
    for first in range(0, count, 100):
        operations = [{"type": "write", "key": f"k{i:06d}", "value": f"{i}:{VALUE}"} for i in range(first, first + 100)]
        harness.equal(client.batch(operations)[0], 200, "status")


def launched(server):
    """The process alone: it need not come to serve."""
    server.log = open(server.log_path, "ab")
    server.process = subprocess.Popen([harness.SUPERVISOR], env=server.environment(), stdin=subprocess.DEVNULL, stdout=server.log,
                                      stderr=server.log)


def progress_is_told_while_the_log_is_replayed():
    server = harness.Server(MEMTABLE_SIZE_LIMIT="200M", WAL_SYNC="off").start()
    fill(server.client(), 20000)         # 80 MB, none of it flushed
    server.crash()
    launched(server)
    pid = harness.wait_until(lambda: server.pid_of("engine"), 30, "an engine")
    os.kill(pid, signal.SIGSTOP)
    harness.wait_until(lambda: server.workers().get("frontend.0", {}).get("state") == "running", 30, "a frontend")

    def caught():
        """The engine, stopped in the middle of its replay; 0 when it is not there yet and was let go a little further."""
        now = server.pid_of("engine")
        if now:
            os.kill(now, signal.SIGSTOP)
            if 0 < server.metric("lsm_recovery_progress_ratio") < 1:
                return now
            os.kill(now, signal.SIGCONT)
        return 0

    pid = harness.wait_until(caught, 60, "a replay that has begun")
    status, health = server.client().json("GET", "/api/health")
    harness.equal((status, health["status"]), (503, "unhealthy"), "health")
    engine = health["validators"]["engine"]
    harness.equal(engine["status"], "replaying", "engine")
    assert 0 < engine["replayedBytes"] < engine["replayTotalBytes"] and 0 <= engine["percent"] < 100, engine
    assert engine["etaSeconds"] >= 1, engine
    assert re.search(r"replaying: \d+ % of the write-ahead log, about \d+ s to go", health["reason"]), health["reason"]
    status, _, body = server.client().request("GET", "/readyz")
    harness.equal(status, 503, "/readyz")
    assert b"bytes of the write-ahead log are replayed" in body, body
    os.kill(pid, signal.SIGCONT)
    harness.wait_until(server.serves, 60, "the end of the replay")
    harness.equal(server.client(patient=True).read("k019999")[1]["value"], f"19999:{VALUE}", "the last value")
    harness.equal(server.metric("lsm_recovery_progress_ratio"), 1, "lsm_recovery_progress_ratio")


def a_damaged_log_is_refused_with_a_report_and_cut_when_that_is_asked_for():
    server = harness.Server().start()
    client = server.client()
    for i in range(20):
        harness.equal(client.write(f"k{i}", "v" * 100)[0], 200, "status")
    server.crash()
    segment = wal_files(server)[0]
    with open(segment, "r+b") as f:      # the value of k10: acknowledged, and later records vouch for it
        at = f.read().index(b"k10") + 20
        f.seek(at)
        f.write(b"X")
    with open(segment, "rb") as f:
        before = f.read()
    launched(server)
    harness.equal(server.process.wait(60), 65, "exit status of a server with a damaged log")
    with open(segment, "rb") as f:
        harness.equal(f.read() == before, True, "the log is untouched")
    report = json.load(open(os.path.join(server.data_dir, "run", "recovery.json")))
    harness.equal((report["kind"], report["file"], report["action"]), ("checksum_mismatch", os.path.basename(segment), "refused"),
                  "report")
    harness.equal((report["last_sequence_kept"], report["lost_from_sequence"], report["lost_to_sequence"]), (10, 11, 20), "sequences")
    told = server.ctl("status")
    harness.equal(told.returncode, 69, "lsmctl without a server")
    assert report["summary"] in told.stderr, told.stderr
    harness.equal(server.log_tail(1000).count("Acknowledged data in the write-ahead log is damaged"), 1, "lines that tell one damage")

    server.settings["WAL_RECOVERY_MODE"] = "truncate"
    server.start()
    client = server.client()
    harness.equal([client.read(f"k{i}")[0] for i in range(20)], [200] * 10 + [404] * 10, "what is left")
    harness.equal(server.metric("lsm_wal_checksum_mismatches_total"), 1, "lsm_wal_checksum_mismatches_total")
    health = client.json("GET", "/api/health")[1]
    harness.equal((health["recovery"]["action"], health["recovery"]["offset"]), ("quarantined", report["offset"]), "health")
    harness.equal(health["status"], "degraded", "health after a loss")
    assert "lost acknowledged writes" in health["reason"], health["reason"]
    name = f"wal_{re.search(r'wal_([0-9]+)', segment).group(1)}_at_{report['offset']}"
    aside = os.path.join(server.data_dir, "quarantine", name)
    harness.equal(json.load(open(aside + ".json"))["lost_to_sequence"], 20, "report in quarantine")
    with open(aside + ".bin", "rb") as f:
        assert f.read() == before[report["offset"]:report["offset"] + report["bytes"]], "the cut bytes"
    assert os.path.basename(aside) + ".bin" in health["recovery"]["quarantined"], health["recovery"]
    assert "Recovery: " in server.ctl("status").stdout
    os.unlink(os.path.join(server.data_dir, "run", "recovery.json"))        # seen
    harness.equal(client.json("GET", "/api/health")[1]["status"], "healthy", "health when the report was removed")
    server.settings["WAL_RECOVERY_MODE"] = "strict"
    server.stop()
    server.start()
    assert "recovery" not in server.client().json("GET", "/api/health")[1]


def a_folder_in_the_place_of_a_file_is_refused_once_and_for_all():
    server = harness.Server().start()
    harness.equal(server.client().write("k", "v")[0], 200, "status")
    server.stop()
    folder = os.path.join(server.data_dir, "wal", "wal_300.log")
    os.mkdir(folder)
    launched(server)
    harness.equal(server.process.wait(60), 65, "exit status with a folder among the segments")
    assert os.path.isdir(folder)
    os.rmdir(folder)
    manifest = os.path.join(server.data_dir, "manifest.db")
    os.rename(manifest, manifest + ".aside")
    os.mkdir(manifest)
    launched(server)
    harness.equal(server.process.wait(60), 65, "exit status with a folder as the manifest")
    os.rmdir(manifest)
    os.rename(manifest + ".aside", manifest)
    server.start()
    harness.equal(server.client().read("k")[1]["value"], "v", "the value")
    harness.equal(server.stop(), 0, "exit status")


if __name__ == "__main__":
    harness.run(progress_is_told_while_the_log_is_replayed,
                a_damaged_log_is_refused_with_a_report_and_cut_when_that_is_asked_for,
                a_folder_in_the_place_of_a_file_is_refused_once_and_for_all)
