/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memtable: a skip list in a memory file.
 *
 *	file   := header (one page) arena slack
 *	header := magic version id capacity | used entries | next[18]        (| = a cache line of its own)
 *	arena  := node*                                                      (each begins at a multiple of 8)
 *	node   := prefix meta key_n value_n next[height] key value timestamp expires
 *	meta   := sequence << 8 | (height - 1) << 1 | tombstone
 *	next   := 0 = end, else 1 + (offset in the arena) / 8                (32 bits reach 32 GiB)
 *
 * prefix is the first eight key bytes as a big-endian number, zero-filled: most comparisons end there,
 * inside the cache line that holds the links.
 *
 * 1. The writer fills a node first, then links it from the lowest level up, each link a release store.
 *    Readers follow links with acquire loads, so whatever they reach is complete and never changes again.
 * 2. A reader believes nothing in the file: a link must lie in the mapping (the slack behind the arena lets
 *    it read the fixed part and the tallest tower of any node without a further question), lengths are
 *    checked before the bytes are touched, a walk has at most as many steps as nodes can be. What fails
 *    that is reported once and marks the memtable as damaged.
 * 3. The size is sealed, so no access inside the mapping can fault; future writes are sealed too: the
 *    descriptor that is handed out can only be mapped for reading.
 *
 * Inserting (memtable_insert.c) runs on one thread (engine: commit); everything here on any thread of any process.
 */
#include "common/view/memtable.h"

#include <stddef.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/memtable_node.h"

#define ITER_PREFETCH_LINES 3
#define ITER_PREFETCH_LEVELS 4
#define MT_SMALLEST (sizeof(struct mt_node) + MT_UNIT + MT_TIMES)

bool memtable__damage(const struct memtable *m, const char *what)
{
	if (!atomic_exchange(m->damaged, true))
		log_error("memtable %llu is damaged: %s", (unsigned long long)m->id.v, what);
	return false;
}

/* ---- searching ---- */

static mt_link *node_tower(const struct memtable *m, struct mt_node *n)
{
	return n ? n->next : m->header->next;
}

/* True after more steps than there can be nodes: the links run in a circle. Asks the writer's line rarely. */
static bool runs_in_circle(const struct memtable *m, uint64_t steps)
{
	uint64_t used;

	if (steps & 0xffff)
		return false;
	used = atomic_load_explicit(&m->header->used_bytes, memory_order_relaxed);
	if (used > m->capacity_bytes)
		used = m->capacity_bytes;
	return steps > used / MT_SMALLEST + 0x10000;
}

/* Asks for the nodes that are looked at next when the walk goes down one level or two: by then they have come. */
static void prefetch_below(const struct memtable *m, const mt_link *tower, int level)
{
	for (int below = level - 1; below >= 0 && below >= level - 2; below--) {
		uint32_t link = atomic_load_explicit(&tower[below], memory_order_relaxed);

		__builtin_prefetch(m->arena + (uint64_t)link * MT_UNIT);
	}
}

struct mt_node *memtable__search(const struct memtable *m, const struct mt_key *k, mt_link **towers)
{
	mt_link *tower = m->header->next;
	uint32_t behind = 0;
	uint64_t steps = 0;

	for (int level = MT_HEIGHT - 1; level >= 0; level--) {
		for (;;) {
			uint32_t link = atomic_load_explicit(&tower[level], memory_order_acquire);
			struct mt_node *n;

			prefetch_below(m, tower, level);
			if (link == behind || (n = node_at(m, link)) == NULL || !node_before(m, n, k)) {
				behind = link;
				break;
			}
			if (runs_in_circle(m, ++steps)) {
				(void)memtable__damage(m, "its links run in a circle");
				return NULL;
			}
			tower = n->next;
		}
		if (towers)
			towers[level] = &tower[level];
	}
	return node_at(m, behind);
}

/* The last node of all, NULL when there is none. */
static struct mt_node *search_last(const struct memtable *m)
{
	mt_link *tower = m->header->next;
	struct mt_node *last = NULL, *n;
	uint64_t steps = 0;

	for (int level = MT_HEIGHT - 1; level >= 0; level--)
		while ((n = node_at(m, atomic_load_explicit(&tower[level], memory_order_acquire))) != NULL) {
			if (runs_in_circle(m, ++steps)) {
				(void)memtable__damage(m, "its links run in a circle");
				return NULL;
			}
			last = n;
			tower = n->next;
		}
	return last;
}

bool memtable_get(const struct memtable *m, struct slice key, struct seq seq, struct entry *ep)
{
	struct mt_key k = mt_key(key, seq);
	struct mt_node *n = memtable__search(m, &k, NULL);

	if (n == NULL || n->prefix != k.prefix || !node_entry(m, n, ep))
		return false;
	return slice_eq(ep->key, key);
}

/* ---- iterating ---- */

struct memtable_iter {
	struct iter head;
	struct memtable *m;
	struct mt_node *node;
};

static struct memtable_iter *iter_own(struct iter *it)
{
	return (struct memtable_iter *)it;
}

/* Asks for the node behind n, and for those that its taller links lead to, further on: neighbours in the list lie anywhere in the
 * arena, so each step would wait for memory. */
