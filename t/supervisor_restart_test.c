/* SPDX-License-Identifier: Apache-2.0 */
/* The restart policy, by table. */
#include "supervisor/restart.h"

#include "common/base/status.h"
#include "t/check_main.h"

static struct restart_verdict after(struct restart *r, uint64_t ready_ms)
{
	struct restart_life life = { .was_ready = ready_ms > 0, .ready_ms = ready_ms };

	return restart_after(r, &life);
}

START_TEST(a_worker_that_had_served_is_started_again_at_once_however_often)
{
	struct restart r = { 0 };

	for (int i = 0; i < 100; i++) {
		struct restart_verdict v = after(&r, RESTART_HEALTHY_MS);

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
		struct restart_verdict v = after(&r, i % 2 ? 5 : 0);

		ck_assert(!v.give_up);
		ck_assert_uint_eq(v.pause_ms, pauses[i]);
	}
	ck_assert(after(&r, 0).give_up);
}
END_TEST

START_TEST(a_healthy_life_forgives_earlier_deaths)
{
	struct restart r = { 0 };

	for (unsigned i = 0; i < RESTART_EARLY_MAX - 1; i++)
		(void)after(&r, 0);
	(void)after(&r, RESTART_HEALTHY_MS);
	ck_assert(!after(&r, 0).give_up);
}
END_TEST

START_TEST(a_ready_worker_that_is_killed_from_outside_is_started_again_at_once)
{
	struct restart r = { 0 };
	struct restart_life killed = { .was_ready = true, .ready_ms = 1, .was_killed = true };
	struct restart_life killed_at_start = { .was_killed = true };

	for (int i = 0; i < 100; i++) {
		struct restart_verdict v = restart_after(&r, &killed);

		ck_assert(!v.give_up);
		ck_assert_uint_eq(v.pause_ms, 0);
	}
	for (unsigned i = 0; i < RESTART_EARLY_MAX - 1; i++)
		ck_assert(!restart_after(&r, &killed_at_start).give_up);
	ck_assert(restart_after(&r, &killed_at_start).give_up);
}
END_TEST

START_TEST(a_full_disk_is_waited_for_without_end)
{
	struct restart r = { 0 };
	struct restart_life life = { .no_room = true };

	for (int i = 0; i < 1000; i++) {
		struct restart_verdict v = restart_after(&r, &life);

		ck_assert(!v.give_up);
		ck_assert_uint_eq(v.pause_ms, RESTART_NO_ROOM_MS);
	}
}
END_TEST

START_TEST(a_death_that_a_restart_cannot_help_is_final)
{
	struct restart r = { 0 };
	struct restart_life life = { .was_ready = true, .ready_ms = 100000, .permanent = true };

	ck_assert(restart_after(&r, &life).give_up);
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
	tcase_add_test(tc, a_ready_worker_that_is_killed_from_outside_is_started_again_at_once);
	tcase_add_test(tc, a_full_disk_is_waited_for_without_end);
	tcase_add_test(tc, a_death_that_a_restart_cannot_help_is_final);
}

CHECK_MAIN("supervisor/restart", suite)
