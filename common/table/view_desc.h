/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view consists of, as plain data: which memtables and which tables on which level hold the visible
 * entries.
 *
 * 1. memtables newest first; every one is newer than every table.
 * 2. level 0 tables newest first (by max_seq), ranges may overlap; each deeper level sorted by key, disjoint.
 * 3. An entry on a lower level number is newer than any entry of the same key on a higher one.
 * 4. damage: sorted by min; the tables it was found in may be gone.
 */
#ifndef TABLE_VIEW_DESC_H
#define TABLE_VIEW_DESC_H

#include "common/table/damage.h"

#define LEVEL_COUNT 7

struct view_table {
	struct file_id id;
	uint64_t size_bytes, entry_count;
	struct slice min_key, max_key;       /* both included */
	struct seq max_seq;
	bool compacting;
};

struct view_level { struct view_table *tables; size_t count; };

struct view_desc {
	uint64_t incarnation, generation, database;
	struct file_id *memtables;  size_t memtable_count;
	struct view_level levels[LEVEL_COUNT];
	struct table_damage *damage;  size_t damage_count;
};

#endif
