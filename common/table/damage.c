/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of damage are short, and empty nearly always: they are walked. */
#include "common/table/damage.h"

const struct table_damage *damage_hides(const struct table_damage *list, size_t n, struct slice key, struct seq found)
{
	for (size_t i = 0; i < n; i++)
		if (found.v <= list[i].max_seq.v && slice_cmp(list[i].min, key) <= 0 && slice_cmp(key, list[i].max) <= 0)
			return &list[i];
	return NULL;
}

const struct table_damage *damage_find(const struct table_damage *list, size_t n, struct file_id table, uint64_t offset)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].table.v == table.v && list[i].offset == offset)
			return &list[i];
	return NULL;
}
