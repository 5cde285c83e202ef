/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an open table knows about its own damage: a list of data blocks that could not be read, each with the range of
 * keys that its entries can have. The index says so exactly: they lie behind the index key of the block before, up to the
 * block's own.
 *
 *	index      cat,0     dog,0      egg,7     egg,0
 *	blocks    |  ..cat  |  ..dog   |  ..egg@7 |  egg@6..
 *	damaged               [cat\0 .. dog]        [egg .. egg]          min: the smallest key behind `cat`, or `egg` itself
 *	                                                                  where its versions go on in the next block
 *
 * The list only grows while the table is open, by compare-and-swap at its head; any thread.
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
	uint8_t min[];
};

static struct slice slot_key(const struct table_reader *r, size_t slot)
{
	const struct index_slot *s = &r->index.slots[slot];

	return slice_of(r->index.keys.p + s->key_at, s->key_n);
}

static struct known_damage *find(const struct table_reader *r, uint64_t offset)
{
	struct known_damage *k = atomic_load_explicit(&r->damaged, memory_order_acquire);

	while (k && k->damage.offset != offset)
		k = k->next;
	return k;
}

bool table__is_known_damaged(const struct table_reader *r, size_t slot)
{
	struct known_damage *k;

	if (!atomic_load_explicit(&r->damaged, memory_order_relaxed))
		return false;
	k = find(r, r->index.slots[slot].offset);
	return k && clock_mono_us() - atomic_load_explicit(&k->seen_us, memory_order_relaxed) < KNOWN_FOR_US;
}

static struct known_damage *describe(const struct table_reader *r, size_t slot, const char *what)
{
	struct slice before = slot ? slot_key(r, slot - 1) : r->props.min_key;
	size_t behind = slot && r->index.slots[slot - 1].seq.v == 0;
	struct known_damage *k = mem_zalloc(sizeof(*k) + before.n + behind + 1);

	memcpy(k->min, before.p, before.n);      /* and a zero byte, when it is `behind`: the next key there is */
	k->damage = (struct table_damage){
		.table = r->props.id,
		.offset = r->index.slots[slot].offset,
		.min = slice_of(k->min, before.n + behind),
		.max = slot + 1 < r->index.count ? slot_key(r, slot) : r->props.max_key,
		.max_seq = r->props.max_seq,
		.what = what,
	};
	return k;
}

/* Puts the block on the list unless it is there; *newp: it was not. */
static struct known_damage *remember(struct table_reader *r, size_t slot, const char *what, bool *newp)
{
	struct known_damage *head = atomic_load_explicit(&r->damaged, memory_order_acquire), *mine = NULL, *there;

	while ((there = find(r, r->index.slots[slot].offset)) == NULL) {
		if (!mine)
			mine = describe(r, slot, what);
		mine->next = head;
		if (atomic_compare_exchange_strong(&r->damaged, &head, mine))
			break;
	}
	*newp = !there;
	if (there)
		mem_free(mine);
	return there ? there : mine;
}

enum st table__block_damaged(struct table_reader *r, size_t slot, const char *what, struct read_cost *cost)
{
	bool is_new;
	struct known_damage *k = remember(r, slot, what, &is_new);

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

static enum st scrub_block(struct table_reader *r, size_t slot, struct read_cost *cost)
{
	struct block_pin pin;
	struct slice bytes;
	enum st st = table__block(r, slot, false, cost, &bytes, &pin);

	if (st == ST_IO) {
		st = table__block(r, slot, false, cost, &bytes, &pin);
		if (st == ST_IO)
			return table__block_damaged(r, slot, "the disk does not read it", cost);
	}
	if (!st && !walks(bytes))
		st = table__block_damaged(r, slot, "the block is not well formed", cost);
	block_pin_release(&pin);
	return st;
}

enum st table_scrub(struct table_reader *r, uint64_t offset, table_scrub_f *found, void *ctx)
{
	enum st st = offset == DAMAGE_WHOLE ? ST_OK : ST_NOT_FOUND;

	for (size_t slot = 0; slot < r->index.count; slot++) {
		struct read_cost cost = { .tables = 0 };

		if (offset != DAMAGE_WHOLE && r->index.slots[slot].offset != offset)
			continue;
		st = scrub_block(r, slot, &cost);
		if (st == ST_CORRUPT)
			found(ctx, &cost.damage);
		else if (st)
			return st;
		st = ST_OK;
	}
	return st;
}

void table__forget_damage(struct table_reader *r)
{
	struct known_damage *k = atomic_exchange(&r->damaged, NULL), *next;

	for (; k; k = next) {
		next = k->next;
		mem_free(k);
	}
}
