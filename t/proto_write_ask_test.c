/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that are decided at commit: round trips, agreement with generated code, what is refused, hostile bytes. */
#include "t/check_main.h"

#include "common/base/coding.h"
#include "proto/write.h"
#include "proto/write.pb-c.h"
#include "t/proto_hostile.h"

#define KEY(s) { .key = { (const uint8_t *)(s), sizeof(s) - 1 } }

static const struct write_ask asks[] = {
	{ .op = { .key = { (const uint8_t *)"a", 1 }, .value = { (const uint8_t *)"1", 1 }, .expires_at_ms = 99 },
	  .condition = WRITE_IF_VERSION, .version = { 77 } },
	{ .op = { .is_delete = true, .key = { (const uint8_t *)"b", 1 } }, .condition = WRITE_IF_PRESENT },
	{ .op = KEY("c"), .condition = WRITE_IF_ABSENT },
	{ .op = KEY("plain") },
};
static const struct write_ask increment = { .op = KEY("n"), .verb = WRITE_INCREMENT, .by = INT64_MIN };
static const struct write_ask range = { .op = KEY("x"), .verb = WRITE_DELETE_RANGE, .end = { (const uint8_t *)"y", 1 } };

static void add_batch(struct buf *batches, const struct write_ask *list, size_t n)
{
	struct buf batch = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		write_batch_add_ask(&batch, &list[i]);
	write_request_add_batch(batches, buf_slice(&batch));
	buf_fini(&batch);
}

static struct buf request_of(const struct buf *batches, bool sync)
{
	struct write_request r = { 1, 2, 3, 3, buf_slice(batches), sync };
	struct buf m = BUF_INIT;

	write_request_encode(&r, &m);
	return m;
}

/* The status of a request with these batches, which are freed. */
static enum st status_of(struct buf *batches)
{
	struct buf m = request_of(batches, false);
	struct write_request r;
	struct write_counts c;
	enum st st = write_request_decode(buf_slice(&m), &r, &c);

	buf_fini(batches);
	buf_fini(&m);
	return st;
}

static enum st status_of_one(const struct write_ask *ask)
{
	struct buf batches = BUF_INIT;

	add_batch(&batches, ask, 1);
	return status_of(&batches);
}

static void assert_same(const struct write_ask *a, const struct write_ask *b)
{
	ck_assert_int_eq(a->op.is_delete, b->op.is_delete);
	ck_assert(slice_eq(a->op.key, b->op.key));
	ck_assert(slice_eq(a->op.value, b->op.value));
	ck_assert_int_eq(a->op.expires_at_ms, b->op.expires_at_ms);
	ck_assert_int_eq(a->verb, b->verb);
	ck_assert_int_eq(a->condition, b->condition);
	ck_assert_uint_eq(a->version.v, b->version.v);
	ck_assert_int_eq(a->by, b->by);
	ck_assert(slice_eq(a->end, b->end));
}

START_TEST(asks_come_out_as_they_went_in_and_are_counted)
{
	struct buf batches = BUF_INIT, m;
	struct slice rest, batch;
	struct write_request r;
	struct write_counts c;
	struct write_ask ask;

	add_batch(&batches, asks, 4);
	add_batch(&batches, &increment, 1);
	m = request_of(&batches, true);
	ck_assert_int_eq(write_request_decode(buf_slice(&m), &r, &c), ST_OK);
	ck_assert(r.sync);
	ck_assert(slice_eq(r.batches, buf_slice(&batches)));
	ck_assert(c.batches == 2 && c.entries == 5 && c.asks == 4 && c.ranges == 0 && c.puts == 4 && c.deletes == 1);
	rest = r.batches;
	ck_assert(write_batches_next(&rest, &batch));
	ck_assert_uint_eq(write_batch_count(batch), 4);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(write_asks_next(&batch, &ask));
		assert_same(&ask, &asks[i]);
	}
	ck_assert(!write_asks_next(&batch, &ask));
	ck_assert(write_batches_next(&rest, &batch));
	ck_assert(write_asks_next(&batch, &ask));
	assert_same(&ask, &increment);
	ck_assert(!write_batches_next(&rest, &batch));
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(a_range_delete_comes_out_as_it_went_in_with_open_ends_too)
{
	static const struct write_ask whole = { .verb = WRITE_DELETE_RANGE };
	const struct write_ask *list[] = { &range, &whole };

	for (unsigned i = 0; i < 2; i++) {
		struct buf batches = BUF_INIT, m;
		struct write_request r;
		struct write_counts c;
		struct write_ask ask;
		struct slice batch;

		add_batch(&batches, list[i], 1);
		m = request_of(&batches, false);
		ck_assert_int_eq(write_request_decode(buf_slice(&m), &r, &c), ST_OK);
		ck_assert(!r.sync && c.ranges == 1 && c.asks == 1 && c.deletes == 1 && c.puts == 0);
		ck_assert(write_batches_next(&r.batches, &batch) && write_asks_next(&batch, &ask));
		assert_same(&ask, list[i]);
		buf_fini(&batches);
		buf_fini(&m);
	}
}
END_TEST

