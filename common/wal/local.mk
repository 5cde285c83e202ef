# SPDX-License-Identifier: Apache-2.0
# common/wal: sources in layer order, headers beside them.  WAL_LIBS is what a program links to use this room.

noinst_LIBRARIES += libwal.a
libwal_a_SOURCES = \
	common/wal/wal_format.c common/wal/wal_format.h \
	common/wal/wal_reader.c common/wal/wal_reader.h
WAL_LIBS = libwal.a $(VFS_LIBS)
EXTRA_DIST += common/wal/README.md
