/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressed blocks in memory, in shards. A shard has a lock, a hash table, and two rings, each with a hand:
 *
 *	insert -> fresh (oldest -> ... -> newest)  -- found since: -->  proven (CLOCK) -> evicted
 *	                                           -- not found: ---->  evicted
 *
 * A block found gets its reference bit. Room is looked for among the fresh ones as long as they hold more than
 * FRESH_PART of the shard: the oldest goes, or becomes a proven one when it has its bit. Else the hand goes round the
 * proven ones, takes the bit away from those that have it and evicts the first that has none. So blocks that are read
 * once, of a scan however long, take the place of each other, and of proven ones no more than that part.
 *
 * 1. used <= capacity in every shard; a block larger than a shard is never kept.
 * 2. A block lives while somebody counts a reference: the shard one, each pin one. Eviction takes away the
 *    shard's.
 * 3. No lock is held while bytes are freed.
 *
 * Any thread. Shard locks are leaves: nothing is called under one.
 */
#include "common/table/block_cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define BLOCK_CACHE_MAGIC 0x626c6361u
#define SHARDS_MAX 16u
#define SHARD_BYTES_MIN (512u << 10)     /* a small cache has fewer shards, so that each holds some blocks */
#define BUCKETS_MIN 64u
#define FRESH_PART 8u                    /* an eighth */

struct cached_block {
	size_t n;
	atomic_uint refs;
	/* guarded by the shard's lock */
	uint64_t table, offset, hash;
	bool referenced, proven;
	struct cached_block *chain;          /* next in the bucket */
	struct cached_block *next, *previous;    /* ring */
	uint8_t bytes[];
};

struct ring { struct cached_block *hand; uint64_t bytes; };      /* hand: the oldest, or the next to be looked at */

struct shard {
	pthread_mutex_t lock;
	uint64_t capacity, used;
	struct cached_block **buckets;
	size_t bucket_count, block_count;
	struct ring fresh, proven;
	uint64_t hits, misses, evictions;
} __attribute__((aligned(64)));

struct block_cache {
	uint32_t magic;
	unsigned shard_count;                /* a power of two; fixed, as is all but the capacity */
	_Atomic uint64_t capacity;
	void *memory;
	struct shard *shards;
};

struct block_cache *block_cache_new(uint64_t capacity_bytes)
{
	struct block_cache *c = mem_zalloc(sizeof(*c));

	obj_init(c, BLOCK_CACHE_MAGIC);
	atomic_init(&c->capacity, capacity_bytes);
	for (c->shard_count = 1; c->shard_count < SHARDS_MAX; c->shard_count *= 2)
		if (capacity_bytes / (c->shard_count * 2) < SHARD_BYTES_MIN)
			break;
	c->memory = mem_zalloc((c->shard_count + 1) * sizeof(*c->shards));
	c->shards = (struct shard *)(((uintptr_t)c->memory + 63) / 64 * 64);
	for (unsigned i = 0; i < c->shard_count; i++) {
		struct shard *s = &c->shards[i];

		must(pthread_mutex_init(&s->lock, NULL) == 0);
		s->capacity = capacity_bytes / c->shard_count;
		s->bucket_count = BUCKETS_MIN;
		s->buckets = mem_zalloc(BUCKETS_MIN * sizeof(*s->buckets));
	}
	return c;
}

static void unref(struct cached_block *b)
{
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
		return;
	mem_free(b);
}

static size_t charge(const struct cached_block *b) { return b->n + sizeof(*b); }

static uint64_t place_hash(struct file_id table, uint64_t offset)
{
	uint64_t place[2] = { table.v, offset };

	return hash64(slice_of(place, sizeof(place)));
}

static struct shard *shard_of(struct block_cache *c, uint64_t hash)
{
	return &c->shards[(hash >> 32) & (c->shard_count - 1)];
}

static struct cached_block **bucket_of(struct shard *s, uint64_t hash)
{
	return &s->buckets[hash & (s->bucket_count - 1)];
}

