# SPDX-License-Identifier: Apache-2.0
# Tests of table.  A unit test is three lines:
#   check_PROGRAMS += t/table_<file>_test
#   t_table_<file>_test_SOURCES = t/table_<file>_test.c
#   t_table_<file>_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)
