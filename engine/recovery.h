/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the WAL back after a restart: every segment from the floor on, in order, as WAL_RECOVERY_MODE says.
 * One thread, before anything else touches the data directory.
 *
 * | found                                                        | strict          | truncate            | absolute |
 * | newest segment, damage behind what was promised synced       | cut, report     | cut, report         | refuse   |
 * | anything else (older segment, below a promise, gap, bad link) | refuse, untouched | keep up to it, quarantine the rest | refuse |
 *
 * After a cut the newest segment is made true on disk: what lies behind the last promise is written again and
 * synced, the file is cut there, so that what was read now cannot vanish later (invariant 8).
 */
#ifndef ENGINE_RECOVERY_H
#define ENGINE_RECOVERY_H

#include "common/vfs/vfs.h"
#include "engine/report.h"
#include "proto/write.h"

/* A new segment begins (its id: one memtable each), or a record is to be applied. origins: replaced when not
 * empty. */
struct recovery_sink {
	void *ctx;
	enum st (*segment)(void *ctx, struct file_id id, uint64_t bytes);
	enum st (*record)(void *ctx, const struct wal_batch *b, const struct write_counts *counts);
	void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
};

/* What the manifest knows of the log. */
struct recovery_known {
	uint64_t database;
	struct file_id floor;            /* the first segment that is needed; 0: none was ever named */
	struct seq flushed_seq;          /* every sequence up to here is in tables */
	struct seq promised_seq;         /* tables and log held every sequence up to here at the last clean stop */
};

/* mode: WAL_RECOVERY_*. floor: 0, or a segment that must be there, as a name at least: the manifest never
 * names one that was not prepared, and recovery_tidy() leaves it. Records whose sequences are all <=
 * flushed_seq are read but not handed on, except for their origin (record() is then called with
 * counts->entries 0). A log that ends before promised_seq is damaged. ST_CORRUPT: refused, nothing was changed; the report says why. */
enum st recovery_run(struct vfs *v, const char *data_dir, unsigned mode, const struct recovery_known *known,
		     const struct recovery_sink *sink, struct recovery_report *rp) MUST_USE;

/* Is the file of a live table there, with this size? ST_CORRUPT, logged, when not: the manifest is not to be believed, and
 * nothing may be changed. To be asked before recovery_run(). */
enum st recovery_check_table(struct vfs *v, const char *data_dir, struct file_id id, uint64_t size_bytes) MUST_USE;

/* A table with damage on record that is not live goes to quarantine/, if a crash left it in sst/. Before recovery_tidy(). */
enum st recovery_keep_damaged(struct vfs *v, const char *data_dir, struct file_id table, const struct file_id *live,
			      size_t live_count) MUST_USE;

/* After recovery_run(): removes what a crash left behind: WAL segments below the floor and never-begun ones, tables that
 * are not live, everything in tmp/. (What opening the manifest has read is durable, so nothing removed is needed again.) */
enum st recovery_tidy(struct vfs *v, const char *data_dir, struct file_id floor, const struct file_id *live,
		      size_t live_count) MUST_USE;

#endif
