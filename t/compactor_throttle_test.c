/* SPDX-License-Identifier: Apache-2.0 */
/* The bucket by table: what is taken when, and what has to be waited. */
#include "t/check_main.h"

#include "compactor/throttle.h"

START_TEST(a_bucket_lets_a_tenth_of_a_second_through_and_makes_the_rest_wait)
{
	static const struct { uint64_t at_us, bytes, wait_us; } rows[] = {
		{ 1000000, 0, 0 },               /* begins empty */
		{ 1050000, 40000, 0 },           /* 50 ms brought 50000 */
		{ 1050000, 20000, 10001 },       /* 10000 are missing: 10 ms */
		{ 1060001, 0, 0 },
		{ 9000000, 100000, 0 },          /* after a long rest not more than 100 ms' worth */
		{ 9000000, 1000, 1001 },
		{ 9000500, 1000, 1501 },         /* and debt adds up */
	};
	struct throttle t = { .filled_us = 0 };

	throttle_set(&t, 1000000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t wait = throttle_take(&t, rows[i].bytes, rows[i].at_us);

		ck_assert_msg(wait + 1 >= rows[i].wait_us && wait <= rows[i].wait_us + 1, "row %zu: %llu us", i,
			      (unsigned long long)wait);
	}
}
END_TEST

START_TEST(without_a_limit_nothing_waits_and_what_was_owed_is_forgotten)
{
	struct throttle t = { .filled_us = 0 };

	ck_assert_uint_eq(throttle_take(&t, UINT64_MAX, 1), 0);
	throttle_set(&t, 1000);
	ck_assert_uint_gt(throttle_take(&t, 1000000, 2), 900000000);
	throttle_set(&t, 0);
	ck_assert_uint_eq(throttle_take(&t, 1, 3), 0);
	throttle_set(&t, 1000);
	ck_assert_uint_eq(throttle_take(&t, 0, 4), 0);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_bucket_lets_a_tenth_of_a_second_through_and_makes_the_rest_wait);
	tcase_add_test(tc, without_a_limit_nothing_waits_and_what_was_owed_is_forgotten);
}

CHECK_MAIN("compactor/throttle", suite)
