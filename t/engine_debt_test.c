/* SPDX-License-Identifier: Apache-2.0 */
/* Debt of compaction, and what people are told of it. */
#include "t/engine_world.h"

#include "common/stats/stats.h"
#include "engine/debt.h"

static void add(struct version *v, uint64_t id, unsigned level, const char *min, const char *max, uint64_t bytes)
{
	struct live_table t = testlib_table(id, level, min, max, id, id);
	struct version_edit e = { .added = &t, .added_count = 1 };

	t.facts.size_bytes = bytes;
	ck_ok(version_check(v, &e));
	version_apply(v, &e);
}

START_TEST(a_tree_in_shape_owes_nothing_and_every_excess_counts_twice_with_what_it_meets)
{
	struct version *v = version_new();
	struct conf c;

	conf_defaults(&c);               /* four tables trigger level 0; ratio 10 */
	c.memtable_size_limit = 100;     /* level 1 may have 400 bytes, level 2 4000 */
	add(v, 1, 1, "a", "m", 400);
	for (unsigned i = 2; i < 5; i++)
		add(v, i, 0, "a", "z", 100);
	ck_assert_uint_eq(debt_of(v, &c), 0);
	add(v, 5, 0, "a", "z", 100);     /* all of level 0 and 1, then the half of level 1 that is too much */
	ck_assert_uint_eq(debt_of(v, &c), 2 * (400 + 400) + 2 * 400);
	add(v, 6, 2, "a", "z", 1000);    /* which meets half of level 2 */
	ck_assert_uint_eq(debt_of(v, &c), 2 * (400 + 400) + 2 * (400 + 500));
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

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_tree_in_shape_owes_nothing_and_every_excess_counts_twice_with_what_it_meets);
	tcase_add_test(tc, a_look_tells_writers_and_people);
	tcase_add_test(tc, speeds_are_averages_of_the_latest);
}

CHECK_MAIN("engine/debt", suite)
