# SPDX-License-Identifier: Apache-2.0
# common/vfs: sources in layer order, headers beside them.  VFS_LIBS is what a program links to use this room.

noinst_LIBRARIES += libvfs.a
libvfs_a_SOURCES = \
	common/vfs/vfs.c common/vfs/vfs.h common/vfs/vfs_impl.h \
	common/vfs/posix.c
VFS_LIBS = libvfs.a $(BASE_LIBS)

# For tests only: a simulated disk with power cuts, a fault injector.  VFSTEST_LIBS stands in front of a room's own.
check_LIBRARIES += libvfstest.a
libvfstest_a_SOURCES = \
	common/vfs/sim.h common/vfs/sim_priv.h common/vfs/sim.c \
	common/vfs/sim_state.c \
	common/vfs/sim_cut.c \
	common/vfs/fault.c common/vfs/fault.h
VFSTEST_LIBS = libvfstest.a $(VFS_LIBS)
EXTRA_DIST += common/vfs/README.md
