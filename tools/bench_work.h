/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workloads of lsm-bench: the loop that each thread runs, and a table of them by db_bench's names.
 *
 * A loop counts what it did in its thread's own struct; the counters are read by others only for the progress bar and
 * after the threads have ended.
 */
#ifndef TOOLS_BENCH_WORK_H
#define TOOLS_BENCH_WORK_H

#include <stdatomic.h>

#include "tools/bench_data.h"
#include "tools/bench_db.h"
#include "tools/bench_hist.h"
#include "tools/bench_opts.h"

struct bench_thread {
	/* fixed */
	const struct bench_opts *o;
	const struct bench_work *work;
	struct bench_db *db;
	unsigned index;
	uint64_t goal;                   /* operations */
	atomic_bool *others_done;        /* readwhilewriting: the writer's sign to end */
	/* the thread's */
	struct rnd rnd;
	_Atomic uint64_t done;
	uint64_t found, bytes;
	bool counts;                     /* false: what it does is not in the row (a writer beside readers) */
	uint64_t last_ns;                /* when the timed operation began; 0: it is not timed */
	uint64_t begin_ns, end_ns;
	struct bench_hist hist;
};

typedef void bench_loop_f(struct bench_thread *t);
typedef void bench_once_f(struct bench_db *db);

struct bench_work {
	const char *name, *help;
	bench_loop_f *loop;              /* NULL: once() */
	bench_once_f *once;
	bool fresh;                      /* begins with an empty database */
	bool reads;                      /* --reads operations, not --num */
	bool tells_found;                /* the row says how many keys there were */
	bool sync;                       /* whatever --sync says */
	unsigned divide;                 /* --num / divide operations; 0: 1 */
	bool beside_writer;              /* one more thread overwrites meanwhile */
};

extern const struct bench_work bench_works[];            /* ends with name NULL */
const struct bench_work *bench_work_find(const char *name, size_t n);

/* The writer beside readers: overwrites until they are done. */
void bench_work_overwrite_meanwhile(struct bench_thread *t);

#endif
