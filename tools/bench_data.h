/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values of lsm-bench, made like those of db_bench.
 *
 *   key    := number:u64 big-endian, then '0' up to the size
 *   values := pieces of 100 bytes, each a random text of compression_ratio * 100 bytes said again and again
 *
 * A value is a window on a buffer of such pieces that moves on by its own length. One thread.
 */
#ifndef TOOLS_BENCH_DATA_H
#define TOOLS_BENCH_DATA_H

#include "common/base/rand.h"
#include "common/base/slice.h"

struct bench_values {
	uint8_t *bytes;
	size_t n, at;
};

void bench_values_init(struct bench_values *v, uint64_t seed, double compression_ratio, size_t value_size);
void bench_values_fini(struct bench_values *v);
struct slice bench_values_next(struct bench_values *v, size_t n);

/* Writes the key of a number: key_size bytes, 8 at least. */
void bench_key(uint8_t *key, size_t key_size, uint64_t number);

#endif
