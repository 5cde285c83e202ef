/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live tables by level, in memory.
 *
 *   levels[n]: pointers in search order (level 0 newest first, deeper by key)
 *   by_id:     the same tables by id, for look-ups
 *
 * An edit is applied by building the touched levels anew: check and apply share that code, so what was
 * checked is what becomes true. Runs under the truth's locks (truth.h).
 */
#include "engine/version.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/must.h"

#define VERSION_MAGIC 0x56e25104u

/* live is the first member, so that a level's pointers are pointers to live_table for those who look. */
struct table_node {
	struct live_table live;
	bool busy;
	bool leaving;                    /* during an apply only */
};

struct version {
	uint32_t magic;
	struct live_table **levels[LEVEL_COUNT];
	size_t counts[LEVEL_COUNT];
	uint64_t bytes[LEVEL_COUNT];
	struct live_table **by_id;
	size_t total;
	struct damages damages;
};

struct version *version_new(void)
{
	struct version *v = mem_zalloc(sizeof *v);

	obj_init(v, VERSION_MAGIC);
	damages_init(&v->damages);
	return v;
}

static void node_free(struct live_table *t)
{
	mem_free((void *)(uintptr_t)t->facts.min_key.p);
	mem_free((void *)(uintptr_t)t->facts.max_key.p);
	mem_free(t);
}

void version_free(struct version **vp)
{
	struct version *v = *vp;

	if (!v)
		return;
	obj_check(v, VERSION_MAGIC);
	for (size_t i = 0; i < v->total; i++)
		node_free(v->by_id[i]);
	for (unsigned l = 0; l < LEVEL_COUNT; l++)
		mem_free(v->levels[l]);
	mem_free(v->by_id);
	damages_fini(&v->damages);
	obj_fini(v);
	mem_free(v);
	*vp = NULL;
}

/* ---- orders ---- */

static int by_id_order(const void *a, const void *b)
{
	uint64_t x = (*(struct live_table *const *)a)->facts.id.v, y = (*(struct live_table *const *)b)->facts.id.v;

	return (x > y) - (x < y);
}

static int newest_first(const void *a, const void *b)
{
	const struct table_facts *x = &(*(struct live_table *const *)a)->facts;
	const struct table_facts *y = &(*(struct live_table *const *)b)->facts;

	if (x->max_seq.v != y->max_seq.v)
		return x->max_seq.v > y->max_seq.v ? -1 : 1;
	return (x->id.v < y->id.v) - (x->id.v > y->id.v);
}

static int key_order(const void *a, const void *b)
{
	const struct table_facts *x = &(*(struct live_table *const *)a)->facts;
	const struct table_facts *y = &(*(struct live_table *const *)b)->facts;

	return slice_cmp(x->min_key, y->min_key);
}

/* ---- look-ups ---- */

static struct table_node *node_find(const struct version *v, struct file_id id)
{
	struct live_table key = { .facts.id = id };
	struct live_table *kp = &key, **found;

	if (v->total == 0)
		return NULL;
	found = bsearch(&kp, v->by_id, v->total, sizeof *v->by_id, by_id_order);
	return found ? (struct table_node *)*found : NULL;
}

const struct live_table *version_find(const struct version *v, struct file_id id)
{
	struct table_node *n = node_find(v, id);

	return n ? &n->live : NULL;
}

struct level_list version_level(const struct version *v, unsigned level)
{
	must(level < LEVEL_COUNT);
	return (struct level_list){ v->levels[level], v->counts[level], v->bytes[level] };
}

void version_set_busy(struct version *v, struct file_id id, bool busy)
{
	struct table_node *n = node_find(v, id);

	must(n != NULL);
	n->busy = busy;
}

bool version_is_busy(const struct live_table *live)
{
	return ((const struct table_node *)live)->busy;
}

const struct damages *version_damages(const struct version *v)
{
	return &v->damages;
}

void version_set_damages(struct version *v, const struct table_damage *list, size_t n, uint64_t next)
{
	for (size_t i = 0; i < n; i++)
		damages_add(&v->damages, &list[i]);
	if (next > v->damages.next)
		v->damages.next = next;
}

/* ---- edits ---- */

static bool edit_removes(const struct version_edit *e, struct file_id id)
{
	for (size_t i = 0; i < e->removed_count; i++)
		if (e->removed[i].v == id.v)
			return true;
	return false;
}

static bool edit_touches(const struct version *v, const struct version_edit *e, unsigned level)
{
	for (size_t i = 0; i < e->added_count; i++)
		if (e->added[i].level == level)
			return true;
	for (size_t i = 0; i < e->removed_count; i++) {
		const struct live_table *t = version_find(v, e->removed[i]);

		if (t && t->level == level)
			return true;
	}
	return false;
}

