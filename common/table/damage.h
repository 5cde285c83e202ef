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

#include "common/base/arena.h"
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

/*
 * A list made ready for questions, which come with every read: all are answered by bisection.
 *
 *	records      [a ......... m]50       [t ... z]70        by cut: the highest max_seq up to the next cut
 *	                  [f . h]90                              a 50, f 90, behind h 50, behind m none, t 70, behind z none
 */
struct damage_cut { struct slice key; bool behind; const struct table_damage *most; };
struct damage_from { const struct table_damage *d, *furthest; };

struct damage_index {
	const struct table_damage *list;  size_t count;
	struct damage_cut *cuts;          size_t cut_count;      /* sorted */
	struct damage_from *by_min;      /* sorted by min; furthest: the highest max of those up to here */
	struct damage_from *by_key;      /* sorted by table, then min; furthest: of that table */
	const struct table_damage **by_place;    /* sorted by table, then offset */
};

/* Of a list in any order, which must stay where it is; the index lies in the arena, keys are on loan. */
void damage_index_init(struct damage_index *x, const struct table_damage *list, size_t n, struct arena *a);

/* One that keeps an answer of this sequence (0: nothing was found) from counting for key; NULL: none does. */
const struct table_damage *damage_hides(const struct damage_index *x, struct slice key, struct seq found);

/* The one block of this table, or NULL. */
const struct table_damage *damage_find(const struct damage_index *x, struct file_id table, uint64_t offset);

/* One of this table whose range holds key, or NULL. */
const struct table_damage *damage_of_key(const struct damage_index *x, struct file_id table, struct slice key);

/* Of those whose range begins in front of `end` (at_end: or there; NULL: of all) one that reaches furthest; NULL: there are none. */
const struct table_damage *damage_furthest(const struct damage_index *x, const struct slice *end, bool at_end);

#endif
