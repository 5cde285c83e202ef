/* SPDX-License-Identifier: Apache-2.0 */
/* Believing a new table; see install.h. */
#include "engine/install.h"

#include <inttypes.h>

#include "common/table/filename.h"
#include "common/table/table_reader.h"

static enum st check_props(const struct table_reader *r, const struct table_facts *f)
{
	const struct table_props *p = table_props(r);

	if (p->entry_count != f->entry_count || p->tombstone_count != f->tombstone_count)
		return fail(ST_CORRUPT, "table %" PRIu64 " has another number of entries than was reported", f->id.v);
	if (p->expiring_count != f->expiring_count || p->min_expires_ms != f->min_expires_ms ||
	    p->max_expires_ms != f->max_expires_ms)
		return fail(ST_CORRUPT, "table %" PRIu64 " has other expiries than were reported", f->id.v);
	if (p->size_bytes != f->size_bytes)
		return fail(ST_CORRUPT, "table %" PRIu64 " has another size than was reported", f->id.v);
	if (!slice_eq(p->min_key, f->min_key) || !slice_eq(p->max_key, f->max_key))
		return fail(ST_CORRUPT, "table %" PRIu64 " has another key range than was reported", f->id.v);
	if (p->min_seq.v != f->min_seq.v || p->max_seq.v != f->max_seq.v)
		return fail(ST_CORRUPT, "table %" PRIu64 " has other sequences than was reported", f->id.v);
	return ST_OK;
}

static enum st check_table(const struct install_dir *d, const char *path, const struct table_facts *f, bool verify)
{
	struct table_reader *r;
	enum st st = table_open(d->vfs, path, f->id, d->database, NULL, &r);

	if (st == ST_NOT_FOUND)
		return fail(ST_CORRUPT, "table %" PRIu64 " was reported and is not there", f->id.v);
	if (st)
		return st;
	st = check_props(r, f);
	if (!st && verify)
		st = table_verify_file(r, f->file_crc);
	table_close(&r);
	return st;
}

static enum st sync_file(struct vfs *v, const char *path)
{
	struct vfs_file *file;
	enum st st = vfs_open(v, path, VFS_WRITE, &file);

	if (st)
		return st;
	st = vfs_sync(file);
	vfs_close(&file);
	return st;
}

enum st install_table(const struct install_dir *d, const struct table_facts *f, bool verify)
{
	struct path from = path_tmp_sst(d->data_dir, f->id), to = path_sst(d->data_dir, f->id);
	enum st st = check_table(d, from.s, f, verify);

	if (!st)
		st = sync_file(d->vfs, from.s);
	if (!st)
		st = vfs_rename(d->vfs, from.s, to.s);
	return st;
}

enum st install_sync_dirs(const struct install_dir *d)
{
	struct path sst = path_sst_dir(d->data_dir), tmp = path_tmp_dir(d->data_dir);
	enum st st = vfs_sync_dir(d->vfs, sst.s);

	return st ? st : vfs_sync_dir(d->vfs, tmp.s);
}

static void remove_file(struct vfs *v, const char *path)
{
	if (vfs_unlink(v, path))
		return;                  /* not there, or logged below: an orphan that the next start removes */
}

void install_remove(const struct install_dir *d, struct file_id first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct file_id id = file_id(first.v + i);

		remove_file(d->vfs, path_tmp_sst(d->data_dir, id).s);
		remove_file(d->vfs, path_sst(d->data_dir, id).s);
	}
}
