/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of requests, what is forgotten, and that it survives being written down. */
#include "common/base/mem.h"
#include "engine/origins.h"
#include "t/engine_testlib.h"

static void record(struct origins *o, uint64_t origin, uint64_t id)
{
	origins_record(o, origin, &(struct applied_request){ id, seq(id * 10), (int64_t)id + 1000, { NULL, 0 } });
}

static bool known(const struct origins *o, uint64_t origin, uint64_t id)
{
	struct applied_request a;

	return origins_find(o, origin, id, &a);
}

START_TEST(an_applied_request_is_found_with_its_result)
{
	struct origins *o = origins_new();
	struct applied_request a;

	record(o, 5, 1);
	record(o, 5, 3);
	ck_assert(origins_find(o, 5, 3, &a));
	ck_assert_uint_eq(a.request_id, 3);
	ck_assert_uint_eq(a.first_sequence.v, 30);
	ck_assert_int_eq(a.timestamp_ms, 1003);
	ck_assert(!origins_find(o, 5, 2, &a));
	ck_assert(!origins_find(o, 5, 4, &a));
	ck_assert(!origins_find(o, 6, 3, &a));
	origins_free(&o);
	ck_assert_ptr_null(o);
}
END_TEST

/* A leftover of an older connection must not be applied after its asker had an answer. */
START_TEST(a_settled_request_counts_as_applied_without_a_result)
{
	struct origins *o = origins_new();
	struct applied_request a;

	for (uint64_t id = 1; id <= 9; id++)
		record(o, 5, id);
	origins_settle(o, 5, 8);
	ck_assert(origins_find(o, 5, 3, &a));
	ck_assert_uint_eq(a.first_sequence.v, 0);
	ck_assert(origins_find(o, 5, 8, &a));
	ck_assert_uint_eq(a.first_sequence.v, 80);
	ck_assert(!known(o, 5, 10));
	origins_settle(o, 5, 2);                 /* a floor never goes back */
	ck_assert(origins_find(o, 5, 7, &a));
	ck_assert_uint_eq(a.first_sequence.v, 0);
	record(o, 5, 4);                         /* too late to matter */
	ck_assert(origins_find(o, 5, 4, &a));
	ck_assert_uint_eq(a.first_sequence.v, 0);
	origins_free(&o);
}
END_TEST

START_TEST(requests_recorded_out_of_order_are_found)
{
	static const uint64_t order[] = { 7, 3, 9, 1, 8, 2, 7 };
	struct origins *o = origins_new();

	for (size_t i = 0; i < 7; i++)
		record(o, 5, order[i]);
	for (uint64_t id = 1; id <= 10; id++)
		ck_assert_int_eq(known(o, 5, id), id <= 3 || (id >= 7 && id <= 9));
	origins_free(&o);
}
END_TEST

START_TEST(a_long_life_of_settled_requests_keeps_the_window)
{
	struct origins *o = origins_new();

	for (uint64_t id = 1; id <= 50000; id++) {
		record(o, 5, id);
		if (id > 7)
			origins_settle(o, 5, id - 7);
	}
	for (uint64_t id = 50000 - 7; id <= 50000; id++) {
		struct applied_request a;

		ck_assert(origins_find(o, 5, id, &a));
		ck_assert_uint_eq(a.first_sequence.v, id * 10);
	}
	ck_assert(!known(o, 5, 50001));
	origins_free(&o);
}
END_TEST

START_TEST(more_than_a_window_of_unanswered_requests_settles_the_oldest)
{
	struct origins *o = origins_new();
	struct applied_request a;

	for (uint64_t id = 1; id <= ORIGIN_WINDOW_MAX + 1; id++)
		record(o, 5, id);
	ck_assert(origins_find(o, 5, 1, &a));
	ck_assert_uint_eq(a.first_sequence.v, 0);
	ck_assert(origins_find(o, 5, 2, &a));
	ck_assert_uint_eq(a.first_sequence.v, 20);
	origins_free(&o);
}
END_TEST

START_TEST(the_least_recently_seen_origin_is_forgotten_first)
{
	struct origins *o = origins_new();

	for (uint64_t g = 1; g <= ORIGINS_MAX; g++)
		record(o, g, 1);
	record(o, 1, 2);
	record(o, 1000, 1);
	ck_assert(known(o, 1, 1));
	ck_assert(!known(o, 2, 1));
	ck_assert(known(o, 3, 1));
	ck_assert(known(o, 1000, 1));
	origins_free(&o);
}
END_TEST

