/* SPDX-License-Identifier: Apache-2.0 */
/* Debt of compaction, looked at once a second; see debt.h. */
#include "engine/debt.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "engine/levels.h"

#define LOOK_EVERY_US 1000000u

uint64_t debt_of(const struct version *v, const struct conf *c)
{
	const struct levels_conf sizes = { c->compaction_trigger_ratio, c->memtable_size_limit, c->level_size_ratio };
	struct levels l;

	levels_measure(v, &sizes, &l);
	return 2 * levels_debt(&l);
}

static struct pressure_facts facts_of(const struct truth *t, const struct conf *c, const struct drain *d)
{
	return (struct pressure_facts){ .memtable_limit = c->memtable_size_limit, .memtable_bytes = stats_sum(M_memtable_size),
					.level0_tables = truth_level0_count(t), .debt_bytes = drain_get(&d->debt_bytes) };
}

/* Is there no memtable to write to? Bytes alone do not tell: one operation may be larger than a memtable. */
static bool flush_stops(struct truth *t, const struct pressure_facts *f)
{
	return truth_frozen_count(t) >= PRESSURE_FROZEN_MAX &&
	       (double)f->memtable_bytes >= PRESSURE_FLUSH_STOP * (double)f->memtable_limit;
}

void debt_look(struct debt_watch *w, struct truth *t, const struct conf *c, struct drain *d)
{
	uint64_t now = clock_mono_us(), debt;
	struct pressure_facts f;

	if (now - w->looked_us < LOOK_EVERY_US)
		return;
	w->looked_us = now;
	debt = debt_of(truth_lock(t), c);
	truth_unlock(t);
	atomic_store_explicit(&d->debt_bytes, debt, memory_order_relaxed);
	f = facts_of(t, c, d);
	stats_set(M_compaction_debt, debt);
	stats_set(M_write_stalled, pressure_stops(&f) != PRESSURE_NONE || flush_stops(t, &f));
	stats_set(M_write_stall_predicted, (uint64_t)pressure_stall_s(&w->trend, &f, now));
}
