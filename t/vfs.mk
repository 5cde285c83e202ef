# SPDX-License-Identifier: Apache-2.0
# Tests of vfs.  A unit test is three lines:
#   check_PROGRAMS += t/vfs_<file>_test
#   t_vfs_<file>_test_SOURCES = t/vfs_<file>_test.c
#   t_vfs_<file>_test_LDADD = $(VFS_LIBS) $(CHECK_LIBS)
