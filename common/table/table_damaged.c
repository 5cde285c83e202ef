/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an open table knows about its own damage: the data blocks that could not be read, each with the range of
 * keys that its entries can have. The index says so exactly: they lie behind the index key of the block before, up to the
 * block's own.
 *
 *	index      cat,0     dog,0      egg,7     egg,0
 *	blocks    |  ..cat  |  ..dog   |  ..egg@7 |  egg@6..
 *	damaged               [cat\0 .. dog]        [egg .. egg]          min: the smallest key behind `cat`, or `egg` itself
 *	                                                                  where its versions go on in the next block
 *
 * They lie in lists by offset, which only grow while the table is open, by compare-and-swap at the head; any thread.
 */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/table/block.h"
#include "common/table/table_reader_priv.h"

const char table__bad_crc[] = "the block's checksum is wrong";

/* After this long a block is looked at again: a file may be mended in place. */
#define KNOWN_FOR_US 5000000u

struct known_damage {
	struct known_damage *next;
	struct table_damage damage;
	_Atomic uint64_t seen_us;
	uint8_t keys[];              /* min, max */
};

#define LISTS 512u                   /* blocks are about 3 KiB each, so those of 2 MiB are in lists of their own */

typedef _Atomic(struct known_damage *) known_list;

struct known_damages { known_list lists[LISTS]; };

static known_list *list_of(struct known_damages *all, uint64_t offset)
{
	return &all->lists[(offset >> 12) % LISTS];
}

static struct known_damage *find_in(const known_list *list, uint64_t offset)
{
	struct known_damage *k = atomic_load_explicit(list, memory_order_acquire);

	while (k && k->damage.offset != offset)
		k = k->next;
	return k;
}

static struct known_damage *find(const struct table_reader *r, uint64_t offset)
{
	struct known_damages *all = atomic_load_explicit(&r->damaged, memory_order_acquire);

	return all ? find_in(list_of(all, offset), offset) : NULL;
}

/* The lists, made when the first damage is met. */
static struct known_damages *lists(struct table_reader *r)
{
	struct known_damages *all = atomic_load_explicit(&r->damaged, memory_order_acquire), *mine;

	if (all)
		return all;
	mine = mem_zalloc(sizeof(*mine));
	if (atomic_compare_exchange_strong(&r->damaged, &all, mine))
		return mine;
	mem_free(mine);
	return all;
}

bool table__is_known_damaged(const struct table_reader *r, uint64_t offset)
{
	struct known_damage *k;

	if (!atomic_load_explicit(&r->damaged, memory_order_relaxed))
		return false;
	k = find(r, offset);
	return k && clock_mono_us() - atomic_load_explicit(&k->seen_us, memory_order_relaxed) < KNOWN_FOR_US;
}

/* Behind `low`, or from it on, up to `high`: the keys of a block. */
struct bounds { struct buf low, high; bool behind; };

static void set_bound(struct buf *b, struct slice key)
{
	buf_reset(b);
	buf_append_slice(b, key);
}

/* The bounds of a partition of the index. */
static void partition_bounds(const struct table_reader *r, uint64_t offset, struct bounds *b)
{
	for (size_t slot = 0; slot < r->index.count; slot++) {
		if (r->index.slots[slot].offset == offset) {
			set_bound(&b->high, slot_key(r, slot));
			return;
		}
		set_bound(&b->low, slot_key(r, slot));
		b->behind = r->index.slots[slot].seq.v == 0;
	}
}

/* The last slot of the index whose first data block does not begin behind offset; 0 also when a part of the index cannot be
 * read, for then what is in front of the block is not known from there. */
