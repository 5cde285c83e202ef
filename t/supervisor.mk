# SPDX-License-Identifier: Apache-2.0
# Tests of supervisor.

check_PROGRAMS += t/supervisor_restart_test t/supervisor_worker_test t/supervisor_datadir_test t/supervisor_control_test
t_supervisor_restart_test_SOURCES = t/supervisor_restart_test.c
t_supervisor_restart_test_LDADD = $(SUPERVISOR_LIBS) $(CHECK_LIBS)
t_supervisor_worker_test_SOURCES = t/supervisor_worker_test.c
t_supervisor_worker_test_LDADD = $(SUPERVISOR_LIBS) $(CHECK_LIBS)
t_supervisor_datadir_test_SOURCES = t/supervisor_datadir_test.c
t_supervisor_datadir_test_LDADD = $(SUPERVISOR_LIBS) $(CHECK_LIBS)
t_supervisor_control_test_SOURCES = t/supervisor_control_test.c
t_supervisor_control_test_LDADD = $(SUPERVISOR_LIBS) $(CHECK_LIBS)