static void level_sort(struct live_table **tables, size_t n, unsigned level)
{
	if (n > 1)
		qsort(tables, n, sizeof *tables, level == 0 ? newest_first : key_order);
}

static enum st check_removed(const struct version *v, const struct version_edit *e)
{
	for (size_t i = 0; i < e->removed_count; i++) {
		if (!version_find(v, e->removed[i]))
			return fail(ST_CORRUPT, "edit removes table %" PRIu64 ", which is not live", e->removed[i].v);
		for (size_t j = 0; j < i; j++)
			if (e->removed[j].v == e->removed[i].v)
				return fail(ST_CORRUPT, "edit removes table %" PRIu64 " twice", e->removed[i].v);
	}
	return ST_OK;
}

/* One added table by itself: a known level, an order in its bounds, an id that is free or leaves in the same
 * edit. */
static enum st check_one_added(const struct version *v, const struct version_edit *e,
			       const struct live_table *t)
{
	const struct table_facts *f = &t->facts;

	if (f->id.v == 0 || t->level >= LEVEL_COUNT)
		return fail(ST_CORRUPT, "edit adds table %" PRIu64 " on level %u: there is no such place", f->id.v, t->level);
	if (slice_cmp(f->min_key, f->max_key) > 0 || f->min_seq.v > f->max_seq.v)
		return fail(ST_CORRUPT, "edit adds table %" PRIu64 ", whose range is the wrong way round", f->id.v);
	if (version_find(v, f->id) && !edit_removes(e, f->id))
		return fail(ST_CORRUPT, "edit adds table %" PRIu64 ", which is live already", f->id.v);
	return ST_OK;
}

static enum st check_added(const struct version *v, const struct version_edit *e)
{
	struct live_table **sorted = mem_alloc((e->added_count + 1) * sizeof *sorted);
	enum st st = ST_OK;

	for (size_t i = 0; i < e->added_count && !st; i++) {
		st = check_one_added(v, e, &e->added[i]);
		sorted[i] = &e->added[i];
	}
	if (!st && e->added_count > 1) {
		qsort(sorted, e->added_count, sizeof *sorted, by_id_order);
		for (size_t i = 1; i < e->added_count && !st; i++)
			if (sorted[i]->facts.id.v == sorted[i - 1]->facts.id.v)
				st = fail(ST_CORRUPT, "edit adds table %" PRIu64 " twice", sorted[i]->facts.id.v);
	}
	mem_free(sorted);
	return st;
}

/* The level as it would be; on loan from the version and the edit. */
static enum st check_level(const struct version *v, const struct version_edit *e, unsigned level)
{
	struct live_table **next = mem_alloc((v->counts[level] + e->added_count + 1) * sizeof *next);
	enum st st = ST_OK;
	size_t n = 0;

	for (size_t i = 0; i < v->counts[level]; i++)
		if (!edit_removes(e, v->levels[level][i]->facts.id))
			next[n++] = v->levels[level][i];
	for (size_t i = 0; i < e->added_count; i++)
		if (e->added[i].level == level)
			next[n++] = &e->added[i];
	level_sort(next, n, level);
	for (size_t i = 1; i < n && !st; i++)
		if (slice_cmp(next[i - 1]->facts.max_key, next[i]->facts.min_key) >= 0)
			st = fail(ST_CORRUPT, "tables %" PRIu64 " and %" PRIu64 " would overlap on level %u",
				  next[i - 1]->facts.id.v, next[i]->facts.id.v, level);
	mem_free(next);
	return st;
}

static enum st check_damage(const struct version *v, const struct version_edit *e)
{
	for (size_t i = 0; i < e->damage_count; i++) {
		const struct table_damage *d = &e->damage[i].at;

		if (d->record < v->damages.next || (i > 0 && d->record <= e->damage[i - 1].at.record))
			return fail(ST_CORRUPT, "edit puts damage on record under number %" PRIu64 ", which is not free", d->record);
		if (d->table.v == 0 || slice_cmp(d->min, d->max) > 0)
			return fail(ST_CORRUPT, "edit puts damage on record whose range is the wrong way round");
	}
	for (size_t i = 0; i < e->mended_count; i++)
		if (!damages_record(&v->damages, e->mended[i]))
			return fail(ST_CORRUPT, "edit closes damage record %" PRIu64 ", which is not open", e->mended[i]);
	return ST_OK;
}

enum st version_check(const struct version *v, const struct version_edit *e)
{
	enum st st;

	obj_check(v, VERSION_MAGIC);
	st = check_damage(v, e);
	if (!st)
		st = check_removed(v, e);
	if (!st)
		st = check_added(v, e);
	for (unsigned l = 1; l < LEVEL_COUNT && !st; l++)
		if (edit_touches(v, e, l))
			st = check_level(v, e, l);
	return st;
}

