# SPDX-License-Identifier: Apache-2.0
# Tests of base.  A unit test is three lines:
#   check_PROGRAMS += t/base_<file>_test
#   t_base_<file>_test_SOURCES = t/base_<file>_test.c
#   t_base_<file>_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_bytes_test
t_base_bytes_test_SOURCES = t/base_bytes_test.c
t_base_bytes_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_coding_test
t_base_coding_test_SOURCES = t/base_coding_test.c
t_base_coding_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_log_test
t_base_log_test_SOURCES = t/base_log_test.c
t_base_log_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_conf_test
t_base_conf_test_SOURCES = t/base_conf_test.c
t_base_conf_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_proc_test
t_base_proc_test_SOURCES = t/base_proc_test.c
t_base_proc_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/base_door_test
t_base_door_test_SOURCES = t/base_door_test.c
t_base_door_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
