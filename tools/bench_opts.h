/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of lsm-bench. Names and meanings are those of db_bench where both have the same thing; a name may be
 * written with dashes or, as db_bench does, with underscores. Sizes take K, M and G.
 */
#ifndef TOOLS_BENCH_OPTS_H
#define TOOLS_BENCH_OPTS_H

#include <stdbool.h>
#include <stdint.h>

struct bench_opts {
	const char *benchmarks;          /* names with commas between them */
	const char *db;                  /* NULL: a fresh folder, removed at the end */
	uint64_t num;                    /* keys that there can be */
	uint64_t writes;                 /* of each thread; 0: as the workload says */
	uint64_t reads;                  /* of each thread */
	uint64_t key_size, value_size;
	uint64_t threads;
	uint64_t batch_size;             /* entries a write */
	uint64_t seek_nexts;             /* steps behind each seek */
	uint64_t cache_size;
	uint64_t write_buffer_size;      /* of a memtable */
	uint64_t compactors;             /* processes */
	uint64_t seed;
	double compression_ratio;        /* how far values shrink */
	unsigned compression;            /* BLOCK_COMPRESSION_* */
	bool sync, histogram, use_existing_db, progress;
};

/* Fills o from the command line, defaults included. Ends the program for what cannot be understood (EXIT_CONFIG, with a
 * sentence). */
void bench_opts_parse(struct bench_opts *o, int argc, char **argv);

void bench_opts_help(void);          /* prints them all */

#endif
