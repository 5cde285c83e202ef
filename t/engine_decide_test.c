/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding: conditions, increments, what a batch sees, what a failure leaves. */
#include "t/check_main.h"

#include <stdio.h>

#include "engine/decide.h"

#define NOW_MS 1000000

/* The keys of the tests, apart from what is written. */
static struct present stored(void *ctx, struct slice key)
{
	(void)ctx;
	switch (key.p[0]) {
	case 'a': return (struct present){ ST_OK, seq(10), slice_str("text"), 0 };
	case 'n': return (struct present){ ST_OK, seq(11), slice_str("41"), NOW_MS + 1 };
	case 'M': return (struct present){ ST_OK, seq(12), slice_str("9223372036854775807"), 0 };
	case 'm': return (struct present){ ST_OK, seq(13), slice_str("-9223372036854775808"), 0 };
	case 'e': return (struct present){ ST_OK, seq(14), slice_str("7"), NOW_MS };
	case 't': return (struct present){ ST_NOT_FOUND, seq(15), slice_str(""), 0 };
	case 'c': return (struct present){ .st = ST_CORRUPT };
	case 'u': return (struct present){ .st = ST_UNAVAILABLE };
	case 'b': return (struct present){ .st = ST_BUSY };
	default:  return (struct present){ .st = ST_NOT_FOUND };
	}
}

static struct rig {
	struct known *written;
	struct arena texts;
	struct buf batches;
	struct decided out;
	struct write_reply reply;
	struct write_results results;
} rig;

static void setup(void)
{
	rig = (struct rig){ .written = known_new() };
	arena_init(&rig.texts);
}

static void teardown(void)
{
	known_free(&rig.written);
	arena_fini(&rig.texts);
	buf_fini(&rig.batches);
	decided_fini(&rig.out);
}

static struct write_ask put(const char *key, const char *value, enum write_condition c, uint64_t version)
{
	return (struct write_ask){ .op = { .key = slice_str(key), .value = slice_str(value) }, .condition = c, .version = seq(version) };
}

static struct write_ask increment(const char *key, int64_t by)
{
	return (struct write_ask){ .op = { .key = slice_str(key) }, .verb = WRITE_INCREMENT, .by = by };
}

static void add_batch(const struct write_ask *asks, size_t n)
{
	struct buf batch = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		write_batch_add_ask(&batch, &asks[i]);
	write_request_add_batch(&rig.batches, buf_slice(&batch));
	buf_fini(&batch);
}

static void add1(struct write_ask ask)
{
	add_batch(&ask, 1);
}

/* Decides all that was added; sequences from 100 on. */
static enum st decide(void)
{
	struct decide d = { .now_ms = NOW_MS, .first = seq(100), .written = rig.written, .texts = &rig.texts, .look = stored };
	enum st st = decide_request(&d, buf_slice(&rig.batches), &rig.out);

	rig.reply = (struct write_reply){ .results = buf_slice(&rig.out.results) };
	rig.results = write_results_begin(&rig.reply, buf_slice(&rig.batches));
	return st;
}

static struct write_result next(void)
{
	struct write_result r;

	ck_assert(write_results_next(&rig.results, &r));
	return r;
}

/* The one batch that was added, decided. */
static struct write_result decide_one(struct write_ask ask)
{
	struct write_result r;

	setup();
	add1(ask);
	ck_assert_int_eq(decide(), ST_OK);
	r = next();
	ck_assert_uint_eq(r.written, rig.out.entries);
	ck_assert_uint_eq(r.first_sequence.v, r.status ? 0 : 100);
	teardown();
	return r;
}

