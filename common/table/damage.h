/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage: a stretch of keys whose entries in one table cannot be read. Plain data, and the one rule about it.
 *
 * What hides in a damaged block is not known, only that its sequences are not above its table's. So for a key in the
 * range an answer counts when its sequence is higher; anything else, an older version, a tombstone, nothing at all, may
 * be what the damaged block would have overruled. The rule does not ask where the table stood or whether it is still
 * there, and so it holds through every compaction (invariant 8).
 *
 * Pure; any thread.
 */
#ifndef TABLE_DAMAGE_H
#define TABLE_DAMAGE_H

#include "common/base/ids.h"
#include "common/base/slice.h"

#define DAMAGE_WHOLE UINT64_MAX

struct table_damage {
	uint64_t record;             /* its number in the manifest; 0: not on record */
	struct file_id table;        /* 0: no damage at all */
	uint64_t offset;             /* of the block in the file; DAMAGE_WHOLE: nothing of the table can be read */
	struct slice min, max;       /* both included; who lends them says until when. Empty: not known */
	struct seq max_seq;          /* of the table */
	const char *what;            /* how it shows, a literal; NULL where nobody has to know */
};

/* The first of n that keeps an answer of this sequence (0: nothing was found) from counting for key; NULL: none does. */
const struct table_damage *damage_hides(const struct table_damage *list, size_t n, struct slice key, struct seq found);

/* The one block of this table, or NULL. */
const struct table_damage *damage_find(const struct table_damage *list, size_t n, struct file_id table, uint64_t offset);

#endif
