/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of levels; see levels.h. */
#include "engine/levels.h"

#define ROOT_STEPS 60
#define ARENA_SHARE 0.75                 /* of a memtable's bytes are keys and values; the rest are its nodes */
#define SHRINK_MOST (1.0 / 16)           /* tables are never taken to be smaller than this share of what they hold */
#define DRAIN_SCORE 1.0                  /* of a level that should be empty: to be done, after all that presses */

static void measure_tables(const struct version *v, struct levels *l, double *shrinkp)
{
	double stored = 0, raw = 0;

	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list list = version_level(v, n);

		l->bytes[n] = list.bytes;
		for (size_t i = 0; i < list.count; i++) {
			const struct live_table *t = list.tables[i];

			stored += (double)t->facts.size_bytes;
			raw += (double)t->facts.uncompressed_bytes;
			if (version_is_busy(t))
				continue;
			l->free_bytes[n] += t->facts.size_bytes;
			l->free_level0_tables += n == 0;
		}
	}
	l->level0_tables = version_level(v, 0).count;
	*shrinkp = raw > 0 && stored < raw ? stored / raw : 1;
	if (*shrinkp < SHRINK_MOST)
		*shrinkp = SHRINK_MOST;
}

/* The n-th root of x >= 1, by halving. */
static double root(double x, unsigned n)
{
	double low = 1, high = x;

	for (unsigned step = 0; step < ROOT_STEPS; step++) {
		double mid = (low + high) / 2, power = 1;

		for (unsigned i = 0; i < n; i++)
			power *= mid;
		if (power > x)
			high = mid;
		else
			low = mid;
	}
	return high;
}

static double at_most(double x, double most)
{
	return x < most ? x : most;
}

/* How many tables level 0 waits for, when each has so many bytes. */
static double due(const struct levels *l, const struct levels_conf *c, double table_bytes)
{
	double meets = (double)l->bytes[l->base] + (l->gathers ? (double)l->bytes[l->base + 1] : 0);
	double trigger = (double)c->level0_trigger, met = LEVEL0_MEETS * meets / table_bytes;
	double patient = at_most(at_most(met, LEVEL0_PATIENCE * trigger), LEVEL0_PATIENT_MOST);

	return at_most(patient > trigger ? patient : trigger, LEVEL0_DUE_MOST);
}

/* How many batches go down together where each meets a level of f of them. */
static double batches(double f)
{
	double n = 1;

	while (n * n < 2 * f)
		n++;
	return n;
}

/* Where level 0 goes, when the levels that are not above `top` have a place. */
static unsigned base_of(const struct levels *l, unsigned top)
{
	unsigned base = top;

	for (unsigned n = top; n > 0; n--)
		if (l->bytes[n] > 0)
			base = n;
	return base;
}

void levels_measure(const struct version *v, const struct levels_conf *c, struct levels *l)
{
	double shrink, table_bytes, first, fanout, target;
	unsigned between = 0, top;
	bool gathers;

	*l = (struct levels){ 0 };
	measure_tables(v, l, &shrink);
	table_bytes = (double)c->memtable_size_limit * ARENA_SHARE * shrink;
	first = LEVEL0_PATIENCE * (double)c->level0_trigger * table_bytes;
	fanout = (double)l->bytes[LEVEL_LAST] / first;
	while (fanout > (double)c->level_size_ratio && between < LEVEL_LAST - 1) {
		between++;
		fanout = root((double)l->bytes[LEVEL_LAST] / first, between + 1);
	}
	top = LEVEL_LAST - between;
	l->target[LEVEL_LAST] = UINT64_MAX;
	target = (double)l->bytes[LEVEL_LAST];
	for (unsigned n = LEVEL_LAST - 1; n >= top; n--) {
		target /= fanout;
		l->target[n] = (uint64_t)target + 1;
	}
	gathers = fanout >= GATHER_FROM && top > 1;
	if (gathers)
		l->target[--top] = (uint64_t)((batches(fanout) - 0.5) * first);
	l->base = base_of(l, top);
	l->gathers = gathers && l->base == top;
	l->level0_due = due(l, c, table_bytes);
}

unsigned levels_level0_goes_to(const struct levels *l, bool at_once)
{
	if (l->gathers && (at_once || l->bytes[0] + l->bytes[l->base] > l->target[l->base]))
		return l->base + 1;
	return l->base;
}

uint64_t levels_level0_meets(const struct levels *l, unsigned output_level)
{
	uint64_t sum = l->bytes[0];

	for (unsigned n = l->base; n <= output_level; n++)
		sum += l->bytes[n];
	return sum;
}

double levels_score(const struct levels *l, unsigned level)
{
	if (level == 0)
		return (double)l->free_level0_tables / l->level0_due;
	if (level == LEVEL_LAST || l->free_bytes[level] == 0)
		return 0;
	if (l->target[level] == 0)
		return DRAIN_SCORE;
	return (double)l->free_bytes[level] / (double)l->target[level];
}

uint64_t levels_debt(const struct levels *l)
{
	double debt = 0, coming = 0;
	unsigned n = l->base;

	if ((double)l->level0_tables >= l->level0_due) {
		n = levels_level0_goes_to(l, false);
		debt = (double)levels_level0_meets(l, n);
		coming = debt - (double)l->bytes[n];
	}
	for (; n < LEVEL_LAST; n++) {
		double have = (double)l->bytes[n] + coming, over = have - (double)l->target[n];

		coming = over > 0 ? over : 0;
		if (over > 0)
			debt += over + over / have * (double)l->bytes[n + 1];
	}
	return (uint64_t)debt;
}
