/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes over the data blocks of a table in order, whether the index is in memory as a whole or in partitions, which it
 * reads as it comes to them.
 *
 * One thread at a time.
 */
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/block.h"
#include "common/table/table_reader_priv.h"

void index_cursor_init(struct index_cursor *c, struct table_reader *r)
{
	*c = (struct index_cursor){ .reader = r };
	block_cursor_init(&c->entries);
}

void index_cursor_fini(struct index_cursor *c)
{
	block_cursor_fini(&c->entries);
	block_pin_release(&c->pin);
}

bool table__data_handle(const struct table_reader *r, const struct entry *e, struct block_handle *hp)
{
	return format_get_handle(e->value, hp) && format_handle_fits(*hp, r->data_end);
}

static enum st at_end(struct index_cursor *c)
{
	c->valid = false;
	return ST_OK;
}

static enum st damaged(struct index_cursor *c, struct read_cost *cost)
{
	c->valid = false;
	return table__block_damaged(c->reader, slot_handle(c->reader, c->slot).offset, "the index partition is not well formed",
				    cost);
}

/* Goes to the slot-th block, or opens the slot-th partition. */
static enum st enter(struct index_cursor *c, size_t slot, struct read_cost *cost)
{
	struct table_reader *r = c->reader;
	struct slice bytes;
	enum st st;

	c->valid = false;
	c->slot = slot;
	if (!r->partitioned) {
		c->valid = true;
		c->at = slot_handle(r, slot);
		c->key = slot_key(r, slot);
		c->seq = r->index.slots[slot].seq;
		return ST_OK;
	}
	block_pin_release(&c->pin);
	st = table__block(r, (struct block_ref){ slot_handle(r, slot), BLOCK_INDEX }, false, cost, &bytes, &c->pin);
	if (st)
		return st;
	return block_cursor_open(&c->entries, bytes) && bytes.n > 0 ? ST_OK : damaged(c, cost);
}

/* Shows where a step in the partition led. Its end is no place: who comes here expects an entry. */
static enum st show(struct index_cursor *c, enum block_step step, struct read_cost *cost)
{
	c->valid = step == BLOCK_AT && table__data_handle(c->reader, &c->entries.entry, &c->at);
	c->key = c->entries.entry.key;
	c->seq = c->entries.entry.seq;
	return c->valid ? ST_OK : damaged(c, cost);
}

/* To the first block of a slot, or the last one. */
static enum st enter_at(struct index_cursor *c, size_t slot, bool last, struct read_cost *cost)
{
	enum st st = enter(c, slot, cost);

	if (st || !c->reader->partitioned)
		return st;
	return show(c, last ? block_cursor_last(&c->entries) : block_cursor_first(&c->entries), cost);
}

enum st index_cursor_first(struct index_cursor *c, struct read_cost *cost)
{
	return c->reader->index.count > 0 ? enter_at(c, 0, false, cost) : at_end(c);
}

enum st index_cursor_slot(struct index_cursor *c, size_t slot, struct read_cost *cost)
{
	return slot < c->reader->index.count ? enter_at(c, slot, false, cost) : at_end(c);
}

enum st index_cursor_last(struct index_cursor *c, struct read_cost *cost)
{
	size_t count = c->reader->index.count;

	return count > 0 ? enter_at(c, count - 1, true, cost) : at_end(c);
}

enum st index_cursor_seek(struct index_cursor *c, struct slice key, struct seq seq, struct read_cost *cost)
{
	size_t slot = table_index_find(&c->reader->index, key, seq);
	enum st st;

	if (slot == c->reader->index.count)
		return at_end(c);
	st = enter(c, slot, cost);
	if (st || !c->reader->partitioned)
		return st;
	return show(c, block_cursor_seek(&c->entries, key, seq), cost);
}

enum st index_cursor_skip(struct index_cursor *c, struct read_cost *cost)
{
	return c->slot + 1 < c->reader->index.count ? enter_at(c, c->slot + 1, false, cost) : at_end(c);
}

enum st index_cursor_skip_back(struct index_cursor *c, struct read_cost *cost)
{
	return c->slot > 0 ? enter_at(c, c->slot - 1, true, cost) : at_end(c);
}

enum st index_cursor_next(struct index_cursor *c, struct read_cost *cost)
{
	enum block_step step = BLOCK_END;

	must(c->valid);
	if (c->reader->partitioned)
		step = block_cursor_next(&c->entries);
	return step == BLOCK_END ? index_cursor_skip(c, cost) : show(c, step, cost);
}

enum st index_cursor_prev(struct index_cursor *c, struct read_cost *cost)
{
	enum block_step step = BLOCK_END;

	must(c->valid);
	if (c->reader->partitioned)
		step = block_cursor_prev(&c->entries);
	return step == BLOCK_END ? index_cursor_skip_back(c, cost) : show(c, step, cost);
}
