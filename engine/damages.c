/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array; records are few and change rarely. */
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
	size_t at = 0;

	while (at < d->count && slice_cmp(d->list[at].min, t->min) <= 0)
		at++;
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

size_t damages_of_table(const struct damages *d, struct file_id table)
{
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++)
		n += d->list[i].table.v == table.v;
	return n;
}

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
