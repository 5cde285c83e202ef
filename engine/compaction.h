/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compaction under way: what was picked, the parts it was cut into, and what the compactors made of these.
 *
 *   new -> (pick filled in) -> own -> set_inputs -> cut -> set_ids -> encode a part ... take a part's report ... -> sound? -> free
 *
 * 1. All or nothing: what the parts made is installed together, when all of them are done, or not at all.
 * 2. Every entry is accounted for: those that came in all parts are those of the inputs, and each of them is in an
 *    output or was dropped (compaction_check). A part by itself cannot tell that none got lost at its bounds.
 *
 * 3. Blocks of the inputs that are on record as damaged are passed over by all parts, and the ranges on record that meet the
 *    job are among `deeper`, so that what was deleted after the damage stays deleted (compactor/drop.c). How many entries
 *    those blocks held nobody knows: then (2) holds for those that came. What is put on record later is for the next job.
 * 4. A job with covers (pick_hidden.h) replaces its last input alone: neither entries nor bytes of the others are counted, nor are
 *    these removed. It is never cut.
 *
 * The jobs thread's.
 */
#ifndef ENGINE_COMPACTION_H
#define ENGINE_COMPACTION_H

#include "engine/install.h"
#include "engine/parts.h"
#include "engine/truth.h"

struct compaction_part {
	struct part_range range;
	struct file_id first_output;
	uint32_t id_count;               /* reserved for it */
	bool done;
	struct table_facts *outputs;  size_t output_count;   /* once done; in the arena */
	uint64_t bytes_read;             /* so far */
	uint64_t shown, shown_us;        /* of its progress, and when it last grew; 0: not yet */
};

struct compaction {
	uint64_t number;
	int64_t started_ms;
	uint64_t ordered_us;
	uint32_t level0_count;           /* of the inputs that go */
	struct arena arena;              /* of all that is below */
	struct pick_job pick;
	struct file_id *inputs;          /* ids of pick.inputs; the first pick.cover_count stay */
	struct table_damage *passed;  size_t passed_count;   /* table and offset are of interest */
	struct compaction_part *parts;  size_t part_count, done_count;
	struct file_id first_output;
	uint32_t id_count;               /* of all parts */
	struct compact_report sums;      /* over the parts that are done: counts; the longest duration */
};

struct compaction *compaction_new(void);
void compaction_free(struct compaction **cp);

/* After picking, with the version still locked: heeds the damage on record (3). */
void compaction_own(struct compaction *c, const struct version *v);

/* After that: remembers the inputs' ids, which outlive the version's tables. */
void compaction_set_inputs(struct compaction *c);

/* Is the table one of the inputs, and how many of its blocks are passed over? */
bool compaction_reads(const struct compaction *c, struct file_id table);
size_t compaction_passes(const struct compaction *c, struct file_id table);

/* Cuts it into at most `most` parts, of at least least_bytes each; says how many ids they need. */
uint32_t compaction_cut(struct compaction *c, size_t most, uint64_t least_bytes, uint64_t table_size_target);
void compaction_set_ids(struct compaction *c, struct file_id first);

/* The order for a part; common has what is the same for all orders. */
void compaction_encode(const struct compaction *c, size_t part, const struct compact_order *common, struct buf *out);

/* How far a part is. */
void compaction_note(struct compaction *c, size_t part, const struct compact_report *r, uint64_t now_us);

/* Has one of its parts, not done, come no further for so long? To wait for the rate limit is to come further. */
bool compaction_is_stuck(const struct compaction *c, uint64_t now_us, uint64_t patience_us);

/* A part is done: ST_INVALID when it made what it was not told to. */
enum st compaction_take(struct compaction *c, size_t part, const struct compact_report *r) MUST_USE;

/* All parts are done: ST_CORRUPT when they do not add up (2). */
enum st compaction_check(const struct compaction *c) MUST_USE;

/* Nothing meets it below: the table stays as it is, only its level changes. */
enum st compaction_move(const struct compaction *c, struct truth *t) MUST_USE;

/* Believes the outputs of all parts, commits them as one edit, removes the inputs. On failure everything is as it was,
 * but for outputs that are still to be removed. */
enum st compaction_install(const struct compaction *c, struct truth *t, const struct install_dir *dir) MUST_USE;

size_t compaction_output_count(const struct compaction *c);
uint64_t compaction_output_bytes(const struct compaction *c);
uint64_t compaction_bytes_read(const struct compaction *c);      /* so far, of pick.input_bytes */

/* As the manifest keeps it, finished now. */
struct job_row compaction_row(const struct compaction *c);

#endif
