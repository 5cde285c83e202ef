/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iterates over one table, block after block, both ways. With readahead it reads pieces of PIECE_BYTES (or one
 * whole block where that is more) past the block cache, for passes that will not come again, and leaves the page cache as it
 * was; else blocks come through the cache.
 *
 * One thread at a time; the reader must outlive the iterator.
 */
#include "common/table/iter.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/block.h"
#include "common/table/table_reader_priv.h"

#define TABLE_ITER_MAGIC 0x74697465u
#define PIECE_BYTES (1u << 20)

struct table_iter {
	struct iter it;                  /* first: iter_ops get this */
	uint32_t magic;
	bool readahead;
	struct table_reader *reader;
	struct index_cursor index;       /* at the block */
	struct block_cursor cursor;      /* in it */
	const struct damage_index *passed;   /* blocks that are passed over; NULL: none */
	bool closed;                     /* the block is one of them */
	struct read_cost cost;
	struct block_pin pin;            /* of the block, without readahead */
	struct buf piece;                /* with readahead: file bytes from piece_at on */
	uint64_t piece_at;
	struct table_reads own_reads, *reads;    /* with readahead: whoever passes counts here, or nobody does */
	struct buf raw;                  /* with readahead: the block, decompressed */
};

static struct table_iter *self(struct iter *it)
{
	struct table_iter *t = (struct table_iter *)it;

	obj_check(t, TABLE_ITER_MAGIC);
	return t;
}

/* Reads a piece that holds [offset, offset + need): it begins there, or ends there when the one before lay
 * behind it, for then the iterator goes back. Nothing: the file ends too early. */
static enum st read_piece(struct table_iter *t, uint64_t offset, size_t need)
{
	bool back = t->piece.n > 0 && offset < t->piece_at;
	uint64_t end = back ? offset + need : t->reader->data_end, begin = offset;
	size_t n = need;
	bool whole;
	enum st st;

	if (back && need < PIECE_BYTES)
		begin = end > PIECE_BYTES ? end - PIECE_BYTES : 0;
	if (need < PIECE_BYTES)
		n = (size_t)(end - begin < PIECE_BYTES ? end - begin : PIECE_BYTES);
	buf_reset(&t->piece);
	st = table__read_past(t->reader, buf_reserve(&t->piece, n), n, begin, t->reads, &whole);
	if (st || !whole)
		return st;
	t->piece.n = n;
	t->piece_at = begin;
	return ST_OK;
}

/* Gives the stored bytes of the current block and its trailer, reading the next piece when they are not at
 * hand; NULL when the file ends too early. */
static enum st at_hand(struct table_iter *t, const uint8_t **storedp)
{
	struct block_handle b = t->index.at;
	size_t need = b.size + BLOCK_TRAILER_BYTES;

	*storedp = NULL;
	if (b.offset < t->piece_at || b.offset + need > t->piece_at + t->piece.n) {
		enum st st = read_piece(t, b.offset, need);

		if (st || t->piece.n == 0)
			return st;
	}
	*storedp = t->piece.p + (b.offset - t->piece_at);
	return ST_OK;
}

/* Checks and decompresses; false: something is wrong with the block, table__block() will say what. */
static bool unpack(struct table_iter *t, const uint8_t *stored, struct slice *bytesp)
{
	struct stored_block b;

	if (!stored || table__wrong(t->reader, data_block(t->index.at), stored, &b))
		return false;
	*bytesp = b.bytes;
	if (b.codec == CODEC_RAW)
		return true;
	if (!codec_is_built(b.codec))
		return false;
	buf_reset(&t->raw);
	*bytesp = slice_of(buf_reserve(&t->raw, b.raw_n + 1), b.raw_n);
	return !table__inflate(&b, t->raw.p);
}

/* A block that is not sound in a piece gets the second look that every block gets. */
static enum st get_block(struct table_iter *t, struct slice *bytesp)
{
	const uint8_t *stored;
	enum st st;

	block_pin_release(&t->pin);
	if (t->readahead) {
		st = at_hand(t, &stored);
		if (st || unpack(t, stored, bytesp))
			return st;
	}
	return table__block(t->reader, data_block(t->index.at), false, &t->cost, bytesp, &t->pin);
}

static void stop(struct table_iter *t, enum st st)
{
	t->it.valid = false;
	t->it.status = st;
}

static enum st damaged(struct table_iter *t)
{
	return table__block_damaged(t->reader, t->index.at.offset, "the block is not well formed", &t->cost);
}

static bool is_passed_over(const struct table_iter *t, uint64_t offset)
{
	return t->passed && damage_find(t->passed, t->reader->props.id, offset);
}

/* Did a move in the index end at a partition of it that is passed over? */
static bool is_at_passed(const struct table_iter *t, enum st st)
{
	return st == ST_CORRUPT && t->index.slot < t->reader->index.count &&
	       is_passed_over(t, slot_handle(t->reader, t->index.slot).offset);
}

/* Where a move forward led, when these are left behind. */
static enum st forward(struct table_iter *t, enum st st)
{
	while (is_at_passed(t, st))
		st = index_cursor_skip(&t->index, &t->cost);
	return st;
}

