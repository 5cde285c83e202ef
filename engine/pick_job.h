/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compaction, the question it answers, and its making: from tables that were chosen to a job that keeps the rules,
 * whose numbers are those of pick.h. What begins with pick__ is for pick.c.
 */
#ifndef ENGINE_PICK_JOB_H
#define ENGINE_PICK_JOB_H

#include "engine/levels.h"

#define PICK_OVERLAP_MOST 10u            /* table size targets below that a table may meet by being moved */

/* Where a running job writes. Keys on loan. */
struct pick_running {
	unsigned input_level, output_level;
	struct slice min, max;           /* of all its inputs */
};

struct pick_question {
	const struct version *version;
	struct levels_conf levels;
	uint64_t table_size_target;      /* bytes */
	const struct pick_running *running;  size_t running_count;
	int64_t now_ms;
	bool at_rest;                    /* nobody has been writing for a while */
	struct seq asked;                /* what is up to it is to go to the last level; 0: nobody asked */
	uint64_t room_bytes;             /* the inputs of a job may have so many bytes; 0: any number */
	bool hopeful;                    /* that room is enough for twice what a job may be expected to write, as a last resort */
	bool hurry;                      /* the disk is nearly full: level 0 is compacted whatever it holds */
	const struct file_id *resting;  size_t resting_count;        /* tables to go round for now, in order of their ids */
};

struct pick_job {
	bool move;                               /* nothing to merge: only the level changes */
	const struct live_table **inputs;        /* newest data first; copies, they outlive the version's; in the arena */
	size_t input_count;
	size_t cover_count;                      /* the first so many inputs stay, and are read for what they hide in the last one */
	struct seq covered;                      /* the newest sequence of those */
	uint64_t input_bytes, input_entries;     /* covers are not counted */
	unsigned input_level, output_level;      /* the same: rewritten in place */
	struct slice min, max;                   /* of all inputs but covers; in the arena */
	struct key_range *deeper;                /* sorted, disjoint; in the arena */
	size_t deeper_count;
	struct compact_below *below;             /* tables one level below the output that it meets, by key; in the arena */
	size_t below_count;
	char reason[96];
};

/* Tables [from, to) of a level below 0 that a key range meets. */
struct pick_span { size_t from, to; uint64_t bytes, entries; };

bool pick__overlaps(const struct live_table *t, struct slice min, struct slice max);
bool pick__free(const struct pick_question *q, const struct live_table *t);      /* neither busy nor at rest */
struct pick_span pick__span(const struct version *v, unsigned level, struct slice min, struct slice max);

/* An empty job between these levels. */
void pick__begin(struct pick_job *job, unsigned input_level, unsigned output_level);
void pick__add(struct pick_job *job, struct arena *a, const struct live_table *t);

/* The same for one that stays: before the table that it covers. */
void pick__add_cover(struct pick_job *job, struct arena *a, const struct live_table *t);

/* Adds what its range meets from the level below its input down to its output level (2); false: some of it is not to
 * be had (3), or another job writes there (1). */
bool pick__add_below(const struct pick_question *q, struct arena *a, struct pick_job *job);

/* Is one of these a table that rests? */
bool pick__meets_resting(const struct pick_question *q, const struct pick_job *job);

/* Makes a move of a job of one table, where it may be one, and takes it as deep as it can go. */
void pick__consider_move(const struct pick_question *q, struct pick_job *job);

/* Its output is no larger than its input, and a move writes nothing: is there room for it? Hopeful: each of its tombstones
 * hides an entry of the output level, so as many of these are not written again. */
bool pick__fits(const struct pick_question *q, const struct pick_job *job);

/* Inputs and keys into the arena, so that nothing of the version is needed from here on: an input may leave it before the job
 * is done, as one of which nothing can be read does. And what lies deeper (4), and what lies right below. */
void pick__finish(const struct pick_question *q, struct arena *a, struct pick_job *job);

#endif
