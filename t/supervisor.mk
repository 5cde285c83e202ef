# SPDX-License-Identifier: Apache-2.0
# Tests of supervisor.  A unit test is three lines:
#   check_PROGRAMS += t/supervisor_<file>_test
#   t_supervisor_<file>_test_SOURCES = t/supervisor_<file>_test.c
#   t_supervisor_<file>_test_LDADD = $(SUPERVISOR_LIBS) $(CHECK_LIBS)
