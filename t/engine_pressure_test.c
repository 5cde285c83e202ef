/* SPDX-License-Identifier: Apache-2.0 */
/* The law of back-pressure by table, and what becomes of it when writers are faster than flush and compaction. */
#include "engine/pressure.h"

#include "t/check_main.h"

#define MB (UINT64_C(1) << 20)
#define LIMIT (50 * MB)
#define S UINT64_C(1000000)

static struct pressure_facts calm(void)
{
	return (struct pressure_facts){ .memtable_limit = LIMIT, .memtable_bytes = LIMIT, .flush_rate = 100 * MB,
					.level0_rate = 40 * MB, .debt_rate = 80 * MB };
}

/* After it has been so for a long time. */
static struct pressure settled(const struct pressure_facts *f)
{
	struct pressure_memory m = { 0 };
	struct pressure p = { 0 };

	for (unsigned i = 1; i <= 600; i++)
		p = pressure_judge(f, &m, i * S);
	return p;
}

START_TEST(nothing_behind_means_no_limit)
{
	struct pressure_facts f = calm();

	f.level0_tables = 19;
	f.memtable_bytes = LIMIT;
	f.debt_bytes = 256 * LIMIT;
	ck_assert_int_eq(settled(&f).cause, PRESSURE_NONE);
	ck_assert_uint_eq(settled(&f).rate, UINT64_MAX);
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_NONE);
}
END_TEST

/* Half way to the stop of each: its own speed, exactly. */
START_TEST(half_way_writers_get_the_speed_of_what_is_behind)
{
	struct pressure_facts flush = calm(), level0 = calm(), debt = calm();
	const struct { struct pressure_facts *f; enum pressure_cause cause; uint64_t rate; } rows[] = {
		{ &flush, PRESSURE_FLUSH, 100 * MB }, { &level0, PRESSURE_LEVEL0, 40 * MB }, { &debt, PRESSURE_DEBT, 40 * MB },
	};

	flush.memtable_bytes = 3 * LIMIT;
	level0.level0_tables = 33;               /* and the memtable */
	debt.debt_bytes = 640 * LIMIT;
	for (unsigned i = 0; i < 3; i++) {
		struct pressure p = settled(rows[i].f);

		ck_assert_int_eq(p.cause, rows[i].cause);
		ck_assert(p.share > 0.49 && p.share < 0.51);
		ck_assert_uint_ge(p.rate, rows[i].rate * 98 / 100);
		ck_assert_uint_le(p.rate, rows[i].rate * 102 / 100);
	}
}
END_TEST

/* Steps of a hundredth of the way never halve the rate before the last tenth, and never raise it. */
START_TEST(the_rate_falls_smoothly_all_the_way)
{
	struct pressure_facts f = calm();
	uint64_t before = UINT64_MAX;

	for (unsigned percent = 2; percent <= 100; percent++) {
		struct pressure p;

		f.memtable_bytes = 2 * LIMIT + 2 * LIMIT * percent / 100;
		p = settled(&f);
		ck_assert_uint_le(p.rate, before);
		if (before != UINT64_MAX && percent <= 90)
			ck_assert_uint_ge(p.rate, before / 2);
		before = p.rate;
	}
	ck_assert_uint_gt(before, 0);
	ck_assert_uint_le(before, 100 * MB / 64);
}
END_TEST

START_TEST(without_a_measure_a_speed_is_assumed)
{
	struct pressure_facts f = calm();

	f.flush_rate = 0;
	f.memtable_bytes = 3 * LIMIT;
	ck_assert_uint_eq(settled(&f).rate, PRESSURE_RATE_ASSUMED);
}
END_TEST

START_TEST(lumps_are_smoothed_but_not_close_to_the_stop)
{
	struct pressure_memory m = { 0 };
	struct pressure_facts f = calm();

	(void)pressure_judge(&f, &m, S);
	f.level0_tables = 33;                    /* and a memtable: half way */
	ck_assert(pressure_judge(&f, &m, S + S / 10).share < 0.02);
	f.level0_tables = 46;
	ck_assert(pressure_judge(&f, &m, S + S / 5).share >= 2 * 27.0 / 28 - 1);
	f.level0_tables = 48;
	ck_assert(pressure_judge(&f, &m, S + 3 * S / 10).share > 0.99);
}
END_TEST

START_TEST(writes_stop_at_the_limit_and_not_before)
{
	struct pressure_facts f = calm();

	f.level0_tables = 47;
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_NONE);
	f.level0_tables = 48;
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_LEVEL0);
	f.level0_tables = 0;
	f.debt_bytes = 1024 * LIMIT - 1;
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_NONE);
	f.debt_bytes++;
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_DEBT);
	f.memtable_limit = 4096;                 /* small memtables have a debt in bytes all the same */
	f.debt_bytes = 1024 * MB - 1;
	ck_assert_int_eq(pressure_stops(&f), PRESSURE_NONE);
}
END_TEST

