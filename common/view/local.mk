# SPDX-License-Identifier: Apache-2.0
# common/view: sources in layer order, headers beside them.  VIEW_LIBS is what a program links to use this room.

noinst_LIBRARIES += libview.a
libview_a_SOURCES = \
	common/view/memtable.h common/view/memtable_priv.h common/view/memtable.c \
	common/view/memtable_node.h common/view/memtable_insert.c common/view/memtable_file.c \
	common/view/board.c common/view/board.h \
	common/view/lease.c common/view/lease.h \
	common/view/read_trace.c common/view/read_trace.h \
	common/view/view.c common/view/view.h common/view/view_priv.h \
	common/view/level_iter.c common/view/level_iter.h \
	common/view/view_way.c common/view/view_way.h \
	common/view/view_iter.c \
	common/view/view_evict.c common/view/view_evict.h
VIEW_LIBS = libview.a $(TABLE_LIBS)
EXTRA_DIST += common/view/README.md
