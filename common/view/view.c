/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: what is visible, held open; the point read through it.
 *
 * 1. A get asks memtables newest first, then level 0 newest first, then one table a level. The first
 *    version found decides (view_desc.h says why); everything that keeps a place from answering ends the
 *    get.
 * 2. A table is opened when first read and then stays open as long as the view: later reads find it by one
 *    atomic load. Two threads that open the same table both ask the cache; one gives its reference back. When
 *    the cache is crowded a table is only borrowed from it for the read, so that it may close the least recently used.
 * 3. What a view refers to is fixed at its birth. Only reference count, opened tables and being retired change.
 * 4. A retired view takes from the cache what is there, and what it has to open is its own: tables that left the newest
 *    view are evicted once, so nothing may bring them back to stay.
 *
 * Any thread.
 */
#include "common/view/view.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/read_trace.h"
#include "common/view/view_priv.h"

#define VIEW_MAGIC 0x71e371e3u

/* ---- birth and end ---- */

static void *array_dup(struct arena *a, const void *p, size_t count, size_t size)
{
	void *copy;

	must(count <= SIZE_MAX / size);
	copy = arena_alloc(a, count * size);
	if (count > 0)
		memcpy(copy, p, count * size);
	return copy;
}

static void level_dup(struct arena *a, struct view_level *level)
{
	level->tables = array_dup(a, level->tables, level->count, sizeof *level->tables);
	for (size_t i = 0; i < level->count; i++) {
		level->tables[i].min_key = arena_dup(a, level->tables[i].min_key);
		level->tables[i].max_key = arena_dup(a, level->tables[i].max_key);
	}
}

static void damage_dup(struct view *v)
{
	struct table_damage *d = array_dup(&v->arena, v->desc.damage, v->desc.damage_count, sizeof *d);

	for (size_t i = 0; i < v->desc.damage_count; i++) {
		d[i].min = arena_dup(&v->arena, d[i].min);
		d[i].max = arena_dup(&v->arena, d[i].max);
	}
	v->desc.damage = d;
	damage_index_init(&v->damage, d, v->desc.damage_count, &v->arena);
}

static void desc_dup(struct view *v, const struct view_desc *desc)
{
	v->desc = *desc;
	v->desc.memtables = array_dup(&v->arena, desc->memtables, desc->memtable_count,
				      sizeof *desc->memtables);
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		level_dup(&v->arena, &v->desc.levels[i]);
	damage_dup(v);
}

/* Asks for every memtable of desc; ST_UNAVAILABLE as soon as one is not known. */
static enum st memtables_find(struct view *v, view_find_f *find, void *ctx)
{
	v->memtables = mem_zalloc(v->desc.memtable_count * sizeof(struct memtable *));
	for (size_t i = 0; i < v->desc.memtable_count; i++) {
		v->memtables[i] = find(ctx, v->desc.memtables[i]);
		if (v->memtables[i] == NULL)
			return ST_UNAVAILABLE;
	}
	return ST_OK;
}

static void readers_new(struct view *v)
{
	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		size_t count = v->desc.levels[level].count;

		v->readers[level] = mem_alloc(count * sizeof(view_reader));
		for (size_t i = 0; i < count; i++)
			atomic_init(&v->readers[level][i], NULL);
	}
}

enum st view_new(const struct view_desc *desc, view_find_f *find, void *ctx, struct table_cache *tables,
		 struct view **vp)
{
	struct view *v = mem_zalloc(sizeof *v);
	enum st st;

	*vp = NULL;
	obj_init(v, VIEW_MAGIC);
	atomic_init(&v->refs, 1);
	atomic_init(&v->retired, false);
	arena_init(&v->arena);
	v->cache = tables;
	desc_dup(v, desc);
	readers_new(v);
	st = memtables_find(v, find, ctx);
	if (st) {
		view_unref(&v);
		return st;
	}
	*vp = v;
	return ST_OK;
}

struct view *view_ref(struct view *v)
{
	obj_check(v, VIEW_MAGIC);
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

static void readers_free(struct view *v)
{
	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		for (size_t i = 0; i < v->desc.levels[level].count; i++) {
			struct table_reader *r = atomic_load(&v->readers[level][i]);

			if (r != NULL)
				table_cache_release(v->cache, &r);
		}
		mem_free(v->readers[level]);
	}
}

