/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of lsm-bench: what a quantile tells lies within an eighth of the truth. */
#include "t/check_main.h"

#include "common/base/rand.h"
#include "tools/bench_hist.h"

START_TEST(quantile_of_one_value_is_that_value)
{
	for (uint64_t ns = 1; ns < UINT64_C(1) << 60; ns = ns * 3 + 1) {
		struct bench_hist h = { .n = 0 };

		bench_hist_add(&h, ns);
		ck_assert_double_eq(bench_hist_quantile_us(&h, 0.5), (double)ns / 1000);
		ck_assert_double_eq(bench_hist_quantile_us(&h, 1), (double)ns / 1000);
	}
}
END_TEST

START_TEST(quantiles_are_right_to_an_eighth)
{
	struct bench_hist h = { .n = 0 };

	for (uint64_t ns = 1; ns <= 1000000; ns++)
		bench_hist_add(&h, ns);
	for (double q = 0.01; q < 1; q += 0.01) {
		double us = bench_hist_quantile_us(&h, q);

		ck_assert(us >= q * 1000 && us <= q * 1000 * 1.126);
	}
}
END_TEST

START_TEST(merged_histograms_count_what_both_counted)
{
	struct bench_hist a = { .n = 0 }, b = { .n = 0 };

	for (unsigned i = 0; i < 99; i++)
		bench_hist_add(&a, 100);
	bench_hist_add(&b, 5000000);
	bench_hist_merge(&a, &b);
	ck_assert_uint_eq(a.n, 100);
	ck_assert_uint_eq(a.max_ns, 5000000);
	ck_assert(bench_hist_quantile_us(&a, 0.99) < 0.12);
	ck_assert_double_eq(bench_hist_quantile_us(&a, 1), 5000);
}
END_TEST

START_TEST(empty_histogram_answers_zero)
{
	struct bench_hist h = { .n = 0 };

	ck_assert_double_eq(bench_hist_quantile_us(&h, 0.99), 0);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, quantile_of_one_value_is_that_value);
	tcase_add_test(tc, quantiles_are_right_to_an_eighth);
	tcase_add_test(tc, merged_histograms_count_what_both_counted);
	tcase_add_test(tc, empty_histogram_answers_zero);
}

CHECK_MAIN("tools/bench_hist", suite)
