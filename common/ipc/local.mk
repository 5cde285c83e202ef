# SPDX-License-Identifier: Apache-2.0
# common/ipc: sources in layer order, headers beside them.  IPC_LIBS is what a program links to use this room.

noinst_LIBRARIES += libipc.a
libipc_a_SOURCES = \
	common/ipc/link_events.c common/ipc/link_events.h \
	common/ipc/link.c common/ipc/link.h \
	common/ipc/handoff.c common/ipc/handoff.h
IPC_LIBS = libipc.a $(BASE_LIBS) $(NNG_LIBS)
EXTRA_DIST += common/ipc/README.md
