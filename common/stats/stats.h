/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoreboard: every counter, gauge and histogram of every worker, in one shared segment made by the supervisor.
 *
 * 1. One slot a worker (heritage.h); only that worker writes it, with relaxed atomics, from any of its threads.
 * 2. Anybody sums slots: no message, no lock; answers when the engine is down.
 * 3. Slots survive restarts of workers, so counters never go back while the supervisor lives. Gauges do not: a worker
 *    clears its own at start (stats_begin).
 *
 * All metrics come from metrics.def: name, kind, unit, help.
 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include "common/base/buf.h"
#include "common/base/status.h"

/* Ids: M_write_operations for METRIC(write_operations, ...). */
enum metric {
#define COUNTER(id, name, help) M_##id,
#define COUNTER_US(id, name, help) M_##id,
#define GAUGE(id, name, help) M_##id,
#define GAUGE_US(id, name, help) M_##id,
#define LEVEL_GAUGE(id, name, help) M_##id,
#define HISTOGRAM(id, name, help) M_##id,
#include "common/stats/metrics.def"
#undef COUNTER
#undef COUNTER_US
#undef GAUGE
#undef GAUGE_US
#undef LEVEL_GAUGE
#undef HISTOGRAM
	METRIC_COUNT
};

/* Values of the label `operation` of the duration histogram. */
enum operation { OP_READ, OP_WRITE, OP_DELETE, OP_BATCH, OP_OTHER, OP_COUNT };

/* A new segment in a memory file, for the supervisor; -1 when refused. */
int stats_create(void);

/* Maps the segment; later stats_add() and friends write this slot. Clears the slot's gauges. Once a process. */
enum st stats_begin(int fd, unsigned slot) MUST_USE;

/* For programs and tests without a supervisor: a private segment, slot 0. Calls before any begin are harmless. */
void stats_begin_private(void);

void stats_add(enum metric m, uint64_t n);                       /* counters; COUNTER_US in microseconds */
void stats_set(enum metric m, uint64_t v);                       /* gauges; GAUGE_US in millionths */
void stats_set_level(enum metric m, unsigned level, uint64_t v); /* level gauges, level < 7 */
void stats_time(enum operation op, uint64_t duration_us);        /* the duration histogram */

/* The slot's worker is gone and nobody takes its place soon: what it held is held no more. The supervisor's. */
void stats_retire(unsigned slot);

/* Sums over all slots (a gauge: the sum too, as each is set by one worker only). */
uint64_t stats_sum(enum metric m);
uint64_t stats_sum_level(enum metric m, unsigned level);
uint64_t stats_of(unsigned slot, enum metric m);                 /* one worker's */
uint64_t stats_quantile_us(enum operation op, double q);         /* upper bound of the bucket */

/* Prometheus text exposition format 0.0.4 of everything. */
void stats_write_prometheus(struct buf *out);

/* A worker's own slot number and pid are told by the supervisor there: for health. */
void stats_worker_up(unsigned slot, int pid);                    /* supervisor: pid 0 = down */
int stats_worker_pid(unsigned slot);

#endif
