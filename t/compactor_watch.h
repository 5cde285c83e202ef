/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system's files, watched: how many tables of sst/ are open, which
 * of their bytes are said to be in memory, what is forgotten, and one that is gone when it is opened again. */
#ifndef T_COMPACTOR_WATCH_H
#define T_COMPACTOR_WATCH_H

#include "common/vfs/vfs_impl.h"
#include "t/compactor_help.h"

static struct watch {
	struct vfs vfs;
	unsigned open, most_open, opened;    /* tables of sst/ */
	uint64_t hot_from, hot_to;           /* these tables are in memory, [from, to) */
	unsigned inputs_forgotten;           /* pieces of tables of sst/ */
	unsigned outputs_forgotten;          /* whole tables of tmp/ */
	uint64_t vanishes;                   /* this table is there once only */
	unsigned vanishes_opened;
} watch;

struct watch_file { struct vfs_file file; struct vfs_file *inner; bool is_input, is_hot; };

static inline struct watch_file *watch_file(struct vfs_file *f) { return (struct watch_file *)f; }

static inline void watch_close(struct vfs_file *f)
{
	watch.open -= watch_file(f)->is_input;
	vfs_close(&watch_file(f)->inner);
	free(f);
}

static inline enum st watch_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	if (nowait && !watch_file(f)->is_hot)
		return ST_BUSY;
	return vfs_read(watch_file(f)->inner, p, n, offset, false, gotp);
}

static inline enum st watch_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	return vfs_write(watch_file(f)->inner, p, n, offset);
}

static inline enum st watch_sync(struct vfs_file *f, bool data_only)
{
	return data_only ? vfs_sync_data(watch_file(f)->inner) : vfs_sync(watch_file(f)->inner);
}

static inline enum st watch_size(struct vfs_file *f, uint64_t *sizep) { return vfs_size(watch_file(f)->inner, sizep); }

static inline void watch_forget(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	(void)offset;
	if (watch_file(f)->is_input)
		watch.inputs_forgotten += n > 0;
	else
		watch.outputs_forgotten += n == 0;
}

static inline bool watch_is_hot(const char *path)
{
	bool hot = false;

	for (uint64_t id = watch.hot_from; id < watch.hot_to && !hot; id++)
		hot = strcmp(path, path_sst(help_dir, file_id(id)).s) == 0;
	return hot;
}

static inline bool watch_vanished(const char *path)
{
	return watch.vanishes && strcmp(path, path_sst(help_dir, file_id(watch.vanishes)).s) == 0 &&
	       ++watch.vanishes_opened > 1;
}

static inline enum st watch_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	static const struct vfs_file_ops ops = { .close = watch_close, .read = watch_read, .write = watch_write,
						 .sync = watch_sync, .size = watch_size, .forget_cache = watch_forget };
	struct watch_file *f;
	struct vfs_file *inner;
	enum st st = watch_vanished(path) ? ST_NOT_FOUND : vfs_open(vfs_posix(), path, flags, &inner);

	(void)v;
	if (st)
		return st;
	f = calloc(1, sizeof(*f));
	f->file.ops = &ops;
	f->inner = inner;
	f->is_input = strncmp(path, path_sst_dir(help_dir).s, strlen(path_sst_dir(help_dir).s)) == 0;
	f->is_hot = watch_is_hot(path);
	watch.open += f->is_input;
	watch.opened += f->is_input;
	watch.most_open = watch.open > watch.most_open ? watch.open : watch.most_open;
	*filep = &f->file;
	return ST_OK;
}

static inline enum st watch_unlink(struct vfs *v, const char *path) { (void)v; return vfs_unlink(vfs_posix(), path); }
static inline enum st watch_sync_dir(struct vfs *v, const char *path) { (void)v; return vfs_sync_dir(vfs_posix(), path); }

static inline struct vfs *watch_begin(void)
{
	static const struct vfs_ops ops = { .open = watch_open, .unlink = watch_unlink, .sync_dir = watch_sync_dir };

	watch = (struct watch){ .vfs = { &ops } };
	return &watch.vfs;
}

#endif
