/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault injector.
 *
 *	open file of the injector -> open file of the inner vfs
 *
 * 1. An operation that is to fail does not reach the inner vfs, with two exceptions that make failing
 *    harder to get right: of a failed write the first half arrives, and after a failed sync the simulated
 *    disk will never hold what was written since the last good one, although reads show it (a kernel marks
 *    such pages as clean).
 * 2. Injected errors are not logged: the test that armed them knows.
 *
 * Any thread; one lock, never held while the inner vfs works.
 */
#include "common/vfs/fault.h"

#include <pthread.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/vfs/sim.h"
#include "common/vfs/vfs_impl.h"

#define FAULT_MAGIC 0xfa017f50u
#define FAULT_FILE_MAGIC 0xfa017f11u

struct fault {
	struct vfs head;
	uint32_t magic;
	struct vfs *inner;
	pthread_mutex_t lock;
	/* guarded by lock */
	unsigned kinds;
	uint64_t nth, count;
	bool for_good, has_fired;
	const char *part;                /* of names that count; NULL: all do */
	enum st st;
};

struct fault_file {
	struct vfs_file head;
	uint32_t magic;
	struct fault *fault;
	struct vfs_file *inner;
	char *path;
};

static struct fault *fault_lock(struct vfs *v)
{
	struct fault *f = (struct fault *)v;

	obj_check(f, FAULT_MAGIC);
	must(pthread_mutex_lock(&f->lock) == 0);
	return f;
}

static void fault_unlock(struct fault *f)
{
	must(pthread_mutex_unlock(&f->lock) == 0);
}

/* Counts an operation on path; what it shall answer, ST_OK when it may go on. */
static enum st strike(struct vfs *v, enum fault_kind kind, const char *path)
{
	struct fault *f = fault_lock(v);
	enum st st = ST_OK;

	if ((f->kinds & (unsigned)kind) && (!f->part || strstr(path, f->part))) {
		f->count++;
		if (f->nth > 0 && (f->count == f->nth || (f->for_good && f->count > f->nth))) {
			f->has_fired = true;
			st = f->st;
		}
	}
	fault_unlock(f);
	return st;
}

static struct vfs *inner_of(struct vfs *v)
{
	return ((struct fault *)v)->inner;
}

/* ---- open files ---- */

static struct fault_file *fault_file(struct vfs_file *f)
{
	struct fault_file *ff = (struct fault_file *)f;

	obj_check(ff, FAULT_FILE_MAGIC);
	return ff;
}

static void file_close(struct vfs_file *f)
{
	struct fault_file *ff = fault_file(f);

	vfs_close(&ff->inner);
	obj_fini(ff);
	mem_free(ff->path);
	mem_free(ff);
}

static enum st file_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_READ, ff->path), inner;

	if (st && st != ST_CORRUPT)
		return st;
	inner = vfs_read(ff->inner, p, n, offset, nowait, gotp);
	if (st && inner == ST_OK && *gotp > 0)
		((uint8_t *)p)[*gotp / 2] ^= 0x10;
	return inner;
}

static enum st file_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_WRITE, ff->path), half;

	if (st == ST_OK)
		return vfs_write(ff->inner, p, n, offset);
	half = vfs_write(ff->inner, p, n / 2, offset);
	return half ? half : st;
}

static enum st file_sync(struct vfs_file *f, bool data_only)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_SYNC, ff->path);

	if (st) {
		(void)sim_lose_unsynced(ff->inner);
		return st;
	}
	return data_only ? vfs_sync_data(ff->inner) : vfs_sync(ff->inner);
}

static enum st file_truncate(struct vfs_file *f, uint64_t size)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_META, ff->path);

	return st ? st : vfs_truncate(ff->inner, size);
}

static enum st file_allocate(struct vfs_file *f, uint64_t size)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_META, ff->path);

	return st ? st : vfs_allocate(ff->inner, size);
}

static enum st file_release(struct vfs_file *f, uint64_t offset)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_META, ff->path);

	return st ? st : vfs_release(ff->inner, offset);
}

static enum st file_size(struct vfs_file *f, uint64_t *sizep)
{
	struct fault_file *ff = fault_file(f);
	enum st st = strike(&ff->fault->head, FAULT_META, ff->path);

	return st ? st : vfs_size(ff->inner, sizep);
}

