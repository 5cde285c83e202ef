/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to compact next. Pure: the same question gets the same answer.
 *
 *	pressing   the level with the highest score of at least 1 (levels.h), that can be served now
 *	garbage    a table of which enough are tombstones or expired: downwards, on the last level in place
 *	asked      an operator wants everything up to a sequence on the last level: from the top
 *	at rest    while nobody writes: what lies above the last level, until it is SETTLED_SHARE of it
 *
 * On a level the table goes that meets the fewest bytes below for each of its own, garbage counted in its favour.
 *
 * 1. What a job writes to its output level overlaps nothing that stays there, and nothing another job writes on the
 *    levels it passes.
 * 2. Order of age is kept: every table between input and output level that the job's range meets is one of its inputs;
 *    of level 0 the oldest PICK_LEVEL0_MOST tables go, or the oldest alone when it meets no other.
 * 3. Busy tables are never picked, nor those that rest after a failure (setback.h), and nothing is moved past them (1, 2): of
 *    level 0 those go that meet no older one that stays. Damaged ones are as any other (damage.h).
 * 4. `deeper` covers every key of the job that may have an older version below the output level. It may cover more: a
 *    tombstone that stays where it need not does no harm.
 * 5. A job makes progress: it takes its tables to a deeper level, or it rewrites a table of the last level of which at
 *    least one entry has expired and goes. So there are only so many jobs between two writes. One that was asked for
 *    takes a table deeper that holds something up to that sequence; whatever is written meanwhile, it comes to an end.
 * 6. A table with tombstones is not moved to where nothing lies deeper: it is rewritten, and loses them.
 */
#ifndef ENGINE_PICK_H
#define ENGINE_PICK_H

#include "engine/pick_job.h"

#define PICK_LEVEL0_MOST 64u             /* tables of level 0 in one job: each is an open file of the compactor */
#define SETTLED_SHARE 0.125              /* of the last level's bytes: what may lie above it at rest */

/* False: nothing to do, or nothing that can be done beside the running jobs. */
bool pick_next(const struct pick_question *q, struct arena *a, struct pick_job *jobp);

#endif