START_TEST(who_is_refused_hears_when_to_come_again)
{
	struct pressure_facts f = calm();

	f.level0_tables = 48;                    /* one over it, and a memtable: 100 MiB at 40 a second */
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_LEVEL0), 2500);
	f.level0_tables = 100;
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_LEVEL0), 60000);
	f.debt_bytes = 1040 * LIMIT;             /* 17 memtables over it at 80 MiB a second */
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_DEBT), 10625);
	f.memtable_bytes = 4 * LIMIT;
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_FLUSH), 1000);
	f.flush_rate = 5 * MB;
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_FLUSH), 10000);
}
END_TEST

START_TEST(a_lowered_limit_of_compaction_counts_before_a_job_has_shown_it)
{
	struct pressure_facts f = calm();
	uint64_t before;

	f.level0_tables = 33;                    /* half way */
	before = settled(&f).rate;
	f.debt_limit = 100 * MB;                 /* it was no faster than that */
	ck_assert_uint_eq(settled(&f).rate, before);
	f.debt_limit = 20 * MB;                  /* a quarter of what it was */
	ck_assert_uint_le(settled(&f).rate, before / 4 + before / 400);      /* the smoothing is slower too */
	ck_assert_uint_ge(settled(&f).rate, before / 4);
	f.level0_tables = 48;
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_LEVEL0), 10000);
	f.debt_bytes = 1026 * LIMIT;             /* 3 memtables over it at 20 MiB a second */
	ck_assert_uint_eq(pressure_retry_ms(&f, PRESSURE_DEBT), 7500);
}
END_TEST

START_TEST(a_pace_is_kept_over_groups_and_no_group_waits_long)
{
	struct pressure_pace p = { 0 };
	uint64_t now = 100 * S;

	pressure_spend(&p, UINT64_MAX, 100 * MB, now);
	ck_assert_uint_eq(pressure_delay_us(&p, now), 0);
	pressure_spend(&p, 10 * MB, 1 * MB, now);
	ck_assert_uint_eq(pressure_delay_us(&p, now), S / 10);
	ck_assert_uint_eq(pressure_delay_us(&p, now + S), 0);
	pressure_spend(&p, 10 * MB, 1 * MB, now + S);            /* time that passed unused is not saved up */
	ck_assert_uint_eq(pressure_delay_us(&p, now + S), S / 10);
	pressure_spend(&p, 1 * MB, 3 * MB, now + S);
	ck_assert_uint_eq(pressure_delay_us(&p, now + S), PRESSURE_DELAY_MAX_US);
	ck_assert_uint_eq(pressure_delay_us(&p, now + 4 * S), S / 10);
	pressure_spend(&p, UINT64_MAX, 1, now + S);              /* the pile is gone: so is what was left to wait */
	ck_assert_uint_eq(pressure_delay_us(&p, now + S), 0);
}
END_TEST

START_TEST(a_stall_is_seen_coming)
{
	struct pressure_trend t = { 0 };
	struct pressure_facts f = calm();
	unsigned s = 0;

	ck_assert_uint_eq(pressure_stall_s(&t, &f, S), PRESSURE_NO_STALL_S);
	for (unsigned i = 1; i <= 32; i++) {     /* one table in a second */
		f.level0_tables = i;
		s = pressure_stall_s(&t, &f, (i + 1) * S);
	}
	ck_assert_uint_ge(s, 14);
	ck_assert_uint_le(s, 16);                /* 48 - 32 - the memtable */
	for (unsigned i = 1; i <= 40; i++)       /* and then none */
		s = pressure_stall_s(&t, &f, (i + 33) * S);
	ck_assert_uint_gt(s, 1000);
	f.level0_tables = 48;
	ck_assert_uint_eq(pressure_stall_s(&t, &f, 80 * S), 0);
}
END_TEST

/* ---- simulation ---- */

/* Writers of a speed, a flush thread of a speed, and one compactor that takes all of level 0 in one job; what is measured
 * of them may be wrong by a factor. Steps of 10 ms. */
struct sim {
	double writer, flush, level0, wrong;     /* MiB a second; measured / true */
	double swing;                            /* the throughput of 5 s lies between so many times the mean and its inverse */
	/* how it went, after the first half */
	double written, seconds;                 /* MiB */
	unsigned stops;
	double slowest, fastest;                 /* MiB a second over 5 s */
};

#define STEP_US 10000u
#define SIM_US (1200 * S)

