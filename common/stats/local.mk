# SPDX-License-Identifier: Apache-2.0
# common/stats: sources in layer order, headers beside them.  STATS_LIBS is what a program links to use this room.

noinst_LIBRARIES += libstats.a
libstats_a_SOURCES =
STATS_LIBS = libstats.a $(BASE_LIBS)
