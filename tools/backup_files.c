/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and checking; see backup_files.h. */
#include "tools/backup_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/crc.h"
#include "common/base/mem.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"

#define PIECE_BYTES (1u << 20)

/* ---- files ---- */

static enum st pump(struct vfs_file *in, struct vfs_file *out, uint32_t *crcp, uint64_t *bytesp)
{
	uint8_t *piece = mem_alloc(PIECE_BYTES);
	size_t got = PIECE_BYTES;
	enum st st = ST_OK;

	while (got == PIECE_BYTES && !st) {
		st = vfs_read(in, piece, PIECE_BYTES, *bytesp, false, &got);
		if (!st && out)
			st = vfs_write(out, piece, got, *bytesp);
		if (st)
			break;
		*crcp = crc32_of(*crcp, piece, got);
		*bytesp += got;
	}
	mem_free(piece);
	return !st && out ? vfs_sync(out) : st;
}

enum st backup_file_copy(struct vfs *v, const char *from, const char *to, uint32_t *crcp, uint64_t *bytesp)
{
	struct vfs_file *in, *out = NULL;
	enum st st = vfs_open(v, from, VFS_READ, &in);

	*crcp = 0;
	*bytesp = 0;
	if (st)
		return st;
	if (to)
		st = vfs_open(v, to, VFS_CREATE, &out);
	if (!st)
		st = pump(in, out, crcp, bytesp);
	vfs_forget_cache(in);
	vfs_close(&in);
	vfs_close(&out);
	return st;
}

enum st backup_table_copy(struct vfs *v, const char *from, const char *to, const struct table_facts *f, struct buf *wrong)
{
	uint64_t bytes;
	uint32_t crc;
	enum st st = backup_file_copy(v, from, to, &crc, &bytes);

	if (st)
		return st;
	if (bytes != f->size_bytes)
		buf_printf(wrong, "the file has %" PRIu64 " bytes and should have %" PRIu64, bytes, f->size_bytes);
	else if (crc != f->file_crc)
		buf_printf(wrong, "the file's checksum is %08" PRIx32 " and should be %08" PRIx32, crc, f->file_crc);
	else
		return ST_OK;
	return fail(ST_CORRUPT, "%s: %s", from, buf_cstr(wrong));
}

/* ---- the log ---- */

struct segments { struct file_id floor, *list; size_t count; };

static enum st note_segment(void *ctx, const char *name)
{
	struct segments *s = ctx;
	struct file_id id;

	if (path_parse(name, &id) != DATA_NAME_WAL || id.v < s->floor.v)
		return ST_OK;
	s->list = mem_resize(s->list, (s->count + 1) * sizeof(*s->list));
	s->list[s->count++] = id;
	return ST_OK;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

enum st backup_segments(struct vfs *v, const char *data_dir, struct file_id floor, struct file_id **idsp, size_t *np)
{
	struct segments s = { .floor = floor };
	enum st st = vfs_list(v, path_wal_dir(data_dir).s, note_segment, &s);

	if (s.count > 1)
		qsort(s.list, s.count, sizeof(*s.list), by_id);
	*idsp = s.list;
	*np = s.count;
	return st;
}

static enum st broken(const char *path, const char *what)
{
	return fail(ST_CORRUPT, "%s: %s", path, what);
}

/* Reads one segment; *endp says how it ends. before: how the one before it ended, id 0 for the first. */
static enum st read_segment(struct vfs *v, const char *path, struct file_id id, uint64_t database,
			    const struct wal_link *before, struct wal_link *endp)
{
	struct wal_header h;
	struct wal_record rec;
	enum wal_damage why = WAL_DAMAGE_NONE;
	struct wal_reader *r;
	enum st st = wal_reader_open(v, path, database, id, &r);

	if (st)
		return st;
	if (wal_reader_header(r, &h) != WAL_OPENING_HEADER || h.database != database || h.id.v != id.v)
		st = broken(path, "it has no header of this database and segment");
	else if (before->id.v && (h.before.id.v != before->id.v || h.before.length != before->length ||
				  h.before.last_seq.v != before->last_seq.v))
		st = broken(path, "it does not follow the segment before it");
	*endp = (struct wal_link){ .id = id, .last_seq = h.last_seq };
	while (!st) {
		st = wal_reader_next(r, &rec, &why);
		if (!st && rec.first_seq.v != endp->last_seq.v + 1)
			st = broken(path, "sequences are missing in it");
		if (!st)
			endp->last_seq.v += rec.count;
	}
	endp->length = wal_reader_offset(r);
	wal_reader_close(&r);
	if (st == ST_NOT_FOUND)
		st = why ? broken(path, wal_damage_text(why)) : ST_OK;
	return st;
}

enum st backup_log_check(struct vfs *v, const char *data_dir, const struct manifest_state *s)
{
	struct wal_link end = { .last_seq = s->flushed_seq };
	struct file_id *ids;
	size_t n;
	enum st st = backup_segments(v, data_dir, s->wal_floor, &ids, &n);

	if (!st && (n == 0 || ids[0].v != s->wal_floor.v))
		st = broken(path_wal(data_dir, s->wal_floor).s, "the first segment that is needed is missing");
	for (size_t i = 0; i < n && !st; i++) {
		struct wal_link before = end;

		st = read_segment(v, path_wal(data_dir, ids[i]).s, ids[i], s->database, &before, &end);
	}
	if (!st && end.last_seq.v < s->promised_seq.v)
		st = fail(ST_CORRUPT, "%s: the log ends at sequence %" PRIu64 ", %" PRIu64 " was promised", data_dir,
			  end.last_seq.v, s->promised_seq.v);
	mem_free(ids);
	return st;
}
