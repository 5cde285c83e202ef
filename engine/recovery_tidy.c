/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what a crash left behind, once the manifest has said what is live and the log was read. Before either changes
 * anything, all live tables are looked at: when one is missing, the manifest is not believed (invariant 4 from the other
 * side).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"
#include "engine/recovery.h"

struct names {
	char **list;
	size_t count, capacity;
};

static enum st note_name(void *ctx, const char *name)
{
	struct names *n = ctx;

	if (n->count == n->capacity) {
		n->capacity = n->capacity ? n->capacity * 2 : 64;
		n->list = mem_resize(n->list, n->capacity * sizeof *n->list);
	}
	n->list[n->count++] = mem_strdup(name);
	return ST_OK;
}

/* Names first, removing after: a folder is not changed while it is being listed. */
static enum st names_read(struct vfs *v, const char *dir, struct names *n)
{
	enum st st = vfs_list(v, dir, note_name, n);

	return st == ST_NOT_FOUND ? ST_OK : st;
}

static void names_fini(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		mem_free(n->list[i]);
	mem_free(n->list);
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

enum st recovery_check_table(struct vfs *v, const char *data_dir, struct file_id id, uint64_t want)
{
	struct path p = path_sst(data_dir, id);
	struct vfs_file *f;
	uint64_t size = 0;
	enum st st = vfs_open(v, p.s, VFS_READ, &f);

	if (st == ST_NOT_FOUND)
		return fail(ST_CORRUPT, "table %s is live and missing: restore it from a backup", p.s);
	if (st)
		return st;
	st = vfs_size(f, &size);
	vfs_close(&f);
	if (!st && size != want)
		return fail(ST_CORRUPT, "table %s is live and has %" PRIu64 " bytes instead of %" PRIu64
			    ": restore it from a backup", p.s, size, want);
	return st;
}

/* A folder in a file's place is none of ours: it was logged, and it stays. */
static enum st remove_file(struct vfs *v, struct path p)
{
	enum st st = vfs_unlink(v, p.s);

	if (st == ST_INVALID)
		return ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

enum st recovery_keep_damaged(struct vfs *v, const char *data_dir, struct file_id table, const struct file_id *live,
			      size_t live_count)
{
	enum st st;

	for (size_t i = 0; i < live_count; i++)
		if (live[i].v == table.v)
			return ST_OK;
	st = vfs_rename(v, path_sst(data_dir, table).s, path_quarantine_sst(data_dir, table).s);
	if (!st)
		log_info("moved the damaged table %" PRIu64 " to quarantine", table.v);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum st tidy_tables(struct vfs *v, const char *data_dir, const struct file_id *live, size_t live_count)
{
	struct path dir = path_sst_dir(data_dir);
	struct names n = { 0 };
	struct file_id id;
	enum st st = names_read(v, dir.s, &n);
	size_t removed = 0;

	for (size_t i = 0; i < n.count && !st; i++) {
		if (path_parse(n.list[i], &id) != DATA_NAME_SST)
			continue;
		if (live_count && bsearch(&id, live, live_count, sizeof id, id_order))
			continue;
		st = remove_file(v, path_sst(data_dir, id));
		removed++;
	}
	if (removed)
		log_info("removed %zu tables that no edit ever named", removed);
	names_fini(&n);
	return st;
}

/* All zeros: prepared, never begun. */
static enum st never_begun(struct vfs *v, const char *data_dir, struct file_id id, bool *yesp)
{
	struct path p = path_wal(data_dir, id);
	struct wal_header h;
	struct wal_rest rest;
	struct wal_reader *r;
	enum st st = wal_reader_open(v, p.s, 0, id, &r);

	*yesp = false;
	if (st)
		return st;
	if (wal_reader_header(r, &h) == WAL_OPENING_ZERO) {
		st = wal_reader_rest(r, 0, &rest);
		*yesp = !st && rest.content_end == 0;
	}
	wal_reader_close(&r);
	return st;
}

static enum st tidy_wal(struct vfs *v, const char *data_dir, struct file_id floor)
{
	struct path dir = path_wal_dir(data_dir);
	struct names n = { 0 };
	struct file_id id;
	enum st st = names_read(v, dir.s, &n);

	for (size_t i = 0; i < n.count && !st; i++) {
		bool goes;

		if (path_parse(n.list[i], &id) != DATA_NAME_WAL || id.v == floor.v)
			continue;
		goes = id.v < floor.v;
		if (!goes)
			st = never_begun(v, data_dir, id, &goes);
		if (!st && goes)
			st = remove_file(v, path_wal(data_dir, id));
	}
	names_fini(&n);
	return st;
}

static enum st tidy_tmp(struct vfs *v, const char *data_dir)
{
	struct path dir = path_tmp_dir(data_dir);
	struct names n = { 0 };
	enum st st = names_read(v, dir.s, &n);

	for (size_t i = 0; i < n.count && !st; i++)
		st = remove_file(v, path_join(dir.s, n.list[i]));
	names_fini(&n);
	return st;
}

enum st recovery_tidy(struct vfs *v, const char *data_dir, struct file_id floor, const struct file_id *live,
		      size_t live_count)
{
	struct file_id *sorted = mem_alloc((live_count + 1) * sizeof *sorted);
	enum st st;

	if (live_count) {
		memcpy(sorted, live, live_count * sizeof *sorted);
		qsort(sorted, live_count, sizeof *sorted, id_order);
	}
	st = tidy_tables(v, data_dir, sorted, live_count);
	if (!st)
		st = tidy_wal(v, data_dir, floor);
	if (!st)
		st = tidy_tmp(v, data_dir);
	mem_free(sorted);
	return st;
}
