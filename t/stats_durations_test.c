/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets of durations. */
#include "common/stats/durations.h"
#include "t/check_main.h"

START_TEST(bounds_grow_and_by_no_more_than_a_third_from_ten_microseconds_on)
{
	for (unsigned b = 1; b < DURATION_BUCKETS - 1; b++) {
		uint64_t low = duration_bound_us(b - 1), high = duration_bound_us(b);

		ck_assert_uint_gt(high, low);
		if (low >= 10)
			ck_assert_uint_le(3 * high, 4 * low);
	}
}
END_TEST

START_TEST(a_bound_belongs_to_its_own_bucket_and_one_more_to_the_next)
{
	ck_assert_uint_eq(duration_bucket(0), 0);
	for (unsigned b = 0; b < DURATION_BUCKETS - 1; b++) {
		ck_assert_uint_eq(duration_bucket(duration_bound_us(b)), b);
		ck_assert_uint_eq(duration_bucket(duration_bound_us(b) + 1), b + 1);
	}
	ck_assert_uint_eq(duration_bucket(UINT64_MAX), DURATION_BUCKETS - 1);
}
END_TEST

START_TEST(the_exposed_bounds_are_one_two_and_a_half_and_five_of_each_decade)
{
	static const uint64_t expected[] = {
		10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
		1000000, 2500000, 5000000, 10000000, 25000000, 50000000, UINT64_MAX,
	};
	size_t n = 0;

	for (unsigned b = 0; b < DURATION_BUCKETS; b++)
		if (duration_is_exposed(b)) {
			ck_assert_uint_lt(n, sizeof(expected) / sizeof(expected[0]));
			ck_assert_uint_eq(duration_bound_us(b), expected[n++]);
		}
	ck_assert_uint_eq(n, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, bounds_grow_and_by_no_more_than_a_third_from_ten_microseconds_on);
	tcase_add_test(tc, a_bound_belongs_to_its_own_bucket_and_one_more_to_the_next);
	tcase_add_test(tc, the_exposed_bounds_are_one_two_and_a_half_and_five_of_each_decade);
}

CHECK_MAIN("stats/durations", suite)
