# SPDX-License-Identifier: Apache-2.0
# common/view: sources in layer order, headers beside them.  VIEW_LIBS is what a program links to use this room.

noinst_LIBRARIES += libview.a
libview_a_SOURCES =
VIEW_LIBS = libview.a $(TABLE_LIBS)
