/* SPDX-License-Identifier: Apache-2.0 */
/* The law of back-pressure; see pressure.h. */
#include "engine/pressure.h"

#define SLOWEST (1.0 / 64)               /* of C: nobody waits for ever */
#define TREND_WEIGHT 0.2                 /* of the newest second */

/* One thing that piles up. */
struct pile {
	double now, from, stop, rate;    /* rate: in units of `now` a second */
};

static double clamp(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double rate_of(uint64_t measured)
{
	return (double)(measured ? measured : PRESSURE_RATE_ASSUMED);
}

/* The share of compaction's measured speed that it may still have. */
static double allowed(const struct pressure_facts *f)
{
	double limit = (double)f->debt_limit, speed = rate_of(f->debt_rate);

	return f->debt_limit && limit < speed ? limit / speed : 1;
}

static double level0_speed(const struct pressure_facts *f)
{
	return allowed(f) * rate_of(f->level0_rate);
}

static double in_memtables(const struct pressure_facts *f, uint64_t bytes)
{
	return (double)bytes / (double)(f->memtable_limit ? f->memtable_limit : 1);
}

static double debt_unit(const struct pressure_facts *f)
{
	return (double)(f->memtable_limit > PRESSURE_DEBT_UNIT ? f->memtable_limit : PRESSURE_DEBT_UNIT);
}

static struct pile pile_of(const struct pressure_facts *f, enum pressure_cause cause)
{
	double memtables = in_memtables(f, f->memtable_bytes), limit = (double)(f->memtable_limit ? f->memtable_limit : 1);

	switch (cause) {
	case PRESSURE_FLUSH:
		return (struct pile){ memtables, PRESSURE_FLUSH_FROM, PRESSURE_FLUSH_STOP, rate_of(f->flush_rate) / limit };
	case PRESSURE_LEVEL0:
		return (struct pile){ f->level0_tables + memtables, PRESSURE_LEVEL0_FROM, PRESSURE_LEVEL0_STOP,
				      level0_speed(f) / limit };
	case PRESSURE_DEBT:
		return (struct pile){ (double)f->debt_bytes / debt_unit(f), PRESSURE_DEBT_FROM, PRESSURE_DEBT_STOP,
				      allowed(f) * rate_of(f->debt_rate) / debt_unit(f) };
	case PRESSURE_NONE:
		break;
	}
	return (struct pile){ 0, 1, 2, 1 };
}

static double share_of(const struct pressure_facts *f, enum pressure_cause cause)
{
	struct pile p = pile_of(f, cause);

	return clamp((p.now - p.from) / (p.stop - p.from));
}

/* ---- the law ---- */

static double smoothing_us(const struct pressure_facts *f)
{
	double s = PRESSURE_SMOOTH_MEMTABLES / pile_of(f, PRESSURE_LEVEL0).rate;

	return 1e6 * (s < PRESSURE_SMOOTH_LEAST_S ? PRESSURE_SMOOTH_LEAST_S : s > PRESSURE_SMOOTH_MOST_S ? PRESSURE_SMOOTH_MOST_S : s);
}

/* Follows x slowly; near the stop never further from it than twice as far as x. */
static double smooth(double before, double x, double weight)
{
	double s = before + (x - before) * weight, least = 2 * x - 1;

	return s > least ? s : least;
}

static uint64_t rate_at(double speed, double x)
{
	double factor = x > 0 ? (1 - x) / x : 0, rate;

	if (x <= 0)
		return UINT64_MAX;
	rate = speed * (factor > SLOWEST ? factor : SLOWEST);
	return rate < 1 ? 1 : rate > 1e18 ? UINT64_MAX : (uint64_t)rate;
}

static void consider(struct pressure *p, enum pressure_cause cause, double x, uint64_t rate)
{
	if (rate >= p->rate)
		return;
	*p = (struct pressure){ cause, x, rate };
}

struct pressure pressure_judge(const struct pressure_facts *f, struct pressure_memory *m, uint64_t now_us)
{
	double passed = m->at_us && now_us > m->at_us ? (double)(now_us - m->at_us) : 0;
	double weight = passed / (passed + smoothing_us(f)), x = share_of(f, PRESSURE_FLUSH);
	struct pressure p = { .rate = UINT64_MAX };

	m->level0 = smooth(m->level0, share_of(f, PRESSURE_LEVEL0), weight);
	m->debt = smooth(m->debt, share_of(f, PRESSURE_DEBT), weight);
	m->at_us = now_us;
	consider(&p, PRESSURE_FLUSH, x, rate_at(rate_of(f->flush_rate), x));
	consider(&p, PRESSURE_LEVEL0, m->level0, rate_at(level0_speed(f), m->level0));
	consider(&p, PRESSURE_DEBT, m->debt, rate_at(level0_speed(f), m->debt));
	return p;
}

/* ---- the stop ---- */

enum pressure_cause pressure_stops(const struct pressure_facts *f)
{
	if (f->level0_tables >= PRESSURE_LEVEL0_STOP)
		return PRESSURE_LEVEL0;
	return pile_of(f, PRESSURE_DEBT).now >= PRESSURE_DEBT_STOP ? PRESSURE_DEBT : PRESSURE_NONE;
}

uint32_t pressure_retry_ms(const struct pressure_facts *f, enum pressure_cause cause)
{
	struct pile p = pile_of(f, cause);
	double over = p.now - p.stop + 1, ms;

	ms = (over > 1 ? over : 1) / p.rate * 1000;
	if (ms < PRESSURE_RETRY_LEAST_MS)
		return PRESSURE_RETRY_LEAST_MS;
	return ms > PRESSURE_RETRY_MOST_MS ? PRESSURE_RETRY_MOST_MS : (uint32_t)ms;
}

/* ---- pacing ---- */

void pressure_spend(struct pressure_pace *p, uint64_t rate, uint64_t bytes, uint64_t now_us)
{
	double us = rate == UINT64_MAX ? 0 : (double)bytes * 1e6 / (double)rate;

	if (p->free_at_us < now_us || rate == UINT64_MAX)
		p->free_at_us = now_us;
	p->free_at_us += us > 60e6 ? 60000000u : (uint64_t)us;
}

uint64_t pressure_delay_us(const struct pressure_pace *p, uint64_t now_us)
{
	uint64_t us = p->free_at_us > now_us ? p->free_at_us - now_us : 0;

	return us > PRESSURE_DELAY_MAX_US ? PRESSURE_DELAY_MAX_US : us;
}

/* ---- looking ahead ---- */

unsigned pressure_stall_s(struct pressure_trend *t, const struct pressure_facts *f, uint64_t now_us)
{
	double passed = t->at_us && now_us > t->at_us ? (double)(now_us - t->at_us) / 1e6 : 0, least = PRESSURE_NO_STALL_S;

	for (unsigned i = 0; i < 3; i++) {
		struct pile p = pile_of(f, (enum pressure_cause)(PRESSURE_FLUSH + i));
		double left = p.stop - p.now;

		if (passed > 0)
			t->growth[i] += ((p.now - t->at[i]) / passed - t->growth[i]) * TREND_WEIGHT;
		t->at[i] = p.now;
		if (left <= 0)
			least = 0;
		else if (t->growth[i] > 0 && left / t->growth[i] < least)
			least = left / t->growth[i];
	}
	t->at_us = now_us;
	return (unsigned)least;
}
