/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a table, closing it, and what is known of an open one. The grammar stands in format.h; open makes two reads:
 *
 *   [data blocks ...][filter][properties][index][footer]
 *                    |---------- 2. -----------|-- 1. --|
 *
 * 1. Whatever the bytes are: sizes are bounded before memory is asked for, and nothing is believed before its checksum was
 *    compared and it fits what is around it.
 * 2. What looks damaged is looked at once more, past the page cache, and only told then. Nobody sees a reader that is not sound.
 * 3. Data blocks are not looked at, nor partitions of an index.
 *
 * In the thread of whoever opens or, as the last one who uses it, closes; the rest in any thread.
 */
#include <inttypes.h>

#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/format.h"
#include "common/table/table_reader_priv.h"

/* ---- properties ---- */

/* Takes one field of the lsm.SSTable message; keys are copied to r->keys by the caller. */
static bool take_property(struct table_props *p, const struct wire_field *f, uint64_t *blocksp)
{
	switch (f->number) {
	case 1: p->level = (unsigned)f->value; break;
	case 2: p->min_key = f->bytes; break;
	case 3: p->max_key = f->bytes; break;
	case 5: p->created_at_ms = (int64_t)f->value; break;
	case 6: p->entry_count = f->value; break;
	case 7: p->uncompressed_bytes = f->value; break;
	case 9: return f->value == p->id.v;
	case 10: p->tombstone_count = f->value; break;
	case 11: p->min_seq = seq(f->value); break;
	case 12: p->max_seq = seq(f->value); break;
	case 13: return f->value == p->database;
	case 14: *blocksp = f->value; break;
	case 15: p->expiring_count = f->value; break;
	case 16: p->min_expires_ms = (int64_t)f->value; break;
	case 17: p->max_expires_ms = (int64_t)f->value; break;
	default: break;      /* a later program may know more of a table */
	}
	return f->type == (f->number == 2 || f->number == 3 ? WIRE_BYTES : WIRE_VARINT) || f->number > 17;
}

static void own_keys(struct table_reader *r)
{
	struct table_props *p = &r->props;
	size_t n = p->min_key.n;

	buf_reserve(&r->keys, n + p->max_key.n + 1);
	buf_append_slice(&r->keys, p->min_key);
	buf_append_slice(&r->keys, p->max_key);
	p->min_key = slice_of(r->keys.p, n);
	p->max_key = slice_of(r->keys.p + n, r->keys.n - n);
}

/* The properties must be a message and agree with the index. */
static bool load_properties(struct table_reader *r, struct slice message)
{
	struct wire_reader reader = wire_reader(message);
	struct table_props *p = &r->props;
	struct wire_field f;
	uint64_t blocks = 0;
	int more;

	while ((more = wire_next(&reader, &f)) > 0)
		if (!take_property(p, &f, &blocks))
			return false;
	if (more < 0 || (!r->partitioned && blocks != r->index.count) || (p->entry_count == 0) != (blocks == 0) ||
	    p->tombstone_count > p->entry_count || p->expiring_count > p->entry_count - p->tombstone_count ||
	    p->min_expires_ms > p->max_expires_ms || p->min_seq.v > p->max_seq.v ||
	    slice_cmp(p->min_key, p->max_key) > 0)
		return false;
	own_keys(r);
	return true;
}

/* ---- the end of the file ---- */

static enum st damaged(const struct table_reader *r, uint64_t offset, const char *what)
{
	if (r->first_look)
		return ST_CORRUPT;
	return fail(ST_CORRUPT, "%s: damaged at offset %" PRIu64 ": %s", r->path, offset, what);
}

/* tail: the file's bytes from the filter block to the footer. */
static enum st load_tail(struct table_reader *r, const struct table_footer *f, const uint8_t *tail)
{
	const struct block_handle handles[3] = { f->filter, f->index, f->properties };
	static const enum block_type types[3] = { BLOCK_FILTER, BLOCK_INDEX, BLOCK_PROPERTIES };
	struct slice blocks[3];

	for (int i = 0; i < 3; i++) {
		const uint8_t *at = tail + (handles[i].offset - f->filter.offset);
		struct block_ref ref = { handles[i], types[i] };
		struct stored_block b;
		const char *wrong = table__wrong(r, ref, at, &b);

		if (wrong)
			return damaged(r, handles[i].offset, wrong);
		blocks[i] = b.bytes;
	}
	if (!filter_load(&r->filter, blocks[0]))
		return damaged(r, f->filter.offset, "the filter makes no sense");
	r->partitioned = f->index_depth == 2;
	if (!table_index_load(&r->index, blocks[1], r->partitioned ? TABLE_INDEX_ANYWHERE : 0, f->filter.offset) ||
	    (r->partitioned && r->index.count == 0))
		return damaged(r, f->index.offset, "the index makes no sense");
	r->data_end = r->partitioned ? r->index.slots[0].offset : f->filter.offset;
	if (!load_properties(r, blocks[2]))
		return damaged(r, f->properties.offset, "the properties make no sense");
	return ST_OK;
}