static size_t slot_before(struct index_cursor *c, uint64_t offset, struct read_cost *cost)
{
	size_t low = 0, high = c->reader->index.count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (index_cursor_slot(c, middle, cost) || !c->valid)
			return 0;
		if (c->at.offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Those of a data block. A part of the index that cannot be read either leaves the bounds wider. */
static void data_bounds(struct table_reader *r, uint64_t offset, struct bounds *b)
{
	struct read_cost cost = { .tables = 0 };
	struct index_cursor c;
	size_t slot;
	enum st st;

	index_cursor_init(&c, r);
	slot = slot_before(&c, offset, &cost);
	if (slot > 0) {
		set_bound(&b->low, slot_key(r, slot - 1));
		b->behind = r->index.slots[slot - 1].seq.v == 0;
	}
	st = index_cursor_slot(&c, slot, &cost);
	while ((st || c.valid) && (st || c.at.offset != offset)) {
		if (!st) {
			set_bound(&b->low, c.key);
			b->behind = c.seq.v == 0;
		}
		st = st ? index_cursor_skip(&c, &cost) : index_cursor_next(&c, &cost);
	}
	if (c.valid)
		set_bound(&b->high, c.key);
	index_cursor_fini(&c);
}

static struct known_damage *describe(struct table_reader *r, uint64_t offset, const char *what)
{
	struct bounds b = { .low = BUF_INIT, .high = BUF_INIT };
	struct known_damage *k;
	size_t min_n;

	set_bound(&b.low, r->props.min_key);
	set_bound(&b.high, r->props.max_key);
	if (offset < r->data_end)
		data_bounds(r, offset, &b);
	else
		partition_bounds(r, offset, &b);
	min_n = b.low.n + b.behind;
	k = mem_zalloc(sizeof(*k) + min_n + b.high.n + 1);
	memcpy(k->keys, b.low.p, b.low.n);      /* and a zero byte, when it is `behind`: the next key there is */
	memcpy(k->keys + min_n, b.high.p, b.high.n);
	k->damage = (struct table_damage){
		.table = r->props.id,
		.offset = offset,
		.min = slice_of(k->keys, min_n),
		.max = slice_of(k->keys + min_n, b.high.n),
		.max_seq = r->props.max_seq,
		.what = what,
	};
	buf_fini(&b.low);
	buf_fini(&b.high);
	return k;
}

/* Puts the block on the list unless it is there; *newp: it was not. */
static struct known_damage *remember(struct table_reader *r, uint64_t offset, const char *what, bool *newp)
{
	known_list *list = list_of(lists(r), offset);
	struct known_damage *head = atomic_load_explicit(list, memory_order_acquire), *mine = NULL, *there;

	while ((there = find_in(list, offset)) == NULL) {
		if (!mine)
			mine = describe(r, offset, what);
		mine->next = head;
		if (atomic_compare_exchange_strong(list, &head, mine))
			break;
	}
	*newp = !there;
	if (there)
		mem_free(mine);
	return there ? there : mine;
}

enum st table__block_damaged(struct table_reader *r, uint64_t offset, const char *what, struct read_cost *cost)
{
	bool is_new;
	struct known_damage *k = remember(r, offset, what, &is_new);

	if (what)
		atomic_store_explicit(&k->seen_us, clock_mono_us(), memory_order_relaxed);
	cost->corrupt_blocks++;
	cost->crc_failures += what == table__bad_crc;
	cost->damage = k->damage;
	if (!is_new)
		return ST_CORRUPT;
	return fail(ST_CORRUPT, "%s: damaged at offset %" PRIu64 ": %s", r->path, k->damage.offset, what);
}

bool table_is_bad_crc(const char *what)
{
	return what == table__bad_crc;
}

/* ---- looking for it ---- */

static bool walks(struct slice bytes)
{
	enum block_step step = BLOCK_DAMAGED;
	struct block_cursor c;

	block_cursor_init(&c);
	if (block_cursor_open(&c, bytes))
		for (step = block_cursor_first(&c); step == BLOCK_AT;)
			step = block_cursor_next(&c);
	block_cursor_fini(&c);
	return step == BLOCK_END;
}

static enum st scrub_block(struct table_reader *r, struct block_handle h, struct read_cost *cost)
{
	struct block_pin pin;
	struct slice bytes;
	enum st st = table__block(r, data_block(h), false, cost, &bytes, &pin);

	if (st == ST_IO) {
		st = table__block(r, data_block(h), false, cost, &bytes, &pin);
		if (st == ST_IO)
			return table__block_damaged(r, h.offset, "the disk does not read it", cost);
	}
	if (!st && !walks(bytes))
		st = table__block_damaged(r, h.offset, "the block is not well formed", cost);
	block_pin_release(&pin);
	return st;
}

/* Looks at the block where the cursor stands, or tells of the partition that it cannot read. ST_NOT_FOUND: it is not the
 * one that is asked for. */
static enum st scrub_at(struct index_cursor *c, enum st st, uint64_t offset, struct read_cost *cost)
{
	uint64_t at = c->valid ? c->at.offset : slot_handle(c->reader, c->slot).offset;

	if (offset != DAMAGE_WHOLE && at != offset)
		return ST_NOT_FOUND;
	if (st == ST_IO)
		return table__block_damaged(c->reader, at, "the disk does not read it", cost);
	return st ? st : scrub_block(c->reader, c->at, cost);
}

enum st table_scrub(struct table_reader *r, uint64_t offset, table_scrub_f *found, void *ctx)
{
	enum st st = offset == DAMAGE_WHOLE ? ST_OK : ST_NOT_FOUND, moved;
	struct read_cost cost = { .tables = 0 };
	struct index_cursor c;

	index_cursor_init(&c, r);
	moved = index_cursor_first(&c, &cost);
	while (moved || c.valid) {
		enum st seen = scrub_at(&c, moved, offset, &cost);

		if (seen == ST_CORRUPT)
			found(ctx, &cost.damage);
		else if (seen && seen != ST_NOT_FOUND)
			st = seen;
		if (seen != ST_NOT_FOUND && st == ST_NOT_FOUND)
			st = ST_OK;
		if (st && st != ST_NOT_FOUND)
			break;
		moved = moved ? index_cursor_skip(&c, &cost) : index_cursor_next(&c, &cost);
	}
	index_cursor_fini(&c);
	return st;
}

void table__forget_damage(struct table_reader *r)
{
	struct known_damages *all = atomic_exchange(&r->damaged, NULL);
	struct known_damage *k, *next;

	for (unsigned i = 0; all && i < LISTS; i++)
		for (k = atomic_load(&all->lists[i]); k; k = next) {
			next = k->next;
			mem_free(k);
		}
	mem_free(all);
}
