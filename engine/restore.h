/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a data directory to a database that takes writes: what happens between start and the first view.
 *
 *   directories -> manifest -> tidy -> replay: one memtable a segment, frozen -> fresh segment and memtable -> first view
 *
 * Used by the engine's main and by tests; single-threaded.
 */
#ifndef ENGINE_RESTORE_H
#define ENGINE_RESTORE_H

#include "common/base/conf.h"
#include "engine/recovery.h"
#include "engine/retain.h"
#include "engine/truth.h"
#include "engine/writer.h"

struct restore_config {
	struct vfs *vfs;                 /* on loan, as are the others */
	const struct conf *conf;
	const char *sqlite_vfs;          /* NULL: the default */
	struct truth_config truth;       /* board, hand-over, who is told of changes */
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct retain *retain;           /* NULL: no segment is kept for watchers */
	void (*beat)(void);              /* called while a long log is replayed; may be NULL */
};

/* What a usual WAL segment has allocated. */
uint64_t restore_segment_bytes(const struct conf *c);

/* The living database. */
struct database {
	struct truth *truth;
	struct spare *spare;
	struct drain drain;
	struct writer writer;
	struct recovery_report report;   /* what was found in the WAL */
	uint64_t next_job;
	bool created;
};

/* Opens all of it; nothing is published yet. ST_CORRUPT: damaged, foreign or incomplete, and complaint has a sentence
 * for people, as when the log ends before what the board has shown to readers. */
enum st restore_open(const struct restore_config *c, struct database *dbp, struct buf *complaint) MUST_USE;

/* Hands out the memtables, publishes the first view, makes the recovered sequence visible. */
void restore_publish(struct database *db);

void restore_close(struct database *db);     /* in order; no thread may be left in it */

#endif
