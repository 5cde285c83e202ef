# SPDX-License-Identifier: Apache-2.0
# Tests of vfs.  A unit test is three lines:
#   check_PROGRAMS += t/vfs_<file>_test
#   t_vfs_<file>_test_SOURCES = t/vfs_<file>_test.c
#   t_vfs_<file>_test_LDADD = $(VFS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/vfs_posix_test t/vfs_sim_test t/vfs_fault_test
t_vfs_posix_test_SOURCES = t/vfs_posix_test.c
t_vfs_posix_test_LDADD = $(VFS_LIBS) $(CHECK_LIBS)
t_vfs_sim_test_SOURCES = t/vfs_sim_test.c
t_vfs_sim_test_LDADD = $(VFSTEST_LIBS) $(CHECK_LIBS)
t_vfs_fault_test_SOURCES = t/vfs_fault_test.c
t_vfs_fault_test_LDADD = $(VFSTEST_LIBS) $(CHECK_LIBS)
