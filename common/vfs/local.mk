# SPDX-License-Identifier: Apache-2.0
# common/vfs: sources in layer order, headers beside them.  VFS_LIBS is what a program links to use this room.

noinst_LIBRARIES += libvfs.a
libvfs_a_SOURCES = \
	common/vfs/vfs.c common/vfs/vfs.h common/vfs/vfs_impl.h \
	common/vfs/posix.c
VFS_LIBS = libvfs.a $(BASE_LIBS)
