/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a table file; the grammar stands in format.h, that of a block in block_builder.c.
 *
 *	begin -> add ... add -> finish -> free
 *	     \-> (any failure: every add does nothing, finish tells and removes the file)
 *
 * 1. Bytes leave in pieces of WRITE_BYTES; the whole-file CRC is taken on the way.
 * 2. A data block's index entry is written when the next block's first key is known, so that it can be short:
 *    the shortest key between the two, with sequence 0 (behind every version), unless both have the same user
 *    key; then it is the last entry's own key and sequence.
 * 3. The filter is sized at the end, from the hashes of the distinct user keys; the index is cut into partitions
 *    at the end, when it would take a reader more memory than INDEX_FLAT_BYTES.
 *
 * One thread.
 */
#include "common/table/table_writer.h"

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/conf.h"
#include "common/base/crc.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/block_builder.h"
#include "common/table/compress.h"
#include "common/table/filter.h"
#include "common/table/block.h"
#include "common/table/format.h"
#include "common/table/table_index.h"

#define TABLE_WRITER_MAGIC 0x74777269u
#define WRITE_BYTES (256u << 10)

enum {
	BLOCK_BYTES_DEFAULT = 3072,     /* what a point read inflates; smaller ones cost scans and space: docs/benchmarks */
	BLOCK_BYTES_MAX = 1 << 20,
	RESTART_INTERVAL_DEFAULT = 16, INDEX_RESTART_INTERVAL = 16,
	FILTER_BITS_DEFAULT = 10, FILTER_BITS_MAX = 32
};

struct table_writer {
	uint32_t magic;
	enum st st;                          /* sticky */
	bool finished, forget;

	struct vfs *vfs;
	char *path;
	struct vfs_file *file;
	struct file_id id;
	struct table_options options;

	struct buf out;                      /* not yet in the file, which holds the `written` bytes before */
	uint64_t written;
	uint32_t crc;

	struct block_builder data, index;
	struct buf last_key, min_key;
	struct seq last_seq;
	size_t index_memory;                 /* what a reader would need for the index uncut, about */
	struct block_handle pending;         /* the block that waits for its index entry; size 0: none */
	uint64_t *hashes;
	size_t hash_count, hash_room;

	uint64_t entries, tombstones, blocks, uncompressed;
	struct seq min_seq, max_seq;
	uint64_t expiring;
	int64_t min_expires_ms, max_expires_ms;
};

static unsigned or_default(unsigned value, unsigned when_zero, unsigned max)
{
	return value == 0 ? when_zero : value > max ? max : value;
}

static struct table_options complete(struct table_options o)
{
	o.block_bytes =
		or_default((unsigned)(o.block_bytes > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : o.block_bytes),
			   BLOCK_BYTES_DEFAULT, BLOCK_BYTES_MAX);
	o.restart_interval = or_default(o.restart_interval, RESTART_INTERVAL_DEFAULT, 1u << 16);
	o.index_flat_bytes = o.index_flat_bytes ? o.index_flat_bytes : INDEX_FLAT_BYTES;
	o.index_partition_bytes = o.index_partition_bytes ? o.index_partition_bytes : INDEX_PARTITION_BYTES;
	o.filter_bits_per_key = or_default(o.filter_bits_per_key, FILTER_BITS_DEFAULT, FILTER_BITS_MAX);
	return o;
}

enum st table_writer_begin(struct vfs *v, const char *path, struct file_id id, const struct table_options *o,
			   struct table_writer **wp)
{
	struct vfs_file *file;
	struct table_writer *w;
	enum st st;

	*wp = NULL;
	st = vfs_open(v, path, VFS_CREATE, &file);
	if (st)
		return st;
	w = mem_zalloc(sizeof(*w));
	obj_init(w, TABLE_WRITER_MAGIC);
	w->vfs = v;
	w->path = mem_strdup(path);
	w->file = file;
	w->id = id;
	w->options = complete(*o);
	w->min_seq = SEQ_MAX;
	block_builder_init(&w->data, w->options.restart_interval,
			   w->options.restart_interval <= BLOCK_TAGGED_INTERVAL_MAX);
	block_builder_init(&w->index, INDEX_RESTART_INTERVAL, false);
	*wp = w;
	return ST_OK;
}

