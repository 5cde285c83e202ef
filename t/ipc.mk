# SPDX-License-Identifier: Apache-2.0
# Tests of ipc.  A unit test is three lines:
#   check_PROGRAMS += t/ipc_<file>_test
#   t_ipc_<file>_test_SOURCES = t/ipc_<file>_test.c
#   t_ipc_<file>_test_LDADD = $(IPC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/ipc_link_test
t_ipc_link_test_SOURCES = t/ipc_link_test.c t/ipc_raw_peer.h t/check_main.h
t_ipc_link_test_LDADD = $(IPC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/ipc_handoff_test
t_ipc_handoff_test_SOURCES = t/ipc_handoff_test.c t/check_main.h
t_ipc_handoff_test_LDADD = $(IPC_LIBS) $(CHECK_LIBS)