START_TEST(version_zero_means_absent)
{
	struct write_ask ask = { .op = KEY("k"), .condition = WRITE_IF_VERSION }, back;
	struct buf batch = BUF_INIT;
	struct slice s;

	write_batch_add_ask(&batch, &ask);
	s = buf_slice(&batch);
	ck_assert(write_asks_next(&s, &back));
	ck_assert_int_eq(back.condition, WRITE_IF_ABSENT);
	buf_fini(&batch);
}
END_TEST

START_TEST(an_ask_that_asks_nothing_is_a_plain_operation)
{
	struct buf one = BUF_INIT, other = BUF_INIT;

	write_batch_add(&one, &asks[3].op);
	write_batch_add_ask(&other, &asks[3]);
	ck_assert(slice_eq(buf_slice(&one), buf_slice(&other)));
	buf_fini(&one);
	buf_fini(&other);
}
END_TEST

START_TEST(generated_code_agrees_both_ways)
{
	struct buf batches = BUF_INIT, m;
	Lsm__WriteRequest *g;
	uint8_t *bytes;

	add_batch(&batches, asks, 4);
	add_batch(&batches, &increment, 1);
	add_batch(&batches, &range, 1);
	m = request_of(&batches, true);
	g = lsm__write_request__unpack(NULL, m.n, m.p);
	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->batches[0]->entries[0]->if_version, 77);
	ck_assert(g->batches[0]->entries[1]->if_present && g->batches[0]->entries[2]->if_absent);
	ck_assert_int_eq(g->batches[1]->entries[0]->operation, LSM__WALENTRY__OPERATION__INCREMENT);
	ck_assert_int_eq(g->batches[1]->entries[0]->by, INT64_MIN);
	ck_assert_int_eq(g->batches[2]->entries[0]->operation, LSM__WALENTRY__OPERATION__DELETE_RANGE);
	ck_assert_mem_eq(g->batches[2]->entries[0]->end_key.data, "y", 1);
	ck_assert(g->sync);
	ck_assert_uint_eq(lsm__write_request__get_packed_size(g), m.n);
	bytes = mem_alloc(m.n);
	lsm__write_request__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__write_request__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(increments_and_range_deletes_stand_alone)
{
	struct write_ask two[] = { increment, asks[3] };
	struct buf batches = BUF_INIT;

	add_batch(&batches, two, 2);
	ck_assert_int_eq(status_of(&batches), ST_INVALID);
	two[0] = range;
	add_batch(&batches, two, 2);
	ck_assert_int_eq(status_of(&batches), ST_INVALID);
	add_batch(&batches, &range, 1);
	add_batch(&batches, &asks[3], 1);
	ck_assert_int_eq(status_of(&batches), ST_INVALID);
	add_batch(&batches, &increment, 1);
	add_batch(&batches, &asks[3], 1);
	ck_assert_int_eq(status_of(&batches), ST_OK);
}
END_TEST

START_TEST(what_an_ask_may_not_have_is_refused)
{
	char *key = mem_zalloc(KEY_MAX_BYTES + 1);
	struct write_ask ask = increment;

	ck_assert_int_eq(status_of_one(&ask), ST_OK);
	ask.op.value = slice_str("1");
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	ask = increment;
	ask.op.expires_at_ms = 5;
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	ask = increment;
	ask.op.key.n = 0;
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	ask = range;
	ask.condition = WRITE_IF_PRESENT;
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	ask = range;
	ask.op.expires_at_ms = 1;
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	ask = range;
	ask.end = slice_of(key, KEY_MAX_BYTES);
	ck_assert_int_eq(status_of_one(&ask), ST_OK);
	ask.end.n++;
	ck_assert_int_eq(status_of_one(&ask), ST_TOO_BIG);
	ask = asks[1];
	ask.op.value = slice_str("a delete with a value");
	ck_assert_int_eq(status_of_one(&ask), ST_INVALID);
	mem_free(key);
}
END_TEST

/* The status of a request whose one entry is operation 3 (when not 0), key "k", then these bytes. */
static enum st status_with(uint64_t operation, const char *bytes, size_t n)
{
	struct buf entry = BUF_INIT, batch = BUF_INIT, batches = BUF_INIT;
	enum st st;

	wire_put_varint(&entry, 3, operation);
	wire_put_bytes(&entry, 4, slice_str("k"));
	buf_append(&entry, bytes, n);
	wire_put_message(&batch, 1, buf_slice(&entry));
	write_request_add_batch(&batches, buf_slice(&batch));
	st = status_of(&batches);
	buf_fini(&entry);
	buf_fini(&batch);
	return st;
}

