/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of stats share: the table's rows and a whole histogram. */
#ifndef STATS_STATS_PRIV_H
#define STATS_STATS_PRIV_H

#include <stdatomic.h>

#include "common/stats/durations.h"
#include "common/stats/stats.h"

#define STATS_LEVELS 7

/* The first four have one value, which stats_sum() gives. */
enum stats_kind { STATS_COUNTER, STATS_COUNTER_US, STATS_GAUGE, STATS_GAUGE_US, STATS_LEVEL_GAUGE, STATS_HISTOGRAM };

struct stats_row {
	enum stats_kind kind;
	size_t offset;           /* in a slot */
	const char *name, *help;
};

extern const struct stats_row stats__rows[METRIC_COUNT];

struct stats_durations {
	uint64_t count, sum_us;
	uint64_t buckets[DURATION_BUCKETS];
};

/* The segment's area of running jobs (running.c); NULL before begin. */
struct stats_running {
	_Atomic uint64_t version, count;
	_Atomic uint64_t words[272];     /* records of running.h */
};
struct stats_running *stats__running(void);

/* The duration histogram of one operation, summed over all slots; count is the sum of the buckets. */
void stats__durations(enum operation op, struct stats_durations *d);

#endif
