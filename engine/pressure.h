/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast writes may come while flush and compaction are behind: never a cliff. Pure: tested by table and by simulation.
 *
 * Three things can pile up, each with a place from which it is felt (0) and one where writes stop (1):
 *
 *	what piles up                                                  felt from       stop at
 *	memtables: those that wait for flush, and the active one       2               4 (3 wait, the active one is full)
 *	level 0: its tables, and the memtables, which will be tables   20              48 tables
 *	debt: bytes that compaction has to read and write              256 memtables   1024 memtables (256 MiB, 1 GiB at least)
 *
 * In between, at share x of the way, writers get the measured speed C of what is behind, times (1 - x) / x: any speed
 * at first, exactly C half way, next to nothing before the stop. So the pile settles where writers are as fast as flush
 * and compaction really are; a C that was measured k times too high only moves that place to k / (k + 1) of the way.
 *
 * Tables come and go in lumps, many a job, so x of level 0 and of the debt is smoothed over the time in which
 * PRESSURE_SMOOTH_MEMTABLES leave level 0; close to the stop the smoothed value is drawn to the present one.
 * t/engine_pressure_test.c simulates it.
 *
 * Where compaction may not be as fast as it was (COMPACTION_RATE_LIMIT was lowered), its speeds count in the same proportion
 * less, before a job has shown it.
 *
 * A rate becomes delays by pressure_pace(): a group is answered first, and the next one begins later.
 */
#ifndef ENGINE_PRESSURE_H
#define ENGINE_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#define PRESSURE_FROZEN_MAX 3u           /* frozen memtables beyond which no further rotation is made */
#define PRESSURE_FLUSH_FROM 2.0          /* memtables */
#define PRESSURE_FLUSH_STOP 4.0
#define PRESSURE_LEVEL0_FROM 20.0        /* tables; level 0 is compacted from 4 to 16 on (levels.h) */
#define PRESSURE_LEVEL0_STOP 48.0
#define PRESSURE_DEBT_FROM 256.0         /* memtables, of PRESSURE_DEBT_UNIT at least */
#define PRESSURE_DEBT_STOP 1024.0
#define PRESSURE_DEBT_UNIT (1u << 20)

#define PRESSURE_RATE_ASSUMED (16u << 20)        /* C as long as nothing was measured */
#define PRESSURE_SMOOTH_MEMTABLES 12.0    /* a good third of what a job takes from level 0 when it is behind */
#define PRESSURE_SMOOTH_LEAST_S 2.0
#define PRESSURE_SMOOTH_MOST_S 120.0
#define PRESSURE_DELAY_MAX_US 1000000u           /* one group waits at most so long; what is left the next one waits */
#define PRESSURE_RETRY_LEAST_MS 1000u            /* what a refused client is told to wait */
#define PRESSURE_RETRY_MOST_MS 60000u
#define PRESSURE_NO_STALL_S 3600u                /* a stall that is further away is none */

enum pressure_cause { PRESSURE_NONE, PRESSURE_FLUSH, PRESSURE_LEVEL0, PRESSURE_DEBT };

/* What is behind, and how fast it was when it worked; bytes are bytes of memtables, rates a second, 0: not measured. */
struct pressure_facts {
	uint64_t memtable_limit;
	uint64_t memtable_bytes;         /* in all of them */
	unsigned level0_tables;
	uint64_t debt_bytes;
	uint64_t flush_rate;
	uint64_t level0_rate;            /* memtables that left level 0 */
	uint64_t debt_rate;              /* bytes that compaction read and wrote */
	uint64_t debt_limit;             /* bytes a second that it may from now on; 0: no limit */
};

struct pressure {
	enum pressure_cause cause;       /* what holds writers back most */
	double share;                    /* of the way to the stop: 0 .. 1 */
	uint64_t rate;                   /* bytes of memtables a second that writers get; UINT64_MAX: as fast as they come */
};

/* What the smoothing remembers; all 0 at first. */
struct pressure_memory { double level0, debt; uint64_t at_us; };

struct pressure pressure_judge(const struct pressure_facts *f, struct pressure_memory *m, uint64_t now_us);

/* Are writes refused now, because of tables? (Memtables refuse by themselves: there is none to write to.) */
enum pressure_cause pressure_stops(const struct pressure_facts *f);
/* When to come again: until what is over the stop has been worked off. */
uint32_t pressure_retry_ms(const struct pressure_facts *f, enum pressure_cause cause);

/* A group of so many bytes was committed; when may the next one begin? */
struct pressure_pace { uint64_t free_at_us; };
void pressure_spend(struct pressure_pace *p, uint64_t rate, uint64_t bytes, uint64_t now_us);
uint64_t pressure_delay_us(const struct pressure_pace *p, uint64_t now_us);

/* When writes will stop if everything goes on as in the last seconds; to be asked about once a second. */
struct pressure_trend { double at[3], growth[3]; uint64_t at_us; };
unsigned pressure_stall_s(struct pressure_trend *t, const struct pressure_facts *f, uint64_t now_us);

#endif
