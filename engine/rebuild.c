/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering, sorting, inserting; see rebuild.h. Two batches, which change places:
 *
 *   the caller fills one  --full, or another memtable-->  the thread sorts and inserts it, the caller fills the other
 */
#include "engine/rebuild.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"

#define AHEAD 8u
#define BATCH_BYTES (REBUILD_BYTES / 2)

/* What the sort looks at: most comparisons end with the prefix. */
struct order { uint64_t prefix; const struct entry *entry; };

struct batch {
	struct memtable *into;
	struct arena bytes;              /* copies of the operations */
	uint64_t byte_count;
	struct entry *entries;
	size_t count, capacity;
};

struct rebuild {
	pthread_t thread;
	struct memtable *into;
	uint64_t room;                   /* of it, when all that was added is in */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	/* guarded by lock */
	struct batch *filling, *working; /* working NULL: the thread has nothing to do */
	struct batch *idle;
	bool stop;
};

/* ---- one batch ---- */

static uint64_t prefix_of(struct slice key)
{
	uint8_t p[8] = { 0 };

	memcpy(p, key.p, key.n < 8 ? key.n : 8);
	return __builtin_bswap64(get_u64(p));
}

static int by_entry(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return entry_cmp(x->entry->key, x->entry->seq, y->entry->key, y->entry->seq);
}

/* In sorted order nothing lies where the cache expects it: entries, then their bytes, are asked for in time. */
static void fetch_ahead(const struct order *order, size_t i, size_t count)
{
	if (i + 2 * AHEAD < count)
		__builtin_prefetch(order[i + 2 * AHEAD].entry);
	if (i + AHEAD < count) {
		const struct entry *e = order[i + AHEAD].entry;

		__builtin_prefetch(e->key.p);
		__builtin_prefetch(e->value.p + e->value.n);
	}
}

static void insert_all(struct batch *b)
{
	struct order *order = mem_alloc((b->count + 1) * sizeof(*order));

	for (size_t i = 0; i < b->count; i++)
		order[i] = (struct order){ prefix_of(b->entries[i].key), &b->entries[i] };
	if (b->count)
		qsort(order, b->count, sizeof(*order), by_entry);
	for (size_t i = 0; i < b->count; i++) {
		fetch_ahead(order, i, b->count);
		memtable_insert(b->into, order[i].entry);
	}
	mem_free(order);
}

static struct batch *batch_new(void)
{
	struct batch *b = mem_zalloc(sizeof(*b));

	arena_init(&b->bytes);
	return b;
}

static void batch_reset(struct batch *b)
{
	arena_fini(&b->bytes);
	arena_init(&b->bytes);
	b->byte_count = b->count = 0;
	b->into = NULL;
}

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	arena_fini(&b->bytes);
	mem_free(b->entries);
	mem_free(b);
}

static void batch_add(struct batch *b, const struct entry *e)
{
	if (b->count == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 1024;
		b->entries = mem_resize(b->entries, b->capacity * sizeof(*b->entries));
	}
	b->entries[b->count++] = *e;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct rebuild *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (!r->working && !r->stop)
			pthread_cond_wait(&r->moved, &r->lock);
		if (!r->working)
			break;
		pthread_mutex_unlock(&r->lock);
		insert_all(r->working);
		batch_reset(r->working);
		pthread_mutex_lock(&r->lock);
		r->idle = r->working;
		r->working = NULL;
		pthread_cond_broadcast(&r->moved);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Gives what was gathered to the thread, once it is free. */
static void hand_over(struct rebuild *r)
{
	if (r->filling->count == 0)
		return;
	r->filling->into = r->into;
	pthread_mutex_lock(&r->lock);
	while (r->working)
		pthread_cond_wait(&r->moved, &r->lock);
	r->working = r->filling;
	r->filling = r->idle;
	r->idle = NULL;
	pthread_cond_broadcast(&r->moved);
	pthread_mutex_unlock(&r->lock);
}

/* ---- the caller ---- */

struct rebuild *rebuild_new(void)
{
	struct rebuild *r = mem_zalloc(sizeof(*r));

	r->filling = batch_new();
	r->idle = batch_new();
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->moved, NULL);
	r->thread = proc_thread("rebuild", run, r);
	return r;
}

void rebuild_free(struct rebuild **rp)
{
	struct rebuild *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->moved);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	batch_free(r->filling);
	batch_free(r->idle);
	pthread_cond_destroy(&r->moved);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

void rebuild_into(struct rebuild *r, struct memtable *m)
{
	hand_over(r);
	r->into = m;
	r->room = memtable_room(m);
}

void rebuild_finish(struct rebuild *r)
{
	hand_over(r);
	pthread_mutex_lock(&r->lock);
	while (r->working)
		pthread_cond_wait(&r->moved, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

enum st rebuild_add(struct rebuild *r, const struct wal_batch *b)
{
	bool alone = b->batches.n > BATCH_BYTES;
	struct slice copy;
	struct write_walk w;
	uint64_t n = b->first_sequence.v;
	struct write_op op;

	must(r->into != NULL);
	if (alone)
		rebuild_finish(r);
	else if (r->filling->byte_count + b->batches.n > BATCH_BYTES || r->filling->count >= REBUILD_ENTRIES)
		hand_over(r);
	copy = arena_dup(&r->filling->bytes, b->batches);
	r->filling->byte_count += copy.n;
	w = write_walk_begin(copy);
	while (write_walk_next(&w, &op)) {
		struct entry e = { .key = op.key, .value = op.value, .seq = seq(n++), .timestamp_ms = b->timestamp_ms,
				   .expires_at_ms = op.expires_at_ms, .is_tombstone = op.is_delete };
		uint64_t cost = memtable_cost(op.key.n, op.value.n);

		if (r->room < cost)
			return fail(ST_INTERNAL, "memtable %llu is too small for its segment",
				    (unsigned long long)memtable_id(r->into).v);
		r->room -= cost;
		batch_add(r->filling, &e);
	}
	if (alone)
		rebuild_finish(r);
	return ST_OK;
}
