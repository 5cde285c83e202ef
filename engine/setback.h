/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that made jobs fail, and how long each of them rests: picking goes round a table that rests (pick.h), so one that
 * cannot be read holds up only what needs it.
 *
 *   blamed, for certain   --> rests SETBACK_FIRST_US, each further time twice as long, SETBACK_MOST_US at most
 *   under suspicion       --> the first time is only counted, as any other; from the second on it rests, too
 *
 * 1. A rest is over early when more damage of the table is on record than its job knew of: the next job passes that over.
 * 2. A table that is no longer live is forgotten, and one that made no trouble for SETBACK_FORGET_US after its rest.
 * 3. Bounded: when there is no more room the table goes whose rest ends first.
 *
 * Pure: time is the caller's. One thread at a time.
 */
#ifndef ENGINE_SETBACK_H
#define ENGINE_SETBACK_H

#include "engine/version.h"

#define SETBACK_FIRST_US 500000u
#define SETBACK_MOST_US 30000000u
#define SETBACK_FORGET_US 600000000u
#define SETBACK_ROWS 1024u

struct setback_row {
	struct file_id table;
	unsigned failures;               /* at least 1 */
	size_t known;                    /* records of damage that the job knew of */
	uint64_t until_us;               /* it rests until then; 0: it does not */
	uint64_t blamed_us;
};

struct setback { struct setback_row rows[SETBACK_ROWS]; size_t count; };         /* all 0 at first */

/* A job failed for this table, certain or suspected; known: of its damage as the job had it. True: it rests now. */
bool setback_blame(struct setback *s, struct file_id table, size_t known, bool certain, uint64_t now_us);

/* Before picking: forgets whom it need not remember (1, 2). The version's lock is the caller's. */
void setback_heed(struct setback *s, const struct version *v, uint64_t now_us);

/* Those that rest, in order of their ids, room for SETBACK_ROWS; how many. */
size_t setback_resting(const struct setback *s, uint64_t now_us, struct file_id *ids);

/* When the first rest ends, 0: nobody rests. */
uint64_t setback_next_us(const struct setback *s, uint64_t now_us);

#endif
