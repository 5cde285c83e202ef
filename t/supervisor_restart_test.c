/* SPDX-License-Identifier: Apache-2.0 */
/* The restart policy, by table. */
#include "supervisor/restart.h"

#include "common/base/status.h"
#include "t/check_main.h"

START_TEST(a_worker_that_had_served_is_started_again_at_once_however_often)
{
	struct restart r = { 0 };

	for (int i = 0; i < 100; i++) {
		struct restart_verdict v = restart_after(&r, RESTART_HEALTHY_MS, false);

		ck_assert(!v.give_up);
		ck_assert_uint_eq(v.pause_ms, 0);
	}
}
END_TEST

START_TEST(early_deaths_in_a_row_double_the_pause_and_then_it_is_given_up)
{
	static const uint32_t pauses[] = { 0, 100, 200, 400, 800, 1600, 3200 };
	struct restart r = { 0 };

	for (unsigned i = 0; i < RESTART_EARLY_MAX - 1; i++) {
		struct restart_verdict v = restart_after(&r, i % 2 ? 5 : 0, false);

		ck_assert(!v.give_up);
		ck_assert_uint_eq(v.pause_ms, pauses[i]);
	}
	ck_assert(restart_after(&r, 0, false).give_up);
}
END_TEST

START_TEST(a_healthy_life_forgives_earlier_deaths)
{
	struct restart r = { 0 };

	for (unsigned i = 0; i < RESTART_EARLY_MAX - 1; i++)
		(void)restart_after(&r, 0, false);
	(void)restart_after(&r, RESTART_HEALTHY_MS, false);
	ck_assert(!restart_after(&r, 0, false).give_up);
}
END_TEST

START_TEST(a_death_that_a_restart_cannot_help_is_final)
{
	struct restart r = { 0 };

	ck_assert(restart_after(&r, 100000, true).give_up);
	ck_assert(restart_is_permanent(EXIT_CONFIG));
	ck_assert(restart_is_permanent(EXIT_DATA));
	ck_assert(restart_is_permanent(EXIT_LOCKED));
	ck_assert(!restart_is_permanent(EXIT_IO));
	ck_assert(!restart_is_permanent(-1));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_worker_that_had_served_is_started_again_at_once_however_often);
	tcase_add_test(tc, early_deaths_in_a_row_double_the_pause_and_then_it_is_given_up);
	tcase_add_test(tc, a_healthy_life_forgives_earlier_deaths);
	tcase_add_test(tc, a_death_that_a_restart_cannot_help_is_final);
}

CHECK_MAIN("supervisor/restart", suite)