static void iter_prefetch(const struct memtable_iter *mi, const struct mt_node *n)
{
	unsigned height = node_height(n);

	for (unsigned level = 0; level < height && level < ITER_PREFETCH_LEVELS; level++) {
		const uint8_t *at = mi->m->arena + (uint64_t)atomic_load_explicit(&n->next[level], memory_order_relaxed) * MT_UNIT;

		for (size_t line = 0; line < ITER_PREFETCH_LINES; line++)
			__builtin_prefetch(at + line * 64);
	}
}

/* Shows node n (NULL: the end). */
static void iter_show(struct memtable_iter *mi, struct mt_node *n)
{
	if (n)
		iter_prefetch(mi, n);
	mi->node = n;
	mi->head.valid = n != NULL && node_entry(mi->m, n, &mi->head.entry);
	mi->head.status = ST_OK;
	if (!mi->head.valid && memtable_damaged(mi->m))
		mi->head.status = ST_CORRUPT;
}

static void iter_free_f(struct iter *it)
{
	memtable_unref(&iter_own(it)->m);
	mem_free(it);
}

static struct mt_node *iter_follow(struct memtable_iter *mi)
{
	mt_link *tower = node_tower(mi->m, mi->node);

	return node_at(mi->m, atomic_load_explicit(&tower[0], memory_order_acquire));
}

static void iter_first_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);

	mi->node = NULL;
	iter_show(mi, iter_follow(mi));
}

static void iter_seek_f(struct iter *it, struct slice key, struct seq seq)
{
	struct memtable_iter *mi = iter_own(it);
	struct mt_key k = mt_key(key, seq);

	iter_show(mi, memtable__search(mi->m, &k, NULL));
}

/* Order is checked at every step: a circle of links must not become an endless scan. */
static void iter_check_order(struct memtable_iter *mi, const struct entry *front, const struct entry *behind)
{
	if (!mi->head.valid || entry_cmp(front->key, front->seq, behind->key, behind->seq) < 0)
		return;
	mi->head.valid = memtable__damage(mi->m, "its entries are out of order");
	mi->head.status = ST_CORRUPT;
}

static void iter_next_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);
	struct entry before = it->entry;

	must(it->valid);
	iter_show(mi, iter_follow(mi));
	iter_check_order(mi, &before, &it->entry);
}

/* The node whose tower a search left through: the last one in front of the gap. NULL: there is none. */
static struct mt_node *node_of_tower(const struct memtable *m, mt_link *tower)
{
	if (tower == m->header->next)
		return NULL;
	return (struct mt_node *)(void *)((uint8_t *)tower - offsetof(struct mt_node, next));
}

static void iter_last_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);

	iter_show(mi, search_last(mi->m));
}

static void iter_seek_last_f(struct iter *it, struct slice key, struct seq seq)
{
	struct memtable_iter *mi = iter_own(it);
	struct mt_key k = mt_key(key, seq);
	mt_link *towers[MT_HEIGHT] = { NULL };

	iter_show(mi, memtable__search(mi->m, &k, towers));
	if (it->status != ST_OK || (it->valid && entry_cmp(it->entry.key, it->entry.seq, key, seq) == 0))
		return;
	iter_show(mi, node_of_tower(mi->m, towers[0]));
}

/* Links lead forward only, so the node in front is searched for. */
static void iter_prev_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);
	struct entry behind = it->entry;
	struct mt_key k = mt_key(behind.key, behind.seq);
	mt_link *towers[MT_HEIGHT] = { NULL };

	must(it->valid);
	if (memtable__search(mi->m, &k, towers) != mi->node) {
		it->valid = memtable__damage(mi->m, "its entries are out of order");
		it->status = ST_CORRUPT;
		return;
	}
	iter_show(mi, node_of_tower(mi->m, towers[0]));
	iter_check_order(mi, &it->entry, &behind);
}

static const struct iter_ops memtable_iter_ops = { iter_free_f, iter_first_f, iter_seek_f, iter_next_f,
						   iter_last_f, iter_seek_last_f, iter_prev_f };

struct iter *memtable_iter_new(struct memtable *m)
{
	struct memtable_iter *mi = mem_zalloc(sizeof *mi);

	mi->head.ops = &memtable_iter_ops;
	mi->m = memtable_ref(m);
	return &mi->head;
}

/* ---- asking ---- */

struct file_id memtable_id(const struct memtable *m)
{
	return m->id;
}

int memtable_fd(const struct memtable *m)
{
	return m->fd;
}

bool memtable_damaged(const struct memtable *m)
{
	return atomic_load_explicit(m->damaged, memory_order_relaxed);
}

uint64_t memtable_used(const struct memtable *m)
{
	return atomic_load_explicit(&m->header->used_bytes, memory_order_relaxed);
}

uint64_t memtable_entries(const struct memtable *m)
{
	return atomic_load_explicit(&m->header->entries, memory_order_acquire);
}

uint64_t memtable_room(const struct memtable *m)
{
	uint64_t used = memtable_used(m);

	return used < m->capacity_bytes ? m->capacity_bytes - used : 0;
}

uint64_t memtable_cost(size_t key_bytes, size_t value_bytes)
{
	return node_bytes(MT_HEIGHT, key_bytes, value_bytes);
}