void view_unref(struct view **vp)
{
	struct view *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	obj_check(v, VIEW_MAGIC);
	if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	readers_free(v);
	for (size_t i = 0; i < v->desc.memtable_count; i++)
		memtable_unref(&v->memtables[i]);
	mem_free(v->memtables);
	arena_fini(&v->arena);
	obj_fini(v);
	mem_free(v);
}

struct memtable *view_memtable(const struct view *v, size_t i)
{
	must(i < v->desc.memtable_count);
	return v->memtables[i];
}

const struct view_desc *view_desc(const struct view *v)
{
	return &v->desc;
}

const struct damage_index *view_damage(const struct view *v)
{
	return &v->damage;
}

void view_retire(struct view *v)
{
	obj_check(v, VIEW_MAGIC);
	atomic_store(&v->retired, true);
}

void view_pin_release(struct view_pin *p)
{
	block_pin_release(&p->block);
	view_unref(&p->view);
}

/* ---- tables ---- */

void view__table_keep(struct view *v, unsigned level, size_t index, struct table_use *u)
{
	struct table_reader *there = NULL, *ours = u->reader;

	if (u->kept)
		return;
	u->kept = true;
	if (atomic_compare_exchange_strong(&v->readers[level][index], &there, ours))
		return;
	table_cache_release(v->cache, &ours);    /* another thread was faster */
	u->reader = there;
}

void view__table_done(struct view *v, struct table_use *u)
{
	if (!u->kept)
		table_cache_release(v->cache, &u->reader);
	*u = (struct table_use){ NULL, false };
}

/* From the cache. What a retired view opens does not stay there (4). */
static enum st open_table(struct view *v, struct file_id id, struct table_reader **rp)
{
	bool retired = atomic_load(&v->retired);
	enum st st = retired ? table_cache_get_once(v->cache, id, rp) : table_cache_get(v->cache, id, rp);

	if (st == ST_OK && !retired && atomic_load(&v->retired))
		table_cache_evict(v->cache, id);         /* it came behind the one that cleared up */
	return st == ST_NOT_FOUND ? ST_UNAVAILABLE : st;
}

enum st view__table(struct view *v, unsigned level, size_t index, bool nowait, struct table_use *u)
{
	struct file_id id = v->desc.levels[level].tables[index].id;
	enum st st;

	*u = (struct table_use){ atomic_load_explicit(&v->readers[level][index], memory_order_acquire), true };
	if (u->reader != NULL)
		return ST_OK;
	u->kept = false;
	if (nowait) {
		u->reader = table_cache_find(v->cache, id);
		if (u->reader == NULL)
			return ST_BUSY;
	} else {
		st = open_table(v, id, &u->reader);
		if (st)
			return st;
	}
	if (!table_cache_is_crowded(v->cache))
		view__table_keep(v, level, index, u);
	return ST_OK;
}

