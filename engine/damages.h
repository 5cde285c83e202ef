/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The damage on record, in memory: a list sorted by min key that owns its keys. Part of the version, guarded as it is.
 *
 * It is bounded, for every reader has it: with DAMAGES_MAX records a table with more of it is given up as a whole, which is one
 * record, and where there is no room for that either two whole tables are told as one, with the keys between them. So more
 * may be out of reach than is damaged, and nothing is ever answered that should not be.
 */
#ifndef ENGINE_DAMAGES_H
#define ENGINE_DAMAGES_H

#include "common/base/arena.h"
#include "common/table/damage.h"
#include "engine/edit.h"
#include "proto/compact.h"

#define DAMAGES_MAX 4096u

struct damages {
	struct table_damage *list;
	size_t count;
	uint64_t next;               /* the number of the next record */
};

void damages_init(struct damages *d);
void damages_fini(struct damages *d);
void damages_add(struct damages *d, const struct table_damage *t);      /* copies the keys */
const struct table_damage *damages_record(const struct damages *d, uint64_t record);     /* NULL: there is none */
void damages_drop(struct damages *d, uint64_t record);                  /* nothing when there is none */
bool damages_has(const struct damages *d, struct file_id table, uint64_t offset);
size_t damages_of_table(const struct damages *d, struct file_id table); /* how many */

/* What an edit has to say, so that this damage of one table is on record. */
struct damages_plan {
	struct damage_row *rows;  size_t count;      /* numbered */
	uint64_t *closed;         size_t closed_count;
};

/* Rows that are on record already are left out. whole: there is one row, and the table's others are closed for it. ST_TOO_BIG:
 * there is no room for so many, but for the whole table. The plan lies in the arena. */
enum st damages_plan(const struct damages *d, const struct damage_row *rows, size_t n, bool whole, struct arena *a,
		     struct damages_plan *p) MUST_USE;

/* These ranges (sorted by min) and those of n damages, sorted; what is around the damages when there are too many of them.
 * Widened by a key where an end is longer than a key may be. In the arena; keys on loan. */
struct key_range *damages_cover(const struct key_range *ranges, size_t *countp, const struct table_damage *list, size_t n,
				struct arena *a);

/* A copy in the arena. */
struct table_damage *damages_describe(const struct damages *d, struct arena *a);

#endif