static uint64_t position(const struct table_writer *w) { return w->written + w->out.n; }

static void write_out(struct table_writer *w)
{
	if (w->st || w->out.n == 0)
		return;
	w->st = vfs_write(w->file, w->out.p, w->out.n, w->written);
	w->crc = crc32_of(w->crc, w->out.p, w->out.n);
	w->written += w->out.n;
	buf_reset(&w->out);
}

/* Seals the stored bytes from `offset` of the file on, which are the end of out. */
static struct block_handle seal_block(struct table_writer *w, uint64_t offset, enum block_type type,
				      enum block_codec codec, size_t raw_n)
{
	struct block_place place = { w->id, offset, type };
	size_t stored_n = (size_t)(position(w) - offset);

	format_put_trailer(&w->out, stored_n, place, codec, (uint32_t)raw_n);
	if (w->out.n >= WRITE_BYTES)
		write_out(w);
	return (struct block_handle){ offset, stored_n };
}

static struct block_handle write_raw_block(struct table_writer *w, enum block_type type, struct slice raw)
{
	uint64_t offset = position(w);

	buf_append_slice(&w->out, raw);
	return seal_block(w, offset, type, CODEC_RAW, raw.n);
}

static struct block_handle write_data_block(struct table_writer *w, struct slice raw)
{
	uint64_t offset = position(w);
	enum block_codec codec;
	size_t n = compress_block(w->options.codec, raw, buf_reserve(&w->out, raw.n), &codec);

	if (n == 0)
		return write_raw_block(w, BLOCK_DATA, raw);
	w->out.n += n;
	return seal_block(w, offset, BLOCK_DATA, codec, raw.n);
}

/* The shortest key at or behind last and before next; last < next. */
static struct slice separator(struct slice last, struct slice next)
{
	size_t i = slice_shared(last, next);

	return i + 1 < last.n && i + 1 < next.n ? slice_of(next.p, i + 1) : last;
}

/* Gives the pending block its index entry; next is the first key behind it, NULL at the table's end. */
static void write_index_entry(struct table_writer *w, const struct slice *next)
{
	struct slice last = buf_slice(&w->last_key);
	struct entry e = { .key = last, .seq = w->last_seq };
	uint8_t handle[HANDLE_MAX_BYTES];

	if (w->pending.size == 0)
		return;
	if (next && !slice_eq(last, *next)) {
		e.key = separator(last, *next);
		e.seq = seq(0);
	}
	e.value = slice_of(handle, format_put_handle(handle, w->pending));
	block_builder_add(&w->index, &e, 0);
	w->index_memory += sizeof(struct index_slot) + e.key.n;
	w->pending.size = 0;
}

static void end_data_block(struct table_writer *w)
{
	struct slice raw;

	if (block_builder_empty(&w->data))
		return;
	raw = block_builder_finish(&w->data);
	w->uncompressed += raw.n;
	w->blocks++;
	w->pending = write_data_block(w, raw);
}

static void note_key(struct table_writer *w, struct slice key)
{
	if (w->hash_count == w->hash_room) {
		size_t hint = (size_t)(w->options.expected_entries < 1u << 20 ? w->options.expected_entries
									      : 1u << 20);

		w->hash_room = w->hash_room ? w->hash_room * 2 : hint + 256;
		w->hashes = mem_resize(w->hashes, w->hash_room * sizeof(*w->hashes));
	}
	w->hashes[w->hash_count++] = hash64(key);
	buf_reset(&w->last_key);
	buf_append_slice(&w->last_key, key);
}

/* What this room refuses to write; born here, since the caller goes on adding. */
static enum st check_entry(const struct table_writer *w, const struct entry *e, int order)
{
	if (e->key.n == 0 || e->key.n > TABLE_KEY_MAX || e->value.n > TABLE_VALUE_MAX || e->seq.v > SEQ_MAX.v)
		return fail(ST_TOO_BIG,
			    "%s: an entry with a key of %zu and a value of %zu bytes does not fit a table",
			    w->path, e->key.n, e->value.n);
	if (order >= 0)
		return fail(ST_INTERNAL, "%s: entries were added out of order", w->path);
	return ST_OK;
}

