/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting entries into a memtable: on one thread (engine: commit).
 *
 *	gap of k := for each level the link that passes over k: there the new node is linked in
 *
 * A gap is found by a search from the top, where nearly every step waits for memory. Two things save the waiting:
 *
 * 1. The finger keeps the last insert's gap. Keys that come in order need no search.
 * 2. Several entries are hunted for side by side: each asks for the node it must look at next and lets the others go
 *    on until it has come. (Group prefetching: Chen, Ailamaki, Gibbons, Mowry, "Improving Hash Join Performance through
 *    Prefetching", ICDE 2004.)
 *
 * Nodes are never taken out, so a gap that was found once stays in front of k; what was linked in since then, by the
 * entries before it in the same group, is stepped over before the insert.
 */
#include "common/view/memtable.h"

#include <sys/mman.h>

#include "common/base/must.h"
#include "common/view/memtable_node.h"

#define MT_POPULATE_BYTES (256u << 10)          /* pages are asked for in such pieces, not fault by fault */
#define HUNTS 16u                               /* as many misses as a core has under way, and some */

/* ---- nodes ---- */

/* Room for one node of this height. */
static struct mt_node *node_alloc(struct memtable *m, unsigned height, const struct entry *e)
{
	uint64_t used = atomic_load_explicit(&m->header->used_bytes, memory_order_relaxed);
	uint64_t end = used + node_bytes(height, e->key.n, e->value.n);

	while (m->populated_bytes < end) {
		/* Only faster: without it the pages come one by one when they are touched. */
		(void)madvise(m->arena + m->populated_bytes, MT_POPULATE_BYTES, MADV_POPULATE_WRITE);
		m->populated_bytes += MT_POPULATE_BYTES;
	}
	atomic_store_explicit(&m->header->used_bytes, end, memory_order_relaxed);
	return (struct mt_node *)(void *)(m->arena + used);
}

static struct mt_node *node_fill(struct mt_node *n, unsigned height, const struct entry *e, uint64_t prefix)
{
	uint8_t *body = (uint8_t *)(n->next + height);

	n->prefix = prefix;
	n->meta = e->seq.v << 8 | (uint64_t)(height - 1) << 1 | e->is_tombstone;
	n->key_n = (uint32_t)e->key.n;
	n->value_n = (uint32_t)e->value.n;
	if (e->key.n > 0)
		memcpy(body, e->key.p, e->key.n);
	if (e->value.n > 0)
		memcpy(body + e->key.n, e->value.p, e->value.n);
	body += e->key.n + e->value.n;
	memcpy(body, &e->timestamp_ms, sizeof(int64_t));
	memcpy(body + sizeof(int64_t), &e->expires_at_ms, sizeof(int64_t));
	return n;
}

/*
 * 1 with probability 1/2, 2 with 1/4, ... A step costs a cache miss: with halves a search makes fewer of them than with
 * quarters (one step a level and not three, on twice the levels), for three more bytes an entry.
 */
static unsigned draw_height(struct rnd *rnd)
{
	return (unsigned)__builtin_ctzll(rnd_next(rnd) | 1ull << (MT_HEIGHT - 1)) + 1;
}

/* ---- one entry ---- */

/* Is k right behind the last insert? Then the towers found for that one serve again. */
static bool finger_fits(const struct memtable *m, const struct mt_key *k)
{
	const struct mt_node *next;

	if (m->last == NULL || !node_before(m, m->last, k))
		return false;
	next = node_at(m, atomic_load_explicit(&m->last->next[0], memory_order_relaxed));
	return next == NULL || !node_before(m, next, k);
}

/* Points the finger at the gap for k on every level. */
static void finger_move(struct memtable *m, const struct mt_key *k)
{
	if (!finger_fits(m, k)) {
		(void)memtable__search(m, k, m->finger);
		return;
	}
	for (unsigned i = 0, height = node_height(m->last); i < height; i++)
		m->finger[i] = &m->last->next[i];
}

/* Links a new node for e in where the finger points. */
static void link_in(struct memtable *m, const struct entry *e, uint64_t prefix)
{
	unsigned height = draw_height(&m->rnd);
	struct mt_node *n = node_fill(node_alloc(m, height, e), height, e, prefix);
	uint32_t link = link_of(m, n);

	for (unsigned i = 0; i < height; i++)
		atomic_store_explicit(&n->next[i], atomic_load_explicit(m->finger[i], memory_order_relaxed),
				      memory_order_relaxed);
	for (unsigned i = 0; i < height; i++)
		atomic_store_explicit(m->finger[i], link, memory_order_release);
	atomic_store_explicit(&m->header->entries, memtable_entries(m) + 1, memory_order_release);
	m->last = n;
}

static void check_entry(const struct memtable *m, const struct entry *e)
{
	must(e->seq.v <= SEQ_MAX.v && e->key.n <= UINT32_MAX && e->value.n <= UINT32_MAX);
	must(memtable_room(m) >= memtable_cost(e->key.n, e->value.n));
}

void memtable_insert(struct memtable *m, const struct entry *e)
{
	struct mt_key k = mt_key(e->key, e->seq);

	obj_check(m, MEMTABLE_MAGIC);
	must(m->writable);
	check_entry(m, e);
	finger_move(m, &k);
	link_in(m, e, k.prefix);
}

/* ---- several side by side ---- */

/* A search that is under way. Levels above `level` are done: gap and behind tell what was found there. */
struct hunt {
	struct mt_key k;
	mt_link *tower;
	struct mt_node *ahead;          /* asked for: to be compared with k next */
	int level;
	mt_link *gap[MT_HEIGHT];
	uint32_t behind[MT_HEIGHT];     /* what the gap's link led to then */
};

static void hunt_down(struct hunt *h, uint32_t behind)
{
	h->gap[h->level] = &h->tower[h->level];
	h->behind[h->level] = behind;
	h->level--;
}

/* Goes down to where a node must be looked at and asks for it; false: the gap is known on all levels. */
static bool hunt_aim(const struct memtable *m, struct hunt *h)
{
	while (h->level >= 0) {
		uint32_t link = atomic_load_explicit(&h->tower[h->level], memory_order_relaxed);
		uint32_t passed = h->level + 1 < MT_HEIGHT ? h->behind[h->level + 1] : 0;

		if (link != passed && (h->ahead = node_at(m, link)) != NULL) {
			__builtin_prefetch(h->ahead);
			__builtin_prefetch((const uint8_t *)h->ahead + 64);
			return true;
		}
		hunt_down(h, link);
	}
	return false;
}

static void hunt_look(const struct memtable *m, struct hunt *h)
{
	if (node_before(m, h->ahead, &h->k))
		h->tower = h->ahead->next;
	else
		hunt_down(h, link_of(m, h->ahead));
}

/* Finds the gaps of n keys. The links are the writer's own: they cannot run in a circle. */
static void hunt_all(const struct memtable *m, struct hunt *hunts, size_t n)
{
	struct hunt *running[HUNTS];
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (hunt_aim(m, &hunts[i]))
			running[count++] = &hunts[i];
	while (count > 0) {
		size_t left = 0;

		for (size_t i = 0; i < count; i++) {
			hunt_look(m, running[i]);
			if (hunt_aim(m, running[i]))
				running[left++] = running[i];
		}
		count = left;
	}
}

/* Points the finger at the gap that was hunted for, behind what has been linked into it since. */
static void finger_take(struct memtable *m, const struct hunt *h)
{
	for (unsigned level = 0; level < MT_HEIGHT; level++) {
		mt_link *gap = h->gap[level];
		uint32_t link = atomic_load_explicit(gap, memory_order_relaxed);

		for (struct mt_node *n; link != h->behind[level] && (n = node_at(m, link)) != NULL && node_before(m, n, &h->k);
		     link = atomic_load_explicit(gap, memory_order_relaxed))
			gap = &n->next[level];
		m->finger[level] = gap;
	}
}

static void insert_some(struct memtable *m, const struct entry *e, size_t n)
{
	struct hunt hunts[HUNTS];

	for (size_t i = 0; i < n; i++) {
		hunts[i].k = mt_key(e[i].key, e[i].seq);
		hunts[i].tower = m->header->next;
		hunts[i].level = MT_HEIGHT - 1;
	}
	hunt_all(m, hunts, n);
	for (size_t i = 0; i < n; i++) {
		check_entry(m, &e[i]);
		finger_take(m, &hunts[i]);
		link_in(m, &e[i], hunts[i].k.prefix);
	}
}

void memtable_insert_all(struct memtable *m, const struct entry *e, size_t n)
{
	obj_check(m, MEMTABLE_MAGIC);
	must(m->writable);
	while (n > 0) {
		struct mt_key k = mt_key(e->key, e->seq);
		size_t some = n < HUNTS ? n : HUNTS;

		if (some == 1 || finger_fits(m, &k)) {
			memtable_insert(m, e);
			some = 1;
		} else {
			insert_some(m, e, some);
		}
		e += some;
		n -= some;
	}
}
