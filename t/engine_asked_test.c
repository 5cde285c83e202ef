/* SPDX-License-Identifier: Apache-2.0 */
/* When a compaction that was asked for is over, with a clock of the test's own. */
#include "t/check_main.h"

#include "engine/asked.h"

#define START_US 1000000u

static const struct asked_view left = { .left = 2, .left_bytes = 300 };

static void begin(struct asked *a)
{
	asked_init(a);
	ck_assert_int_eq(asked_status(a).state, ASKED_NEVER);
	asked_begin(a, seq(10), START_US);
}

static void expect(struct asked *a, enum asked_state state)
{
	ck_assert_int_eq(asked_status(a).state, state);
}

START_TEST(it_is_done_when_nothing_is_left)
{
	struct asked_status s;
	struct asked a;

	begin(&a);
	asked_look(&a, &left, START_US);
	asked_note(&a, 100, 60, START_US + 1);
	asked_note(&a, 10, 6, START_US + 2);
	expect(&a, ASKED_UNDER_WAY);
	asked_look(&a, &(struct asked_view){ .stuck = true }, START_US + 3);
	s = asked_status(&a);
	ck_assert_int_eq(s.state, ASKED_DONE);
	ck_assert(s.up_to.v == 10 && s.jobs == 2 && s.bytes_in == 110 && s.bytes_out == 66 && s.left == 0);
	ck_assert_uint_eq(s.ended_us - s.began_us, 3);
	asked_note(&a, 1, 1, START_US + 4);      /* of others */
	ck_assert_uint_eq(asked_status(&a).jobs, 2);
}
END_TEST

START_TEST(it_ends_early_after_failures_in_a_row_only)
{
	struct asked a;

	begin(&a);
	for (unsigned i = 0; i < 2; i++) {
		asked_fail(&a, START_US);
		asked_fail(&a, START_US);
		asked_note(&a, 1, 1, START_US);
	}
	expect(&a, ASKED_UNDER_WAY);
	for (unsigned i = 0; i < ASKED_FAILURES_MOST; i++)
		asked_fail(&a, START_US);
	expect(&a, ASKED_ENDED_EARLY);
}
END_TEST

START_TEST(it_ends_early_when_nothing_ran_for_a_minute)
{
	struct asked_view running = left;
	struct asked a;

	running.running = true;
	begin(&a);
	asked_look(&a, &running, START_US + ASKED_PATIENCE_US);
	asked_look(&a, &left, START_US + 2 * ASKED_PATIENCE_US - 1);
	expect(&a, ASKED_UNDER_WAY);
	asked_look(&a, &left, START_US + 2 * ASKED_PATIENCE_US);
	expect(&a, ASKED_ENDED_EARLY);
	ck_assert_uint_eq(asked_status(&a).left, 2);
}
END_TEST

START_TEST(it_ends_early_when_nobody_can_do_what_is_left_unless_somebody_is_at_it)
{
	struct asked_view v = { .left = 1, .stuck = true, .running = true };
	struct asked a;

	begin(&a);
	asked_look(&a, &v, START_US);
	expect(&a, ASKED_UNDER_WAY);
	v.running = false;
	asked_look(&a, &v, START_US);
	expect(&a, ASKED_ENDED_EARLY);
}
END_TEST

START_TEST(asked_again_it_goes_on_further_and_after_its_end_it_begins_anew)
{
	struct asked a;

	begin(&a);
	asked_note(&a, 5, 5, START_US);
	asked_begin(&a, seq(20), START_US + 1);
	ck_assert(asked_status(&a).up_to.v == 20 && asked_status(&a).jobs == 1 && asked_status(&a).began_us == START_US);
	asked_look(&a, &(struct asked_view){ .left = 0 }, START_US + 2);
	asked_begin(&a, seq(30), START_US + 3);
	ck_assert(asked_status(&a).up_to.v == 30 && asked_status(&a).jobs == 0 && asked_status(&a).began_us == START_US + 3);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, it_is_done_when_nothing_is_left);
	tcase_add_test(tc, it_ends_early_after_failures_in_a_row_only);
	tcase_add_test(tc, it_ends_early_when_nothing_ran_for_a_minute);
	tcase_add_test(tc, it_ends_early_when_nobody_can_do_what_is_left_unless_somebody_is_at_it);
	tcase_add_test(tc, asked_again_it_goes_on_further_and_after_its_end_it_begins_anew);
}

CHECK_MAIN("engine/asked", suite)
