/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array; records are few and change rarely. */
#include "engine/damages.h"

#include "common/base/mem.h"

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
