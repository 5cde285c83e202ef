# SPDX-License-Identifier: Apache-2.0
# Tests of view.  A unit test is three lines:
#   check_PROGRAMS += t/view_<file>_test
#   t_view_<file>_test_SOURCES = t/view_<file>_test.c
#   t_view_<file>_test_LDADD = $(VIEW_LIBS) $(CHECK_LIBS)
