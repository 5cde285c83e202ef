/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memtable: a skip list in a memory file.
 *
 *	file   := header (one page) arena slack
 *	header := magic version id capacity | used entries | next[16]        (| = a cache line of its own)
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

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"

#define MEMTABLE_MAGIC 0x3e37ab1eu
#define MT_FILE_MAGIC 0x656c626174656d6cu       /* "lmetable" in a dump */
#define MT_VERSION 1u
#define MT_HEIGHT 16
#define MT_PAGE 4096u
#define MT_UNIT 8u
#define MT_CAPACITY_MAX (32ull << 30)
#define MT_POPULATE_BYTES (256u << 10)          /* pages are asked for in such pieces, not fault by fault */

typedef _Atomic uint32_t mt_link;

struct mt_header {
	/* fixed after creation */
	uint64_t magic;
	uint32_t version, reserved;
	uint64_t id, capacity_bytes;
	/* written by the writer after each insert */
	_Alignas(64) _Atomic uint64_t used_bytes;
	_Atomic uint64_t entries;
	/* the tower in front of all nodes */
	_Alignas(64) mt_link next[MT_HEIGHT];
};
_Static_assert(sizeof(struct mt_header) <= MT_PAGE, "the header is one page");

struct mt_node {
	uint64_t prefix, meta;
	uint32_t key_n, value_n;
	mt_link next[];          /* height of them, then the key, the value, the times */
};
_Static_assert(sizeof(struct mt_node) == 24, "the node's layout is a format");

#define MT_TIMES (2 * sizeof(int64_t))
#define MT_TALLEST (sizeof(struct mt_node) + MT_HEIGHT * sizeof(mt_link))
#define MT_SMALLEST (sizeof(struct mt_node) + MT_UNIT + MT_TIMES)

struct memtable {
	uint32_t magic;
	/* fixed after opening */
	struct file_id id;
	struct mt_header *header;
	uint8_t *arena;
	uint64_t map_bytes, capacity_bytes;
	uint64_t last_bytes;            /* the last offset in the arena where a node may begin */
	int fd;                         /* -1 when mapped from another process */
	atomic_bool *damaged;           /* points below: also found out by those who only read */
	/* any thread */
	_Atomic uint32_t refs;
	atomic_bool is_damaged;
	/* writer only */
	struct rnd rnd;
	uint64_t populated_bytes;
	mt_link *finger[MT_HEIGHT];     /* towers in front of the last insert, by level; with last */
	struct mt_node *last;           /* the node inserted last */
};

/* What is searched for; the prefix made once. */
struct mt_key {
	struct slice key;
	uint64_t prefix, seq;
};

/* ---- nodes ---- */

static uint64_t
prefix_of(struct slice key)
{
	uint64_t v = 0;

	if (key.n > 0)
		memcpy(&v, key.p, key.n < 8 ? key.n : 8);
	return __builtin_bswap64(v);
}

static unsigned
node_height(const struct mt_node *n)
{
	return ((unsigned)(n->meta >> 1) & (MT_HEIGHT - 1)) + 1;
}

static uint64_t
node_bytes(unsigned height, uint64_t key_n, uint64_t value_n)
{
	uint64_t n = sizeof(struct mt_node) + height * sizeof(mt_link) + key_n + value_n + MT_TIMES;

	return (n + MT_UNIT - 1) / MT_UNIT * MT_UNIT;
}

/* Marks m as damaged; says so the first time. Always false. */
static bool
report_damage(const struct memtable *m, const char *what)
{
	if (!atomic_exchange(m->damaged, true))
		log_error("memtable %llu is damaged: %s", (unsigned long long)m->id.v, what);
	return false;
}

/* The node a link names; NULL at the end of a list and for a link that leads out of the arena. */
static struct mt_node *
node_at(const struct memtable *m, uint32_t link)
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

static uint32_t
link_of(const struct memtable *m, const struct mt_node *n)
{
	return (uint32_t)((uint64_t)((const uint8_t *)n - m->arena) / MT_UNIT + 1);
}

