/* SPDX-License-Identifier: Apache-2.0 */
/* The compaction edge: round trips, what an order and a report must be, hostile bytes, the strict door. */
#include "t/check_main.h"

#include "common/base/coding.h"
#include "proto/compact.h"
#include "proto/limits.h"
#include "t/proto_hostile.h"

static struct compact_input inputs[] = { { { 9 }, 0, 900 }, { { 8 }, 0, 800 }, { { 3 }, 1, 300 } };
static struct key_range deeper[2];
static struct compact_below below[2];
static struct table_facts outputs[2];

static struct compact_order some_order(void)
{
	deeper[0] = (struct key_range){ slice_str("a"), slice_str("c") };
	deeper[1] = (struct key_range){ slice_str("c"), slice_of("\0\xff", 2) };
	deeper[1].max = slice_str("d");
	below[0] = (struct compact_below){ slice_str("c"), 5 };
	below[1] = (struct compact_below){ slice_str("q"), 6 };
	return (struct compact_order){ .incarnation = 7, .job = 70, .database = 0xdb, .inputs = inputs, .input_count = 3,
	    .output_level = 1, .first_output_id = { 20 }, .output_id_count = 5, .table_size_target = 1 << 20, .codec = 1,
	    .deeper = deeper, .deeper_count = 2, .begin = slice_str("b"), .end = slice_str("x"), .range_bytes = 77,
	    .below = below, .below_count = 2, .below_limit = 88, .rate_limit = 99 };
}

static struct compact_report some_report(void)
{
	outputs[0] = (struct table_facts){ { 20 }, 1000, 0xdeadbeef, slice_of("\0a", 2), slice_str("m"), { 5 }, { 90 },
	    100, 3, 5000, 2, 1111, 2222 };
	outputs[1] = (struct table_facts){ { 21 }, 1, 0, slice_str("n"), slice_str("n"), { 1 }, { 1 }, 1, 0, 10,
	    0, 0, 0 };
	return (struct compact_report){ .incarnation = 7, .job = 70, .done = true, .status = ST_OK,
	    .detail = slice_str("merged"), .bytes_read = 1, .bytes_total = 2, .entries_in = 3, .dropped_overwritten = 4,
	    .dropped_tombstones = 5, .dropped_expired = 6, .duration_us = 7, .throttled_us = 8, .outputs = outputs, .output_count = 2,
	    .damaged_input = { 3 } };
}

static enum st order_status(const struct compact_order *o)
{
	struct compact_order back;
	struct buf m = BUF_INIT;
	struct arena a;
	enum st st;

	arena_init(&a);
	compact_order_encode(o, &m);
	st = compact_order_decode(buf_slice(&m), &a, &back);
	arena_fini(&a);
	buf_fini(&m);
	return st;
}

static enum st report_status(const struct compact_report *r)
{
	struct compact_report back;
	struct buf m = BUF_INIT;
	struct arena a;
	enum st st;

	arena_init(&a);
	compact_report_encode(r, &m);
	st = compact_report_decode(buf_slice(&m), &a, &back);
	arena_fini(&a);
	buf_fini(&m);
	return st;
}

START_TEST(order_comes_out_as_it_went_in)
{
	struct compact_order o = some_order(), back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	compact_order_encode(&o, &m);
	ck_assert_int_eq(compact_order_decode(buf_slice(&m), &a, &back), ST_OK);
	buf_fini(&m);
	ck_assert(back.incarnation == 7 && back.job == 70 && back.database == 0xdb && !back.cancel);
	ck_assert_uint_eq(back.input_count, 3);
	ck_assert(back.inputs[2].id.v == 3 && back.inputs[2].level == 1 && back.inputs[2].size_bytes == 300);
	ck_assert(back.output_level == 1 && back.first_output_id.v == 20 && back.output_id_count == 5);
	ck_assert(back.table_size_target == 1 << 20 && back.codec == 1);
	ck_assert(slice_eq(back.begin, slice_str("b")) && slice_eq(back.end, slice_str("x")));
	ck_assert(back.range_bytes == 77 && back.below_limit == 88 && back.rate_limit == 99 && !back.adjust);
	ck_assert_uint_eq(back.below_count, 2);
	ck_assert(slice_eq(back.below[1].max, slice_str("q")) && back.below[1].bytes == 6);
	ck_assert_uint_eq(back.deeper_count, 2);
	ck_assert(slice_eq(back.deeper[1].min, slice_str("c")) && slice_eq(back.deeper[1].max, slice_str("d")));
	arena_fini(&a);
}
END_TEST

