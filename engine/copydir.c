/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a database in the making; see copydir.h. */
#include "engine/copydir.h"

#include "common/base/mem.h"

enum st copydir_make(struct vfs *v, const char *dir)
{
	enum st st = vfs_mkdir(v, dir);

	if (!st)
		st = vfs_mkdir(v, path_sst_dir(dir).s);
	return st ? st : vfs_mkdir(v, path_wal_dir(dir).s);
}

enum st copydir_write(struct vfs *v, const char *path, const void *bytes, size_t n)
{
	struct vfs_file *f;
	enum st st = vfs_open(v, path, VFS_CREATE, &f);

	if (st)
		return st;
	st = vfs_write(f, bytes, n, 0);
	if (!st)
		st = vfs_sync(f);
	vfs_close(&f);
	return st;
}

enum st copydir_sync_names(struct vfs *v, const char *dir)
{
	enum st st = vfs_sync_dir(v, path_sst_dir(dir).s);

	if (!st)
		st = vfs_sync_dir(v, path_wal_dir(dir).s);
	return st ? st : vfs_sync_dir(v, dir);
}

enum st copydir_name(struct vfs *v, const char *partial, const char *dir)
{
	struct path parent = path_parent(dir);
	enum st st = vfs_rename(v, partial, dir), undo;

	if (st)
		return st;
	st = vfs_sync_dir(v, parent.s);
	if (st) {
		undo = vfs_rename(v, dir, partial);
		(void)undo;
	}
	return st;
}

/* ---- clearing ---- */

struct ids { struct file_id *list; size_t count; enum data_name kind; };

static enum st note_id(void *ctx, const char *name)
{
	struct ids *n = ctx;
	struct file_id id;

	if (path_parse(name, &id) != n->kind)
		return ST_OK;
	n->list = mem_resize(n->list, (n->count + 1) * sizeof(*n->list));
	n->list[n->count++] = id;
	return ST_OK;
}

static enum st but_missing(enum st st)
{
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Removes the files of one kind, then their folder. */
static enum st clear_folder(struct vfs *v, const char *root, enum data_name kind)
{
	bool tables = kind == DATA_NAME_SST;
	struct path folder = tables ? path_sst_dir(root) : path_wal_dir(root);
	struct ids ids = { .kind = kind };
	enum st st = but_missing(vfs_list(v, folder.s, note_id, &ids));

	for (size_t i = 0; i < ids.count && !st; i++)
		st = but_missing(vfs_unlink(v, (tables ? path_sst(root, ids.list[i]) : path_wal(root, ids.list[i])).s));
	mem_free(ids.list);
	return st ? st : but_missing(vfs_rmdir(v, folder.s));
}

enum st copydir_clear(struct vfs *v, const char *dir)
{
	enum st st = clear_folder(v, dir, DATA_NAME_SST);

	if (!st)
		st = clear_folder(v, dir, DATA_NAME_WAL);
	if (!st)
		st = but_missing(vfs_unlink(v, path_manifest(dir).s));
	return st ? st : but_missing(vfs_rmdir(v, dir));
}