static enum st read_whole(struct table_reader *r, void *p, size_t n, uint64_t offset)
{
	bool whole;
	enum st st = table__read(r, p, n, offset, false, &whole);

	return st || whole ? st : damaged(r, offset, "the file ends too early");
}

static enum st read_tail(struct table_reader *r, const struct table_footer *f)
{
	uint64_t n = r->props.size_bytes - TABLE_FOOTER_BYTES - f->filter.offset;
	uint8_t *tail;
	enum st st;

	if (n > TABLE_TAIL_MAX)
		return damaged(r, f->filter.offset, "filter and index are larger than those of any table");
	tail = mem_try(n);
	if (!tail)
		return fail(ST_FULL, "%s: no memory for %" PRIu64 " bytes", r->path, n);
	st = read_whole(r, tail, n, f->filter.offset);
	if (st == ST_OK)
		st = load_tail(r, f, tail);
	mem_free(tail);
	return st;
}

static enum st check_identity(const struct table_reader *r, const struct table_footer *f, struct file_id id,
			      uint64_t database)
{
	if (r->first_look)
		return (id.v != 0 && f->id.v != id.v) || (database != 0 && f->database != database) ? ST_CORRUPT : ST_OK;
	if (id.v != 0 && f->id.v != id.v)
		return fail(ST_CORRUPT,
			    "%s: damaged at offset %" PRIu64 ": it is table %" PRIu64 ", not %" PRIu64,
			    r->path, r->props.size_bytes - TABLE_FOOTER_BYTES, f->id.v, id.v);
	if (database != 0 && f->database != database)
		return fail(ST_CORRUPT,
			    "%s: damaged at offset %" PRIu64 ": it belongs to database %016" PRIx64
			    ", not %016" PRIx64,
			    r->path, r->props.size_bytes - TABLE_FOOTER_BYTES, f->database, database);
	return ST_OK;
}

static enum st load(struct table_reader *r, struct file_id id, uint64_t database)
{
	uint8_t bytes[TABLE_FOOTER_BYTES];
	struct table_footer footer;
	const char *wrong;
	uint64_t at;
	enum st st;

	st = vfs_size(r->file, &r->props.size_bytes);
	if (st)
		return st;
	if (r->props.size_bytes < TABLE_FOOTER_BYTES)
		return damaged(r, 0, "it is too short for a table");
	at = r->props.size_bytes - TABLE_FOOTER_BYTES;
	st = read_whole(r, bytes, sizeof(bytes), at);
	if (st)
		return st;
	wrong = format_get_footer(bytes, r->props.size_bytes, &footer);
	if (wrong)
		return damaged(r, at, wrong);
	st = check_identity(r, &footer, id, database);
	if (st)
		return st;
	r->props.id = footer.id;
	r->props.database = footer.database;
	return read_tail(r, &footer);
}

/* ---- a reader's life ---- */

static enum st look_at(struct vfs *v, const char *path, struct file_id id, uint64_t database,
		       struct block_cache *cache, bool first_look, struct table_reader **rp)
{
	struct vfs_file *file;
	struct table_reader *r;
	enum st st;

	*rp = NULL;
	st = vfs_open(v, path, VFS_READ, &file);
	if (st)
		return st;
	r = mem_zalloc(sizeof(*r));
	obj_init(r, TABLE_READER_MAGIC);
	r->file = file;
	r->path = mem_strdup(path);
	r->cache = cache;
	r->first_look = first_look;
	st = load(r, id, database);
	if (st == ST_CORRUPT && first_look)
		vfs_forget_cache(file);
	if (st)
		table_close(&r);
	*rp = r;
	return st;
}

enum st table_open(struct vfs *v, const char *path, struct file_id id, uint64_t database,
		   struct block_cache *cache, struct table_reader **rp)
{
	enum st st = look_at(v, path, id, database, cache, true, rp);

	return st == ST_CORRUPT ? look_at(v, path, id, database, cache, false, rp) : st;
}

void table_close(struct table_reader **rp)
{
	struct table_reader *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	obj_check(r, TABLE_READER_MAGIC);
	vfs_close(&r->file);
	table_index_fini(&r->index);
	filter_fini(&r->filter);
	table__forget_damage(r);
	buf_fini(&r->keys);
	mem_free(r->path);
	obj_fini(r);
	mem_free(r);
}

const struct table_props *table_props(const struct table_reader *r)
{
	obj_check(r, TABLE_READER_MAGIC);
	return &r->props;
}

size_t table_memory(const struct table_reader *r)
{
	obj_check(r, TABLE_READER_MAGIC);
	return sizeof(*r) + table_index_memory(&r->index) + r->filter.bytes;
}

size_t table_filter_memory(const struct table_reader *r)
{
	obj_check(r, TABLE_READER_MAGIC);
	return r->filter.bytes;
}
