# SPDX-License-Identifier: Apache-2.0
# common/table: sources in layer order, headers beside them.  TABLE_LIBS is what a program links to use this room.

noinst_LIBRARIES += libtable.a
libtable_a_SOURCES =
TABLE_LIBS = libtable.a $(VFS_LIBS) $(ZLIB_LIBS)
