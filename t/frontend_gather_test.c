/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering: order, the limits of a group, and the counts. */
#include "frontend/gather.h"

#include "common/base/mem.h"
#include "proto/write.h"
#include "t/check_main.h"

static struct http_pool pool;

static struct http_request *request(uint64_t arrived_us)
{
	struct http_request *r = http_request_new(&pool);

	r->arrived_us = arrived_us;
	return r;
}

/* Adds a write of one put with a value of n bytes. */
static struct http_request *add_kind(struct gather *g, uint64_t arrived_us, size_t n, enum gather_kind kind)
{
	struct http_request *r = request(arrived_us);
	struct buf batch = BUF_INIT;
	uint8_t *value = mem_zalloc(n + 1);
	struct write_op op = { .key = slice_str("k"), .value = slice_of(value, n) };

	write_batch_add(&batch, &op);
	gather_add(g, r, buf_slice(&batch), kind, false);
	buf_fini(&batch);
	mem_free(value);
	return r;
}

static struct http_request *add_write(struct gather *g, uint64_t arrived_us, size_t n)
{
	return add_kind(g, arrived_us, n, GATHER_ALL);
}

/* Takes the next group and ends it; how many requests it held. */
static size_t take_count(struct gather *g)
{
	struct write_group *group = gather_take(g);
	struct http_request *r;
	size_t n = 0;

	if (!group)
		return 0;
	while ((r = write_group_pop(group)) != NULL) {
		http_request_free(&pool, &r);
		n++;
	}
	gather_release(g, &group);
	return n;
}

START_TEST(requests_of_a_turn_travel_together_in_order)
{
	struct gather g = { 0 };
	struct http_request *first = add_write(&g, 1, 10), *second = add_write(&g, 2, 10), *r;
	struct write_group *group;

	ck_assert_uint_eq(g.count, 2);
	group = gather_take(&g);
	ck_assert_uint_eq(group->count, 2);
	ck_assert_uint_eq(group->oldest_us, 1);
	ck_assert_uint_eq(g.count, 0);
	ck_assert_uint_eq(g.bytes, 0);
	r = write_group_pop(group);
	ck_assert_ptr_eq(r, first);
	http_request_free(&pool, &r);
	r = write_group_pop(group);
	ck_assert_ptr_eq(r, second);
	http_request_free(&pool, &r);
	ck_assert_ptr_null(write_group_pop(group));
	gather_release(&g, &group);
	ck_assert_ptr_null(gather_take(&g));
	gather_fini(&g);
	http_pool_fini(&pool);
}
END_TEST

START_TEST(a_group_becomes_a_valid_request_with_one_batch_each)
{
	struct gather g = { 0 };
	struct buf message = BUF_INIT;
	struct write_request w = { .incarnation = 1, .origin = 2, .request_id = 3, .oldest_unanswered = 3 },
			     back;
	struct write_counts counts;
	struct http_request *r;
	struct write_group *group;

	add_write(&g, 1, 10);
	add_write(&g, 1, 20);
	group = gather_take(&g);
	w.batches = buf_slice(&group->batches);
	write_request_encode(&w, &message);
	ck_assert_int_eq(write_request_decode(buf_slice(&message), &back, &counts), ST_OK);
	ck_assert_uint_eq(counts.batches, 2);
	ck_assert_uint_eq(counts.puts, 2);
	while ((r = write_group_pop(group)) != NULL)
		http_request_free(&pool, &r);
	gather_release(&g, &group);
	gather_fini(&g);
	buf_fini(&message);
	http_pool_fini(&pool);
}
END_TEST

START_TEST(a_group_is_bounded_in_bytes_and_batches)
{
	struct gather g = { 0 };
	size_t i;

	for (i = 0; i < 3; i++)
		add_write(&g, 1, WRITE_GATHER_BYTES / 2 - 100);
	ck_assert_uint_eq(take_count(&g), 2);
	ck_assert_uint_eq(take_count(&g), 1);
	for (i = 0; i < WRITE_GATHER_BATCHES + 5; i++)
		add_write(&g, 1, 1);
	ck_assert_uint_eq(take_count(&g), WRITE_GATHER_BATCHES);
	ck_assert_uint_eq(take_count(&g), 5);
	gather_fini(&g);
	http_pool_fini(&pool);
}
END_TEST

START_TEST(a_single_large_write_is_a_group_of_its_own)
{
	struct gather g = { 0 };

	add_write(&g, 1, VALUE_MAX_BYTES);
	add_write(&g, 1, 1);
	ck_assert_uint_eq(take_count(&g), 1);
	ck_assert_uint_eq(take_count(&g), 1);
	gather_fini(&g);
	http_pool_fini(&pool);
}
END_TEST

START_TEST(what_arrives_much_later_is_another_group)
{
	struct gather g = { 0 };

	add_write(&g, 1000, 1);
	add_write(&g, 1000 + GATHER_SPAN_US, 1);
	add_write(&g, 1001 + GATHER_SPAN_US, 1);
	ck_assert_uint_eq(take_count(&g), 2);
	ck_assert_uint_eq(take_count(&g), 1);
	gather_fini(&g);
	http_pool_fini(&pool);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, requests_of_a_turn_travel_together_in_order);
	tcase_add_test(tc, a_group_becomes_a_valid_request_with_one_batch_each);
	tcase_add_test(tc, a_group_is_bounded_in_bytes_and_batches);
	tcase_add_test(tc, a_single_large_write_is_a_group_of_its_own);
	tcase_add_test(tc, what_arrives_much_later_is_another_group);
}

CHECK_MAIN("frontend/gather", add)
