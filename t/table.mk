# SPDX-License-Identifier: Apache-2.0
# Tests of table.  A unit test is three lines:
#   check_PROGRAMS += t/table_<file>_test
#   t_table_<file>_test_SOURCES = t/table_<file>_test.c
#   t_table_<file>_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

noinst_HEADERS += t/table_help.h

check_PROGRAMS += t/table_table_test
t_table_table_test_SOURCES = t/table_table_test.c
t_table_table_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)
