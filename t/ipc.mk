# SPDX-License-Identifier: Apache-2.0
# Tests of ipc.  A unit test is three lines:
#   check_PROGRAMS += t/ipc_<file>_test
#   t_ipc_<file>_test_SOURCES = t/ipc_<file>_test.c
#   t_ipc_<file>_test_LDADD = $(IPC_LIBS) $(CHECK_LIBS)
