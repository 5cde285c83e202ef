/* SPDX-License-Identifier: Apache-2.0 */
/* Two sorted lists of ids, walked together. */
#include "common/view/view_evict.h"

#include <stdlib.h>

#include "common/base/mem.h"

static int compare_ids(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

/* All table ids of a view, sorted; heap memory. */
static uint64_t *table_ids(const struct view_desc *d, size_t *np)
{
	size_t n = 0;
	uint64_t *ids;

	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		n += d->levels[level].count;
	ids = mem_alloc((n + 1) * sizeof *ids);
	n = 0;
	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < d->levels[level].count; i++)
			ids[n++] = d->levels[level].tables[i].id.v;
	qsort(ids, n, sizeof *ids, compare_ids);
	*np = n;
	return ids;
}

static void evict_left(struct table_cache *tables, const struct view_desc *older, const struct view_desc *newer)
{
	size_t old_count, new_count, k = 0;
	uint64_t *old_ids = table_ids(older, &old_count), *new_ids = table_ids(newer, &new_count);

	for (size_t i = 0; i < old_count; i++) {
		while (k < new_count && new_ids[k] < old_ids[i])
			k++;
		if (k == new_count || new_ids[k] != old_ids[i])
			table_cache_evict(tables, file_id(old_ids[i]));
	}
	mem_free(old_ids);
	mem_free(new_ids);
}

static void evict_mended(struct table_cache *tables, const struct view_desc *older, const struct damage_index *newer)
{
	for (size_t i = 0; i < older->damage_count; i++) {
		const struct table_damage *d = &older->damage[i];

		if (!damage_find(newer, d->table, d->offset))
			table_cache_evict(tables, d->table);
	}
}

void view_evict(struct table_cache *tables, const struct view *older, const struct view *newer)
{
	evict_left(tables, view_desc(older), view_desc(newer));
	evict_mended(tables, view_desc(older), view_damage(newer));
}
