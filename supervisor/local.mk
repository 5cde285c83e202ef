# SPDX-License-Identifier: Apache-2.0
# supervisor: sources in layer order, headers beside them.  SUPERVISOR_LIBS is what a program links to use this room.

noinst_LIBRARIES += libsupervisor.a
libsupervisor_a_SOURCES = \
	supervisor/restart.c supervisor/restart.h \
	supervisor/listener.c supervisor/listener.h \
	supervisor/datadir.c supervisor/datadir.h \
	supervisor/worker.c supervisor/worker.h \
	supervisor/control.c supervisor/control.h \
	supervisor/supervise.c supervisor/supervise.h
SUPERVISOR_LIBS = libsupervisor.a $(PROTO_LIBS) $(VIEW_LIBS) $(STATS_LIBS) $(BASE_LIBS) $(SYSTEMD_LIBS)

sbin_PROGRAMS += lsm-supervisor
lsm_supervisor_SOURCES = supervisor/main.c
lsm_supervisor_LDADD = $(SUPERVISOR_LIBS)

EXTRA_DIST += supervisor/README.md

