# SPDX-License-Identifier: Apache-2.0
# Tests of base.  A unit test is three lines:
#   check_PROGRAMS += t/base_<file>_test
#   t_base_<file>_test_SOURCES = t/base_<file>_test.c
#   t_base_<file>_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
