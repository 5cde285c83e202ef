/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database in this process: the engine without frontends around it. What the engine's main does with links, this does
 * with calls; everything below is the engine's own: log, groups, memtables, flush thread, manifest, jobs thread and
 * lsm-compactor processes.
 *
 *   open -> writes and reads by any number of threads -> close
 *
 * 1. Writes queue up: the first in line commits for all that wait behind it (one write, one sync), then wakes them.
 *    The rules are those of engine/commit.c: refusals wait and try again, back-pressure holds a group back.
 * 2. Reads go as in a frontend: visible sequence, board generation, view. Each thread has a reader of its own.
 * 3. One database a process and life: links and locks of the engine are never let go before the process ends.
 */
#ifndef TOOLS_BENCH_DB_H
#define TOOLS_BENCH_DB_H

#include <stdatomic.h>

#include "common/view/view.h"
#include "proto/write.h"

struct bench_db;

struct bench_db_config {
	const char *dir;
	const char *programs;            /* folder of lsm-compactor */
	uint64_t write_buffer_size, cache_size;
	unsigned compression, compactors;
};

/* Opens what is in dir, or makes a database there. Ends the process when that is impossible: said by then. */
struct bench_db *bench_db_open(const struct bench_db_config *c);
void bench_db_close(struct bench_db *db);

void bench_db_set_sync(struct bench_db *db, bool sync);          /* while nobody writes */

/* ---- writing: any thread ---- */

struct bench_batch {
	struct buf entries, request;     /* the inside of a WriteBatch; the batches field around it */
	struct write_counts counts;
	uint64_t cost;                   /* in the memtable */
};

void bench_batch_fini(struct bench_batch *b);
void bench_batch_reset(struct bench_batch *b);
void bench_batch_add(struct bench_batch *b, const struct write_op *op);
void bench_db_write(struct bench_db *db, struct bench_batch *b);         /* answered when it returns */

/* ---- reading: a reader is one thread's ---- */

struct bench_reader {
	struct bench_db *db;
	struct view *view;               /* referenced */
	bool pinned;                     /* all its tables are open, for scans */
	uint64_t generation;
};

void bench_reader_init(struct bench_reader *r, struct bench_db *db);
void bench_reader_fini(struct bench_reader *r);
bool bench_reader_get(struct bench_reader *r, struct slice key);         /* found? */
struct iter *bench_reader_iter(struct bench_reader *r);                  /* over all that is visible now */

/* ---- in between ---- */

void bench_db_flush(struct bench_db *db);    /* the active memtable becomes a table */
void bench_db_settle(struct bench_db *db);   /* flushes are done, and compaction finds nothing to do */
void bench_db_compact(struct bench_db *db);  /* settles; then all tables become one level */

/* Compacts everything again and again until *stop, and abandons the last time. No flush, no waiting: for reads beside it. */
void bench_db_compact_until(struct bench_db *db, const atomic_bool *stop);

struct bench_db_figures {
	uint64_t wal_bytes, flush_bytes, compaction_bytes;       /* written since the process began */
	uint64_t table_bytes;                                    /* now */
	uint64_t stalled_us;
};
void bench_db_figures(struct bench_db *db, struct bench_db_figures *f);
void bench_db_print_levels(struct bench_db *db);
void bench_db_print_stats(struct bench_db *db);          /* the figures */

#endif
