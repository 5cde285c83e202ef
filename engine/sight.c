/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published view, opened in the engine; see sight.h.
 *
 * The caches are small on purpose: what a decision needs again soon is mostly still in a memtable. The gauges of memory
 * count them, and frontends leave them out of their own share (frontend/shares.h).
 */
#include "engine/sight.h"

#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "common/view/view_evict.h"
#include "engine/decide.h"
#include "proto/view_msg.h"

#define SIGHT_MAGIC 0x51647401u
#define BLOCK_BYTES (8u << 20)           /* at most, as below */
#define BLOCK_SHARE 32u                  /* of the budget */
#define TABLE_BYTES (16u << 20)          /* of indexes and filters */
#define TABLE_SHARE 16u
#define TABLES_OPEN 64u
#define ATTEMPTS 16u
#define STOP_EVERY 1024u
#define VALUE_KEPT 32u                   /* longer than any number */

struct sight {
	uint32_t magic;
	/* fixed after new */
	struct sight_config conf;
	struct block_cache *blocks;
	struct table_cache *tables;

	pthread_mutex_t lock;
	/* guarded by lock */
	struct view *view;               /* NULL: none is open */
	uint64_t generation;             /* of it */
	struct buf message;
	struct arena arena;
};

static uint64_t share_of(const struct sight_config *c, uint64_t share, uint64_t most)
{
	return c->budget_bytes / share < most ? c->budget_bytes / share : most;
}

struct sight *sight_new(const struct sight_config *c)
{
	struct sight *s = mem_zalloc(sizeof(*s));

	obj_init(s, SIGHT_MAGIC);
	s->conf = *c;
	s->blocks = block_cache_new(share_of(c, BLOCK_SHARE, BLOCK_BYTES));
	s->tables = table_cache_new(c->vfs, c->data_dir, truth_database(c->truth), s->blocks, TABLES_OPEN);
	table_cache_set_memory(s->tables, share_of(c, TABLE_SHARE, TABLE_BYTES));
	pthread_mutex_init(&s->lock, NULL);
	arena_init(&s->arena);
	return s;
}

void sight_free(struct sight **sp)
{
	struct sight *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	obj_check(s, SIGHT_MAGIC);
	if (s->view)
		view_unref(&s->view);
	table_cache_free(&s->tables);
	block_cache_free(&s->blocks);
	pthread_mutex_destroy(&s->lock);
	arena_fini(&s->arena);
	buf_fini(&s->message);
	obj_fini(s);
	mem_free(s);
}

/* ---- the view (lock held) ---- */

static uint64_t table_count(const struct view_desc *d)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		n += d->levels[i].count;
	return n;
}

static void replace(struct sight *s, struct view *fresh, uint64_t generation)
{
	if (s->view) {
		view_retire(s->view);
		view_evict(s->tables, s->view, fresh);
		view_unref(&s->view);
	}
	s->view = fresh;
	s->generation = generation;
}

/* A memtable that is flushed between the two looks is in a newer view. */
static enum st load(struct sight *s)
{
	struct board *board = truth_board(s->conf.truth);
	struct view_desc desc;
	struct view *fresh;
	uint64_t generation;
	enum st st = board_load(board, &s->message, &generation);

	if (st)
		return ST_UNAVAILABLE;
	arena_reset(&s->arena);
	st = view_desc_decode(buf_slice(&s->message), &s->arena, &desc);
	if (st)
		return st;
	(void)table_cache_expect(s->tables, table_count(&desc));
	st = view_new(&desc, truth_find_memtable, s->conf.truth, s->tables, &fresh);
	if (!st)
		replace(s, fresh, generation);
	return st;
}

static enum st refresh(struct sight *s)
{
	struct board *board = truth_board(s->conf.truth);
	enum st st = ST_OK;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		if (s->view && s->generation == board_generation(board))
			return ST_OK;
		st = load(s);
		if (st && st != ST_UNAVAILABLE)
			return st;
	}
	return s->view ? ST_OK : ST_UNAVAILABLE;         /* it changes all the time: the last one will do */
}

