/* SPDX-License-Identifier: Apache-2.0 */
/* Debt of compaction, looked at once a second; see debt.h. */
#include "engine/debt.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"

#define LOOK_EVERY_US 1000000u

/* Level 0 meets all of level 1; a table of another level meets, read and written again, its share of the next one. */
uint64_t debt_of(const struct version *v, const struct conf *c)
{
	struct level_list l = version_level(v, 0);
	double target = (double)c->compaction_trigger_ratio * (double)c->memtable_size_limit, debt = 0, down = 0;

	if (l.count >= c->compaction_trigger_ratio) {
		down = (double)l.bytes;
		debt = 2 * (down + (double)version_level(v, 1).bytes);
	}
	for (unsigned n = 1; n + 1 < LEVEL_COUNT; n++, target *= (double)c->level_size_ratio) {
		double bytes = (double)version_level(v, n).bytes + down, below = (double)version_level(v, n + 1).bytes;

		down = bytes > target ? bytes - target : 0;
		if (down > 0)
			debt += 2 * (down + below * down / bytes);
	}
	return (uint64_t)debt;
}

static struct pressure_facts facts_of(const struct truth *t, const struct conf *c, const struct drain *d)
{
	return (struct pressure_facts){ .memtable_limit = c->memtable_size_limit, .memtable_bytes = stats_sum(M_memtable_size),
					.level0_tables = truth_level0_count(t), .debt_bytes = drain_get(&d->debt_bytes) };
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
	stats_set(M_write_stall_predicted, (uint64_t)pressure_stall_s(&w->trend, &f, now));
}
