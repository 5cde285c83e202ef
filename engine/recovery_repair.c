/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recovery writes; see recovery_repair.h. In DATA_DIR/quarantine/:
 *
 *   wal_<id>_at_<offset>.bin      the bytes that were cut from a segment
 *   wal_<id>_at_<offset>.json     the report: what was found, what was kept, what was moved
 *   wal_<id>.log                  whole segments behind the damage
 */
#include "engine/recovery_repair.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/table/filename.h"

#define COPY_BYTES (1u << 20)
#define HOLE_BYTES (64u << 20)           /* a hole of so many bytes is not filled by copying */

/* How many bytes from offset on are a hole of the file that is worth leaving one. */
static uint64_t hole_at(struct vfs_file *f, uint64_t offset, uint64_t end)
{
	uint64_t next = vfs_next_data(f, offset);

	if (next > end)
		next = end;
	return next - offset >= HOLE_BYTES ? next - offset : 0;
}

/* Copies bytes [offset, end), the last of which is none of a hole, of one file to another place, through memory: into a new
 * file, or both may be the same file and place. */
static enum st copy_bytes(struct vfs_file *from, uint64_t offset, uint64_t end, struct vfs_file *to,
			  uint64_t to_offset)
{
	uint8_t *chunk = mem_alloc(COPY_BYTES);
	enum st st = ST_OK;

	while (offset < end && !st) {
		uint64_t hole = from == to ? 0 : hole_at(from, offset, end);
		size_t n, got = 0;

		offset += hole;
		to_offset += hole;
		n = end - offset < COPY_BYTES ? (size_t)(end - offset) : COPY_BYTES;
		st = vfs_read(from, chunk, n, offset, false, &got);
		if (!st && got < n)
			st = fail(ST_IO, "a WAL segment became shorter while it was copied");
		if (!st)
			st = vfs_write(to, chunk, n, to_offset);
		offset += n;
		to_offset += n;
	}
	mem_free(chunk);
	return st;
}

enum st recovery__settle(struct vfs *v, const char *data_dir, struct file_id id, uint64_t from, uint64_t upto,
			 struct slice closing)
{
	struct path p = path_wal(data_dir, id);
	struct vfs_file *f;
	enum st st = vfs_open(v, p.s, VFS_WRITE, &f);

	if (st)
		return st;
	st = copy_bytes(f, from, upto, f, from);
	if (!st && closing.n)
		st = vfs_write(f, closing.p, closing.n, upto);
	if (!st && closing.n)
		st = vfs_sync(f);        /* or a power cut could leave it short and not closed */
	if (!st)
		st = vfs_truncate(f, upto + closing.n);
	if (!st)
		st = vfs_sync(f);
	vfs_close(&f);
	return st;
}

/* A new file in place of one that an interrupted run may have left. */
static enum st create_anew(struct vfs *v, const char *path, struct vfs_file **fp)
{
	enum st st = vfs_unlink(v, path);

	*fp = NULL;
	if (st && st != ST_NOT_FOUND)
		return st;
	return vfs_open(v, path, VFS_CREATE, fp);
}

static enum st keep_cut_bytes(struct vfs *v, const char *data_dir, const struct quarantine_order *q,
			      const struct recovery_report *r)
{
	struct path from = path_wal(data_dir, q->cut), to = report_set_aside(r, data_dir, "bin");
	struct vfs_file *in, *out = NULL;
	enum st st = vfs_open(v, from.s, VFS_READ, &in);

	if (st)
		return st;
	st = create_anew(v, to.s, &out);
	if (!st)
		st = copy_bytes(in, q->offset, q->content_end, out, 0);
	if (!st)
		st = vfs_sync(out);
	vfs_close(&in);
	vfs_close(&out);
	return st;
}

/* What is put aside, as JSON strings. */
static void list_names(const struct quarantine_order *q, struct buf *names)
{
	if (q->cut.v)
		buf_printf(names, "\"wal_%" PRIu64 "_at_%" PRIu64 ".bin\"", q->cut.v, q->offset);
	for (size_t i = 0; i < q->whole_count; i++)
		buf_printf(names, "%s\"wal_%" PRIu64 ".log\"", names->n ? ", " : "", q->whole[i].v);
}

