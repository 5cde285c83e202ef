# SPDX-License-Identifier: Apache-2.0
# Tests of frontend.  A unit test is three lines:
#   check_PROGRAMS += t/frontend_<file>_test
#   t_frontend_<file>_test_SOURCES = t/frontend_<file>_test.c
#   t_frontend_<file>_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