static enum st backward(struct table_iter *t, enum st st)
{
	while (is_at_passed(t, st))
		st = index_cursor_skip_back(&t->index, &t->cost);
	return st;
}

/* Opens the block to which a move in the index led; false when there is none or it cannot be read. One that is passed over is
 * not opened. */
static bool enter(struct table_iter *t, enum st st)
{
	struct slice bytes = { NULL, 0 };

	if (st || !t->index.valid) {
		stop(t, st);
		return false;
	}
	t->closed = is_passed_over(t, t->index.at.offset);
	if (t->closed)
		return true;
	st = get_block(t, &bytes);
	if (st == ST_OK && !block_cursor_open(&t->cursor, bytes))
		st = damaged(t);
	if (st)
		stop(t, st);
	return st == ST_OK;
}

/* Shows where the last step within a block led. */
static void show(struct table_iter *t, enum block_step step)
{
	if (step == BLOCK_DAMAGED) {
		stop(t, damaged(t));
		return;
	}
	t->it.valid = true;
	t->it.status = ST_OK;
	t->it.entry = t->cursor.entry;
}

/* Shows where a step within the block led; at its end goes on to the next block's first entry. */
static void settle(struct table_iter *t, enum block_step step)
{
	while (step == BLOCK_END) {
		if (!enter(t, forward(t, index_cursor_next(&t->index, &t->cost))))
			return;
		step = t->closed ? BLOCK_END : block_cursor_first(&t->cursor);
	}
	show(t, step);
}

/* The same backwards: at the block's beginning to the last entry of the one before. */
static void settle_back(struct table_iter *t, enum block_step step)
{
	while (step == BLOCK_END) {
		if (!enter(t, backward(t, index_cursor_prev(&t->index, &t->cost))))
			return;
		step = t->closed ? BLOCK_END : block_cursor_last(&t->cursor);
	}
	show(t, step);
}

static void iter_to_first(struct iter *it)
{
	struct table_iter *t = self(it);

	if (enter(t, forward(t, index_cursor_first(&t->index, &t->cost))))
		settle(t, t->closed ? BLOCK_END : block_cursor_first(&t->cursor));
}

static void iter_to_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct table_iter *t = self(it);

	if (enter(t, forward(t, index_cursor_seek(&t->index, key, seq, &t->cost))))
		settle(t, t->closed ? BLOCK_END : block_cursor_seek(&t->cursor, key, seq));
}

static void iter_to_next(struct iter *it)
{
	struct table_iter *t = self(it);

	must(it->valid);
	settle(t, block_cursor_next(&t->cursor));
}

static void iter_to_last(struct iter *it)
{
	struct table_iter *t = self(it);

	if (enter(t, backward(t, index_cursor_last(&t->index, &t->cost))))
		settle_back(t, t->closed ? BLOCK_END : block_cursor_last(&t->cursor));
}

static void iter_to_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	struct table_iter *t = self(it);
	enum st st = index_cursor_seek(&t->index, key, seq, &t->cost);

	if (st == ST_OK && !t->index.valid)
		iter_to_last(it);
	else if (enter(t, backward(t, st)))
		settle_back(t, t->closed ? BLOCK_END : block_cursor_seek_last(&t->cursor, key, seq));
}

static void iter_to_prev(struct iter *it)
{
	struct table_iter *t = self(it);

	must(it->valid);
	settle_back(t, block_cursor_prev(&t->cursor));
}

static void iter_end(struct iter *it)
{
	struct table_iter *t = self(it);

	block_pin_release(&t->pin);
	block_cursor_fini(&t->cursor);
	index_cursor_fini(&t->index);
	buf_fini(&t->piece);
	buf_fini(&t->raw);
	obj_fini(t);
	mem_free(t);
}

struct iter *table_iter_new(struct table_reader *r, bool readahead)
{
	static const struct iter_ops ops = { iter_end, iter_to_first, iter_to_seek, iter_to_next,
					     iter_to_last, iter_to_seek_last, iter_to_prev };
	struct table_iter *t = mem_zalloc(sizeof(*t));

	obj_init(t, TABLE_ITER_MAGIC);
	t->it.ops = &ops;
	t->reader = r;
	t->readahead = readahead;
	t->reads = &t->own_reads;
	if (readahead)
		vfs_read_exactly(r->file);
	block_cursor_init(&t->cursor);
	index_cursor_init(&t->index, r);
	return &t->it;
}

struct iter *table_pass_new(struct table_reader *r, struct table_reads *reads)
{
	struct iter *it = table_iter_new(r, true);

	self(it)->reads = reads;
	return it;
}

void table_iter_pass_over(struct iter *it, const struct damage_index *record)
{
	self(it)->passed = record->count > 0 ? record : NULL;
}

const struct table_damage *table_iter_damage(const struct iter *it)
{
	const struct table_iter *t = (const struct table_iter *)it;

	obj_check(t, TABLE_ITER_MAGIC);
	return &t->cost.damage;
}
