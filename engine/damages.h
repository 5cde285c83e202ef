/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The damage on record, in memory: a list sorted by min key that owns its keys. Part of the version, guarded as it is.
 */
#ifndef ENGINE_DAMAGES_H
#define ENGINE_DAMAGES_H

#include "common/base/arena.h"
#include "common/table/damage.h"
#include "proto/compact.h"

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
size_t damages_of_table(const struct damages *d, struct file_id table); /* how many */

/* These ranges (sorted by min) and those of n damages, sorted; what is around the damages when there are too many of them.
 * Widened by a key where an end is longer than a key may be. In the arena; keys on loan. */
struct key_range *damages_cover(const struct key_range *ranges, size_t *countp, const struct table_damage *list, size_t n,
				struct arena *a);

/* A copy in the arena. */
struct table_damage *damages_describe(const struct damages *d, struct arena *a);

#endif