enum st sight_view(struct sight *s, struct view **vp, struct file_id *activep)
{
	enum st st;

	obj_check(s, SIGHT_MAGIC);
	*vp = NULL;
	pthread_mutex_lock(&s->lock);
	st = refresh(s);
	if (!st) {
		*vp = view_ref(s->view);
		*activep = view_desc(s->view)->memtables[0];
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

void sight_doubt(struct sight *s)
{
	pthread_mutex_lock(&s->lock);
	s->generation = 0;
	pthread_mutex_unlock(&s->lock);
}

static void tell_sizes(struct sight *s)
{
	struct table_cache_use use = table_cache_use(s->tables);
	struct block_cache_stats blocks;

	block_cache_stats(s->blocks, &blocks);
	stats_set(M_memory_block_cache, blocks.used_bytes);
	stats_set(M_memory_indexes, use.index_bytes);
	stats_set(M_memory_filters, use.filter_bytes);
	stats_set(M_open_tables, use.open);
}

void sight_rest(struct sight *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->view && s->generation != board_generation(truth_board(s->conf.truth)))
		(void)!load(s);
	pthread_mutex_unlock(&s->lock);
	tell_sizes(s);
}

/* ---- reading ---- */

static void tell(const struct sight *s, const struct table_damage *d)
{
	if (s->conf.tell_damage && d->table.v && !d->record)
		s->conf.tell_damage(s->conf.damage_ctx, d->table, d->offset);
}

/* What the failure of a read means to whoever decides. */
static enum st judge(struct sight *s, enum st st, const struct table_damage *d)
{
	if (st == ST_OK || st == ST_NOT_FOUND)
		return st;
	if (d)
		tell(s, d);
	return st == ST_CORRUPT ? ST_CORRUPT : st == ST_UNAVAILABLE ? ST_BUSY : ST_UNAVAILABLE;
}

struct present sight_look(struct sight *s, struct view *v, struct slice key, struct arena *a)
{
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct present p = { 0 };
	struct entry e;
	/* Expiry is judged when the write is decided: here everything is still alive. */
	enum st st = view_get(v, key, SEQ_MAX, 0, false, &cost, &e, &pin);

	p.st = judge(s, st, &cost.damage);
	if (st)
		return p;
	p = present_of(&e);
	p.value = arena_dup(a, slice_of(e.value.p, e.value.n < VALUE_KEPT ? e.value.n : VALUE_KEPT));
	view_pin_release(&pin);
	return p;
}

static void add_key(struct buf *keys, struct slice key)
{
	uint8_t *p = buf_reserve(keys, VARINT_MAX_BYTES + key.n), *begin = p;

	p = put_varint(p, key.n);
	memcpy(p, key.p, key.n);
	keys->n += (size_t)(p + key.n - begin);
}

static bool is_stopped(const struct sight_range *r)
{
	return r->count % STOP_EVERY == 0 && r->stop && atomic_load_explicit(r->stop, memory_order_relaxed);
}

static enum st collect(struct iter *it, struct sight_range *r)
{
	uint64_t bytes = 0;

	for (iter_seek(it, r->begin, SEQ_MAX); it->valid; iter_next(it)) {
		if (r->end.n && slice_cmp(it->entry.key, r->end) >= 0)
			return ST_OK;
		bytes += decide_delete_bytes(it->entry.key);
		r->count++;
		if (bytes > r->most)
			return ST_TOO_BIG;
		if (is_stopped(r))
			return ST_UNAVAILABLE;
		add_key(r->keys, it->entry.key);
	}
	return it->status == ST_CANCELLED ? ST_UNAVAILABLE : it->status;         /* as is_stopped() */
}

enum st sight_range(struct sight *s, struct view *v, struct sight_range *r)
{
	struct iter *it = view_iter_new(v, SEQ_MAX, clock_wall_ms());
	enum st st;

	r->count = 0;
	view_iter_within(it, r->begin, r->end);
	view_iter_stop(it, r->stop);
	st = collect(it, r);
	if (st != ST_TOO_BIG)
		st = judge(s, st, view_iter_found(it));
	iter_free(&it);
	return st;
}
