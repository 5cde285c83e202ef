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
	const atomic_bool *others_done;  /* for a thread beside them: the sign to end */
	/* the thread's */
	struct rnd rnd;
	_Atomic uint64_t done;
	uint64_t found, bytes;
	bool counts;                     /* false: it works beside those that are measured */
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
	unsigned divide;                 /* --num / divide operations unless --writes says; 0: 1 */
	bench_loop_f *beside;            /* what one more thread does until the others are done; may be NULL */
};

extern const struct bench_work bench_works[];            /* ends with name NULL */
const struct bench_work *bench_work_find(const char *name, size_t n);

#endif