START_TEST(each_condition_holds_where_it_says)
{
	static const struct { const char *key; enum write_condition c; uint64_t version; enum st st; uint64_t present; } cases[] = {
		{ "a", WRITE_IF_VERSION, 10, ST_OK, 0 },
		{ "a", WRITE_IF_VERSION, 9, ST_PRECONDITION, 10 },
		{ "a", WRITE_IF_VERSION, 11, ST_PRECONDITION, 10 },
		{ "a", WRITE_IF_VERSION, 0, ST_PRECONDITION, 10 },
		{ "a", WRITE_IF_ABSENT, 0, ST_PRECONDITION, 10 },
		{ "a", WRITE_IF_PRESENT, 0, ST_OK, 0 },
		{ "x", WRITE_IF_VERSION, 10, ST_PRECONDITION, 0 },
		{ "x", WRITE_IF_VERSION, 0, ST_OK, 0 },
		{ "x", WRITE_IF_ABSENT, 0, ST_OK, 0 },
		{ "x", WRITE_IF_PRESENT, 0, ST_PRECONDITION, 0 },
		{ "t", WRITE_IF_ABSENT, 0, ST_OK, 0 },
		{ "t", WRITE_IF_VERSION, 15, ST_PRECONDITION, 0 },       /* the version of a tombstone is no version */
		{ "e", WRITE_IF_ABSENT, 0, ST_OK, 0 },                   /* expired at this very millisecond */
		{ "e", WRITE_IF_VERSION, 14, ST_PRECONDITION, 0 },
		{ "n", WRITE_IF_PRESENT, 0, ST_OK, 0 },                  /* a millisecond left */
		{ "c", WRITE_IF_ABSENT, 0, ST_CORRUPT, 0 },              /* damage is not absence */
		{ "c", WRITE_ALWAYS, 0, ST_OK, 0 },
		{ "u", WRITE_IF_ABSENT, 0, ST_UNAVAILABLE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct write_result r = decide_one(put(cases[i].key, "v", cases[i].c, cases[i].version));

		ck_assert_msg(r.status == cases[i].st && r.present.v == cases[i].present, "case %zu: %s, present %llu", i,
			      st_text(r.status), (unsigned long long)r.present.v);
	}
}
END_TEST

START_TEST(a_batch_that_fails_names_its_operation_and_changes_nothing)
{
	struct write_ask asks[] = { put("x", "1", WRITE_ALWAYS, 0), put("y", "2", WRITE_IF_ABSENT, 0), put("a", "3", WRITE_IF_VERSION, 7) };
	struct write_result r;

	setup();
	add_batch(asks, 3);
	add1(put("x", "4", WRITE_IF_ABSENT, 0));
	ck_assert_int_eq(decide(), ST_OK);
	r = next();
	ck_assert(r.status == ST_PRECONDITION && r.failed_index == 2 && r.present.v == 10 && r.written == 0);
	r = next();
	ck_assert(r.status == ST_OK && r.first_sequence.v == 100 && r.written == 1);
	ck_assert_uint_eq(rig.out.entries, 1);
	teardown();
}
END_TEST

START_TEST(conditions_see_the_state_before_their_batch_and_after_the_earlier_ones)
{
	struct write_ask asks[] = { put("x", "1", WRITE_IF_ABSENT, 0), put("x", "2", WRITE_IF_ABSENT, 0) };
	struct write_ask gone = { .op = { .is_delete = true, .key = slice_str("x") }, .condition = WRITE_IF_VERSION, .version = seq(101) };

	setup();
	add_batch(asks, 2);
	add1(put("x", "3", WRITE_IF_ABSENT, 0));
	add1(gone);
	add1(put("x", "4", WRITE_IF_ABSENT, 0));
	ck_assert_int_eq(decide(), ST_OK);
	ck_assert_int_eq(next().status, ST_OK);
	ck_assert_uint_eq(next().present.v, 101);
	ck_assert_int_eq(next().status, ST_OK);
	ck_assert_int_eq(next().status, ST_OK);
	ck_assert_uint_eq(rig.out.entries, 4);
	teardown();
}
END_TEST

START_TEST(what_the_group_has_written_comes_before_what_is_stored)
{
	struct present now = { ST_OK, seq(90), slice_str("8"), NOW_MS };

	setup();
	known_put(rig.written, slice_str("a"), &(struct present){ ST_OK, seq(91), slice_str("8"), 0 });
	known_put(rig.written, slice_str("n"), &now);    /* and has expired */
	known_put(rig.written, slice_str("b"), &(struct present){ .st = ST_NOT_FOUND });
	add1(put("a", "v", WRITE_IF_VERSION, 10));
	add1(increment("n", 5));
	add1(put("b", "v", WRITE_IF_ABSENT, 0));         /* nobody has to look */
	ck_assert_int_eq(decide(), ST_OK);
	ck_assert_uint_eq(next().present.v, 91);
	ck_assert_int_eq(next().value, 5);
	ck_assert_int_eq(next().status, ST_OK);
	teardown();
}
END_TEST

START_TEST(increments_add_up_or_conflict)
{
	static const struct { const char *key; int64_t by; enum st st; int64_t value; enum write_reason reason; uint64_t present; } cases[] = {
		{ "n", 1, ST_OK, 42, WRITE_REASON_NONE, 0 },
		{ "n", -42, ST_OK, -1, WRITE_REASON_NONE, 0 },
		{ "n", INT64_MIN, ST_OK, INT64_MIN + 41, WRITE_REASON_NONE, 0 },
		{ "x", 5, ST_OK, 5, WRITE_REASON_NONE, 0 },
		{ "t", INT64_MIN, ST_OK, INT64_MIN, WRITE_REASON_NONE, 0 },
		{ "e", 3, ST_OK, 3, WRITE_REASON_NONE, 0 },
		{ "M", 0, ST_OK, INT64_MAX, WRITE_REASON_NONE, 0 },
		{ "M", 1, ST_CONFLICT, 0, WRITE_OVERFLOW, 12 },
		{ "m", 1, ST_OK, INT64_MIN + 1, WRITE_REASON_NONE, 0 },
		{ "m", -1, ST_CONFLICT, 0, WRITE_OVERFLOW, 13 },
		{ "a", 1, ST_CONFLICT, 0, WRITE_NO_NUMBER, 10 },
		{ "c", 1, ST_CORRUPT, 0, WRITE_REASON_NONE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct write_result r = decide_one(increment(cases[i].key, cases[i].by));

		ck_assert_msg(r.status == cases[i].st && r.value == cases[i].value && r.reason == cases[i].reason &&
			      r.present.v == cases[i].present, "case %zu: %s, %lld", i, st_text(r.status), (long long)r.value);
	}
}
END_TEST

/* The one plain operation that came out. */
static struct write_op only_op(void)
{
	struct write_walk w = write_walk_begin(buf_slice(&rig.out.batches));
	struct write_op op, none;

	ck_assert(write_walk_next(&w, &op));
	ck_assert(!write_walk_next(&w, &none));
	return op;
}

START_TEST(an_increment_is_written_as_a_put_of_text_that_keeps_the_expiry)
{
	struct write_op op;

	setup();
	add1(increment("n", -100));
	ck_assert_int_eq(decide(), ST_OK);
	op = only_op();
	ck_assert(!op.is_delete && slice_eq(op.key, slice_str("n")) && slice_eq(op.value, slice_str("-59")));
	ck_assert_int_eq(op.expires_at_ms, NOW_MS + 1);
	teardown();
	setup();
	add1(increment("e", 2));                         /* what has expired leaves no expiry behind */
	ck_assert_int_eq(decide(), ST_OK);
	ck_assert_int_eq(only_op().expires_at_ms, 0);
	teardown();
}
END_TEST

START_TEST(increments_of_one_request_see_each_other)
{
	setup();
	for (unsigned i = 0; i < 500; i++)
		add1(increment("n", 2));
	ck_assert_int_eq(decide(), ST_OK);
	for (int i = 1; i <= 500; i++)
		ck_assert_int_eq(next().value, 41 + 2 * i);
	ck_assert_uint_eq(rig.out.entries, 500);
	teardown();
}
END_TEST

START_TEST(an_increment_may_have_a_condition)
{
	struct write_ask ask = increment("n", 1);

	ask.condition = WRITE_IF_VERSION;
	ask.version = seq(11);
	ck_assert_int_eq(decide_one(ask).value, 42);
	ask.version = seq(10);
	ck_assert_int_eq(decide_one(ask).status, ST_PRECONDITION);
}
END_TEST

START_TEST(nothing_is_decided_while_one_key_is_not_known)
{
	setup();
	add1(put("x", "1", WRITE_IF_ABSENT, 0));
	add1(put("b", "1", WRITE_IF_ABSENT, 0));
	ck_assert_int_eq(decide(), ST_BUSY);
	ck_assert_uint_eq(rig.out.entries + rig.out.results.n + rig.out.batches.n, 0);
	ck_assert_ptr_null(known_find(rig.written, slice_str("x")));
	teardown();
	setup();
	add1(put("b", "1", WRITE_ALWAYS, 0));            /* nobody asks what it is */
	ck_assert_int_eq(decide(), ST_OK);
	teardown();
}
END_TEST

START_TEST(numbers_are_decimal_text_and_nothing_else)
{
	static const char *good[] = { "0", "7", "-7", "10", "9223372036854775807", "-9223372036854775808" };
	static const int64_t values[] = { 0, 7, -7, 10, INT64_MAX, INT64_MIN };
	static const char *bad[] = { "", "-", "+1", "-0", "00", "01", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808",
				     "-9223372036854775809", "99999999999999999999", "-99999999999999999999", "12a", "\xff" };
	int64_t n;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_msg(decide_number(slice_str(good[i]), &n), "%s", good[i]);
		ck_assert_int_eq(n, values[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!decide_number(slice_str(bad[i]), &n), "%s", bad[i]);
	ck_assert(!decide_number(slice_of("1\0", 2), &n));
}
END_TEST

START_TEST(known_keys_are_found_however_many_there_are)
{
	static char names[5000][16];
	struct known *k = known_new();

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(names[i], sizeof(names[i]), "key%u", i);
		known_put(k, slice_str(names[i]), &(struct present){ .st = ST_OK, .version = seq(i + 1) });
	}
	known_put(k, slice_str("key7"), &(struct present){ .st = ST_OK, .version = seq(9999) });
	for (unsigned i = 0; i < 5000; i++)
		ck_assert_uint_eq(known_find(k, slice_str(names[i]))->version.v, i == 7 ? 9999 : i + 1);
	ck_assert_ptr_null(known_find(k, slice_str("key5000")));
	known_free(&k);
	ck_assert_ptr_null(k);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, each_condition_holds_where_it_says);
	tcase_add_test(tc, a_batch_that_fails_names_its_operation_and_changes_nothing);
	tcase_add_test(tc, conditions_see_the_state_before_their_batch_and_after_the_earlier_ones);
	tcase_add_test(tc, what_the_group_has_written_comes_before_what_is_stored);
	tcase_add_test(tc, increments_add_up_or_conflict);
	tcase_add_test(tc, an_increment_is_written_as_a_put_of_text_that_keeps_the_expiry);
	tcase_add_test(tc, increments_of_one_request_see_each_other);
	tcase_add_test(tc, an_increment_may_have_a_condition);
	tcase_add_test(tc, nothing_is_decided_while_one_key_is_not_known);
	tcase_add_test(tc, numbers_are_decimal_text_and_nothing_else);
	tcase_add_test(tc, known_keys_are_found_however_many_there_are);
}

CHECK_MAIN("engine/decide", suite)
