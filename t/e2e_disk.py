#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up, by us and by somebody else: 507 for writes, reads and deletes go on, deletes make room, and writes
resume by themselves. On a small tmpfs, so it needs the right to mount one; without it the tests are skipped with that reason.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

import harness

DISK_BYTES = 48 << 20
VALUE = "v" * 2000
SETTINGS = dict(MEMTABLE_SIZE_LIMIT="1M", DISK_LOW_WATER="8M", TABLE_SIZE_TARGET="1M", BLOCK_COMPRESSION="none")
RESUME_SECONDS = 5.0
LITTLE_ROOM = 3 << 20
FOR_GOOD_SECONDS = 3.0                   # longer than it takes until deletes are flushed and looked at
PLAIN = dict(BLOCK_COMPRESSION_LAST="none")
BATCH = 64


class SmallDisk:
    """A tmpfs of its own with a data directory in it."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="lsm-disk-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", self.top], check=True, capture_output=True)
        self.data = os.path.join(self.top, "data")
        self.filler = os.path.join(self.top, "filler")
        os.mkdir(self.data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.top], check=True)
        os.rmdir(self.top)

    def free(self):
        s = os.statvfs(self.top)
        return s.f_bavail * s.f_frsize

    def fill(self, but=0):
        """Somebody else takes every byte there is, but for so many."""
        with open(self.filler, "ab", buffering=0) as f:
            for step in (1 << 20, 4096, 1):
                try:
                    while f.write(b"x" * step):
                        pass
                except OSError:
                    pass
            if but:
                f.truncate(max(f.tell() - but, 0))

    def give_back(self):
        os.unlink(self.filler)


def why_not():
    """Why these tests cannot run here; None when they can."""
    try:
        with SmallDisk():
            return None
    except (OSError, subprocess.CalledProcessError) as e:
        return f"no small file system can be mounted: {e}"


def started(disk, **more):
    return harness.Server(disk.data, **SETTINGS, **more).start()


def ended(server):
    """Before its disk goes."""
    harness.equal(server.stop(), 0, "exit status")
    os.unlink(server.log_path)


def value_of(i):
    return f"{i}:{VALUE}"


def write_until_full(client, first):
    """Writes keys until 507; the number of the first one that was not acknowledged. Anything but 200, 503 and 507 fails."""
    i = first
    while True:
        status, answer = client.write(f"k{i:06d}", value_of(i))
        if status == 200:
            i += 1
            continue
        if status == 507:
            harness.equal(answer["code"], "storage_full", "code")
            return i
        harness.equal(status, 503, "status")
        time.sleep(0.05)


def random_value(number):
    return random.Random(number).randbytes(1000).hex()


def put_of(number):
    return {"type": "write", "key": f"k{number:06d}", "value": random_value(number)}


def is_full_for_good(server, client):
    """Refused, and no compaction is under way that will end this? Half of the room that one needs comes back when it is done."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < FOR_GOOD_SECONDS:
        if client.write("room", "?")[0] == 200:
            return False
        if server.metric("lsm_compaction_in_progress"):
            quiet_since = time.monotonic()
        time.sleep(0.1)
    return True


def fill_for_good(server, client):
    """Keys in no order, as many as there is ever room for; the numbers of those that were acknowledged."""
    written = []
    while True:
        batch = [n * 7919 % 1000003 for n in range(len(written), len(written) + BATCH)]
        status, answer = client.batch([put_of(number) for number in batch])
        if status == 200:
            written += batch
        elif status == 507 and is_full_for_good(server, client):
            return written
        else:
            assert status in (503, 507), (status, answer)
            time.sleep(0.05)


def make_room(disk, client, deleted, count):
    """Deletes, in this order, and waits for writes to go on; how long that took is told."""
    free = disk.free()
    for at in range(0, len(deleted), BATCH):
        batch = [{"type": "delete", "key": f"k{number:06d}"} for number in deleted[at:at + BATCH]]
        harness.wait_until(lambda: accepted(client.batch(batch)[0]), 30, "deletes that are accepted")
    began = time.monotonic()
    writes_resume(client, 60)
    print(f"# {free >> 10} KiB were free, {len(deleted)} of {count} values were deleted, {time.monotonic() - began:.1f} s later "
          f"writes went on with {disk.free() >> 10} KiB free", flush=True)


def check_values(client, written, deleted):
    gone = set(deleted)
    for number in written:
        status, answer = client.read(f"k{number:06d}")
        harness.equal((status, answer.get("value")), (404, None) if number in gone else (200, random_value(number)), f"k{number:06d}")


def check_all(client, numbers):
    for i in numbers:
        status, answer = client.read(f"k{i:06d}")
        harness.equal((status, answer and answer.get("value")), (200, value_of(i)), f"k{i:06d}")


def accepted(status):
    if status not in (200, 503):
        raise AssertionError(f"a delete on a full disk: {status}")
    return status == 200


def delete(client, i):
    """A delete is accepted; being told to come back is allowed, being told that the disk is full is not."""
    harness.wait_until(lambda: accepted(client.delete(f"k{i:06d}")[0]), 30, "an accepted delete")


def writes_resume(client, seconds):
    harness.wait_until(lambda: client.write("resumed", "x")[0] == 200, seconds, "a write that is accepted")


def pids(server):
    return {name: worker["pid"] for name, worker in server.workers().items()}


