# SPDX-License-Identifier: Apache-2.0
# common/view: sources in layer order, headers beside them.  VIEW_LIBS is what a program links to use this room.

noinst_LIBRARIES += libview.a
libview_a_SOURCES = \
	common/view/memtable.c common/view/memtable.h \
	common/view/board.c common/view/board.h
VIEW_LIBS = libview.a $(TABLE_LIBS)
