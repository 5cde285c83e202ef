# SPDX-License-Identifier: Apache-2.0
# Tests of compactor.  A unit test is three lines:
#   check_PROGRAMS += t/compactor_<file>_test
#   t_compactor_<file>_test_SOURCES = t/compactor_<file>_test.c
#   t_compactor_<file>_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_drop_test
t_compactor_drop_test_SOURCES = t/compactor_drop_test.c
t_compactor_drop_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)

noinst_HEADERS += t/compactor_help.h t/compactor_watch.h

check_PROGRAMS += t/compactor_inputs_test
t_compactor_inputs_test_SOURCES = t/compactor_inputs_test.c
t_compactor_inputs_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_job_test
t_compactor_job_test_SOURCES = t/compactor_job_test.c
t_compactor_job_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_runner_test
t_compactor_runner_test_SOURCES = t/compactor_runner_test.c
t_compactor_runner_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_program_test
t_compactor_program_test_SOURCES = t/compactor_program_test.c
t_compactor_program_test_LDADD = $(SUPERVISOR_LIBS) $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_fault_test
t_compactor_fault_test_SOURCES = t/compactor_fault_test.c
t_compactor_fault_test_LDADD = $(VFSTEST_LIBS) $(COMPACTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/compactor_throttle_test
t_compactor_throttle_test_SOURCES = t/compactor_throttle_test.c
t_compactor_throttle_test_LDADD = $(COMPACTOR_LIBS) $(CHECK_LIBS)
