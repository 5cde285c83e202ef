/* SPDX-License-Identifier: Apache-2.0 */
/* Who rests how long after a failure, with a clock of the test's own. */
#include "t/check_main.h"

#include "engine/setback.h"

#define NOW_US 5000000u

static struct setback s;                 /* each test has a process of its own */
static struct file_id ids[SETBACK_ROWS];

static bool rests(uint64_t table, uint64_t now_us)
{
	size_t n = setback_resting(&s, now_us, ids);

	for (size_t i = 0; i < n; i++)
		if (ids[i].v == table)
			return true;
	return false;
}

static void add_table(struct version *v, uint64_t id)
{
	struct live_table t = { .facts = { .id = file_id(id), .min_key = slice_str("a"), .max_key = slice_str("z"),
					   .min_seq = seq(id), .max_seq = seq(id) } };
	struct version_edit e = { .added = &t, .added_count = 1 };

	ck_assert_int_eq(version_check(v, &e), ST_OK);
	version_apply(v, &e);
}

START_TEST(a_table_that_is_blamed_rests_twice_as_long_each_time_up_to_a_bound)
{
	uint64_t now = NOW_US, rest = SETBACK_FIRST_US;

	ck_assert_uint_eq(setback_next_us(&s, now), 0);
	for (unsigned i = 0; i < 80; i++) {
		ck_assert(setback_blame(&s, file_id(7), 0, true, now));
		ck_assert(rests(7, now) && rests(7, now + rest - 1) && !rests(7, now + rest));
		ck_assert_uint_eq(setback_next_us(&s, now), now + rest);
		now += rest;
		rest = rest * 2 < SETBACK_MOST_US ? rest * 2 : SETBACK_MOST_US;
	}
	ck_assert_uint_eq(rest, SETBACK_MOST_US);
	ck_assert_uint_eq(s.count, 1);
}
END_TEST

START_TEST(one_under_suspicion_rests_from_the_second_time_on)
{
	ck_assert(!setback_blame(&s, file_id(7), 0, false, NOW_US));
	ck_assert(!setback_blame(&s, file_id(8), 0, false, NOW_US));
	ck_assert(!rests(7, NOW_US) && setback_next_us(&s, NOW_US) == 0);
	ck_assert(setback_blame(&s, file_id(7), 0, false, NOW_US));
	ck_assert(rests(7, NOW_US + 2 * SETBACK_FIRST_US - 1) && !rests(7, NOW_US + 2 * SETBACK_FIRST_US));
	ck_assert(!rests(8, NOW_US));
}
END_TEST

START_TEST(those_that_rest_come_in_order_of_their_ids)
{
	static const uint64_t tables[] = { 9, 3, 12, 5 };

	for (size_t i = 0; i < 4; i++)
		ck_assert(setback_blame(&s, file_id(tables[i]), 0, true, NOW_US + i));
	ck_assert_uint_eq(setback_resting(&s, NOW_US + 3, ids), 4);
	for (size_t i = 1; i < 4; i++)
		ck_assert_uint_lt(ids[i - 1].v, ids[i].v);
	ck_assert_uint_eq(setback_next_us(&s, NOW_US + 3), NOW_US + SETBACK_FIRST_US);
}
END_TEST

START_TEST(a_rest_ends_when_more_of_the_damage_is_on_record_and_not_before)
{
	struct table_damage d = { .record = 1, .table = file_id(7), .min = slice_str("b"), .max = slice_str("c"), .max_seq = seq(1) };
	struct version *v = version_new();

	add_table(v, 7);
	version_set_damages(v, &d, 1, 2);
	ck_assert(setback_blame(&s, file_id(7), 1, true, NOW_US));       /* that block was passed over: it is another one */
	setback_heed(&s, v, NOW_US);
	ck_assert(rests(7, NOW_US));
	d.record = 2;
	version_set_damages(v, &d, 1, 3);
	setback_heed(&s, v, NOW_US);
	ck_assert(!rests(7, NOW_US));
	version_free(&v);
}
END_TEST

START_TEST(who_is_gone_or_made_no_trouble_for_long_is_forgotten)
{
	struct version *v = version_new();

	add_table(v, 7);
	ck_assert(setback_blame(&s, file_id(7), 0, true, NOW_US));
	ck_assert(setback_blame(&s, file_id(8), 0, true, NOW_US));       /* not live */
	setback_heed(&s, v, NOW_US);
	ck_assert(s.count == 1 && rests(7, NOW_US) && !rests(8, NOW_US));
	setback_heed(&s, v, NOW_US + SETBACK_FIRST_US + SETBACK_FORGET_US);
	ck_assert_uint_eq(s.count, 1);
	setback_heed(&s, v, NOW_US + SETBACK_FIRST_US + SETBACK_FORGET_US + 1);
	ck_assert_uint_eq(s.count, 0);
	version_free(&v);
}
END_TEST

START_TEST(there_are_only_so_many_and_the_one_that_rests_least_makes_room)
{
	ck_assert(!setback_blame(&s, file_id(1), 0, false, NOW_US));
	for (uint64_t i = 2; i <= SETBACK_ROWS + 1; i++)
		ck_assert(setback_blame(&s, file_id(i), 0, true, NOW_US + i));
	ck_assert_uint_eq(s.count, SETBACK_ROWS);
	ck_assert_uint_eq(setback_resting(&s, NOW_US, ids), SETBACK_ROWS);
	ck_assert(setback_blame(&s, file_id(SETBACK_ROWS + 2), 0, true, NOW_US + SETBACK_ROWS + 2));
	ck_assert_uint_eq(s.count, SETBACK_ROWS);
	ck_assert(!rests(2, NOW_US) && rests(3, NOW_US) && rests(SETBACK_ROWS + 2, NOW_US));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_table_that_is_blamed_rests_twice_as_long_each_time_up_to_a_bound);
	tcase_add_test(tc, one_under_suspicion_rests_from_the_second_time_on);
	tcase_add_test(tc, those_that_rest_come_in_order_of_their_ids);
	tcase_add_test(tc, a_rest_ends_when_more_of_the_damage_is_on_record_and_not_before);
	tcase_add_test(tc, who_is_gone_or_made_no_trouble_for_long_is_forgotten);
	tcase_add_test(tc, there_are_only_so_many_and_the_one_that_rests_least_makes_room);
}

CHECK_MAIN("engine/setback", suite)
