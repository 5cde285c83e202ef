# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests trust harness.py to notice."""
import tempfile

import harness

REPORTS = ["engine/wal.c:10:5: runtime error: signed integer overflow: 1 + 2147483647",
           "==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010",
           "==12==ERROR: LeakSanitizer: detected memory leaks",
           "WARNING: ThreadSanitizer: data race (pid=12)"]
HARMLESS = ['{"level":"info","msg":"the lock is held; error of a client: closed"}', "runtime 3 s", ""]


def found(server):
    """The report that check_log() fails with, or None."""
    try:
        server.check_log()
    except AssertionError as e:
        return str(e)
    return None


def say(server, line):
    with open(server.log_path, "a") as f:
        f.write(line + "\n")


def a_report_of_a_sanitizer_in_the_log_is_found_once():
    for report in REPORTS:
        with tempfile.TemporaryDirectory() as d:
            server = harness.Server(data_dir=d + "/data")
            say(server, "before")
            harness.equal(found(server), None, "before the report")
            say(server, report)
            assert report in (found(server) or ""), f"missed: {report}"
            harness.equal(found(server), None, "the same report again")


def an_ordinary_log_is_no_report():
    for line in HARMLESS:
        harness.check_no_defect(line, "example")


harness.run(a_report_of_a_sanitizer_in_the_log_is_found_once,
            an_ordinary_log_is_no_report)