size_t view__find_table(const struct view_level *level, struct slice key)
{
	size_t low = 0, high = level->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_cmp(level->tables[middle].max_key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum st view_pin_tables(struct view *v)
{
	struct table_use u;

	obj_check(v, VIEW_MAGIC);
	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < v->desc.levels[level].count; i++) {
			enum st st = view__table(v, level, i, false, &u);
			bool kept = u.kept;

			if (st)
				return st;
			view__table_done(v, &u);
			if (!kept)
				return ST_FULL;
		}
	return ST_OK;
}

/* ---- the point read ---- */

struct question {
	struct slice key;
	struct seq seq;
	bool nowait;
	struct read_cost *cost;
};

bool view__is_gone(const struct entry *e, int64_t now_ms)
{
	return e->is_tombstone || entry_has_expired(e, now_ms);
}

static enum st ask_memtables(const struct view *v, const struct question *q, struct entry *ep)
{
	for (size_t i = 0; i < v->desc.memtable_count; i++) {
		bool found = memtable_get(v->memtables[i], q->key, q->seq, ep);

		if (q->cost->trace)
			read_trace_step(q->cost, q->cost, v->desc.memtables[i], READ_TRACE_MEMTABLE,
					found ? ST_OK : ST_NOT_FOUND, ep);
		if (found)
			return ST_OK;
		if (memtable_damaged(v->memtables[i]))
			return ST_CORRUPT;
	}
	return ST_NOT_FOUND;
}

/* The table cannot be opened, damaged or missing: all of its keys are hit. */
static enum st blame_table(const struct view_table *t, enum st st, struct read_cost *cost)
{
	cost->damage = (struct table_damage){ .table = t->id, .offset = DAMAGE_WHOLE, .min = t->min_key, .max = t->max_key,
					      .max_seq = t->max_seq };
	return st;
}

/* Is it on record that this table cannot tell about this key? Then the disk is not asked. */
static bool is_known_damaged(const struct view *v, const struct view_table *t, struct slice key, struct read_cost *cost)
{
	const struct table_damage *d = damage_of_key(&v->damage, t->id, key);

	if (d)
		cost->damage = *d;
	return d != NULL;
}

static enum st look_into_table(struct view *v, unsigned level, size_t index, const struct question *q,
			       struct entry *ep, struct block_pin *pin)
{
	const struct view_table *t = &v->desc.levels[level].tables[index];
	struct table_use u;
	enum st st;

	if (v->desc.damage_count > 0 && is_known_damaged(v, t, q->key, q->cost))
		return ST_CORRUPT;
	st = view__table(v, level, index, q->nowait, &u);
	if (st == ST_CORRUPT || st == ST_UNAVAILABLE)
		return blame_table(t, st, q->cost);
	if (st)
		return st;
	st = table_get(u.reader, q->key, q->seq, q->nowait, q->cost, ep, pin);
	if (st == ST_CORRUPT)
		view__table_keep(v, level, index, &u);   /* the keys in cost are the reader's */
	view__table_done(v, &u);
	return st;
}

/* ST_NOT_FOUND also when the table's range does not hold the key. */
static enum st ask_table(struct view *v, unsigned level, size_t index, const struct question *q,
			 struct entry *ep, struct block_pin *pin)
{
	const struct view_table *t = &v->desc.levels[level].tables[index];
	struct read_cost before;
	enum st st;

	if (slice_cmp(q->key, t->min_key) < 0 || slice_cmp(q->key, t->max_key) > 0)
		return ST_NOT_FOUND;
	if (!q->cost->trace)
		return look_into_table(v, level, index, q, ep, pin);
	before = *q->cost;
	st = look_into_table(v, level, index, q, ep, pin);
	read_trace_step(q->cost, &before, t->id, (int)level, st, ep);
	return st;
}

static enum st ask_levels(struct view *v, const struct question *q, struct entry *ep, struct block_pin *pin)
{
	enum st st = ST_NOT_FOUND;

	for (size_t i = 0; st == ST_NOT_FOUND && i < v->desc.levels[0].count; i++)
		st = ask_table(v, 0, i, q, ep, pin);
	for (unsigned level = 1; st == ST_NOT_FOUND && level < LEVEL_COUNT; level++) {
		size_t i = view__find_table(&v->desc.levels[level], q->key);

		if (i < v->desc.levels[level].count)
			st = ask_table(v, level, i, q, ep, pin);
	}
	return st;
}

/* May this answer stand, found or not found, in the face of what is on record as damaged? */
static enum st heed_damage(const struct view *v, const struct question *q, enum st st, const struct entry *e)
{
	const struct table_damage *d;

	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	d = damage_hides(&v->damage, q->key, st == ST_OK ? e->seq : seq(0));
	if (!d)
		return st;
	q->cost->damage = *d;
	return ST_CORRUPT;
}

enum st view_get(struct view *v, struct slice key, struct seq seq, int64_t now_ms, bool nowait,
		 struct read_cost *cost, struct entry *ep, struct view_pin *pin)
{
	struct question q = { key, seq, nowait, cost };
	struct block_pin block = { NULL };
	enum st st;

	obj_check(v, VIEW_MAGIC);
	*pin = (struct view_pin){ NULL, { NULL } };
	read_trace_begin(cost, now_ms);
	st = ask_memtables(v, &q, ep);
	if (st == ST_NOT_FOUND)
		st = ask_levels(v, &q, ep, &block);
	if (v->desc.damage_count > 0)
		st = heed_damage(v, &q, st, ep);
	if (st == ST_OK && view__is_gone(ep, now_ms))
		st = ST_NOT_FOUND;
	if (st)
		block_pin_release(&block);
	else
		*pin = (struct view_pin){ view_ref(v), block };
	return st;
}