START_TEST(report_comes_out_as_it_went_in)
{
	struct compact_report r = some_report(), back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	compact_report_encode(&r, &m);
	ck_assert_int_eq(compact_report_decode(buf_slice(&m), &a, &back), ST_OK);
	buf_fini(&m);
	ck_assert(back.incarnation == 7 && back.job == 70 && back.done && back.status == ST_OK);
	ck_assert(slice_eq(back.detail, slice_str("merged")));
	ck_assert(back.bytes_read == 1 && back.bytes_total == 2 && back.entries_in == 3);
	ck_assert(back.dropped_overwritten == 4 && back.dropped_tombstones == 5 && back.dropped_expired == 6);
	ck_assert(back.duration_us == 7 && back.throttled_us == 8 && back.damaged_input.v == 3 && back.output_count == 2);
	ck_assert(back.outputs[0].id.v == 20 && back.outputs[0].size_bytes == 1000);
	ck_assert_uint_eq(back.outputs[0].file_crc, 0xdeadbeef);
	ck_assert(slice_eq(back.outputs[0].min_key, slice_of("\0a", 2)));
	ck_assert(slice_eq(back.outputs[0].max_key, slice_str("m")));
	ck_assert(back.outputs[0].min_seq.v == 5 && back.outputs[0].max_seq.v == 90);
	ck_assert(back.outputs[0].entry_count == 100 && back.outputs[0].tombstone_count == 3);
	ck_assert_uint_eq(back.outputs[0].uncompressed_bytes, 5000);
	ck_assert_uint_eq(back.outputs[0].expiring_count, 2);
	ck_assert(back.outputs[0].min_expires_ms == 1111 && back.outputs[0].max_expires_ms == 2222);
	arena_fini(&a);
}
END_TEST

START_TEST(cancellation_needs_only_its_job)
{
	struct compact_order o = { .incarnation = 7, .job = 70, .cancel = true };

	ck_assert_int_eq(order_status(&o), ST_OK);
	o.cancel = false;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.adjust = true;
	ck_assert_int_eq(order_status(&o), ST_OK);
}
END_TEST

START_TEST(covers_are_all_inputs_but_the_last_and_lie_above_it)
{
	struct compact_order o = some_order(), back;
	struct buf m = BUF_INIT;
	struct arena a;

	o.cover_count = 2;
	arena_init(&a);
	compact_order_encode(&o, &m);
	ck_assert_int_eq(compact_order_decode(buf_slice(&m), &a, &back), ST_OK);
	ck_assert_uint_eq(back.cover_count, 2);
	arena_fini(&a);
	buf_fini(&m);
	o.cover_count = 1;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.cover_count = 3;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.cover_count = UINT32_MAX;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.inputs = inputs;
	o.input_count = 2;               /* both on level 0 */
	o.cover_count = 1;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
}
END_TEST

START_TEST(orders_that_cannot_be_done_are_invalid)
{
	struct compact_order o = some_order();

	ck_assert_int_eq(order_status(&o), ST_OK);
	o.output_level = 7;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	o.first_output_id = file_id(0);
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.first_output_id = file_id(UINT64_MAX - 2);
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	o.output_id_count = 0;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	o.codec = 4;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	deeper[0].min = slice_str("x");                      /* above its max */
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	deeper[0].max = slice_str("z");                      /* a range, but unsorted */
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	o.end = o.begin;                                     /* holds nothing */
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o.end = slice_str("");
	ck_assert_int_eq(order_status(&o), ST_OK);
	below[1].max = below[0].max;
	ck_assert_int_eq(order_status(&o), ST_INVALID);
	o = some_order();
	deeper[1].min = slice_str("");
	ck_assert_int_eq(order_status(&o), ST_INVALID);
}
END_TEST

START_TEST(reports_of_impossible_tables_are_invalid)
{
	struct compact_report r = some_report();

	ck_assert_int_eq(report_status(&r), ST_OK);
	outputs[1].id = file_id(0);
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].tombstone_count = 101;
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].expiring_count = 98;                      /* with 3 tombstones of 100 */
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].min_expires_ms = 2223;
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].expiring_count = 0;
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].min_seq = seq(91);
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].max_seq = seq(SEQ_MAX.v + 1);
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].max_key = slice_str("");
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	outputs[0].min_key = slice_str("z");
	ck_assert_int_eq(report_status(&r), ST_INVALID);
	r = some_report();
	r.status = (enum st)99;
	ck_assert_int_eq(report_status(&r), ST_INVALID);
}
END_TEST

