/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to rewrite when no compaction fits on the disk: one table of the last level, alone, without what tables above it hide.
 * Pure, like pick.h.
 *
 *	level 0   [ - a     - k        - t ]  cover          stays
 *	level 5       [ - c    - m ]          cover          stays
 *	level 6   [ a b c ]  [ k l m ]  [ t ]
 *	             |
 *	             v
 *	          [   b   ]  [ k l m ]  [ t ]               room for one table is enough
 *
 * 1. The covers lose nothing, so they go on hiding whatever they hide: what goes had a newer version above, and has it still.
 *    Any choice of covers will do. They are busy meanwhile: none is merged away before the commit.
 * 2. Such a job comes to an end: a table that was rewritten knows up to which sequence (filtered), and only what covers hold
 *    that is newer speaks for it again. After a restart this is not known, and it may be rewritten once more.
 * 3. Worth it is a table when all tombstones and expired entries above it that are new to it, taken together, are a quarter of
 *    its entries. Nobody knows how many of them are in its range: which comes first goes by their even spread. What was
 *    overwritten tells nothing of itself; it goes along, and is no reason.
 */
#ifndef ENGINE_PICK_HIDDEN_H
#define ENGINE_PICK_HIDDEN_H

#include "engine/pick_job.h"

#define PICK_COVERS_MOST 64u             /* the oldest ones: each may be an open file of the compactor */

/* False: none is worth it, or fits. Of the question: version, room, hopeful (twice what is expected fits), now, who rests. */
bool pick_hidden(const struct pick_question *q, struct arena *a, struct pick_job *jobp);

#endif