def filled_by_us_writes_stop_before_anything_breaks_and_deletes_make_room():
    with SmallDisk() as disk:
        server = started(disk)
        client = server.client()
        before = pids(server)
        count = write_until_full(client, 0)
        assert disk.free() > 0, "the reserve is not left"
        assert count * len(VALUE) > DISK_BYTES / 4, f"refused after {count} values already"
        health = client.json("GET", "/api/health")
        harness.equal((health[0], health[1]["status"]), (200, "degraded"), "health")
        assert "disk is nearly full" in health[1]["reason"], health[1]
        harness.equal(health[1]["validators"]["disk"]["status"], "full", "disk")
        harness.equal(server.metric("lsm_disk_writes_refused"), 1, "lsm_disk_writes_refused")
        check_all(client, range(0, count, 7))
        harness.equal(client.batch([{"type": "delete", "key": "k000000"}, {"type": "write", "key": "x", "value": "y"}])[0], 507,
                      "a batch with a write in it")
        harness.equal(client.batch([{"type": "delete", "key": "k000000"}])[0], 200, "a batch of deletes")
        for i in range(count):
            delete(client, i)
        writes_resume(client, 60)        # compaction has the deletes to work through first
        harness.equal(client.read("k000000")[0], 404, "a deleted key")
        harness.equal(pids(server), before, "workers")
        ended(server)


def filled_by_somebody_else_writes_resume_within_seconds_of_room_coming_back():
    with SmallDisk() as disk:
        server = started(disk)
        client = server.client()
        before = pids(server)
        for i in range(3000):
            harness.equal(client.write(f"k{i:06d}", value_of(i))[0], 200, "status")
        for _ in range(2):
            disk.fill()
            last = write_until_full(client, 3000)
            for i in range(100):
                delete(client, i)
            disk.fill()                  # what the reserve gave back is taken as well
            time.sleep(1.0)
            harness.equal(client.write("k", "v")[0], 507, "status on a full disk")
            check_all(client, range(100, last, 97))
            disk.give_back()
            writes_resume(client, RESUME_SECONDS)
        harness.wait_until(lambda: server.metric("lsm_disk_reserve_bytes") > 0, 10, "the reserve to be back")
        harness.equal(pids(server), before, "workers")
        check_all(client, range(100, last, 13))
        server.stop()
        server.start()
        client = server.client()
        check_all(client, range(100, last, 13))
        harness.equal(client.read("k000050")[0], 404, "a deleted key")
        ended(server)


def filled_in_any_order_deletes_make_room_from_level_0_on():
    """Every table of level 0 meets all others and the whole level below: more than there is room for at once."""
    with SmallDisk() as disk:
        server = started(disk)
        client = server.client()
        written = []
        while True:
            number = len(written) * 7919 % 1000003
            status, answer = client.write(f"k{number:06d}", random_value(number))
            if status == 507:
                break
            assert status in (200, 503), (status, answer)
            if status == 200:
                written.append(number)
        for number in written:
            delete(client, number)
        writes_resume(client, 60)
        ended(server)


def deletes_spread_over_all_keys_make_room_where_no_level_fits_as_a_whole():
    """Half of what fills the disk is deleted, one here and one there. The last level as a whole belongs to the job that the deletes
    are for, and what is left of it is far more than there is room for."""
    with SmallDisk() as disk:
        server = started(disk, **PLAIN)
        client = server.client()
        before = pids(server)
        written = fill_for_good(server, client)
        deleted = random.Random(1).sample(written, len(written) // 2)
        make_room(disk, client, deleted, len(written))
        check_values(client, written, deleted)
        harness.equal(pids(server), before, "workers")
        with open(server.log_path) as log:
            assert "no room for more" in log.read(), "other jobs have done it: this test shows nothing"
        server.stop()
        server.start()
        check_values(server.client(), written, deleted)
        ended(server)


def deletes_spread_over_all_keys_make_room_where_somebody_else_left_next_to_none():
    with SmallDisk() as disk:
        server = started(disk, **PLAIN)
        client = server.client()
        written = fill_for_good(server, client)
        disk.fill()
        harness.wait_until(lambda: server.metric("lsm_disk_reserve_bytes") == 0, 10, "the reserve to be given back")
        disk.fill(but=LITTLE_ROOM)
        deleted = random.Random(2).sample(written, len(written) * 3 // 4)
        make_room(disk, client, deleted, len(written))
        check_values(client, written, deleted)
        ended(server)


def a_server_killed_on_a_full_disk_starts_from_its_reserve_and_has_lost_nothing():
    with SmallDisk() as disk:
        server = started(disk)
        client = server.client()
        last = write_until_full(client, 0)
        disk.fill()
        server.crash()
        server.start()
        client = server.client()
        check_all(client, range(0, last, 11))
        harness.equal(client.write("k", "v")[0], 507, "status on a full disk")
        delete(client, 0)
        disk.give_back()
        ended(server)


TESTS = (filled_by_us_writes_stop_before_anything_breaks_and_deletes_make_room,
         filled_in_any_order_deletes_make_room_from_level_0_on,
         deletes_spread_over_all_keys_make_room_where_no_level_fits_as_a_whole,
         deletes_spread_over_all_keys_make_room_where_somebody_else_left_next_to_none,
         filled_by_somebody_else_writes_resume_within_seconds_of_room_coming_back,
         a_server_killed_on_a_full_disk_starts_from_its_reserve_and_has_lost_nothing)

if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    harness.run(*TESTS)