static void simulate(struct sim *s)
{
	const double step = STEP_US / 1e6;
	double memtables = 0, flushing = 0, job_left = 0, in_5s = 0;
	struct pressure_memory m = { 0 };
	struct pressure_pace pace = { 0 };
	unsigned level0 = 0, job = 0;

	s->slowest = 1e9;
	for (uint64_t now = STEP_US; now < SIM_US; now += STEP_US) {
		struct pressure_facts f = { .memtable_limit = LIMIT, .memtable_bytes = (uint64_t)(memtables * (double)LIMIT),
					    .level0_tables = level0, .flush_rate = (uint64_t)(s->flush * s->wrong * (double)MB),
					    .level0_rate = (uint64_t)(s->level0 * s->wrong * (double)MB) };
		bool stopped = pressure_stops(&f) != PRESSURE_NONE || memtables >= 4;

		if (!stopped && pressure_delay_us(&pace, now) == 0) {
			double group = s->writer * step;

			pressure_spend(&pace, pressure_judge(&f, &m, now).rate, (uint64_t)(group * (double)MB), now);
			memtables += group / 50;
			in_5s += group;
			s->written += now > SIM_US / 2 ? group : 0;
		}
		s->stops += stopped && now > SIM_US / 2;
		if (memtables >= 1 || flushing > 0) {    /* the oldest one that is full */
			flushing += s->flush * step;
			if (flushing >= 50) {
				flushing = 0;
				memtables -= 1;
				level0++;
			}
		}
		if (job == 0 && level0 >= 12) {
			job = level0;
			job_left = job * 50.0;
		}
		job_left -= s->level0 * step;
		if (job > 0 && job_left <= 0) {
			level0 -= job;
			job = 0;
		}
		if (now % (5 * S) == 0) {
			if (now > SIM_US / 2 && in_5s / 5 < s->slowest)
				s->slowest = in_5s / 5;
			if (now > SIM_US / 2 && in_5s / 5 > s->fastest)
				s->fastest = in_5s / 5;
			in_5s = 0;
		}
	}
	s->seconds = (double)(SIM_US / 2) / 1e6;
}

/* Whoever is slowest sets the pace: nothing stops, nothing swings between nothing and full speed. */
START_TEST(throughput_settles_at_what_flush_and_compaction_can_do)
{
	const struct sim rows[] = {
		{ .writer = 200, .flush = 100, .level0 = 40, .wrong = 1, .swing = 0.5 },
		{ .writer = 200, .flush = 100, .level0 = 40, .wrong = 3, .swing = 0.04 },
		{ .writer = 200, .flush = 100, .level0 = 40, .wrong = 0.33, .swing = 0.3 },
		{ .writer = 100, .flush = 200, .level0 = 40, .wrong = 1, .swing = 0.5 },
		{ .writer = 500, .flush = 30, .level0 = 200, .wrong = 1, .swing = 0.5 },
		{ .writer = 500, .flush = 30, .level0 = 200, .wrong = 3, .swing = 0.05 },
		{ .writer = 100, .flush = 300, .level0 = 10, .wrong = 1, .swing = 0.3 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim s = rows[i];
		double can = s.flush < s.level0 ? s.flush : s.level0, most = can / s.swing, rate;

		simulate(&s);
		rate = s.written / s.seconds;
		ck_assert_msg(s.stops == 0, "row %zu: stopped for %u steps", i, s.stops);
		ck_assert_msg(rate > 0.9 * can && rate < 1.1 * can, "row %zu: %.1f instead of %.1f MiB/s", i, rate, can);
		ck_assert_msg(s.slowest > s.swing * can, "row %zu: as slow as %.1f of %.1f MiB/s", i, s.slowest, can);
		ck_assert_msg(s.fastest < (most < s.writer / 1.5 ? most : s.writer / 1.5), "row %zu: as fast as %.1f of %.1f MiB/s", i, s.fastest, can);
	}
}
END_TEST

START_TEST(writers_that_are_slow_enough_are_not_held_back)
{
	struct sim s = { .writer = 30, .flush = 100, .level0 = 60, .wrong = 1 };

	simulate(&s);
	ck_assert_uint_eq(s.stops, 0);
	ck_assert(s.written / s.seconds > 29.5);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, nothing_behind_means_no_limit);
	tcase_add_test(tc, half_way_writers_get_the_speed_of_what_is_behind);
	tcase_add_test(tc, the_rate_falls_smoothly_all_the_way);
	tcase_add_test(tc, without_a_measure_a_speed_is_assumed);
	tcase_add_test(tc, lumps_are_smoothed_but_not_close_to_the_stop);
	tcase_add_test(tc, writes_stop_at_the_limit_and_not_before);
	tcase_add_test(tc, who_is_refused_hears_when_to_come_again);
	tcase_add_test(tc, a_lowered_limit_of_compaction_counts_before_a_job_has_shown_it);
	tcase_add_test(tc, a_pace_is_kept_over_groups_and_no_group_waits_long);
	tcase_add_test(tc, a_stall_is_seen_coming);
	tcase_add_test(tc, throughput_settles_at_what_flush_and_compaction_can_do);
	tcase_add_test(tc, writers_that_are_slow_enough_are_not_held_back);
}

CHECK_MAIN("engine/pressure", suite)
