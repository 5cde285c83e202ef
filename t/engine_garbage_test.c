/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage estimates by table. */
#include "t/check_main.h"

#include "engine/garbage.h"

#define NOW 1000
#define DAY 86400000

static const struct row {
	uint64_t entries, tombstones, expiring;
	int64_t min_ms, max_ms;
	uint64_t expired;                /* by NOW */
} rows[] = {
	{ 100, 0, 0, 0, 0, 0 },
	{ 100, 10, 50, NOW + 1, NOW + 2, 0 },            /* none yet */
	{ 100, 10, 50, NOW - 5, NOW, 50 },               /* all, and an expiry of now is one */
	{ 100, 0, 50, NOW, NOW + 10, 1 },                /* the first for certain */
	{ 100, 0, 51, NOW - 10, NOW + 10, 26 },          /* half way */
	{ 100, 0, 1, NOW - 5, NOW - 5, 1 },
	{ 100, 0, 50, INT64_MIN, INT64_MAX, 25 },
};

START_TEST(expired_entries_are_estimated_from_the_first_and_the_last)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct table_facts f = { .entry_count = rows[i].entries, .tombstone_count = rows[i].tombstones,
					 .expiring_count = rows[i].expiring, .min_expires_ms = rows[i].min_ms,
					 .max_expires_ms = rows[i].max_ms };

		ck_assert_uint_eq(garbage_expired(&f, NOW), rows[i].expired);
		ck_assert(garbage_share(&f, NOW) == (double)(rows[i].tombstones + rows[i].expired) / 100);
	}
}
END_TEST

START_TEST(rewriting_in_place_is_worth_it_for_what_goes_for_certain)
{
	struct live_table t = { .created_ms = NOW,
				.facts = { .entry_count = 100, .expiring_count = 100, .min_expires_ms = NOW + 1,
					   .max_expires_ms = NOW + 100 } };

	ck_assert(!garbage_worth_rewriting(&t, NOW, 0.25));
	ck_assert(!garbage_worth_rewriting(&t, NOW + 20, 0.25));
	ck_assert(garbage_worth_rewriting(&t, NOW + 30, 0.25));
	t.facts.tombstone_count = 50;            /* say nothing on the last level */
	t.facts.expiring_count = 20;
	ck_assert(!garbage_worth_rewriting(&t, NOW + 101, 0.25));
}
END_TEST

START_TEST(one_very_late_expiry_holds_the_others_up_for_a_day_at_most)
{
	struct live_table t = { .created_ms = NOW,
				.facts = { .entry_count = 100, .expiring_count = 90, .min_expires_ms = NOW + 1,
					   .max_expires_ms = INT64_MAX } };

	ck_assert(!garbage_worth_rewriting(&t, NOW + DAY - 1, 0.25));
	ck_assert(garbage_worth_rewriting(&t, NOW + DAY, 0.25));
	t.created_ms = NOW + 2 * DAY;            /* and yet it was kept: the clocks disagree */
	ck_assert(!garbage_worth_rewriting(&t, NOW + 4 * DAY, 0.25));
	t.created_ms = NOW;
	t.facts.min_expires_ms = NOW + DAY + 1;
	ck_assert(!garbage_worth_rewriting(&t, NOW + DAY, 0.25));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, expired_entries_are_estimated_from_the_first_and_the_last);
	tcase_add_test(tc, rewriting_in_place_is_worth_it_for_what_goes_for_certain);
	tcase_add_test(tc, one_very_late_expiry_holds_the_others_up_for_a_day_at_most);
}

CHECK_MAIN("engine/garbage", suite)