/* Key and value of a node; false when its lengths lead out of the arena. */
static bool
node_bodies(const struct memtable *m, const struct mt_node *n, struct slice *keyp, struct slice *valuep)
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

static bool
node_entry(const struct memtable *m, const struct mt_node *n, struct entry *ep)
{
	if (!node_bodies(m, n, &ep->key, &ep->value))
		return false;
	ep->seq = seq(n->meta >> 8);
	memcpy(&ep->timestamp_ms, ep->value.p + ep->value.n, sizeof ep->timestamp_ms);
	memcpy(&ep->expires_at_ms, ep->value.p + ep->value.n + sizeof ep->timestamp_ms, sizeof ep->expires_at_ms);
	ep->is_tombstone = n->meta & 1;
	return true;
}

static struct mt_key
mt_key(struct slice key, struct seq seq)
{
	return (struct mt_key){ key, prefix_of(key), seq.v };
}

/* Is node n in front of k? A damaged node is not: the walk ends there. */
static bool
node_before(const struct memtable *m, const struct mt_node *n, const struct mt_key *k)
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

static mt_link *
node_tower(const struct memtable *m, struct mt_node *n)
{
	return n ? n->next : m->header->next;
}

/* True after more steps than there can be nodes: the links run in a circle. Asks the writer's line rarely. */
static bool
runs_in_circle(const struct memtable *m, uint64_t steps)
{
	uint64_t used;

	if (steps & 0xffff)
		return false;
	used = atomic_load_explicit(&m->header->used_bytes, memory_order_relaxed);
	if (used > m->capacity_bytes)
		used = m->capacity_bytes;
	return steps > used / MT_SMALLEST + 0x10000;
}

/* Asks for the node that is looked at next when the walk goes down a level: by then it has come. */
static void
prefetch_below(const struct memtable *m, const mt_link *tower, int level)
{
	if (level > 0) {
		uint32_t link = atomic_load_explicit(&tower[level - 1], memory_order_relaxed);

		__builtin_prefetch(m->arena + (uint64_t)link * MT_UNIT);
	}
}

/* The first node at or behind k, NULL when there is none. towers, when given, receives for each level the tower
 * whose link passes over k. */
static struct mt_node *
search(const struct memtable *m, const struct mt_key *k, mt_link **towers)
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

bool
memtable_get(const struct memtable *m, struct slice key, struct seq seq, struct entry *ep)
{
	struct mt_key k = mt_key(key, seq);
	struct mt_node *n = search(m, &k, NULL);

	if (n == NULL || n->prefix != k.prefix || !node_entry(m, n, ep))
		return false;
	return slice_eq(ep->key, key);
}

/* ---- inserting ---- */

/* Room for one node of this height. */
static struct mt_node *
node_alloc(struct memtable *m, unsigned height, const struct entry *e)
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

static struct mt_node *
node_fill(struct mt_node *n, unsigned height, const struct entry *e, uint64_t prefix)
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
	memcpy(body + e->key.n + e->value.n, &e->timestamp_ms, sizeof e->timestamp_ms);
	memcpy(body + e->key.n + e->value.n + sizeof e->timestamp_ms, &e->expires_at_ms, sizeof e->expires_at_ms);
	return n;
}

/* 1 with probability 3/4, 2 with 3/16, ... */
static unsigned
draw_height(struct rnd *rnd)
{
	unsigned zeros = (unsigned)__builtin_ctzll(rnd_next(rnd) | 1ull << 2 * (MT_HEIGHT - 1));

	return zeros / 2 + 1;
}

/* Is k right behind the last insert? Then the towers found for that one serve again. */
static bool
finger_fits(const struct memtable *m, const struct mt_key *k)
{
	const struct mt_node *next;

	if (m->last == NULL || !node_before(m, m->last, k))
		return false;
	next = node_at(m, atomic_load_explicit(&m->last->next[0], memory_order_relaxed));
	return next == NULL || !node_before(m, next, k);
}