static struct cached_block *lookup(struct shard *s, uint64_t table, uint64_t offset, uint64_t hash)
{
	struct cached_block *b;

	for (b = *bucket_of(s, hash); b; b = b->chain)
		if (b->offset == offset && b->table == table)
			return b;
	return NULL;
}

static void grow(struct shard *s)
{
	struct cached_block **old = s->buckets, *b, *next;
	size_t n = s->bucket_count;

	s->bucket_count = n * 2;
	s->buckets = mem_zalloc(s->bucket_count * sizeof(*s->buckets));
	for (size_t i = 0; i < n; i++)
		for (b = old[i]; b; b = next) {
			next = b->chain;
			b->chain = *bucket_of(s, b->hash);
			*bucket_of(s, b->hash) = b;
		}
	mem_free(old);
}

static struct ring *ring_of(struct shard *s, const struct cached_block *b)
{
	return b->proven ? &s->proven : &s->fresh;
}

/* Last in the ring: behind the hand. */
static void ring_in(struct ring *r, struct cached_block *b)
{
	if (r->hand) {
		b->next = r->hand;
		b->previous = r->hand->previous;
		b->previous->next = b->next->previous = b;
	} else {
		r->hand = b->next = b->previous = b;
	}
	r->bytes += charge(b);
}

static void ring_out(struct ring *r, struct cached_block *b)
{
	b->next->previous = b->previous;
	b->previous->next = b->next;
	if (r->hand == b)
		r->hand = b->next == b ? NULL : b->next;
	r->bytes -= charge(b);
}

static void link_block(struct shard *s, struct cached_block *b)
{
	if (s->block_count * 2 >= s->bucket_count)
		grow(s);         /* a bucket is 8 bytes; every further block in its chain is a wait for memory */
	b->chain = *bucket_of(s, b->hash);
	*bucket_of(s, b->hash) = b;
	ring_in(ring_of(s, b), b);
	s->used += charge(b);
	s->block_count++;
}

static void unlink_block(struct shard *s, struct cached_block *b)
{
	struct cached_block **at = bucket_of(s, b->hash);

	while (*at != b)
		at = &(*at)->chain;
	*at = b->chain;
	ring_out(ring_of(s, b), b);
	s->used -= charge(b);
	s->block_count--;
}

/* The block that may go next, or NULL: one more was looked at and spared. */
static struct cached_block *next_victim(struct shard *s)
{
	bool from_fresh = s->fresh.bytes > s->capacity / FRESH_PART || !s->proven.hand;
	struct cached_block *b = from_fresh ? s->fresh.hand : s->proven.hand;

	if (!b->referenced)
		return b;
	b->referenced = false;
	if (from_fresh) {
		ring_out(&s->fresh, b);
		b->proven = true;
		ring_in(&s->proven, b);
	} else {
		s->proven.hand = b->next;
	}
	return NULL;
}

/* Makes room for n bytes; gives what was evicted, chained, to be let go without the lock. */
static struct cached_block *evict(struct shard *s, size_t n)
{
	struct cached_block *out = NULL, *b;

	while (s->used > 0 && s->used + n > s->capacity) {
		b = next_victim(s);
		if (!b)
			continue;
		unlink_block(s, b);
		s->evictions++;
		b->chain = out;
		out = b;
	}
	return out;
}

static void let_go(struct cached_block *evicted)
{
	for (struct cached_block *next; evicted; evicted = next) {
		next = evicted->chain;
		unref(evicted);
	}
}

void block_cache_set_capacity(struct block_cache *c, uint64_t capacity_bytes)
{
	obj_check(c, BLOCK_CACHE_MAGIC);
	if (atomic_exchange(&c->capacity, capacity_bytes) == capacity_bytes)
		return;
	for (unsigned i = 0; i < c->shard_count; i++) {
		struct shard *s = &c->shards[i];
		struct cached_block *evicted;

		pthread_mutex_lock(&s->lock);
		s->capacity = capacity_bytes / c->shard_count;
		evicted = evict(s, 0);
		pthread_mutex_unlock(&s->lock);
		let_go(evicted);
	}
}

