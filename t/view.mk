# SPDX-License-Identifier: Apache-2.0
# Tests of view.  A unit test is three lines:
#   check_PROGRAMS += t/view_<file>_test
#   t_view_<file>_test_SOURCES = t/view_<file>_test.c
#   t_view_<file>_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/view_memtable_test t/view_board_test
t_view_memtable_test_SOURCES = t/view_memtable_test.c
t_view_memtable_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)
t_view_board_test_SOURCES = t/view_board_test.c
t_view_board_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/view_view_test
t_view_view_test_SOURCES = t/view_view_test.c
t_view_view_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/view_way_test
t_view_way_test_SOURCES = t/view_way_test.c
t_view_way_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/view_lease_test
t_view_lease_test_SOURCES = t/view_lease_test.c
t_view_lease_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)
t_view_lease_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_mono_us
