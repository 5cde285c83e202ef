/* SPDX-License-Identifier: Apache-2.0 */
/* For implementers of a vfs only: posix.c, and in test builds sim.c and fault.c. */
#ifndef VFS_VFS_IMPL_H
#define VFS_VFS_IMPL_H

#include "common/vfs/vfs.h"

struct vfs_file_ops {
	void (*close)(struct vfs_file *);
	enum st (*read)(struct vfs_file *, void *, size_t, uint64_t, bool, size_t *);
	enum st (*write)(struct vfs_file *, const void *, size_t, uint64_t);
	enum st (*sync)(struct vfs_file *, bool data_only);
	enum st (*truncate)(struct vfs_file *, uint64_t);
	enum st (*allocate)(struct vfs_file *, uint64_t);
	enum st (*release)(struct vfs_file *, uint64_t);
	enum st (*size)(struct vfs_file *, uint64_t *);
	void (*forget_cache)(struct vfs_file *, uint64_t offset, uint64_t n);    /* n 0: to the end */
	void (*read_exactly)(struct vfs_file *);     /* may be left out */
	uint64_t (*next_data)(struct vfs_file *, uint64_t offset);   /* so may this */
};

struct vfs_ops {
	enum st (*open)(struct vfs *, const char *, enum vfs_open_flags, struct vfs_file **);
	enum st (*mkdir)(struct vfs *, const char *);
	enum st (*rename)(struct vfs *, const char *, const char *);
	enum st (*link)(struct vfs *, const char *, const char *);
	enum st (*unlink)(struct vfs *, const char *);
	enum st (*rmdir)(struct vfs *, const char *);
	enum st (*sync_dir)(struct vfs *, const char *);
	enum st (*exists)(struct vfs *, const char *, bool *);
	enum st (*free_bytes)(struct vfs *, const char *, uint64_t *);
	enum st (*list)(struct vfs *, const char *, vfs_each_f *, void *);
};

/* Embedded first in every implementation's own struct. */
struct vfs { const struct vfs_ops *ops; };
struct vfs_file { const struct vfs_file_ops *ops; };

#endif
