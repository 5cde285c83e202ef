# SPDX-License-Identifier: Apache-2.0
"""Reads every entry of a table file (common/table/format.h) with nothing but what protoc makes of lsm.proto and zlib.
entries(path) yields (key, value, sequence, timestamp, is_tombstone, expires_at)."""
import importlib
import os
import struct
import subprocess
import sys
import tempfile
import zlib

DATA, FILTER, PROPERTIES, INDEX = 1, 2, 3, 4
RAW, ZLIB = 0, 1
FOOTER = struct.Struct("<QQQQQQQQIII40xI8s")     # handles of filter, properties, index; id, database, flags, version, depth, crc


def protoc():
    with tempfile.TemporaryDirectory() as out:
        proto = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "proto")
        subprocess.run(["protoc", "-I", proto, "--python_out", out, "lsm.proto"], check=True)
        sys.path.insert(0, out)
        return importlib.import_module("lsm_pb2")


lsm = protoc()


def block(file, table, offset, size, kind):
    """The bytes of a block; its checksum covers what it is and where it lies."""
    stored, trailer = file[offset:offset + size], file[offset + size:offset + size + 10]
    type_, codec, raw_size, crc = struct.unpack("<BBII", trailer)
    assert crc == zlib.crc32(stored + trailer[:6] + struct.pack("<QQ", offset, table)) and type_ == kind and codec in (RAW, ZLIB)
    raw = zlib.decompress(stored) if codec == ZLIB else stored
    assert len(raw) == raw_size
    return raw


def walk(raw):
    """The entries of an lsm.Block with their keys put together."""
    key = b""
    for e in lsm.Block.FromString(raw).entries:
        key = key[:e.shared] + e.key
        yield key, e


def entries(path):
    with open(path, "rb") as f:
        file = f.read()
    *handles, table, _, flags, version, depth, crc, magic = FOOTER.unpack(file[-128:])
    assert (magic, crc, flags, version) == (b"LSMTABLE", zlib.crc32(file[-128:-12]), 0, 2)
    blocks = [handles[4:6]]
    for _ in range(depth):                       # from the index, maybe by its partitions, down to the data blocks
        found = (e.value for b in blocks for _, e in walk(block(file, table, *b, INDEX)))
        blocks = [(h.offset, h.size) for h in map(lsm.BlockHandle.FromString, found)]
    count = lsm.SSTable.FromString(block(file, table, *handles[2:4], PROPERTIES)).entry_count
    for b in blocks:
        for key, e in walk(block(file, table, *b, DATA)):
            yield key, e.value, e.sequence, e.timestamp, e.is_tombstone, e.expires_at
            count -= 1
    assert count == 0