START_TEST(detail_that_is_no_text_is_cut_before_it_is_sent)
{
	struct compact_report r = some_report(), back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	r.detail = slice_of("ok\xffno", 5);
	compact_report_encode(&r, &m);
	ck_assert_int_eq(compact_report_decode(buf_slice(&m), &a, &back), ST_OK);
	ck_assert(slice_eq(back.detail, slice_str("ok")));
	arena_fini(&a);
	buf_fini(&m);
}
END_TEST

static enum st raw_report_status(struct slice message)
{
	struct compact_report back;
	struct arena a;
	enum st st;

	arena_init(&a);
	st = compact_report_decode(message, &a, &back);
	arena_fini(&a);
	return st;
}

START_TEST(strict_door_refuses_what_the_library_lets_through)
{
	ck_assert_int_eq(raw_report_status(slice_of("\x10\x01", 2)), ST_OK);
	ck_assert_int_eq(raw_report_status(slice_of("\x2a\x02\xff\xfe", 4)), ST_INVALID);       /* no UTF-8 */
	ck_assert_int_eq(raw_report_status(slice_of("\x2a\x03x\0y", 5)), ST_INVALID);           /* a NUL */
	ck_assert_int_eq(raw_report_status(slice_of("\x10\x01\x10\x01", 4)), ST_INVALID);       /* twice */
	ck_assert_int_eq(raw_report_status(slice_of("\x18\x01\x10\x01", 4)), ST_INVALID);       /* out of order */
	ck_assert_int_eq(raw_report_status(slice_of("\xa0\x06\x01", 3)), ST_INVALID);               /* unknown */
	ck_assert_int_eq(raw_report_status(slice_of("\x18\x02", 2)), ST_INVALID);               /* no bool */
	ck_assert_int_eq(raw_report_status(slice_of("\x15\0\0\0\0", 5)), ST_INVALID);           /* wrong wire type */
	ck_assert_int_eq(raw_report_status(slice_of("\x20\x80\x80\x80\x80\x10", 6)), ST_INVALID); /* above 32 bits */
}
END_TEST

START_TEST(endless_lists_and_messages_are_refused)
{
	struct buf m = BUF_INIT;
	uint8_t *zeros = mem_zalloc(COMPACT_MESSAGE_MAX + 1);

	for (uint32_t i = 0; i <= LIST_MAX; i++)
		wire_put_message(&m, 13, slice_of(NULL, 0));
	ck_assert_int_eq(raw_report_status(buf_slice(&m)), ST_INVALID);
	ck_assert_int_eq(raw_report_status(slice_of(zeros, COMPACT_MESSAGE_MAX + 1)), ST_TOO_BIG);
	mem_free(zeros);
	buf_fini(&m);
}
END_TEST

static void try_both(struct slice message)
{
	struct compact_order o;
	struct compact_report r;
	struct arena a;

	arena_init(&a);
	if (compact_order_decode(message, &a, &o) == ST_OK && !o.cancel)
		ck_assert(o.input_count >= 1 && o.output_id_count >= 1 && o.output_level < 7);
	if (compact_report_decode(message, &a, &r) == ST_OK)
		for (size_t i = 0; i < r.output_count; i++)
			ck_assert(slice_cmp(r.outputs[i].min_key, r.outputs[i].max_key) <= 0);
	arena_fini(&a);
}

START_TEST(hostile_orders_are_refused_or_sound)
{
	struct compact_order o = some_order();
	struct buf m = BUF_INIT;

	compact_order_encode(&o, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

START_TEST(hostile_reports_are_refused_or_sound)
{
	struct compact_report r = some_report();
	struct buf m = BUF_INIT;

	compact_report_encode(&r, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, order_comes_out_as_it_went_in);
	tcase_add_test(tc, report_comes_out_as_it_went_in);
	tcase_add_test(tc, cancellation_needs_only_its_job);
	tcase_add_test(tc, covers_are_all_inputs_but_the_last_and_lie_above_it);
	tcase_add_test(tc, orders_that_cannot_be_done_are_invalid);
	tcase_add_test(tc, reports_of_impossible_tables_are_invalid);
	tcase_add_test(tc, detail_that_is_no_text_is_cut_before_it_is_sent);
	tcase_add_test(tc, strict_door_refuses_what_the_library_lets_through);
	tcase_add_test(tc, endless_lists_and_messages_are_refused);
	tcase_add_test(tc, hostile_orders_are_refused_or_sound);
	tcase_add_test(tc, hostile_reports_are_refused_or_sound);
}

CHECK_MAIN("proto/compact", suite)
