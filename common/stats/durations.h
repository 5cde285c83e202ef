/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buckets of a duration histogram: whole microseconds, about ten to a decade, up to a minute.
 *
 * 1. A duration belongs to the first bucket whose bound is not below it (Prometheus: le).
 * 2. The bounds that are exposed (1, 2.5 and 5 times a power of ten, from 10 microseconds) are bounds here,
 *    so their cumulated counts are exact.
 * 3. Neighbouring bounds differ by at most a factor of two, from 10 microseconds on of one and a third.
 */
#ifndef STATS_DURATIONS_H
#define STATS_DURATIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_BUCKETS 77      /* the last one has no bound */

/* Upper bound of a bucket in microseconds; UINT64_MAX for the last. */
uint64_t duration_bound_us(unsigned bucket);

/* True for the bounds that Prometheus gets to see; the last bucket (le="+Inf") is one. */
bool duration_is_exposed(unsigned bucket);

/* The bucket of a duration. */
unsigned duration_bucket(uint64_t us);

#endif
