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
 * Inserting runs on one thread (engine: commit); everything else on any thread of any process.
 */
#include "common/view/memtable.h"

#include <stddef.h>
#include <sys/mman.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/memtable_priv.h"

#define MT_POPULATE_BYTES (256u << 10)          /* pages are asked for in such pieces, not fault by fault */
#define MT_HEIGHT_BITS 31u                      /* of meta, behind the tombstone's */
#define ITER_PREFETCH_LINES 3
#define MT_SMALLEST (sizeof(struct mt_node) + MT_UNIT + MT_TIMES)

/* What is searched for; the prefix made once. */
struct mt_key {
	struct slice key;
	uint64_t prefix, seq;
};

/* ---- nodes ---- */

static uint64_t prefix_of(struct slice key)
{
	uint64_t v = 0;

	if (key.n > 0)
		memcpy(&v, key.p, key.n < 8 ? key.n : 8);
	return __builtin_bswap64(v);
}

/* Whatever stands there, no tower reaches beyond the slack. */
static unsigned node_height(const struct mt_node *n)
{
	unsigned height = ((unsigned)(n->meta >> 1) & MT_HEIGHT_BITS) + 1;

	return height < MT_HEIGHT ? height : MT_HEIGHT;
}

static uint64_t node_bytes(unsigned height, uint64_t key_n, uint64_t value_n)
{
	uint64_t n = sizeof(struct mt_node) + height * sizeof(mt_link) + key_n + value_n + MT_TIMES;

	return (n + MT_UNIT - 1) / MT_UNIT * MT_UNIT;
}

/* Marks m as damaged; says so the first time. Always false. */
static bool report_damage(const struct memtable *m, const char *what)
{
	if (!atomic_exchange(m->damaged, true))
		log_error("memtable %llu is damaged: %s", (unsigned long long)m->id.v, what);
	return false;
}

/* The node a link names; NULL at the end of a list and for a link that leads out of the arena. */
static struct mt_node *node_at(const struct memtable *m, uint32_t link)
{
	uint64_t at = ((uint64_t)link - 1) * MT_UNIT;

	if (link == 0)
		return NULL;
	if (at > m->last_bytes) {
		(void)report_damage(m, "a link leads out of it");
		return NULL;
	}
	return (struct mt_node *)(void *)(m->arena + at);
}

static uint32_t link_of(const struct memtable *m, const struct mt_node *n)
{
	return (uint32_t)((uint64_t)((const uint8_t *)n - m->arena) / MT_UNIT + 1);
}

/* Key and value of a node; false when its lengths lead out of the arena. */
static bool node_bodies(const struct memtable *m, const struct mt_node *n, struct slice *keyp,
			struct slice *valuep)
{
	unsigned height = node_height(n);
	uint64_t at = (uint64_t)((const uint8_t *)n - m->arena);
	const uint8_t *body = (const uint8_t *)(n->next + height);

	if (node_bytes(height, n->key_n, n->value_n) > m->capacity_bytes - at)
		return report_damage(m, "an entry is longer than the room behind it");
	*keyp = slice_of(body, n->key_n);
	*valuep = slice_of(body + n->key_n, n->value_n);
	return true;
}

static bool node_entry(const struct memtable *m, const struct mt_node *n, struct entry *ep)
{
	if (!node_bodies(m, n, &ep->key, &ep->value))
		return false;
	ep->seq = seq(n->meta >> 8);
	memcpy(&ep->timestamp_ms, ep->value.p + ep->value.n, sizeof(int64_t));
	memcpy(&ep->expires_at_ms, ep->value.p + ep->value.n + sizeof(int64_t), sizeof(int64_t));
	ep->is_tombstone = n->meta & 1;
	return true;
}

static struct mt_key mt_key(struct slice key, struct seq seq)
{
	return (struct mt_key){ key, prefix_of(key), seq.v };
}

/* Is node n in front of k? A damaged node is not: the walk ends there. */
static bool node_before(const struct memtable *m, const struct mt_node *n, const struct mt_key *k)
{
	struct slice key, value;
	int c;

	if (n->prefix != k->prefix)
		return n->prefix < k->prefix;
	if (!node_bodies(m, n, &key, &value))
		return false;
	c = slice_cmp(key, k->key);
	return c ? c < 0 : (n->meta >> 8) > k->seq;
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

/* The first node at or behind k, NULL when there is none. towers, when given, receives for each level the
 * tower whose link passes over k. */
static struct mt_node *search(const struct memtable *m, const struct mt_key *k, mt_link **towers)
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
				(void)report_damage(m, "its links run in a circle");
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
				(void)report_damage(m, "its links run in a circle");
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
	struct mt_node *n = search(m, &k, NULL);

	if (n == NULL || n->prefix != k.prefix || !node_entry(m, n, ep))
		return false;
	return slice_eq(ep->key, key);
}

/* ---- inserting ---- */

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
		(void)search(m, k, m->finger);
		return;
	}
	for (unsigned i = 0, height = node_height(m->last); i < height; i++)
		m->finger[i] = &m->last->next[i];
}

void memtable_insert(struct memtable *m, const struct entry *e)
{
	struct mt_key k = mt_key(e->key, e->seq);
	unsigned height = draw_height(&m->rnd);
	struct mt_node *n;
	uint32_t link;

	obj_check(m, MEMTABLE_MAGIC);
	must(m->writable);
	must(e->seq.v <= SEQ_MAX.v && e->key.n <= UINT32_MAX && e->value.n <= UINT32_MAX);
	must(memtable_room(m) >= memtable_cost(e->key.n, e->value.n));
	finger_move(m, &k);
	n = node_fill(node_alloc(m, height, e), height, e, k.prefix);
	link = link_of(m, n);
	for (unsigned i = 0; i < height; i++)
		atomic_store_explicit(&n->next[i], atomic_load_explicit(m->finger[i], memory_order_relaxed),
				      memory_order_relaxed);
	for (unsigned i = 0; i < height; i++)
		atomic_store_explicit(m->finger[i], link, memory_order_release);
	atomic_store_explicit(&m->header->entries, memtable_entries(m) + 1, memory_order_release);
	m->last = n;
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

/* Asks for the node behind n: neighbours in the list lie anywhere in the arena, so each step would wait for memory. */
static void iter_prefetch(const struct memtable_iter *mi, const struct mt_node *n)
{
	const uint8_t *at = mi->m->arena + (uint64_t)atomic_load_explicit(&n->next[0], memory_order_relaxed) * MT_UNIT;

	for (size_t line = 0; line < ITER_PREFETCH_LINES; line++)
		__builtin_prefetch(at + line * 64);
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

	iter_show(mi, search(mi->m, &k, NULL));
}

/* Order is checked at every step: a circle of links must not become an endless scan. */
static void iter_check_order(struct memtable_iter *mi, const struct entry *front, const struct entry *behind)
{
	if (!mi->head.valid || entry_cmp(front->key, front->seq, behind->key, behind->seq) < 0)
		return;
	mi->head.valid = report_damage(mi->m, "its entries are out of order");
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

	iter_show(mi, search(mi->m, &k, towers));
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
	if (search(mi->m, &k, towers) != mi->node) {
		it->valid = report_damage(mi->m, "its entries are out of order");
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
