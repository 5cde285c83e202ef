# SPDX-License-Identifier: Apache-2.0
"""The tables of a server, read by t/table_reader.py, hold exactly what the server answers."""
import base64
import json
import os
import random
import sqlite3
import sys
import urllib.parse

import harness

sys.path.append("/usr/lib/python3/dist-packages")       # Debian's python3-protobuf, should this be another python3
import table_reader  # noqa: E402

ALPHABET = ["a", "b", "\0", "\1", "\x7f", "é", "漢", "🌲", "key", "/"]


def text(rnd, pieces):
    return "".join(rnd.choice(ALPHABET) for _ in range(rnd.randrange(pieces)))


def loaded(**settings):
    """A server whose entries are all in tables: many keys, several versions, tombstones, values of any bytes and sizes."""
    rnd = random.Random(7)
    server = harness.Server(MEMTABLE_SIZE_LIMIT=64 << 10, TABLE_SIZE_TARGET=64 << 10, **settings).start()
    client = server.client()
    keys = [f"key/{n:05}{text(rnd, 4)}".replace("\0", "") for n in range(2000)]
    for _ in range(60):
        operations = []
        for _ in range(200):
            key = rnd.choice(keys)
            if rnd.randrange(5) == 0:
                operations.append({"type": "delete", "key": key})
            else:
                value = text(rnd, 30) + "same " * rnd.randrange(20) + "x" * (9000 if rnd.randrange(300) == 0 else 0)
                operations.append({"type": "write", "key": key, "value": value, **({"ttl": 86400} if rnd.randrange(9) == 0 else {})})
        harness.equal(client.batch(operations)[0], 200, "load")
    harness.equal(server.ctl("flush").returncode, 0, "flush")
    return server, keys


def live_tables(server):
    """(path, entries, tombstones) of each, as the manifest of the stopped server tells it."""
    manifest = sqlite3.connect(os.path.join(server.data_dir, "manifest.db"))
    try:
        rows = manifest.execute("SELECT name, entries, tombstones FROM live_tables").fetchall()
    finally:
        manifest.close()
    return [(os.path.join(server.data_dir, "sst", name), *counts) for name, *counts in rows]


def read_tables(server):
    """key -> its newest version, over all tables; each table's counts and order are checked on the way."""
    newest = {}
    for path, count, tombstones in live_tables(server):
        got = list(table_reader.entries(path))
        harness.equal((len(got), sum(e[4] for e in got)), (count, tombstones), path)
        harness.equal(got, sorted(got, key=lambda e: (e[0], -e[2])), "the order of entries")
        for e in got:
            if e[0] not in newest or newest[e[0]][2] < e[2]:
                newest[e[0]] = e
    return newest


def answer_of(client, key):
    """What the server says of a key: its value and its time of expiry, None when there is none."""
    status, _, body = client.request("GET", "/api/read/" + urllib.parse.quote(key.encode(), safe=""))
    assert status in (200, 404), (status, body)
    if status == 404:
        return None
    answer = json.loads(body)
    return base64.b64decode(answer["value_base64"]) if "value_base64" in answer else answer["value"].encode()


def agrees(**settings):
    server, keys = loaded(**settings)
    server.stop()
    newest = read_tables(server)
    server.start()
    client = server.client()
    assert len(newest) > 1000, len(newest)
    assert set(newest) <= {k.encode() for k in keys}
    for key in keys:
        e = newest.get(key.encode())
        harness.equal(answer_of(client, key), e[1] if e and not e[4] else None, key)
    server.stop()
    return newest


def a_reader_made_of_protoc_and_zlib_finds_in_the_tables_what_the_server_answers():
    newest = agrees(COMPACTION_TRIGGER_RATIO=100)         # every version stays
    assert any(e[4] for e in newest.values()) and any(e[5] for e in newest.values()), "neither a tombstone nor a time of expiry"


def the_same_after_compactions_and_without_compression():
    agrees(COMPACTION_TRIGGER_RATIO=2, BLOCK_COMPRESSION="none", BLOCK_COMPRESSION_LAST="small")


if __name__ == "__main__":
    harness.run(a_reader_made_of_protoc_and_zlib_finds_in_the_tables_what_the_server_answers,
                the_same_after_compactions_and_without_compression)
