/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version edit: one change of what the database consists of, as a value. Flush and compaction both end in
 * one, and one function (truth_commit) makes it durable and visible.
 */
#ifndef ENGINE_EDIT_H
#define ENGINE_EDIT_H

#include "common/table/view_desc.h"
#include "proto/compact.h"

/* A live table: facts of the file, and where it stands. */
struct live_table {
	struct table_facts facts;        /* keys owned by whoever owns the live_table */
	unsigned level;
	int64_t created_ms;
	struct seq filtered;             /* in memory only: it was rewritten without what tables above it hid up to here (pick_hidden.h) */
};

/* A compaction job as the manifest keeps it (lineage). */
struct job_row {
	uint64_t job;
	const char *reason;              /* "level 0 has 4 tables", "level 2 is 1.3 times its size" */
	unsigned input_level, output_level;
	uint64_t bytes_in, bytes_out, entries_in, dropped_overwritten, dropped_tombstones, dropped_expired, duration_us;
	int64_t started_ms, finished_ms;
	unsigned sub_jobs;               /* it was split into so many */
};

/* Damage to be put on record. */
struct damage_row {
	struct table_damage at;          /* keys on loan */
	const char *what;                /* "the block's checksum is wrong" */
	int64_t found_ms;
};

struct version_edit {
	struct live_table *added;  size_t added_count;       /* on loan */
	struct file_id *removed;   size_t removed_count;     /* on loan; must be live */
	struct file_id wal_floor;                            /* 0 = unchanged; smallest WAL segment still needed */
	struct seq flushed_seq;                              /* 0 = unchanged; every sequence up to here is in tables */
	const struct job_row *job;                           /* NULL: a flush, or damage */
	const struct damage_row *damage;  size_t damage_count;   /* on loan; a table that is removed with some is out of reach */
	const uint64_t *mended;    size_t mended_count;      /* on loan; records that are closed */
};

#endif
