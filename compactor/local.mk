# SPDX-License-Identifier: Apache-2.0
# compactor: sources in layer order, headers beside them.  COMPACTOR_LIBS is what a program links to use this room.

noinst_LIBRARIES += libcompactor.a
libcompactor_a_SOURCES = \
	compactor/drop.c compactor/drop.h \
	compactor/inputs.c compactor/inputs.h \
	compactor/outputs.c compactor/outputs.h \
	compactor/throttle.c compactor/throttle.h \
	compactor/job.c compactor/job.h \
	compactor/runner.c compactor/runner.h
COMPACTOR_LIBS = libcompactor.a $(PROTO_LIBS) $(TABLE_LIBS) $(STATS_LIBS) $(IPC_LIBS)

EXTRA_DIST += compactor/README.md

pkglibexec_PROGRAMS += lsm-compactor
lsm_compactor_SOURCES = compactor/main.c
lsm_compactor_LDADD = $(COMPACTOR_LIBS)
