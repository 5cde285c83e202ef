/* SPDX-License-Identifier: Apache-2.0 */
/* Debt of compaction, and what people are told of it. */
#include "t/engine_world.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "engine/debt.h"
#include "engine/levels.h"

static void add(struct version *v, uint64_t id, unsigned level, const char *min, const char *max, uint64_t bytes)
{
	struct live_table t = testlib_table(id, level, min, max, id, id);
	struct version_edit e = { .added = &t, .added_count = 1 };

	t.facts.size_bytes = t.facts.uncompressed_bytes = bytes;
	ck_ok(version_check(v, &e));
	version_apply(v, &e);
}

START_TEST(a_tree_in_shape_owes_nothing_and_what_is_too_much_counts_twice)
{
	struct version *v = version_new();
	struct levels_conf sizes;
	struct levels l;
	struct conf c;

	conf_defaults(&c);               /* four tables trigger level 0 */
	c.memtable_size_limit = 100;
	sizes = (struct levels_conf){ c.compaction_trigger_ratio, c.memtable_size_limit, c.level_size_ratio };
	add(v, 1, LEVEL_LAST, "a", "m", 75);
	for (unsigned i = 2; i < 5; i++)
		add(v, i, 0, "a", "z", 100);
	ck_assert_uint_eq(debt_of(v, &c), 0);
	add(v, 5, 0, "a", "z", 100);     /* all of level 0 and of the last level, read and written */
	ck_assert_uint_eq(debt_of(v, &c), 2 * (400 + 75));
	levels_measure(v, &sizes, &l);
	ck_assert_uint_eq(debt_of(v, &c), 2 * levels_debt(&l));
	version_free(&v);
}
END_TEST

START_TEST(a_look_tells_writers_and_people)
{
	struct debt_watch watch = { .looked_us = 0 };
	struct world w;

	stats_begin_private();
	world_begin(&w, vfs_posix());
	for (unsigned i = 0; i < 4; i++) {
		world_put1(&w, "k", "v");
		world_rotate(&w);
		world_flush_all(&w);
	}
	debt_look(&watch, w.db.truth, &w.conf, &w.db.drain);
	ck_assert_uint_gt(stats_sum(M_compaction_debt), 0);
	ck_assert_uint_eq(drain_get(&w.db.drain.debt_bytes), stats_sum(M_compaction_debt));
	ck_assert_uint_eq(stats_sum(M_write_stall_predicted), PRESSURE_NO_STALL_S);
	while (world_compact(&w))
		;
	watch.looked_us = 0;
	debt_look(&watch, w.db.truth, &w.conf, &w.db.drain);
	ck_assert_uint_eq(stats_sum(M_compaction_debt), 0);
	world_end(&w);
}
END_TEST

/* One operation may be larger than a memtable, so a few memtables can weigh as much as many. */
START_TEST(a_stall_is_told_only_while_no_further_memtable_may_be_frozen)
{
	struct debt_watch watch = { .looked_us = 0 };
	struct world w;

	stats_begin_private();
	world_begin(&w, vfs_posix());
	for (unsigned frozen = 0; frozen <= PRESSURE_FROZEN_MAX; frozen++) {
		if (frozen > 0) {
			world_put1(&w, "k", "v");
			world_rotate(&w);
		}
		stats_set(M_memtable_size, 5 * w.conf.memtable_size_limit);
		watch.looked_us = 0;
		debt_look(&watch, w.db.truth, &w.conf, &w.db.drain);
		ck_assert_uint_eq(stats_sum(M_write_stalled), frozen == PRESSURE_FROZEN_MAX);
	}
	world_flush_all(&w);
	watch.looked_us = 0;
	debt_look(&watch, w.db.truth, &w.conf, &w.db.drain);
	ck_assert_uint_eq(stats_sum(M_write_stalled), 0);
	world_end(&w);
}
END_TEST

START_TEST(speeds_are_averages_of_the_latest)
{
	_Atomic uint64_t rate = 0;

	drain_note(&rate, 0, 100);
	ck_assert_uint_eq(rate, 0);
	drain_note(&rate, 1000, 1000000);
	ck_assert_uint_eq(rate, 1001);
	for (unsigned i = 0; i < 50; i++)
		drain_note(&rate, 4000, 1000000);
	ck_assert_uint_ge(rate, 3990);
	ck_assert_uint_le(rate, 4010);
}
END_TEST

/* Fills two memtables that nobody flushes, and half of a third. */
static void fall_behind(struct world *w)
{
	while (truth_frozen_count(w->db.truth) < 2 || memtable_used(w->db.writer.active) < w->conf.memtable_size_limit / 2)
		world_put1(w, "k", "");
}

START_TEST(a_group_is_charged_what_it_took_in_the_memtable)
{
	struct pressure_memory memory = { .at_us = 0 };
	struct pressure_facts f;
	uint64_t before, took_us, now_us;
	struct world w;

	world_begin(&w, vfs_posix());
	atomic_store(&w.db.drain.flush_rate, 100);
	fall_behind(&w);
	writer_pace(&w.db.writer);
	w.db.writer.pace.free_at_us = 0;         /* what came before is paid for */
	before = memtable_used(w.db.writer.active);
	for (unsigned i = 0; i < 40; i++)
		world_put1(&w, "k", "");
	now_us = clock_mono_us();
	writer_pace(&w.db.writer);
	f = (struct pressure_facts){ .memtable_limit = w.conf.memtable_size_limit, .flush_rate = 100,
				     .memtable_bytes = memtable_used(w.db.writer.active) + truth_frozen_bytes(w.db.truth) };
	took_us = (memtable_used(w.db.writer.active) - before) * 1000000 / pressure_judge(&f, &memory, 1).rate;
	ck_assert_uint_gt(took_us, 2000000);     /* more than this test takes */
	ck_assert_uint_ge(w.db.writer.pace.free_at_us, now_us + took_us - 1);
	ck_assert_uint_lt(w.db.writer.pace.free_at_us, now_us + took_us + 1000000);
	world_end(&w);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_tree_in_shape_owes_nothing_and_what_is_too_much_counts_twice);
	tcase_add_test(tc, a_look_tells_writers_and_people);
	tcase_add_test(tc, a_group_is_charged_what_it_took_in_the_memtable);
	tcase_add_test(tc, a_stall_is_told_only_while_no_further_memtable_may_be_frozen);
	tcase_add_test(tc, speeds_are_averages_of_the_latest);
}

CHECK_MAIN("engine/debt", suite)