START_TEST(fields_that_cannot_be_are_invalid)
{
	ck_assert_int_eq(status_with(0, "\x48\x01", 2), ST_OK);                       /* if_version 1 */
	ck_assert_int_eq(status_with(0, "\x48\x00", 2), ST_INVALID);                  /* version 0 is no version */
	ck_assert_int_eq(status_with(0, "\x48\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10), ST_INVALID);   /* 2^56 */
	ck_assert_int_eq(status_with(0, "\x50\x01", 2), ST_OK);                       /* if_absent */
	ck_assert_int_eq(status_with(0, "\x50\x00", 2), ST_INVALID);
	ck_assert_int_eq(status_with(0, "\x50\x02", 2), ST_INVALID);
	ck_assert_int_eq(status_with(0, "\x48\x01\x50\x01", 4), ST_INVALID);          /* two conditions */
	ck_assert_int_eq(status_with(0, "\x60\x01", 2), ST_INVALID);                  /* a put by 1 */
	ck_assert_int_eq(status_with(2, "\x60\x01", 2), ST_OK);
	ck_assert_int_eq(status_with(2, "\x6a\x01z", 3), ST_INVALID);                 /* an increment with an end */
	ck_assert_int_eq(status_with(3, "\x6a\x01z", 3), ST_OK);
	ck_assert_int_eq(status_with(3, "\x60\x01", 2), ST_INVALID);                  /* a range delete by 1 */
	ck_assert_int_eq(status_with(4, "", 0), ST_INVALID);
}
END_TEST

START_TEST(conditions_in_too_many_batches_are_too_big)
{
	struct buf batches = BUF_INIT;

	for (unsigned i = 0; i < WRITE_GATHER_BATCHES; i++)
		add_batch(&batches, &asks[i ? 3 : 0], 1);
	add_batch(&batches, &asks[3], 1);
	ck_assert_int_eq(status_of(&batches), ST_TOO_BIG);
	for (unsigned i = 0; i < WRITE_GATHER_BATCHES + 1; i++)
		add_batch(&batches, &asks[3], 1);
	ck_assert_int_eq(status_of(&batches), ST_OK);
}
END_TEST

START_TEST(a_prefix_ends_where_nothing_begins_with_it_any_more)
{
	uint8_t out[8];

	ck_assert(slice_eq(write_prefix_end(slice_str("ab"), out), slice_str("ac")));
	ck_assert(slice_eq(write_prefix_end(slice_str("a\xff\xff"), out), slice_str("b")));
	ck_assert_uint_eq(write_prefix_end(slice_str("\xff\xff"), out).n, 0);
	ck_assert_uint_eq(write_prefix_end(slice_str(""), out).n, 0);
}
END_TEST

START_TEST(range_deletes_and_deletes_with_conditions_are_deletes)
{
	struct buf batch = BUF_INIT;

	write_batch_add_ask(&batch, &asks[1]);
	ck_assert(write_batch_only_deletes(buf_slice(&batch)));
	write_batch_add_ask(&batch, &range);
	ck_assert(write_batch_only_deletes(buf_slice(&batch)));
	write_batch_add_ask(&batch, &increment);
	ck_assert(!write_batch_only_deletes(buf_slice(&batch)));
	buf_fini(&batch);
}
END_TEST

/* What is accepted is within the limits and can be walked to its end. */
static void try_request(struct slice message)
{
	struct write_request r;
	struct write_counts c;
	struct write_ask ask;
	struct slice batch;
	uint32_t n = 0;

	if (write_request_decode(message, &r, &c))
		return;
	while (write_batches_next(&r.batches, &batch))
		for (; write_asks_next(&batch, &ask); n++)
			ck_assert(ask.op.key.n <= KEY_MAX_BYTES && ask.end.n <= KEY_MAX_BYTES);
	ck_assert_uint_eq(n, c.entries);
}

START_TEST(hostile_requests_are_refused_or_within_limits)
{
	struct buf batches = BUF_INIT, m;

	add_batch(&batches, asks, 4);
	add_batch(&batches, &increment, 1);
	m = request_of(&batches, true);
	hostile_all(try_request, buf_slice(&m));
	buf_fini(&m);
	buf_reset(&batches);
	add_batch(&batches, &range, 1);
	m = request_of(&batches, true);
	hostile_all(try_request, buf_slice(&m));
	buf_fini(&m);
	buf_fini(&batches);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, asks_come_out_as_they_went_in_and_are_counted);
	tcase_add_test(tc, a_range_delete_comes_out_as_it_went_in_with_open_ends_too);
	tcase_add_test(tc, version_zero_means_absent);
	tcase_add_test(tc, an_ask_that_asks_nothing_is_a_plain_operation);
	tcase_add_test(tc, generated_code_agrees_both_ways);
	tcase_add_test(tc, increments_and_range_deletes_stand_alone);
	tcase_add_test(tc, what_an_ask_may_not_have_is_refused);
	tcase_add_test(tc, fields_that_cannot_be_are_invalid);
	tcase_add_test(tc, conditions_in_too_many_batches_are_too_big);
	tcase_add_test(tc, a_prefix_ends_where_nothing_begins_with_it_any_more);
	tcase_add_test(tc, range_deletes_and_deletes_with_conditions_are_deletes);
	tcase_add_test(tc, hostile_requests_are_refused_or_within_limits);
}

CHECK_MAIN("proto/write_ask", suite)