static void account_expiry(struct table_writer *w, int64_t at_ms)
{
	if (w->expiring == 0 || at_ms < w->min_expires_ms)
		w->min_expires_ms = at_ms;
	if (w->expiring == 0 || at_ms > w->max_expires_ms)
		w->max_expires_ms = at_ms;
	w->expiring++;
}

static void account(struct table_writer *w, const struct entry *e)
{
	w->entries++;
	w->tombstones += e->is_tombstone;
	if (e->expires_at_ms != 0 && !e->is_tombstone)
		account_expiry(w, e->expires_at_ms);
	if (e->seq.v < w->min_seq.v)
		w->min_seq = e->seq;
	if (e->seq.v > w->max_seq.v)
		w->max_seq = e->seq;
}

void table_writer_add(struct table_writer *w, const struct entry *e)
{
	bool is_first = w->entries == 0;
	int key_order;

	obj_check(w, TABLE_WRITER_MAGIC);
	must(!w->finished);
	if (w->st)
		return;
	key_order = is_first ? -1 : slice_cmp(buf_slice(&w->last_key), e->key);
	w->st = check_entry(w, e, key_order ? key_order : (w->last_seq.v > e->seq.v ? -1 : 1));
	if (w->st)
		return;
	/* A large value gets a block of its own: reading its neighbours must not cost inflating it. */
	if (block_builder_size(&w->data) + e->value.n > 2 * w->options.block_bytes)
		end_data_block(w);
	write_index_entry(w, &e->key);
	if (is_first)
		buf_append_slice(&w->min_key, e->key);
	if (key_order)
		note_key(w, e->key);
	block_builder_add(&w->data, e, w->hashes[w->hash_count - 1]);
	w->last_seq = e->seq;
	account(w, e);
	if (block_builder_size(&w->data) >= w->options.block_bytes)
		end_data_block(w);
}

uint64_t table_writer_size(const struct table_writer *w)
{
	obj_check(w, TABLE_WRITER_MAGIC);
	if (w->finished)
		return w->written;
	return position(w) + block_builder_size(&w->data) + block_builder_size(&w->index) +
	       w->hash_count * w->options.filter_bits_per_key / 8 + TABLE_FOOTER_BYTES;
}

uint64_t table_writer_entries(const struct table_writer *w)
{
	obj_check(w, TABLE_WRITER_MAGIC);
	return w->entries;
}

static struct block_handle write_filter(struct table_writer *w)
{
	uint64_t offset = position(w);

	filter_build(w->hashes, w->hash_count, w->options.filter_bits_per_key, &w->out);
	return seal_block(w, offset, BLOCK_FILTER, CODEC_RAW, (size_t)(position(w) - offset));
}

/* The lsm.SSTable message, fields as in proto/lsm.proto. */
static struct block_handle write_properties(struct table_writer *w)
{
	struct buf message = BUF_INIT;
	struct block_handle h;

	wire_put_varint(&message, 1, w->options.level);
	wire_put_bytes(&message, 2, buf_slice(&w->min_key));
	wire_put_bytes(&message, 3, buf_slice(&w->last_key));
	wire_put_varint(&message, 5, (uint64_t)clock_wall_ms());
	wire_put_varint(&message, 6, w->entries);
	wire_put_varint(&message, 7, w->uncompressed);
	wire_put_varint(&message, 9, w->id.v);
	wire_put_varint(&message, 10, w->tombstones);
	wire_put_varint(&message, 11, w->min_seq.v);
	wire_put_varint(&message, 12, w->max_seq.v);
	wire_put_fixed64(&message, 13, w->options.database);
	wire_put_varint(&message, 14, w->blocks);
	wire_put_varint(&message, 15, w->expiring);
	wire_put_varint(&message, 16, (uint64_t)w->min_expires_ms);
	wire_put_varint(&message, 17, (uint64_t)w->max_expires_ms);
	h = write_raw_block(w, BLOCK_PROPERTIES, buf_slice(&message));
	buf_fini(&message);
	return h;
}

/* Writes what is in `partition` and names it in `top` by its last entry. */
static void write_partition(struct table_writer *w, struct block_builder *partition, const struct entry *last,
			    struct block_builder *top)
{
	struct entry e = { .key = last->key, .seq = last->seq };
	uint8_t handle[HANDLE_MAX_BYTES];
	struct block_handle h;

