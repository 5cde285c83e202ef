# SPDX-License-Identifier: Apache-2.0
# common/stats: sources in layer order, headers beside them.  STATS_LIBS is what a program links to use this room.

noinst_LIBRARIES += libstats.a
libstats_a_SOURCES = \
	common/stats/durations.c common/stats/durations.h \
	common/stats/metrics.def \
	common/stats/stats.c common/stats/stats.h common/stats/stats_priv.h \
	common/stats/running.c common/stats/running.h \
	common/stats/exposition.c
STATS_LIBS = libstats.a $(BASE_LIBS)
EXTRA_DIST += common/stats/README.md
