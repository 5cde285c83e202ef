/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long operations took: counts by nanoseconds, eight buckets to each power of two, so that a quantile is known to
 * an eighth. One thread adds; merging is for when the threads are done.
 */
#ifndef TOOLS_BENCH_HIST_H
#define TOOLS_BENCH_HIST_H

#include <stdint.h>

#define BENCH_HIST_BUCKETS 480u

struct bench_hist {
	uint64_t counts[BENCH_HIST_BUCKETS];
	uint64_t n, max_ns;
};

void bench_hist_add(struct bench_hist *h, uint64_t ns);
void bench_hist_merge(struct bench_hist *h, const struct bench_hist *other);
double bench_hist_quantile_us(const struct bench_hist *h, double q);     /* upper end of the bucket; 0 when empty */
void bench_hist_print(const struct bench_hist *h);

#endif
