/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iterating over a stretch of a level of a view: disjoint tables in key order, or a single table of level 0.
 *
 * 1. A table is opened when the scan comes to it, and one is open at a time. A file that is gone by then is ST_UNAVAILABLE.
 * 2. Blocks on record as damaged are passed over; what else cannot be read is ST_CORRUPT, and told.
 *
 * One thread at a time. For view_iter.c.
 */
#ifndef VIEW_LEVEL_ITER_H
#define VIEW_LEVEL_ITER_H

#include "common/view/view.h"

/* v is on loan, as is found: where it tells what it could not read. count tables of the level from `first` on. */
struct iter *level_iter_new(struct view *v, struct table_damage *found, unsigned level, size_t first, size_t count);

#endif