bool block_cache_find(struct block_cache *c, struct file_id table, uint64_t offset, struct block_pin *pinp,
		      struct slice *bytesp)
{
	uint64_t hash = place_hash(table, offset);
	struct shard *s = shard_of(c, hash);
	struct cached_block *b;

	obj_check(c, BLOCK_CACHE_MAGIC);
	pinp->block = NULL;
	*bytesp = slice_of(NULL, 0);
	if (atomic_load_explicit(&c->capacity, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	b = lookup(s, table.v, offset, hash);
	if (b) {
		b->referenced = true;
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
		s->hits++;
	} else {
		s->misses++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!b)
		return false;
	pinp->block = b;
	*bytesp = slice_of(b->bytes, b->n);
	return true;
}

/* Keeps b in the shard unless it is too large or somebody was faster; gives the block to be pinned. */
static struct cached_block *keep(struct shard *s, struct cached_block *b)
{
	struct cached_block *evicted = NULL, *other;

	pthread_mutex_lock(&s->lock);
	if (charge(b) > s->capacity) {
		pthread_mutex_unlock(&s->lock);
		return b;
	}
	other = lookup(s, b->table, b->offset, b->hash);
	if (other) {
		atomic_fetch_add_explicit(&other->refs, 1, memory_order_relaxed);
	} else {
		evicted = evict(s, charge(b));
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
		link_block(s, b);
	}
	pthread_mutex_unlock(&s->lock);
	let_go(evicted);
	if (!other)
		return b;
	unref(b);
	return other;
}

struct cached_block *cached_block_new(size_t n, uint8_t **bytesp)
{
	struct cached_block *b = mem_try(sizeof(*b) + n);

	if (!b)
		return NULL;
	*b = (struct cached_block){ .n = n };
	atomic_init(&b->refs, 1);
	*bytesp = b->bytes;
	return b;
}

void cached_block_free(struct cached_block **bp)
{
	mem_drop(bp);
}

struct slice block_cache_insert(struct block_cache *c, struct file_id table, uint64_t offset, struct cached_block **bp,
				size_t n, struct block_pin *pinp)
{
	struct cached_block *b = *bp;

	must(n <= b->n);
	*bp = NULL;
	b->n = n;
	if (c && atomic_load_explicit(&c->capacity, memory_order_relaxed) > 0) {
		obj_check(c, BLOCK_CACHE_MAGIC);
		b->table = table.v;
		b->offset = offset;
		b->hash = place_hash(table, offset);
		b = keep(shard_of(c, b->hash), b);
	}
	pinp->block = b;
	return slice_of(b->bytes, b->n);
}

void block_pin_release(struct block_pin *pin)
{
	if (pin->block)
		unref(pin->block);
	pin->block = NULL;
}

void block_cache_stats(struct block_cache *c, struct block_cache_stats *sp)
{
	obj_check(c, BLOCK_CACHE_MAGIC);
	*sp = (struct block_cache_stats){ .capacity_bytes = atomic_load(&c->capacity) };
	for (unsigned i = 0; i < c->shard_count; i++) {
		struct shard *s = &c->shards[i];

		pthread_mutex_lock(&s->lock);
		sp->hits += s->hits;
		sp->misses += s->misses;
		sp->evictions += s->evictions;
		sp->used_bytes += s->used;
		pthread_mutex_unlock(&s->lock);
	}
}

static void free_shard(struct shard *s)
{
	while (s->used > 0) {
		struct cached_block *b = s->fresh.hand ? s->fresh.hand : s->proven.hand;

		unlink_block(s, b);
		must(atomic_load(&b->refs) == 1);
		unref(b);
	}
	mem_free(s->buckets);
	pthread_mutex_destroy(&s->lock);
}

void block_cache_free(struct block_cache **cp)
{
	struct block_cache *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	obj_check(c, BLOCK_CACHE_MAGIC);
	for (unsigned i = 0; i < c->shard_count; i++)
		free_shard(&c->shards[i]);
	mem_free(c->memory);
	obj_fini(c);
	mem_free(c);
}