/* Segments open with this state: replay from any floor knows all of it. */
START_TEST(an_encoded_state_comes_back_the_same_in_the_same_order_of_forgetting)
{
	struct origins *o = origins_new(), *again = origins_new();
	struct buf first = BUF_INIT, second = BUF_INIT;

	for (uint64_t g = 1; g <= ORIGINS_MAX; g++)
		for (uint64_t id = 1; id <= g % 5; id++)
			record(o, g, id);
	origins_settle(o, 4, 3);
	origins_settle(o, 900, 12);
	record(again, 31337, 1);
	origins_encode(o, &first);
	origins_restore(again, buf_slice(&first));
	ck_assert(!known(again, 31337, 1));
	for (uint64_t g = 1; g <= ORIGINS_MAX; g++)
		for (uint64_t id = 1; id <= 6; id++)
			ck_assert_int_eq(known(again, g, id), known(o, g, id));
	ck_assert(known(again, 900, 11) && !known(again, 900, 12));
	origins_encode(again, &second);
	ck_assert(slice_eq(buf_slice(&first), buf_slice(&second)));
	buf_fini(&first);
	buf_fini(&second);
	origins_free(&o);
	origins_free(&again);
}
END_TEST

static void record_results(struct origins *o, uint64_t origin, uint64_t id, struct slice results)
{
	origins_record(o, origin, &(struct applied_request){ id, seq(id), 0, results });
}

START_TEST(results_are_kept_as_long_as_their_request_and_written_down)
{
	struct origins *o = origins_new(), *again = origins_new();
	char first[] = "\x42\x02\x08\x0c", second[] = "\x42\x00\x42\x00";
	struct buf encoded = BUF_INIT;
	struct applied_request a;

	record_results(o, 5, 1, slice_str(first));
	record_results(o, 5, 2, slice_str(second));
	record_results(o, 5, 3, slice_of("", 0));
	record_results(o, 5, 2, slice_str(first));       /* once more: replaced */
	memset(first, 0, sizeof(first));                 /* they are copies */
	ck_assert(origins_find(o, 5, 2, &a) && slice_eq(a.results, slice_str("\x42\x02\x08\x0c")));
	ck_assert(origins_find(o, 5, 3, &a) && a.results.n == 0);
	origins_settle(o, 5, 2);
	ck_assert(origins_find(o, 5, 1, &a) && a.results.n == 0);
	origins_encode(o, &encoded);
	record_results(again, 9, 1, slice_str(second));
	origins_restore(again, buf_slice(&encoded));
	ck_assert(origins_find(again, 5, 2, &a) && slice_eq(a.results, slice_str("\x42\x02\x08\x0c")));
	buf_fini(&encoded);
	origins_free(&o);
	origins_free(&again);
}
END_TEST

START_TEST(results_are_bounded_the_oldest_are_lost_and_no_id)
{
	struct slice quarter = slice_of(mem_zalloc(ORIGINS_RESULTS_MAX / 4), ORIGINS_RESULTS_MAX / 4);
	struct origins *o = origins_new();
	struct applied_request a;

	record_results(o, 9, 5, slice_of(NULL, 0));              /* the least recently seen, without results */
	for (uint64_t g = 1; g <= 4; g++)
		record_results(o, g, 1, quarter);
	record_results(o, 4, 3, quarter);
	ck_assert(origins_find(o, 1, 1, &a) && a.results.n == 0);        /* applied, but nobody knows how */
	ck_assert(origins_find(o, 2, 1, &a) && a.results.n == quarter.n);
	for (uint64_t id = 4; id <= 9; id++)
		record_results(o, 4, id, quarter);
	ck_assert(known(o, 2, 1) && known(o, 3, 1) && known(o, 9, 5));
	ck_assert(origins_find(o, 4, 5, &a) && a.results.n == 0);
	ck_assert(origins_find(o, 4, 6, &a) && a.results.n == quarter.n);
	ck_assert(origins_find(o, 4, 9, &a) && a.results.n == quarter.n);
	ck_assert(!known(o, 4, 2));              /* was never here, and is not taken for settled */
	mem_free((void *)(uintptr_t)quarter.p);
	origins_free(&o);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, results_are_kept_as_long_as_their_request_and_written_down);
	tcase_add_test(tc, results_are_bounded_the_oldest_are_lost_and_no_id);
	tcase_add_test(tc, an_applied_request_is_found_with_its_result);
	tcase_add_test(tc, a_settled_request_counts_as_applied_without_a_result);
	tcase_add_test(tc, requests_recorded_out_of_order_are_found);
	tcase_add_test(tc, a_long_life_of_settled_requests_keeps_the_window);
	tcase_add_test(tc, more_than_a_window_of_unanswered_requests_settles_the_oldest);
	tcase_add_test(tc, the_least_recently_seen_origin_is_forgotten_first);
	tcase_add_test(tc, an_encoded_state_comes_back_the_same_in_the_same_order_of_forgetting);
}

CHECK_MAIN("engine/origins", suite)