	if (block_builder_empty(partition))
		return;
	h = write_raw_block(w, BLOCK_INDEX, block_builder_finish(partition));
	e.value = slice_of(handle, format_put_handle(handle, h));
	block_builder_add(top, &e, 0);
}

/* Cuts the whole index into partitions, which are written; top gets an entry for each. */
static void write_partitions(struct table_writer *w, struct slice whole, struct block_builder *top)
{
	struct block_builder partition;
	struct block_cursor c;
	enum block_step step;

	block_builder_init(&partition, INDEX_RESTART_INTERVAL, false);
	block_cursor_init(&c);
	must(block_cursor_open(&c, whole));
	for (step = block_cursor_first(&c); step == BLOCK_AT; step = block_cursor_next(&c)) {
		block_builder_add(&partition, &c.entry, 0);
		if (block_builder_size(&partition) >= w->options.index_partition_bytes)
			write_partition(w, &partition, &c.entry, top);
	}
	must(step == BLOCK_END);
	c.entry.key = buf_slice(&c.key);
	write_partition(w, &partition, &c.entry, top);
	block_cursor_fini(&c);
	block_builder_fini(&partition);
}

/* Gives the footer's index: all of it, or the top of one whose partitions it writes. */
static struct slice finish_index(struct table_writer *w, struct block_builder *top, unsigned *depthp)
{
	struct slice whole = block_builder_finish(&w->index);

	*depthp = w->index_memory > w->options.index_flat_bytes ? 2 : 1;
	if (*depthp == 1)
		return whole;
	write_partitions(w, whole, top);
	return block_builder_finish(top);
}

static void write_tail(struct table_writer *w)
{
	struct table_footer footer = { .id = w->id, .database = w->options.database };
	struct block_builder top;
	struct slice index;

	end_data_block(w);
	write_index_entry(w, NULL);
	if (w->entries == 0)
		w->min_seq = seq(0);
	block_builder_init(&top, INDEX_RESTART_INTERVAL, false);
	index = finish_index(w, &top, &footer.index_depth);
	footer.filter = write_filter(w);
	footer.properties = write_properties(w);
	footer.index = write_raw_block(w, BLOCK_INDEX, index);
	format_put_footer(&w->out, &footer);
	write_out(w);
	block_builder_fini(&top);
}

static void remove_file(struct table_writer *w)
{
	vfs_close(&w->file);
	if (vfs_unlink(w->vfs, w->path))
		return;      /* logged where it failed; the file is in nobody's manifest */
}

void table_writer_forget(struct table_writer *w)
{
	obj_check(w, TABLE_WRITER_MAGIC);
	w->forget = true;
}

enum st table_writer_finish(struct table_writer *w, struct table_summary *sp)
{
	obj_check(w, TABLE_WRITER_MAGIC);
	must(!w->finished);
	*sp = (struct table_summary){ .size_bytes = 0 };
	w->finished = true;
	if (w->st == ST_OK)
		write_tail(w);
	if (w->st == ST_OK)
		w->st = vfs_sync_data(w->file);
	if (w->st) {
		remove_file(w);
		return w->st;
	}
	if (w->forget)
		vfs_forget_cache(w->file);
	vfs_close(&w->file);
	*sp = (struct table_summary){
		.size_bytes = w->written, .entry_count = w->entries, .tombstone_count = w->tombstones,
		.uncompressed_bytes = w->uncompressed, .file_crc = w->crc,
		.min_key = buf_slice(&w->min_key), .max_key = buf_slice(&w->last_key),
		.min_seq = w->min_seq, .max_seq = w->max_seq, .expiring_count = w->expiring,
		.min_expires_ms = w->min_expires_ms, .max_expires_ms = w->max_expires_ms,
	};
	return ST_OK;
}

void table_writer_free(struct table_writer **wp)
{
	struct table_writer *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	obj_check(w, TABLE_WRITER_MAGIC);
	if (!w->finished)
		remove_file(w);
	block_builder_fini(&w->data);
	block_builder_fini(&w->index);
	buf_fini(&w->out);
	buf_fini(&w->last_key);
	buf_fini(&w->min_key);
	mem_free(w->hashes);
	mem_free(w->path);
	obj_fini(w);
	mem_free(w);
}
