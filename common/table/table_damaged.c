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

#include "common/base/mem.h"
#include "common/table/table_reader_priv.h"

const char table__bad_crc[] = "the block's checksum is wrong";

struct known_damage {
	struct known_damage *next;
	struct table_damage damage;
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
	return atomic_load_explicit(&r->damaged, memory_order_relaxed) && find(r, r->index.slots[slot].offset);
}

static struct known_damage *describe(const struct table_reader *r, size_t slot)
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
	};
	return k;
}

/* Puts the block on the list unless it is there; *newp: it was not. */
static struct known_damage *remember(struct table_reader *r, size_t slot, bool *newp)
{
	struct known_damage *head = atomic_load_explicit(&r->damaged, memory_order_acquire), *mine = NULL, *there;

	while ((there = find(r, r->index.slots[slot].offset)) == NULL) {
		if (!mine)
			mine = describe(r, slot);
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
	struct known_damage *k = remember(r, slot, &is_new);

	cost->corrupt_blocks++;
	cost->crc_failures += what == table__bad_crc;
	cost->damage = k->damage;
	if (!is_new)
		return ST_CORRUPT;
	return fail(ST_CORRUPT, "%s: damaged at offset %" PRIu64 ": %s", r->path, k->damage.offset,
		    what ? what : "it could not be read");
}

void table__forget_damage(struct table_reader *r)
{
	struct known_damage *k = atomic_exchange(&r->damaged, NULL), *next;

	for (; k; k = next) {
		next = k->next;
		mem_free(k);
	}
}
