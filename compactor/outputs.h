/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables a job writes: entries in, a row of disjoint tables in key order out, under the ids the order
 * reserved.
 *
 * 1. A key stands in one table only, as a job keeps at most one version of each (drop.c).
 *    A table ends at the target size, or when it meets below_limit bytes of `below`; the last id takes all the rest.
 * 2. After outputs_finish() all files and their names are on disk (invariant 3).
 * 3. Whoever does not hand the tables over calls outputs_remove(): no file of ours stays.
 *
 * 4. The tables take the place of the inputs in the page cache too: when most of what was read by then had been there, a
 *    table stays there, and else it is dropped once it is synced.
 *
 * One thread.
 */
#ifndef COMPACTOR_OUTPUTS_H
#define COMPACTOR_OUTPUTS_H

#include "common/base/arena.h"
#include "common/table/table_reader.h"
#include "common/table/table_writer.h"
#include "proto/compact.h"

struct outputs {
	/* fixed after init */
	struct vfs *vfs;
	const char *data_dir;                /* on loan */
	const struct compact_order *order;   /* on loan */
	const struct table_reads *reads;     /* on loan: what was read so far */
	struct table_options options;
	/* the row */
	struct table_writer *writer;         /* the table under way, or NULL */
	struct table_facts *done;            /* finished ones */
	size_t done_count, done_room;
	uint64_t done_bytes;                 /* of their files */
	struct arena memory;                 /* of their keys */
	/* what lies below, see the order */
	size_t below_at;                     /* the first that ends at or behind the last key */
	uint64_t met_bytes;                  /* by the table under way */
};

void outputs_init(struct outputs *o, struct vfs *v, const char *data_dir, const struct compact_order *order,
		  const struct table_reads *reads);
void outputs_fini(struct outputs *o);            /* removes what is under way, keeps finished files */

/* A hint before the first add: so many entries at most will come. */
void outputs_expect(struct outputs *o, uint64_t entries);

/* Adds an entry behind all earlier ones. A failure is final: remove. */
enum st outputs_add(struct outputs *o, const struct entry *e) MUST_USE;

/* Bytes of all files so far, about. */
uint64_t outputs_written(const struct outputs *o);

/* Ends the last table and syncs the directory. */
enum st outputs_finish(struct outputs *o) MUST_USE;

/* Removes every file made so far; those that are gone already are fine. */
void outputs_remove(struct outputs *o);

#endif