static void file_forget_cache(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	if (n > 0)
		vfs_forget_range(fault_file(f)->inner, offset, n);
	else
		vfs_forget_cache(fault_file(f)->inner);
}

static const struct vfs_file_ops fault_file_ops = {
	.close = file_close, .read = file_read, .write = file_write, .sync = file_sync,
	.truncate = file_truncate, .allocate = file_allocate, .release = file_release,
	.size = file_size,
	.forget_cache = file_forget_cache,
};

/* ---- directories ---- */

static enum st fault_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	struct vfs_file *inner;
	struct fault_file *ff;
	enum st st = strike(v, FAULT_META, path);

	if (st == ST_OK)
		st = vfs_open(inner_of(v), path, flags, &inner);
	if (st)
		return st;
	ff = mem_zalloc(sizeof *ff);
	ff->head.ops = &fault_file_ops;
	obj_init(ff, FAULT_FILE_MAGIC);
	ff->fault = (struct fault *)v;
	ff->inner = inner;
	ff->path = mem_strdup(path);
	*filep = &ff->head;
	return ST_OK;
}

static enum st fault_mkdir(struct vfs *v, const char *path)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_mkdir(inner_of(v), path);
}

static enum st fault_rename(struct vfs *v, const char *from, const char *to)
{
	enum st st = strike(v, FAULT_META, from);

	return st ? st : vfs_rename(inner_of(v), from, to);
}

static enum st fault_link(struct vfs *v, const char *from, const char *to)
{
	enum st st = strike(v, FAULT_META, from);

	return st ? st : vfs_link(inner_of(v), from, to);
}

static enum st fault_unlink(struct vfs *v, const char *path)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_unlink(inner_of(v), path);
}

static enum st fault_rmdir(struct vfs *v, const char *path)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_rmdir(inner_of(v), path);
}

static enum st fault_sync_dir(struct vfs *v, const char *path)
{
	enum st st = strike(v, FAULT_SYNC, path);

	return st ? st : vfs_sync_dir(inner_of(v), path);
}

static enum st fault_exists(struct vfs *v, const char *path, bool *yesp)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_exists(inner_of(v), path, yesp);
}

static enum st fault_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_free_bytes(inner_of(v), path, bytesp);
}

static enum st fault_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx)
{
	enum st st = strike(v, FAULT_META, path);

	return st ? st : vfs_list(inner_of(v), path, each, ctx);
}

static const struct vfs_ops fault_ops = {
	.open = fault_open, .mkdir = fault_mkdir, .rename = fault_rename, .link = fault_link,
	.unlink = fault_unlink, .rmdir = fault_rmdir, .sync_dir = fault_sync_dir, .exists = fault_exists,
	.free_bytes = fault_free_bytes, .list = fault_list,
};

/* ---- the test's side ---- */

struct vfs *fault_new(struct vfs *inner)
{
	struct fault *f = mem_zalloc(sizeof *f);

	f->head.ops = &fault_ops;
	obj_init(f, FAULT_MAGIC);
	f->inner = inner;
	must(pthread_mutex_init(&f->lock, NULL) == 0);
	return &f->head;
}

void fault_free(struct vfs **vp)
{
	struct fault *f = (struct fault *)*vp;

	*vp = NULL;
	if (f == NULL)
		return;
	obj_check(f, FAULT_MAGIC);
	must(pthread_mutex_destroy(&f->lock) == 0);
	obj_fini(f);
	mem_free(f);
}

void fault_arm(struct vfs *fault, unsigned kinds, uint64_t nth, bool for_good, enum st st)
{
	struct fault *f = fault_lock(fault);

	must(nth == 0 || st != ST_OK);
	f->kinds = kinds;
	f->nth = nth;
	f->for_good = for_good;
	f->st = st;
	f->count = 0;
	f->has_fired = false;
	fault_unlock(f);
}

void fault_narrow(struct vfs *fault, const char *part)
{
	struct fault *f = fault_lock(fault);

	f->part = part;
	fault_unlock(f);
}

uint64_t fault_count(struct vfs *fault)
{
	struct fault *f = fault_lock(fault);
	uint64_t count = f->count;

	fault_unlock(f);
	return count;
}

bool fault_fired(struct vfs *fault)
{
	struct fault *f = fault_lock(fault);
	bool fired = f->has_fired;

	fault_unlock(f);
	return fired;
}
