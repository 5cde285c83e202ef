#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lsmctl backup against a running server: incremental, listed, verified, pruned, restored; interrupted and damaged."""
import hashlib
import os
import re
import shutil
import tempfile

import harness

places = tempfile.mkdtemp(prefix="lsm-test-")
backups = os.path.join(places, "backups")
server = harness.Server(MEMTABLE_SIZE_LIMIT="65536").start()


def text(value, k):
    """Does not compress well, so that sizes can be compared."""
    return value + "".join(hashlib.sha256(f"{value} {k} {i}".encode()).hexdigest() for i in range(4))


def put(client, start, count, value):
    for n in range(start, start + count, 50):
        harness.equal(client.batch([{"type": "write", "key": f"key{k:05}", "value": text(value, k)}
                                    for k in range(n, n + 50)])[0], 200, "batch")


def ctl(*words, code=0):
    got = server.ctl(*words)
    harness.equal(got.returncode, code, f"lsmctl {' '.join(words)}: {got.stdout}{got.stderr}")
    return got.stdout if code == 0 else got.stderr


def take():
    """What the report says: number, files and MiB copied, files and MiB linked."""
    said = re.search(r"/(\d{6}): everything up to sequence \d+; (\d+) files copied \((\S+) MiB\), (\d+) linked \((\S+) MiB\)",
                     ctl("backup", backups))
    return int(said[1]), int(said[2]), float(said[3]), int(said[4]), float(said[5])


def expect(data_dir, start, count, value):
    copy = harness.Server(data_dir=data_dir).start()
    for n in range(start, start + count, 37):
        harness.equal(copy.client().read(f"key{n:05}")[1]["value"], text(value, n))
    harness.equal(copy.stop(), 0, "exit status")


def a_second_backup_copies_only_what_is_new():
    client = server.client(patient=True)
    put(client, 0, 5000, "first")
    ctl("flush")
    number, copied, _, linked, _ = take()
    harness.equal((number, linked), (1, 0), "the first one")
    put(client, 5000, 50, "second")
    number, copied, copied_mib, linked, linked_mib = take()
    harness.equal(number, 2, "number")
    assert linked > 0 and linked_mib > copied_mib, f"{copied} files, {copied_mib} MiB copied; {linked}, {linked_mib} linked"
    left = set(os.listdir(os.path.join(server.data_dir, "checkpoints")))
    harness.equal(left, {"backup.lock"}, "what is left in checkpoints/")


def each_backup_is_whole_as_the_list_and_a_verification_say():
    lines = ctl("backup", "list", backups).splitlines()
    harness.equal([line.split()[0] for line in lines], ["NUMBER", "000001", "000002"], "list")
    harness.equal(ctl("backup", "verify", backups).count("as they should be"), 1, "the newest one")
    harness.equal(ctl("backup", "verify", backups, "all").count("as they should be"), 2, "all of them")


def a_copy_of_a_backup_is_the_database_of_that_time():
    restored = os.path.join(places, "restored")
    shutil.copytree(os.path.join(backups, "000001"), restored)
    expect(restored, 0, 5000, "first")
    shutil.rmtree(restored)
    shutil.copytree(os.path.join(backups, "000002"), restored)
    expect(restored, 5000, 50, "second")


def a_flipped_bit_in_a_backup_is_found_with_its_file():
    sst = os.path.join(backups, "000002", "sst")
    name = sorted(os.listdir(sst))[0]
    with open(os.path.join(sst, name), "r+b") as f:
        f.seek(200)
        byte = f.read(1)
        f.seek(200)
        f.write(bytes([byte[0] ^ 1]))
    said = ctl("backup", "verify", backups, code=1)
    assert name in said and "checksum" in said, said
    with open(os.path.join(sst, name), "r+b") as f:
        f.seek(200)
        f.write(byte)
    ctl("backup", "verify", backups)


def flip(path, at=200):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def a_damaged_table_does_not_keep_the_rest_from_being_backed_up():
    ill = os.path.join(places, "ill")
    sst = os.path.join(server.data_dir, "sst")
    table = os.path.join(sst, sorted(os.listdir(sst))[0])
    flip(table)
    got = server.ctl("backup", ill)
    harness.equal(got.returncode, 65, got.stdout + got.stderr)
    assert "/000001: everything up to" in got.stdout, got.stdout
    lines = [line for line in got.stderr.splitlines() if line.startswith("lsmctl:")]
    assert os.path.basename(table) in lines[0] and "level" in lines[0] and 'keys "key' in lines[0], got.stderr
    assert "was made, and 1 of its tables is damaged" in lines[-1], got.stderr
    assert "1 damaged" in ctl("backup", "list", ill)
    assert os.path.basename(table) in ctl("backup", "verify", ill, code=1)
    flip(table)
    ctl("backup", ill)
    ctl("backup", "verify", ill)
    shutil.rmtree(ill)