/* Points the finger at the gap for k on every level. */
static void
finger_move(struct memtable *m, const struct mt_key *k)
{
	if (!finger_fits(m, k)) {
		(void)search(m, k, m->finger);
		return;
	}
	for (unsigned i = 0, height = node_height(m->last); i < height; i++)
		m->finger[i] = &m->last->next[i];
}

void
memtable_insert(struct memtable *m, const struct entry *e)
{
	struct mt_key k = mt_key(e->key, e->seq);
	unsigned height = draw_height(&m->rnd);
	struct mt_node *n;
	uint32_t link;

	obj_check(m, MEMTABLE_MAGIC);
	must(m->fd >= 0);
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

static struct memtable_iter *
iter_own(struct iter *it)
{
	return (struct memtable_iter *)it;
}

/* Shows node n (NULL: the end). */
static void
iter_show(struct memtable_iter *mi, struct mt_node *n)
{
	mi->node = n;
	mi->head.valid = n != NULL && node_entry(mi->m, n, &mi->head.entry);
	mi->head.status = ST_OK;
	if (!mi->head.valid && memtable_damaged(mi->m))
		mi->head.status = ST_CORRUPT;
}

static void
iter_free_f(struct iter *it)
{
	memtable_unref(&iter_own(it)->m);
	mem_free(it);
}

static struct mt_node *
iter_follow(struct memtable_iter *mi)
{
	mt_link *tower = node_tower(mi->m, mi->node);

	return node_at(mi->m, atomic_load_explicit(&tower[0], memory_order_acquire));
}

static void
iter_first_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);

	mi->node = NULL;
	iter_show(mi, iter_follow(mi));
}

static void
iter_seek_f(struct iter *it, struct slice key, struct seq seq)
{
	struct memtable_iter *mi = iter_own(it);
	struct mt_key k = mt_key(key, seq);

	iter_show(mi, search(mi->m, &k, NULL));
}

static void
iter_next_f(struct iter *it)
{
	struct memtable_iter *mi = iter_own(it);
	struct entry before = it->entry;

	must(it->valid);
	iter_show(mi, iter_follow(mi));
	/* Order is checked at every step: a circle of links must not become an endless scan. */
	if (it->valid && entry_cmp(before.key, before.seq, it->entry.key, it->entry.seq) >= 0) {
		it->valid = report_damage(mi->m, "its entries are out of order");
		it->status = ST_CORRUPT;
	}
}

static const struct iter_ops memtable_iter_ops = { iter_free_f, iter_first_f, iter_seek_f, iter_next_f };

struct iter *
memtable_iter_new(struct memtable *m)
{
	struct memtable_iter *mi = mem_zalloc(sizeof *mi);

	mi->head.ops = &memtable_iter_ops;
	mi->m = memtable_ref(m);
	return &mi->head;
}

/* ---- life ---- */

static uint64_t
file_bytes(uint64_t capacity_bytes)
{
	uint64_t n = MT_PAGE + capacity_bytes + MT_TALLEST;

	return (n + MT_PAGE - 1) / MT_PAGE * MT_PAGE;
}

/* A memtable around a mapping, referenced once. */
static struct memtable *
wrap(struct file_id id, void *map, uint64_t capacity_bytes, int fd)
{
	struct memtable *m = mem_zalloc(sizeof *m);

	obj_init(m, MEMTABLE_MAGIC);
	m->id = id;
	m->header = map;
	m->arena = (uint8_t *)map + MT_PAGE;
	m->map_bytes = file_bytes(capacity_bytes);
	m->capacity_bytes = capacity_bytes;
	m->last_bytes = capacity_bytes;
	m->fd = fd;
	m->damaged = &m->is_damaged;
	m->rnd.state = id.v;
	atomic_init(&m->refs, 1);
	return m;
}

/* A memory file of that size, mapped for writing and sealed against everybody else's. NULL when refused. */
static void *
make_file(uint64_t bytes, int fd)
{
	void *map;

	if (ftruncate(fd, (off_t)bytes) != 0)
		return NULL;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
		(void)munmap(map, bytes);
		return NULL;
	}
	return map;
}

