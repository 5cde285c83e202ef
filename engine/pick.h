/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to compact next. Pure: the same version, settings, running jobs and cursors give the same answer.
 *
 * Level 0's score is tables / level0_trigger; level n's is its bytes / target, where level 1's target is
 * level0_trigger * memtable_size_limit and each further one's level_size_ratio times that. The highest score of at
 * least 1 that can be served now wins.
 *
 * 1. What a job writes to its output level overlaps nothing that stays there, and nothing another job writes there.
 * 2. Order of age is kept: of level 0 a table goes only when no older table that stays overlaps it.
 * 3. Busy and quarantined tables are never picked, and nothing is moved past them (1, 2).
 * 4. `deeper` covers every key of the job that may have an older version below the output level. It may cover more: a
 *    tombstone that stays where it need not does no harm.
 */
#ifndef ENGINE_PICK_H
#define ENGINE_PICK_H

#include "engine/version.h"
#include "proto/limits.h"

struct pick_conf {
	uint64_t level0_trigger;         /* tables */
	uint64_t memtable_size_limit;    /* bytes */
	uint64_t level_size_ratio;
	uint64_t room_bytes;             /* the inputs of a job may have so many bytes; 0: any number */
	bool hurry;                      /* the disk is nearly full: level 0 is compacted whatever it holds */
};

/* Where a running job writes. Keys on loan. */
struct pick_running {
	unsigned output_level;
	struct slice min, max;           /* of all its inputs */
};

/* Per level, the end of the last table taken: the next one is taken behind it, round and round. */
struct pick_cursor { uint8_t key[KEY_MAX_BYTES]; size_t n; };
struct pick_cursors { struct pick_cursor level[LEVEL_COUNT]; };

struct pick_job {
	bool move;                               /* nothing to merge: only the level changes */
	const struct live_table **inputs;        /* newest data first; in the arena, tables good as long as the version */
	size_t input_count;
	uint64_t input_bytes;
	unsigned input_level, output_level;
	struct slice min, max;                   /* of all inputs; in the arena */
	struct key_range *deeper;                /* sorted, disjoint; in the arena */
	size_t deeper_count;
	char reason[96];
};

/* False: nothing to do, or nothing that can be done beside the running jobs. */
bool pick_next(const struct version *v, const struct pick_conf *c, const struct pick_running *running, size_t running_count,
	       const struct pick_cursors *cursors, struct arena *a, struct pick_job *jobp);

/* Remembers where a job was taken from. */
void pick_advance(struct pick_cursors *cursors, const struct pick_job *job);

#endif
