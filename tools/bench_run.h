/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one workload: starts its threads together, draws a bar while they work, and says what came of it in one row of
 * db_bench's form.
 */
#ifndef TOOLS_BENCH_RUN_H
#define TOOLS_BENCH_RUN_H

#include "tools/bench_work.h"

/* A row of the table at the end. Plain bytes: it travels through a pipe. */
struct bench_row {
	char name[24];
	uint64_t operations, found, bytes;
	double seconds;                  /* from the first thread's begin to the last one's end */
	double p50_us, p99_us;
	double write_amplification;      /* bytes of tables written meanwhile / bytes written by the workload; 0: none */
	uint64_t table_bytes;            /* afterwards */
	bool tells_found;
};

/* number: which run of this program it is; with --seed it decides all random choices. */
void bench_run(const struct bench_opts *o, const struct bench_work *w, unsigned number, struct bench_db *db,
	       struct bench_row *rowp);

#endif
