/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array; records are bounded and change rarely. */
#include "engine/damages.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "proto/limits.h"

#define COVER_MAX 256u

void damages_init(struct damages *d)
{
	*d = (struct damages){ .next = 1 };
}

static void keys_free(struct table_damage *t)
{
	mem_free((void *)(uintptr_t)t->min.p);
	mem_free((void *)(uintptr_t)t->max.p);
}

void damages_fini(struct damages *d)
{
	for (size_t i = 0; i < d->count; i++)
		keys_free(&d->list[i]);
	mem_drop(&d->list);
	d->count = 0;
}

void damages_add(struct damages *d, const struct table_damage *t)
{
	size_t at = 0, high = d->count;

	while (at < high) {
		size_t middle = at + (high - at) / 2;

		if (slice_cmp(d->list[middle].min, t->min) <= 0)
			at = middle + 1;
		else
			high = middle;
	}
	d->list = mem_resize(d->list, (d->count + 1) * sizeof(*d->list));
	memmove(d->list + at + 1, d->list + at, (d->count - at) * sizeof(*d->list));
	d->list[at] = *t;
	d->list[at].min.p = mem_dup(t->min.p, t->min.n);
	d->list[at].max.p = mem_dup(t->max.p, t->max.n);
	d->count++;
	if (t->record >= d->next)
		d->next = t->record + 1;
}

const struct table_damage *damages_record(const struct damages *d, uint64_t record)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].record == record)
			return &d->list[i];
	return NULL;
}

void damages_drop(struct damages *d, uint64_t record)
{
	size_t i = 0;

	while (i < d->count && d->list[i].record != record)
		i++;
	if (i == d->count)
		return;
	keys_free(&d->list[i]);
	d->count--;
	memmove(d->list + i, d->list + i + 1, (d->count - i) * sizeof(*d->list));
}

bool damages_has(const struct damages *d, struct file_id table, uint64_t offset)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].table.v == table.v && d->list[i].offset == offset)
			return true;
	return false;
}

size_t damages_of_table(const struct damages *d, struct file_id table)
{
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++)
		n += d->list[i].table.v == table.v;
	return n;
}

/* ---- putting on record ---- */

/* With keys of its own: it may outlive the records that it takes the place of. */
static void plan_row(const struct damages *d, struct damages_plan *p, const struct damage_row *row, struct arena *a)
{
	p->rows[p->count] = *row;
	p->rows[p->count].at.record = d->next + p->count;
	p->rows[p->count].at.min = arena_dup(a, row->at.min);
	p->rows[p->count].at.max = arena_dup(a, row->at.max);
	p->count++;
}

/* The next whole table from i on, in the order of keys; count when there is none. */
static size_t next_whole(const struct damages *d, size_t i)
{
	while (i < d->count && d->list[i].offset != DAMAGE_WHOLE)
		i++;
	return i;
}

/* Two neighbours among the whole tables, such that overlap before others; false: there are no two. */
static bool find_neighbours(const struct damages *d, size_t *ap, size_t *bp)
{
	size_t a = next_whole(d, 0), b;
	bool found = false;

	for (b = next_whole(d, a + 1); a < d->count && b < d->count; a = b, b = next_whole(d, b + 1)) {
		bool overlap = slice_cmp(d->list[b].min, d->list[a].max) <= 0;

		if (!found || overlap) {
			*ap = a;
			*bp = b;
		}
		found = true;
		if (overlap)
			break;
	}
	return found;
}

/* Tells two whole tables as one. */
static void join(const struct damages *d, struct damages_plan *p, int64_t now_ms, struct arena *arena)
{
	struct damage_row row = { .what = "tables that are out of reach, told as one", .found_ms = now_ms };
	const struct table_damage *x, *y;
	size_t a = 0, b = 0;

	if (!find_neighbours(d, &a, &b))
		return;
	x = &d->list[a];
	y = &d->list[b];
	row.at = *x;
	if (slice_cmp(y->max, x->max) > 0)
		row.at.max = y->max;
	if (y->max_seq.v > x->max_seq.v)
		row.at.max_seq = y->max_seq;
	plan_row(d, p, &row, arena);
	p->closed[p->closed_count++] = x->record;
	p->closed[p->closed_count++] = y->record;
}

static void plan_whole(const struct damages *d, const struct damage_row *row, struct damages_plan *p, struct arena *a)
{
	plan_row(d, p, row, a);
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].table.v == row->at.table.v && d->list[i].offset != DAMAGE_WHOLE)
			p->closed[p->closed_count++] = d->list[i].record;
	if (d->count + 1 - p->closed_count > DAMAGES_MAX)
		join(d, p, row->found_ms, a);
}

enum st damages_plan(const struct damages *d, const struct damage_row *rows, size_t n, bool whole, struct arena *a,
		     struct damages_plan *p)
{
	*p = (struct damages_plan){ .rows = arena_alloc(a, (n + 1) * sizeof(*p->rows)),
				    .closed = arena_alloc(a, (d->count + 2) * sizeof(*p->closed)) };
	if (whole && !damages_has(d, rows[0].at.table, rows[0].at.offset))
		plan_whole(d, &rows[0], p, a);
	for (size_t i = 0; i < n && !whole; i++)
		if (!damages_has(d, rows[i].at.table, rows[i].at.offset))
			plan_row(d, p, &rows[i], a);
	return !whole && d->count + p->count > DAMAGES_MAX ? ST_TOO_BIG : ST_OK;
}

/* ---- for compactions and readers ---- */

static struct key_range range_of(const struct table_damage *d)
{
	struct slice min = d->min;

	if (min.n > KEY_MAX_BYTES)
		min.n = KEY_MAX_BYTES;           /* the zero byte behind the longest key */
	return (struct key_range){ min, d->max };
}

static int by_min(const void *a, const void *b)
{
	return slice_cmp(((const struct key_range *)a)->min, ((const struct key_range *)b)->min);
}

struct key_range *damages_cover(const struct key_range *ranges, size_t *countp, const struct table_damage *list, size_t n,
				struct arena *a)
{
	struct key_range *out = arena_alloc(a, (*countp + n + 1) * sizeof(*out));
	size_t count = *countp;

	if (count)
		memcpy(out, ranges, count * sizeof(*out));
	for (size_t i = 0; i < n; i++)
		if (n <= COVER_MAX || i == 0)
			out[count++] = range_of(&list[i]);
		else if (slice_cmp(list[i].max, out[count - 1].max) > 0)
			out[count - 1].max = list[i].max;
	if (n > 0)
		qsort(out, count, sizeof(*out), by_min);
	*countp = count;
	return out;
}

struct table_damage *damages_describe(const struct damages *d, struct arena *a)
{
	struct table_damage *out = arena_alloc(a, (d->count + 1) * sizeof(*out));

	for (size_t i = 0; i < d->count; i++) {
		out[i] = d->list[i];
		out[i].min = arena_dup(a, d->list[i].min);
		out[i].max = arena_dup(a, d->list[i].max);
	}
	return out;
}