static struct live_table *node_new(const struct live_table *t)
{
	struct table_node *n = mem_zalloc(sizeof *n);
	const struct table_facts *f = &t->facts;

	n->live = *t;
	n->live.facts.min_key.p = mem_dup(f->min_key.p, f->min_key.n);
	n->live.facts.max_key.p = mem_dup(f->max_key.p, f->max_key.n);
	return &n->live;
}

/* Drops leaving nodes from a list of pointers, in place. */
static size_t drop_leaving(struct live_table **list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!((struct table_node *)list[i])->leaving)
			list[kept++] = list[i];
	return kept;
}

static void apply_removed(struct version *v, const struct version_edit *e)
{
	struct live_table **gone = mem_alloc((e->removed_count + 1) * sizeof *gone);

	for (size_t i = 0; i < e->removed_count; i++) {
		struct table_node *n = node_find(v, e->removed[i]);

		must(n != NULL);
		n->leaving = true;
		v->bytes[n->live.level] -= n->live.facts.size_bytes;
		gone[i] = &n->live;
	}
	if (e->removed_count) {
		for (unsigned l = 0; l < LEVEL_COUNT; l++)
			v->counts[l] = drop_leaving(v->levels[l], v->counts[l]);
		v->total = drop_leaving(v->by_id, v->total);
	}
	for (size_t i = 0; i < e->removed_count; i++)
		node_free(gone[i]);
	mem_free(gone);
}

static void apply_added(struct version *v, const struct version_edit *e)
{
	size_t more[LEVEL_COUNT] = { 0 };

	for (size_t i = 0; i < e->added_count; i++)
		more[e->added[i].level]++;
	for (unsigned l = 0; l < LEVEL_COUNT; l++)
		if (more[l])
			v->levels[l] = mem_resize(v->levels[l], (v->counts[l] + more[l]) * sizeof *v->levels[l]);
	v->by_id = mem_resize(v->by_id, (v->total + e->added_count + 1) * sizeof *v->by_id);
	for (size_t i = 0; i < e->added_count; i++) {
		struct live_table *t = node_new(&e->added[i]);

		v->levels[t->level][v->counts[t->level]++] = t;
		v->by_id[v->total++] = t;
		v->bytes[t->level] += t->facts.size_bytes;
	}
	for (unsigned l = 0; l < LEVEL_COUNT; l++)
		if (more[l])
			level_sort(v->levels[l], v->counts[l], l);
	if (v->total > 1)
		qsort(v->by_id, v->total, sizeof *v->by_id, by_id_order);
}

/* Added tables are copied first: an edit that moves a table may lend us the keys of the very node that
 * leaves. */
void version_apply(struct version *v, const struct version_edit *e)
{
	struct version_edit copy = *e;
	struct arena keys;

	obj_check(v, VERSION_MAGIC);
	for (size_t i = 0; i < e->mended_count; i++)
		damages_drop(&v->damages, e->mended[i]);
	for (size_t i = 0; i < e->damage_count; i++)
		damages_add(&v->damages, &e->damage[i].at);
	arena_init(&keys);
	copy.added = arena_alloc(&keys, (e->added_count + 1) * sizeof *copy.added);
	for (size_t i = 0; i < e->added_count; i++) {
		copy.added[i] = e->added[i];
		copy.added[i].facts.min_key = arena_dup(&keys, e->added[i].facts.min_key);
		copy.added[i].facts.max_key = arena_dup(&keys, e->added[i].facts.max_key);
	}
	apply_removed(v, e);
	apply_added(v, &copy);
	arena_fini(&keys);
}

/* ---- the view ---- */

static void describe_one(const struct live_table *t, struct arena *a, struct view_table *out)
{
	const struct table_facts *f = &t->facts;

	*out = (struct view_table){
		.id = f->id,
		.size_bytes = f->size_bytes,
		.entry_count = f->entry_count,
		.min_key = arena_dup(a, f->min_key),
		.max_key = arena_dup(a, f->max_key),
		.max_seq = f->max_seq,
		.compacting = version_is_busy(t),
	};
}

void version_describe(const struct version *v, struct arena *a, struct view_desc *desc)
{
	obj_check(v, VERSION_MAGIC);
	for (unsigned l = 0; l < LEVEL_COUNT; l++) {
		struct view_level *out = &desc->levels[l];

		out->count = v->counts[l];
		out->tables = arena_alloc(a, (v->counts[l] + 1) * sizeof *out->tables);
		for (size_t i = 0; i < v->counts[l]; i++)
			describe_one(v->levels[l][i], a, &out->tables[i]);
	}
	desc->damage = damages_describe(&v->damages, a);
	desc->damage_count = v->damages.count;
}
