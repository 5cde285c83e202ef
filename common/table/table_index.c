/* SPDX-License-Identifier: Apache-2.0 */
/* A table's index in memory. Loaded by one thread, then immutable. */
#include "common/table/table_index.h"

#include "common/base/mem.h"
#include "common/table/block.h"

static struct slice slot_key(const struct table_index *x, size_t i)
{
	return slice_of(x->keys.p + x->slots[i].key_at, x->slots[i].key_n);
}

/* Up to 8 bytes of s from `skip` on; a shorter rest is filled with zeros, which keeps the order (equal is
 * a maybe). */
static uint64_t head_of(struct slice s, size_t skip)
{
	uint64_t head = 0;
	size_t n = s.n - skip < 8 ? s.n - skip : 8;

	if (n == 8) {
		memcpy(&head, s.p + skip, 8);
		return __builtin_bswap64(head);
	}
	for (size_t i = 0; i < n; i++)
		head |= (uint64_t)s.p[skip + i] << (56 - 8 * i);
	return head;
}

/* Adds the slot of an index entry; its block must begin at *atp, which moves behind it. */
static bool add_slot(struct table_index *x, const struct entry *e, uint64_t *atp, uint64_t end)
{
	struct block_handle h;

	if (e->key.n > TABLE_KEY_MAX || x->keys.n + (x->count + 1) * sizeof(*x->slots) > TABLE_INDEX_MEMORY_MAX / 2 ||
	    !format_get_handle(e->value, &h))
		return false;
	if (*atp == TABLE_INDEX_ANYWHERE)
		*atp = h.offset;
	if (h.offset != *atp || !format_handle_fits(h, end))
		return false;
	x->slots[x->count++] =
		(struct index_slot){ e->seq, h.offset, (uint32_t)h.size, (uint32_t)e->key.n, x->keys.n };
	buf_append_slice(&x->keys, e->key);
	*atp += h.size + BLOCK_TRAILER_BYTES;
	return true;
}

static bool load_slots(struct table_index *x, struct block_cursor *c, uint64_t at, uint64_t end)
{
	enum block_step step;
	size_t room = 0;

	for (step = block_cursor_first(c); step == BLOCK_AT; step = block_cursor_next(c)) {
		if (x->count == room) {
			room = room ? room * 2 : 64;
			x->slots = mem_resize(x->slots, room * sizeof(*x->slots));
		}
		if (!add_slot(x, &c->entry, &at, end))
			return false;
		if (x->count > 1 && entry_cmp(slot_key(x, x->count - 2), x->slots[x->count - 2].seq,
					      slot_key(x, x->count - 1), x->slots[x->count - 1].seq) >= 0)
			return false;
	}
	return step == BLOCK_END && at == end;
}

static void make_heads(struct table_index *x)
{
	if (x->count == 0)
		return;
	x->common = slice_shared(slot_key(x, 0), slot_key(x, x->count - 1));
	x->slots = mem_resize(x->slots, x->count * sizeof(*x->slots));
	x->heads = mem_alloc(x->count * sizeof(*x->heads));
	for (size_t i = 0; i < x->count; i++)
		x->heads[i] = head_of(slot_key(x, i), x->common);
}

bool table_index_load(struct table_index *x, struct slice block, uint64_t begin, uint64_t end)
{
	struct block_cursor c;
	bool sound;

	*x = (struct table_index){ .count = 0 };
	block_cursor_init(&c);
	sound = block_cursor_open(&c, block) && load_slots(x, &c, begin, end);
	block_cursor_fini(&c);
	if (sound)
		make_heads(x);
	else
		table_index_fini(x);
	return sound;
}

void table_index_fini(struct table_index *x)
{
	mem_drop(&x->slots);
	mem_drop(&x->heads);
	buf_fini(&x->keys);
	x->count = 0;
}

/* The first slot whose head is at least `head`; count when there is none. */
static size_t find_head(const struct table_index *x, uint64_t head)
{
	size_t low = 0, n = x->count;

	while (n > 0) {
		size_t half = n / 2;
		bool before = x->heads[low + half] < head;

		low = before ? low + half + 1 : low;
		n = before ? n - half - 1 : half;
	}
	return low;
}

size_t table_index_find(const struct table_index *x, struct slice key, struct seq seq)
{
	size_t low, high, n = key.n < x->common ? key.n : x->common;
	uint64_t head;
	int c;

	if (x->count == 0)
		return 0;
	c = n ? memcmp(key.p, x->keys.p, n) : 0;
	if (c > 0)
		return x->count;
	if (c < 0 || key.n < x->common)
		return 0;
	head = head_of(key, x->common);
	low = find_head(x, head);
	high = head == UINT64_MAX ? x->count : find_head(x, head + 1);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_cmp(slot_key(x, middle), x->slots[middle].seq, key, seq) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t table_index_memory(const struct table_index *x)
{
	return x->count * (sizeof(*x->slots) + sizeof(*x->heads)) + x->keys.capacity;
}
