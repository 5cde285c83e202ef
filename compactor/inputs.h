/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that a job reads, as few sorted runs:
 *
 *	level 0        12 | 11 | 10          each a run of its own: they overlap
 *	level 1        9 -> 8 -> 7           one run: disjoint, in key order, one after the other
 *	level 2        3 -> 2
 *
 * 1. Of each run one table is open at a time, with one piece of it in memory: descriptors and memory grow with the tables
 *    of level 0, of which a job has few, and with the levels, not with the tables.
 * 2. Every table is looked at before the merge begins, so a missing one, or one that does not open, ends the job before
 *    anything is written. It is there again when the merge comes to it, or the merge ends with its status.
 * 3. Two tables are one run only when their own key ranges say that the second begins behind the end of the first. An
 *    order that has them otherwise makes more runs, and no sound table looks damaged.
 *
 * One thread at a time.
 */
#ifndef COMPACTOR_INPUTS_H
#define COMPACTOR_INPUTS_H

#include "common/base/arena.h"
#include "common/table/table_reader.h"
#include "common/vfs/vfs.h"
#include "proto/compact.h"

struct run;

struct inputs {
	/* fixed after init */
	struct vfs *vfs;
	const char *data_dir;
	const struct compact_order *order;
	struct arena arena;
	struct damage_index passed;      /* the order's */
	/* after the look */
	struct run **runs;       /* the merge's once that is there */
	size_t run_count;
	struct iter *merge;
	uint64_t entries;        /* of all tables that are no covers */
	struct table_reads reads;        /* by the merge so far */
};

void inputs_init(struct inputs *in, struct vfs *v, const char *data_dir, const struct compact_order *order);
void inputs_fini(struct inputs *in);

/* Looks at every table and makes the runs. On trouble *culpritp is the index of the table. Once. */
enum st inputs_look(struct inputs *in, size_t *culpritp) MUST_USE;

/* All entries of all tables, forwards only; belongs to the inputs. Once, after the look. */
struct iter *inputs_merge(struct inputs *in);

/* After the merge ended with a status: the table that did it; the number of inputs when it was none of them. */
size_t inputs_failed(const struct inputs *in);

/* Does the merge's present entry come from the last run? And is that run at its end? */
bool inputs_shows_last(const struct inputs *in);
bool inputs_last_is_over(const struct inputs *in);

/* The table that the merge's present entry comes from; the same. */
size_t inputs_showing(const struct inputs *in);

#endif
