/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of nanoseconds; see bench_hist.h. */
#include "tools/bench_hist.h"

#include <stdio.h>

/* Below 16 a bucket a nanosecond; then the three bits behind the highest one tell the bucket. */
static unsigned bucket_of(uint64_t ns)
{
	unsigned top;

	if (ns < 16)
		return (unsigned)ns;
	top = 63 - (unsigned)__builtin_clzll(ns);
	return (top - 2) * 8 + (unsigned)(ns >> (top - 3) & 7);
}

/* The first nanosecond that is beyond the bucket. */
static uint64_t end_of(unsigned bucket)
{
	unsigned top = bucket / 8 + 2;

	return bucket < 16 ? bucket + 1 : (uint64_t)(8 + bucket % 8 + 1) << (top - 3);
}

void bench_hist_add(struct bench_hist *h, uint64_t ns)
{
	unsigned b = bucket_of(ns);

	h->counts[b < BENCH_HIST_BUCKETS ? b : BENCH_HIST_BUCKETS - 1]++;
	h->n++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void bench_hist_merge(struct bench_hist *h, const struct bench_hist *other)
{
	for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++)
		h->counts[i] += other->counts[i];
	h->n += other->n;
	if (other->max_ns > h->max_ns)
		h->max_ns = other->max_ns;
}

double bench_hist_quantile_us(const struct bench_hist *h, double q)
{
	double want = q * (double)h->n;
	uint64_t seen = 0;

	for (unsigned i = 0; i < BENCH_HIST_BUCKETS && h->n > 0; i++) {
		seen += h->counts[i];
		if ((double)seen >= want && seen > 0) {
			uint64_t end = end_of(i);

			return (double)(end < h->max_ns ? end : h->max_ns) / 1000;
		}
	}
	return (double)h->max_ns / 1000;
}

void bench_hist_print(const struct bench_hist *h)
{
	uint64_t seen = 0;

	printf("Microseconds per operation: count %llu\n", (unsigned long long)h->n);
	printf("Percentiles: P50: %.2f P75: %.2f P99: %.2f P99.9: %.2f P99.99: %.2f Max: %.2f\n",
	       bench_hist_quantile_us(h, 0.5), bench_hist_quantile_us(h, 0.75), bench_hist_quantile_us(h, 0.99),
	       bench_hist_quantile_us(h, 0.999), bench_hist_quantile_us(h, 0.9999), (double)h->max_ns / 1000);
	for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++) {
		if (h->counts[i] == 0)
			continue;
		seen += h->counts[i];
		printf("up to %12.2f %10llu %7.3f%%\n", (double)end_of(i) / 1000, (unsigned long long)h->counts[i],
		       100 * (double)seen / (double)h->n);
	}
}