enum st
memtable_new(struct file_id id, uint64_t capacity_bytes, struct memtable **mp)
{
	struct mt_header *h;
	int fd;

	*mp = NULL;
	if (capacity_bytes > MT_CAPACITY_MAX)
		return fail(ST_INVALID, "a memtable of %llu bytes is too large",
			    (unsigned long long)capacity_bytes);
	capacity_bytes = capacity_bytes / MT_UNIT * MT_UNIT;
	fd = memfd_create("lsm-memtable", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	h = fd < 0 ? NULL : make_file(file_bytes(capacity_bytes), fd);
	if (h == NULL) {
		enum st st = fail(ST_FULL, "cannot make a memory file of %llu bytes: %s",
				  (unsigned long long)capacity_bytes, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return st;
	}
	h->magic = MT_FILE_MAGIC;
	h->version = MT_VERSION;
	h->id = id.v;
	h->capacity_bytes = capacity_bytes;
	*mp = wrap(id, h, capacity_bytes, fd);
	return ST_OK;
}

/* Is the mapped header that of memtable id in a file of file_size bytes? */
static bool
header_is_sound(const struct mt_header *h, struct file_id id, uint64_t file_size)
{
	return h->magic == MT_FILE_MAGIC && h->version == MT_VERSION && h->id == id.v
	    && h->capacity_bytes <= MT_CAPACITY_MAX && h->capacity_bytes % MT_UNIT == 0
	    && file_bytes(h->capacity_bytes) == file_size;
}

static enum st
map_file(struct file_id id, int fd, struct memtable **mp)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat sb;
	void *map;

	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &sb) != 0 || sb.st_size < (off_t)MT_PAGE)
		return fail(ST_CORRUPT, "what came as memtable %llu is no sealed memory file",
			    (unsigned long long)id.v);
	map = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail(ST_FULL, "cannot map memtable %llu: %s", (unsigned long long)id.v, strerror(errno));
	if (!header_is_sound(map, id, (uint64_t)sb.st_size)) {
		(void)munmap(map, (size_t)sb.st_size);
		return fail(ST_CORRUPT, "what came as memtable %llu is none", (unsigned long long)id.v);
	}
	*mp = wrap(id, map, ((const struct mt_header *)map)->capacity_bytes, -1);
	return ST_OK;
}

enum st
memtable_map(struct file_id id, int fd, struct memtable **mp)
{
	enum st st;

	*mp = NULL;
	st = map_file(id, fd, mp);
	(void)close(fd);
	return st;
}

struct memtable *
memtable_ref(struct memtable *m)
{
	obj_check(m, MEMTABLE_MAGIC);
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void
memtable_unref(struct memtable **mp)
{
	struct memtable *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	obj_check(m, MEMTABLE_MAGIC);
	if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	(void)munmap(m->header, m->map_bytes);
	if (m->fd >= 0)
		(void)close(m->fd);
	obj_fini(m);
	mem_free(m);
}

/* ---- asking ---- */

struct file_id
memtable_id(const struct memtable *m)
{
	return m->id;
}

int
memtable_fd(const struct memtable *m)
{
	return m->fd;
}

bool
memtable_damaged(const struct memtable *m)
{
	return atomic_load_explicit(m->damaged, memory_order_relaxed);
}

uint64_t
memtable_used(const struct memtable *m)
{
	return atomic_load_explicit(&m->header->used_bytes, memory_order_relaxed);
}

uint64_t
memtable_entries(const struct memtable *m)
{
	return atomic_load_explicit(&m->header->entries, memory_order_acquire);
}

uint64_t
memtable_room(const struct memtable *m)
{
	uint64_t used = memtable_used(m);

	return used < m->capacity_bytes ? m->capacity_bytes - used : 0;
}

uint64_t
memtable_cost(size_t key_bytes, size_t value_bytes)
{
	return node_bytes(MT_HEIGHT, key_bytes, value_bytes);
}
