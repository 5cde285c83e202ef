/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the in-process database share; see bench_db.h. */
#ifndef TOOLS_BENCH_DB_PRIV_H
#define TOOLS_BENCH_DB_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/flush.h"
#include "engine/jobs.h"
#include "engine/restore.h"
#include "supervisor/worker.h"
#include "tools/bench_db.h"

struct bench_waiter;

struct bench_db {
	/* fixed after open */
	struct conf conf;
	struct board *board;
	struct jobs *jobs;
	struct flush *flush;
	struct install_dir dir;
	struct worker compactors[16];
	struct block_cache *blocks;
	struct table_cache *tables;
	uint64_t origin;

	/* the writers' */
	_Atomic(struct bench_waiter *) waiting;  /* newest first; who finds it empty leads the next group */
	pthread_mutex_t commit;                  /* guards the database's writer and next_request */
	struct database db;
	uint64_t next_request;

	/* the readers': the newest view that any of them has opened */
	pthread_mutex_t opening;
	struct view *view;
	uint64_t generation;
};

/* Ends the process when st is trouble; it was said where it was born. */
void bench__need(enum st st, const char *what);

/* A fresh memtable and segment, the old memtable frozen; waits as long as it takes. Under `commit`. */
void bench__rotate(struct bench_db *db, uint64_t cost, size_t bytes);

#endif
