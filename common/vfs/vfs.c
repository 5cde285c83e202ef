/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions behind vfs.h, plus what is the same on every disk: reading a whole file.
 */
#include "common/vfs/vfs.h"

#include "common/base/mem.h"
#include "common/vfs/vfs_impl.h"

enum st vfs_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	*filep = NULL;
	return v->ops->open(v, path, flags, filep);
}

void vfs_close(struct vfs_file **filep)
{
	if (*filep)
		(*filep)->ops->close(*filep);
	*filep = NULL;
}

enum st vfs_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	*gotp = 0;
	return f->ops->read(f, p, n, offset, nowait, gotp);
}

enum st vfs_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	return f->ops->write(f, p, n, offset);
}

enum st vfs_sync_data(struct vfs_file *f)
{
	return f->ops->sync(f, true);
}

enum st vfs_sync(struct vfs_file *f)
{
	return f->ops->sync(f, false);
}

enum st vfs_truncate(struct vfs_file *f, uint64_t size)
{
	return f->ops->truncate(f, size);
}

enum st vfs_allocate(struct vfs_file *f, uint64_t size)
{
	return f->ops->allocate(f, size);
}

enum st vfs_release(struct vfs_file *f, uint64_t offset)
{
	return f->ops->release(f, offset);
}

enum st vfs_size(struct vfs_file *f, uint64_t *sizep)
{
	*sizep = 0;
	return f->ops->size(f, sizep);
}

void vfs_forget_cache(struct vfs_file *f)
{
	f->ops->forget_cache(f, 0, 0);
}

void vfs_forget_range(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	if (n > 0)
		f->ops->forget_cache(f, offset, n);
}

uint64_t vfs_next_data(struct vfs_file *f, uint64_t offset)
{
	return f->ops->next_data ? f->ops->next_data(f, offset) : offset;
}

void vfs_read_exactly(struct vfs_file *f)
{
	if (f->ops->read_exactly)
		f->ops->read_exactly(f);
}

enum st vfs_mkdir(struct vfs *v, const char *path)
{
	return v->ops->mkdir(v, path);
}

enum st vfs_rename(struct vfs *v, const char *from, const char *to)
{
	return v->ops->rename(v, from, to);
}

enum st vfs_link(struct vfs *v, const char *from, const char *to)
{
	return v->ops->link(v, from, to);
}

enum st vfs_unlink(struct vfs *v, const char *path)
{
	return v->ops->unlink(v, path);
}

enum st vfs_rmdir(struct vfs *v, const char *path)
{
	return v->ops->rmdir(v, path);
}

enum st vfs_sync_dir(struct vfs *v, const char *path)
{
	return v->ops->sync_dir(v, path);
}

enum st vfs_exists(struct vfs *v, const char *path, bool *yesp)
{
	*yesp = false;
	return v->ops->exists(v, path, yesp);
}

enum st vfs_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	*bytesp = 0;
	return v->ops->free_bytes(v, path, bytesp);
}

enum st vfs_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx)
{
	return v->ops->list(v, path, each, ctx);
}

/* Reads all of f, at most max bytes, into fresh heap memory. */
static enum st slurp_file(struct vfs_file *f, size_t max, uint8_t **bytesp, size_t *np)
{
	uint64_t size;
	size_t got;
	uint8_t *p;
	enum st st = vfs_size(f, &size);

	if (st)
		return st;
	if (size > max)
		return ST_TOO_BIG;
	p = mem_try(size ? (size_t)size : 1);
	if (p == NULL)
		return fail(ST_FULL, "no memory for a file of %llu bytes", (unsigned long long)size);
	st = vfs_read(f, p, (size_t)size, 0, false, &got);
	if (st) {
		mem_free(p);
		return st;
	}
	*bytesp = p;
	*np = got;
	return ST_OK;
}

enum st vfs_slurp(struct vfs *v, const char *path, size_t max, uint8_t **bytesp, size_t *np)
{
	struct vfs_file *f;
	enum st st;

	*bytesp = NULL;
	*np = 0;
	st = vfs_open(v, path, VFS_READ, &f);
	if (st)
		return st;
	st = slurp_file(f, max, bytesp, np);
	vfs_close(&f);
	return st;
}