def what_an_interrupted_backup_left_is_cleared():
    half = os.path.join(backups, "000003.partial", "sst")
    os.makedirs(half)
    shutil.copy(os.path.join(backups, "000002", "manifest.db"), os.path.join(half, "..", "manifest.db"))
    staging = os.path.join(server.data_dir, "checkpoints", "backup")
    ctl("checkpoint", staging)
    harness.equal(take()[0], 3, "number")
    assert not os.path.exists(staging) and not os.path.exists(half), "left over"
    ctl("backup", "verify", backups)


def prune_keeps_the_newest_and_they_stay_whole():
    assert "--keep" in ctl("backup", "prune", "--keep", "0", backups, code=64)
    removed = ctl("backup", "prune", "--keep", "1", backups)
    harness.equal(removed.count("removed"), 2, removed)
    harness.equal(sorted(os.listdir(backups)), ["000003", "LOCK"], "what is left")
    ctl("backup", "verify", backups, "all")
    expect(os.path.join(backups, "000003"), 0, 5000, "first")        # straight from the backup


def a_backup_that_cannot_be_read_is_not_one_of_those_that_are_kept():
    assert take()[0] == 4
    open(os.path.join(backups, "000004", "manifest.db"), "w").close()
    os.mkdir(os.path.join(backups, "000777"))
    assert "cannot be read" in ctl("backup", "prune", "--keep", "1", backups, code=1)
    for number in ("000003", "000004", "000777"):
        assert os.path.isdir(os.path.join(backups, number)), number
    got = server.ctl("backup", "list", backups)
    harness.equal(got.returncode, 1, got.stdout)
    assert "000003 " in got.stdout and "is empty" in got.stdout and "is missing" in got.stdout, got.stdout
    shutil.rmtree(os.path.join(backups, "000004"))
    os.rmdir(os.path.join(backups, "000777"))
    ctl("backup", "list", backups)


def another_file_system_is_no_obstacle():
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(server.data_dir).st_dev:
        return
    far = tempfile.mkdtemp(prefix="lsm-test-", dir="/dev/shm")
    try:
        assert "files copied" in ctl("backup", far)
        assert " 0 linked" not in ctl("backup", far)
        ctl("backup", "verify", far, "all")
        moved = os.path.join(places, "moved")            # the newest one, to a disk with more room
        shutil.move(os.path.join(far, "000002"), moved)
        os.symlink(moved, os.path.join(far, "000002"))
        assert " 0 linked" in ctl("backup", far), "a link across disks"
        ctl("backup", "verify", far, "all")
    finally:
        shutil.rmtree(far)


def nonsense_is_refused_and_without_a_server_nothing_is_made():
    assert "no such backup" in ctl("backup", "verify", backups, "17", code=1)
    ctl("backup", "verify", backups, "3x", code=64)
    for words in (["list"], ["verify"], ["prune"], [""]):
        ctl("backup", *words, code=64)
    assert not any(os.path.exists(verb) for verb in ("list", "verify", "prune")), "a backup named as a command"
    for place in (server.data_dir, os.path.join(server.data_dir, "new"), os.path.join(server.data_dir, "checkpoints")):
        assert "data directory" in ctl("backup", place, code=64), place
    assert not os.path.exists(os.path.join(server.data_dir, "new"))
    assert "Not a directory" in ctl("backup", os.path.join(backups, "LOCK"), code=1)
    ctl("backup", "list", os.path.join(places, "nothing"), code=1)
    ctl("backup", "prune", backups, code=64)
    harness.equal(server.stop(), 0, "exit status")
    nowhere = os.path.join(places, "new")
    ctl("backup", nowhere, code=69)
    shutil.rmtree(places)


harness.run(a_second_backup_copies_only_what_is_new,
            each_backup_is_whole_as_the_list_and_a_verification_say,
            a_copy_of_a_backup_is_the_database_of_that_time,
            a_flipped_bit_in_a_backup_is_found_with_its_file,
            a_damaged_table_does_not_keep_the_rest_from_being_backed_up,
            what_an_interrupted_backup_left_is_cleared,
            prune_keeps_the_newest_and_they_stay_whole,
            a_backup_that_cannot_be_read_is_not_one_of_those_that_are_kept,
            another_file_system_is_no_obstacle,
            nonsense_is_refused_and_without_a_server_nothing_is_made)
