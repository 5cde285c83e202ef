/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index over a list of damage; see damage.h.
 *
 * Cuts: each record is the stretch from the cut in front of its min to the cut behind its max. Between two neighbouring cuts
 * the same records hold every key, and of them only the one with the highest sequence matters. The records are laid down
 * highest first; each takes the stretches that are still free, and `next_free` leads past those that are not.
 */
#include "common/table/damage.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"

/* ---- order ---- */

static int cut_order(const void *a, const void *b)
{
	const struct damage_cut *x = a, *y = b;
	int order = slice_cmp(x->key, y->key);

	return order ? order : x->behind - y->behind;
}

static int min_order(const void *a, const void *b)
{
	return slice_cmp(((const struct damage_from *)a)->d->min, ((const struct damage_from *)b)->d->min);
}

static int u64_order(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int key_order(const void *a, const void *b)
{
	int order = u64_order(((const struct damage_from *)a)->d->table.v, ((const struct damage_from *)b)->d->table.v);

	return order ? order : min_order(a, b);
}

static int place_order(const void *a, const void *b)
{
	const struct table_damage *x = *(const struct table_damage *const *)a, *y = *(const struct table_damage *const *)b;
	int order = u64_order(x->table.v, y->table.v);

	return order ? order : u64_order(x->offset, y->offset);
}

static int highest_first(const void *a, const void *b)
{
	const struct table_damage *x = *(const struct table_damage *const *)a, *y = *(const struct table_damage *const *)b;

	return u64_order(y->max_seq.v, x->max_seq.v);
}

/* ---- making ---- */

static size_t cut_of(const struct damage_index *x, struct slice key, bool behind)
{
	struct damage_cut cut = { .key = key, .behind = behind };
	const struct damage_cut *at = bsearch(&cut, x->cuts, x->cut_count, sizeof *x->cuts, cut_order);

	must(at != NULL);
	return (size_t)(at - x->cuts);
}

static size_t next_free(size_t *next, size_t i)
{
	while (next[i] != i) {
		next[i] = next[next[i]];
		i = next[i];
	}
	return i;
}

/* Gives every stretch its record; order: the records, highest first. */
static void lay_down(struct damage_index *x, const struct table_damage **order, size_t *next)
{
	for (size_t i = 0; i <= x->cut_count; i++)
		next[i] = i;
	for (size_t i = 0; i < x->count; i++) {
		const struct table_damage *d = order[i];
		size_t end = slice_cmp(d->min, d->max) <= 0 ? cut_of(x, d->max, true) : 0;

		for (size_t at = next_free(next, cut_of(x, d->min, false)); at < end; at = next_free(next, at)) {
			x->cuts[at].most = d;
			next[at] = at + 1;
		}
	}
}

static void make_cuts(struct damage_index *x, struct arena *a)
{
	const struct table_damage **order = arena_alloc(a, x->count * sizeof *order);
	size_t n = 0;

	x->cuts = arena_alloc(a, 2 * x->count * sizeof *x->cuts);
	for (size_t i = 0; i < x->count; i++) {
		order[i] = &x->list[i];
		x->cuts[n++] = (struct damage_cut){ .key = x->list[i].min };
		x->cuts[n++] = (struct damage_cut){ .key = x->list[i].max, .behind = true };
	}
	qsort(x->cuts, n, sizeof *x->cuts, cut_order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || cut_order(&x->cuts[x->cut_count - 1], &x->cuts[i]) != 0)
			x->cuts[x->cut_count++] = x->cuts[i];
	qsort(order, x->count, sizeof *order, highest_first);
	lay_down(x, order, arena_alloc(a, (x->cut_count + 1) * sizeof(size_t)));
}

static void set_furthest(struct damage_from *list, size_t n, bool within_table)
{
	for (size_t i = 0; i < n; i++) {
		list[i].furthest = list[i].d;
		if (i > 0 && (!within_table || list[i - 1].d->table.v == list[i].d->table.v) &&
		    slice_cmp(list[i - 1].furthest->max, list[i].d->max) > 0)
			list[i].furthest = list[i - 1].furthest;
	}
}

void damage_index_init(struct damage_index *x, const struct table_damage *list, size_t n, struct arena *a)
{
	*x = (struct damage_index){ .list = list, .count = n };
	if (n == 0)
		return;
	make_cuts(x, a);
	x->by_min = arena_alloc(a, n * sizeof *x->by_min);
	x->by_key = arena_alloc(a, n * sizeof *x->by_key);
	x->by_place = arena_alloc(a, n * sizeof *x->by_place);
	for (size_t i = 0; i < n; i++) {
		x->by_min[i].d = x->by_key[i].d = &list[i];
		x->by_place[i] = &list[i];
	}
	qsort(x->by_min, n, sizeof *x->by_min, min_order);
	qsort(x->by_key, n, sizeof *x->by_key, key_order);
	qsort(x->by_place, n, sizeof *x->by_place, place_order);
	set_furthest(x->by_min, n, false);
	set_furthest(x->by_key, n, true);
}

/* ---- questions ---- */

const struct table_damage *damage_hides(const struct damage_index *x, struct slice key, struct seq found)
{
	size_t low = 0, high = x->cut_count;
	const struct table_damage *most;

	while (low < high) {             /* the cuts in front of key itself */
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(x->cuts[middle].key, key);

		if (order < 0 || (order == 0 && !x->cuts[middle].behind))
			low = middle + 1;
		else
			high = middle;
	}
	most = low > 0 ? x->cuts[low - 1].most : NULL;
	return most && found.v <= most->max_seq.v ? most : NULL;
}

const struct table_damage *damage_find(const struct damage_index *x, struct file_id table, uint64_t offset)
{
	struct table_damage d = { .table = table, .offset = offset };
	const struct table_damage *key = &d, **at = NULL;

	if (x->count > 0)
		at = bsearch(&key, x->by_place, x->count, sizeof *x->by_place, place_order);
	return at ? *at : NULL;
}

const struct table_damage *damage_of_key(const struct damage_index *x, struct file_id table, struct slice key)
{
	struct table_damage d = { .table = table, .min = key };
	struct damage_from wanted = { .d = &d };
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (key_order(&x->by_key[middle], &wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || x->by_key[low - 1].d->table.v != table.v)
		return NULL;
	return slice_cmp(x->by_key[low - 1].furthest->max, key) >= 0 ? x->by_key[low - 1].furthest : NULL;
}

const struct table_damage *damage_furthest(const struct damage_index *x, const struct slice *end, bool at_end)
{
	size_t low = 0, high = x->count;

	while (end && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(x->by_min[middle].d->min, *end);

		if (order < 0 || (order == 0 && at_end))
			low = middle + 1;
		else
			high = middle;
	}
	if (!end)
		low = x->count;
	return low > 0 ? x->by_min[low - 1].furthest : NULL;
}
