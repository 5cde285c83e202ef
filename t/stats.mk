# SPDX-License-Identifier: Apache-2.0
# Tests of stats.  A unit test is three lines:
#   check_PROGRAMS += t/stats_<file>_test
#   t_stats_<file>_test_SOURCES = t/stats_<file>_test.c
#   t_stats_<file>_test_LDADD = $(STATS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/stats_durations_test
t_stats_durations_test_SOURCES = t/stats_durations_test.c
t_stats_durations_test_LDADD = $(STATS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/stats_scoreboard_test
t_stats_scoreboard_test_SOURCES = t/stats_scoreboard_test.c
t_stats_scoreboard_test_LDADD = $(STATS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/stats_running_test
t_stats_running_test_SOURCES = t/stats_running_test.c
t_stats_running_test_LDADD = $(STATS_LIBS) $(CHECK_LIBS)
