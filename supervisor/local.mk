# SPDX-License-Identifier: Apache-2.0
# supervisor: sources in layer order, headers beside them.  SUPERVISOR_LIBS is what a program links to use this room.

noinst_LIBRARIES += libsupervisor.a
libsupervisor_a_SOURCES =
SUPERVISOR_LIBS = libsupervisor.a $(PROTO_LIBS) $(STATS_LIBS) $(BASE_LIBS) $(SYSTEMD_LIBS) $(SECCOMP_LIBS)

# The program (add when supervisor/main.c is there):
# sbin_PROGRAMS += lsm-supervisor
# lsm_supervisor_SOURCES = supervisor/main.c
# lsm_supervisor_LDADD = $(SUPERVISOR_LIBS)