static enum st write_report(struct vfs *v, const char *data_dir, const struct quarantine_order *q,
			    const struct recovery_report *r)
{
	struct path to = report_set_aside(r, data_dir, "json");
	struct buf names = BUF_INIT, text = BUF_INIT;
	struct vfs_file *f;
	enum st st = create_anew(v, to.s, &f);

	if (st)
		return st;
	list_names(q, &names);
	report_print(r, &names, &text);
	buf_fini(&names);
	st = vfs_write(f, text.p, text.n, 0);
	if (!st)
		st = vfs_sync(f);
	vfs_close(&f);
	buf_fini(&text);
	return st;
}

/* The floor's segment must be there, with a header, or the next start would miss it. A name without its bytes, after a power
 * cut, is found as damage once more. */
static enum st leave_name(struct vfs *v, const char *data_dir, struct file_id id, struct slice bytes)
{
	struct path dir = path_wal_dir(data_dir), p = path_wal(data_dir, id);
	struct vfs_file *f;
	bool there;
	enum st st = vfs_exists(v, p.s, &there);

	if (st || there)
		return st;
	st = vfs_mkdir(v, dir.s);
	if (!st)
		st = vfs_open(v, p.s, VFS_CREATE, &f);
	if (st)
		return st;
	st = vfs_write(f, bytes.p, bytes.n, 0);
	if (!st)
		st = vfs_sync(f);
	vfs_close(&f);
	return st;
}

static enum st move_segments(struct vfs *v, const char *data_dir, const struct quarantine_order *q)
{
	struct path dir = path_quarantine_dir(data_dir), wal_dir = path_wal_dir(data_dir);
	enum st st = ST_OK;

	for (size_t i = q->whole_count; i-- > 0 && !st; ) {
		struct path from = path_wal(data_dir, q->whole[i]);
		const char *name = strrchr(from.s, '/') + 1;
		struct path to = path_join(dir.s, name);

		st = vfs_unlink(v, to.s);        /* after a power cut both names may lead to one file; then */
		if (!st || st == ST_NOT_FOUND)   /* rename(2) would do nothing and say it had */
			st = vfs_rename(v, from.s, to.s);
	}
	if (!st && q->keep_name.v)
		st = leave_name(v, data_dir, q->keep_name, q->stand_in);
	if (!st)
		st = vfs_sync_dir(v, dir.s);
	if (!st)
		st = vfs_sync_dir(v, wal_dir.s);
	return st;
}

/* The segment up to `upto`, as a file of its own: a checkpoint may have the other one under another name, and keeps it whole. */
static enum st unshare(struct vfs *v, const char *data_dir, struct file_id id, uint64_t upto, struct slice closing)
{
	struct path path = path_wal(data_dir, id), folder = path_wal_dir(data_dir), tmp_dir = path_tmp_dir(data_dir);
	struct path tmp = path_join(tmp_dir.s, "wal.cut");
	struct vfs_file *in, *out = NULL;
	enum st st = vfs_mkdir(v, tmp_dir.s);

	if (!st)
		st = vfs_open(v, path.s, VFS_READ, &in);
	if (st)
		return st;
	st = create_anew(v, tmp.s, &out);
	if (!st)
		st = copy_bytes(in, 0, upto, out, 0);
	if (!st && closing.n)
		st = vfs_write(out, closing.p, closing.n, upto);
	if (!st)
		st = vfs_sync(out);
	vfs_close(&in);
	vfs_close(&out);
	if (!st)
		st = vfs_rename(v, tmp.s, path.s);
	return st ? st : vfs_sync_dir(v, folder.s);
}

enum st recovery__quarantine(struct vfs *v, const char *data_dir, const struct quarantine_order *q,
			     const struct recovery_report *r)
{
	struct path dir = path_quarantine_dir(data_dir);
	enum st st = vfs_mkdir(v, dir.s);

	if (!st)
		st = vfs_sync_dir(v, data_dir);
	if (!st && q->cut.v)
		st = keep_cut_bytes(v, data_dir, q, r);
	if (!st)
		st = write_report(v, data_dir, q, r);
	if (!st)
		st = vfs_sync_dir(v, dir.s);
	if (!st)
		st = move_segments(v, data_dir, q);
	if (!st && q->cut.v)
		st = unshare(v, data_dir, q->cut, q->offset, q->closing);
	return st;
}
