/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large each level should be, where level 0 goes, and how much is still to be merged. Pure.
 *
 * Nearly all data ends on the last level; its size S decides what the levels above may hold. At the other end stands
 * B, what one job takes from level 0 when all is large: LEVEL0_PATIENCE * level0_trigger memtables, as large as they are
 * once they are tables. The levels between get an even fan-out f, and there are as few of them as keep f within
 * level_size_ratio:
 *
 *	level 0        B                         f = (S / B) ^ (1 / (levels between + 1)) <= level_size_ratio
 *	gathering      (n - 1/2) B               n = sqrt(2 f), rounded up
 *	top            S / f^2
 *	               S / f
 *	last           S, without bound
 *
 * An even fan-out is what writes least for given ends. `base` is where level 0 goes: the highest of those levels, or a
 * higher one that still holds something. Levels above the highest of those should be empty (target 0). An empty
 * database has no levels between; it grows from the last level upwards.
 *
 * Gathering: a job from level 0 to the top rewrites all of the top, f times what it brings. So n - 1 batches gather on a
 * level in front of it, and the n-th takes them along: n batches are written ((n - 1) / 2 + 1 + f / n) times each instead
 * of 1 + f, which is least at n = sqrt(2 f) (at f = 3: 3 instead of 4; at f = 10: 5 instead of 11). Where keys are written
 * again no job becomes larger by it. At rest level 0 goes through to the top at once. While f < GATHER_FROM nothing
 * gathers: less than a seventh would be saved, and lost again when the rest comes before the n-th batch.
 *
 * Patience: a job from level 0 rewrites what it meets, whether it brings four tables or sixteen. So level 0 waits beyond its
 * trigger until it brings LEVEL0_MEETS times what the base holds, and the top where that gathers for it, up to
 * LEVEL0_PATIENCE times the trigger. What is written falls by about a third (docs/benchmarks), for up to twelve more filters
 * to ask in a read while writes keep coming; at rest level 0 is merged anyway, and at its trigger where the disk has little
 * room for the job (pick.c).
 *
 * Space: everything above the last level may turn out to be overwritten or to overwrite, so it is an upper bound of the
 * garbage below. At rest it is brought to SETTLED_SHARE of the last level (pick.c), which bounds the space amplification
 * whatever f is under load.
 */
#ifndef ENGINE_LEVELS_H
#define ENGINE_LEVELS_H

#include "engine/version.h"

#define LEVEL_LAST (LEVEL_COUNT - 1u)
#define GATHER_FROM 1.75                 /* f from which batches gather */
#define LEVEL0_PATIENCE 4.0
#define LEVEL0_MEETS 4.0                 /* what it waits to bring, in times of what it meets */
#define LEVEL0_PATIENT_MOST 20.0         /* tables for which it still waits beyond the trigger: where writers begin to feel it */
#define LEVEL0_DUE_MOST 40.0             /* whatever the trigger: before writes stop (pressure.h) */

struct levels_conf {
	uint64_t level0_trigger;         /* tables */
	uint64_t memtable_size_limit;    /* bytes */
	uint64_t level_size_ratio;
};

struct levels {
	unsigned base;                   /* 1 .. LEVEL_LAST */
	bool gathers;                    /* base does: batches of level 0, for the level below */
	uint64_t level0_tables;
	double level0_due;               /* tables from which on level 0 is compacted */
	uint64_t bytes[LEVEL_COUNT];
	uint64_t free_bytes[LEVEL_COUNT];        /* of tables that are not busy */
	uint64_t free_level0_tables;
	uint64_t target[LEVEL_COUNT];    /* of level 0: unused; of the last: UINT64_MAX */
};

/* Where a job of all of level 0 goes: base, or, with what has gathered there, the level below. at_once: there in any case. */
unsigned levels_level0_goes_to(const struct levels *l, bool at_once);
/* What it reads. */
uint64_t levels_level0_meets(const struct levels *l, unsigned output_level);

/* Measures the version; keep its lock (truth_lock()) for the call. */
void levels_measure(const struct version *v, const struct levels_conf *c, struct levels *l);

/* At least 1: this level is to be compacted. Counts what is free only. The last level's is 0. */
double levels_score(const struct levels *l, unsigned level);

/*
 * Bytes of inputs that compaction has to merge until every level is within its target, if no more is written: what must
 * go down and what it meets there, level after level. 0 when nothing is to be done. From level0_due tables on level
 * 0 counts as a whole, together with all of base; from there on each flush adds what it brings, and each installed job
 * takes away: the measure for back-pressure.
 */
uint64_t levels_debt(const struct levels *l);

#endif
