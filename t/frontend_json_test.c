/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: what is taken, and what each mistake is told. */
#include "frontend/json.h"

#include <stdio.h>

#include "proto/write.h"
#include "t/check_main.h"

#define NOW_MS 1700000000123

/* The n-th operation of a batch that was read. */
static struct write_op operation(const struct buf *batch, size_t n)
{
	static struct buf batches;
	struct write_walk w;
	struct write_op op = { 0 };
	size_t i;

	buf_reset(&batches);
	write_request_add_batch(&batches, buf_slice(batch));
	w = write_walk_begin(buf_slice(&batches));
	for (i = 0; i <= n; i++)
		ck_assert(write_walk_next(&w, &op));
	return op;
}

START_TEST(a_write_becomes_one_put)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	struct slice body = slice_str(" {\"value\":\"caf\\u00e9\", \"key\":\"a\\u0000b\"} ");
	struct write_op op;

	ck_assert_int_eq(json_read_write(body, NOW_MS, &batch, &complaint), PROBLEM_NONE);
	op = operation(&batch, 0);
	ck_assert(!op.is_delete);
	ck_assert(slice_eq(op.key, slice_of("a\0b", 3)));
	ck_assert(slice_eq(op.value, slice_str("caf\xc3\xa9")));
	buf_fini(&batch);
	buf_fini(&complaint);
}
END_TEST

START_TEST(a_batch_keeps_the_order_of_its_operations)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	struct slice body = slice_str(
		"{\"operations\":[{\"type\":\"write\",\"key\":\"k\",\"value\":\"1\"},"
		"{\"type\":\"delete\",\"key\":\"k\"},{\"type\":\"write\",\"key\":\"l\",\"value\":\"\"}]}");
	size_t n;

	ck_assert_int_eq(json_read_batch(body, NOW_MS, &batch, &n, &complaint), PROBLEM_NONE);
	ck_assert_uint_eq(n, 3);
	ck_assert(!operation(&batch, 0).is_delete && slice_eq(operation(&batch, 0).value, slice_str("1")));
	ck_assert(operation(&batch, 1).is_delete && slice_eq(operation(&batch, 1).key, slice_str("k")));
	ck_assert(!operation(&batch, 2).is_delete && operation(&batch, 2).value.n == 0);
	buf_fini(&batch);
	buf_fini(&complaint);
}
END_TEST

/* The moment of expiry that a write with this ttl gets when it is received at now_ms. */
static int64_t expiry_of(const char *ttl, int64_t now_ms)
{
	struct buf body = BUF_INIT, batch = BUF_INIT, complaint = BUF_INIT;
	int64_t expires_at_ms;

	buf_printf(&body, "{\"key\":\"k\",\"value\":\"v\",\"ttl\":%s}", ttl);
	ck_assert_int_eq(json_read_write(buf_slice(&body), now_ms, &batch, &complaint), PROBLEM_NONE);
	expires_at_ms = operation(&batch, 0).expires_at_ms;
	buf_fini(&body);
	buf_fini(&batch);
	buf_fini(&complaint);
	return expires_at_ms;
}

START_TEST(a_ttl_becomes_the_moment_of_expiry)
{
	ck_assert_int_eq(expiry_of("1", NOW_MS), NOW_MS + 1000);
	ck_assert_int_eq(expiry_of("3153600000", NOW_MS), NOW_MS + INT64_C(3153600000000));
	ck_assert_int_eq(expiry_of("7", -5), 7000);      /* a clock before 1970 makes no expiry that means never */
}
END_TEST

START_TEST(each_operation_of_a_batch_has_its_own_ttl_or_none)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	struct slice body = slice_str("{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"value\":\"1\",\"ttl\":2},"
				      "{\"ttl\":60,\"type\":\"write\",\"key\":\"b\",\"value\":\"\"},"
				      "{\"type\":\"write\",\"key\":\"c\",\"value\":\"1\"},{\"type\":\"delete\",\"key\":\"d\"}]}");
	const int64_t expected[] = { NOW_MS + 2000, NOW_MS + 60000, 0, 0 };
	size_t n, i;

	ck_assert_int_eq(json_read_batch(body, NOW_MS, &batch, &n, &complaint), PROBLEM_NONE);
	ck_assert_uint_eq(n, 4);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(operation(&batch, i).expires_at_ms, expected[i]);
	buf_fini(&batch);
	buf_fini(&complaint);
}
END_TEST

static const struct mistake {
	bool is_batch;
	const char *body;
	enum problem problem;
	const char *says;
} mistakes[] = {
	{ false, "", PROBLEM_JSON_INVALID, "empty" },
	{ false, "{", PROBLEM_JSON_INVALID, "Line 1" },
	{ false, "[]", PROBLEM_JSON_INVALID, "an array" },
	{ false, "null", PROBLEM_JSON_INVALID, "" },
	{ false, "{\"key\":\"a\",\"value\":\"b\"} x", PROBLEM_JSON_INVALID, "" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"value\":\"c\"}", PROBLEM_JSON_INVALID, "stands twice" },
	{ false, "{\"key\":\"a\",\"value\":\"\xff\"}", PROBLEM_JSON_INVALID, "" },
	{ false, "{\"key\":\"a\",\"value\":\"\n\"}", PROBLEM_JSON_INVALID, "" },
	{ false, "{'key':'a'}", PROBLEM_JSON_INVALID, "" },
	{ false, "{}", PROBLEM_FIELD_MISSING, "\"key\"" },
	{ false, "{\"key\":\"a\"}", PROBLEM_FIELD_MISSING, "\"value\"" },
	{ false, "{\"key\":1,\"value\":\"b\"}", PROBLEM_FIELD_TYPE, "a number" },
	{ false, "{\"key\":\"a\",\"value\":null}", PROBLEM_FIELD_TYPE, "null" },
	{ false, "{\"key\":\"a\",\"value\":{}}", PROBLEM_FIELD_TYPE, "an object" },
	{ false, "{\"key\":\"a\",\"value\":true}", PROBLEM_FIELD_TYPE, "a boolean" },
	{ false, "{\"key\":\"\",\"value\":\"b\"}", PROBLEM_KEY_EMPTY, "\"key\"" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"TTL\":1}", PROBLEM_FIELD_UNKNOWN, "\"TTL\"" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":0}", PROBLEM_FIELD_VALUE, "1 to 3153600000 seconds" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":-1}", PROBLEM_FIELD_VALUE, "\"ttl\"" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":3153600001}", PROBLEM_FIELD_VALUE, "\"ttl\"" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":9223372036854775807}", PROBLEM_FIELD_VALUE, "\"ttl\"" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":9223372036854775808}", PROBLEM_FIELD_TYPE, "a whole number of seconds" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":1.5}", PROBLEM_FIELD_TYPE, "a whole number of seconds" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":1e3}", PROBLEM_FIELD_TYPE, "a whole number of seconds" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":\"60\"}", PROBLEM_FIELD_TYPE, "a string" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"ttl\":null}", PROBLEM_FIELD_TYPE, "null" },
	{ true, "{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"value\":\"b\",\"ttl\":0}]}", PROBLEM_FIELD_VALUE,
	  "\"operations[0].ttl\"" },
	{ true, "{\"operations\":[{\"type\":\"delete\",\"key\":\"a\",\"ttl\":1}]}", PROBLEM_FIELD_UNKNOWN,
	  "\"operations[0].ttl\" does not belong into a delete" },
	{ false, "{\"key\":\"a\",\"value\":\"b\",\"type\":\"write\"}", PROBLEM_FIELD_UNKNOWN, "\"type\"" },
	{ false, "{\"key_base64\":\"YQ==\",\"value\":\"b\"}", PROBLEM_FIELD_UNKNOWN, "\"key_base64\"" },
	{ true, "{\"operations\":[{\"type\":\"delete\",\"key\":\"a\",\"if_version\":1}]}", PROBLEM_FIELD_UNKNOWN, "if_version" },
	{ true, "{\"key\":\"a\",\"value\":\"b\"}", PROBLEM_FIELD_UNKNOWN, "" },
	{ true, "{}", PROBLEM_FIELD_MISSING, "\"operations\"" },
	{ true, "{\"operations\":{}}", PROBLEM_FIELD_TYPE, "an object" },
	{ true, "{\"operations\":[1]}", PROBLEM_FIELD_TYPE, "\"operations[0]\"" },
	{ true, "{\"operations\":[{\"key\":\"a\"}]}", PROBLEM_FIELD_MISSING, "\"operations[0].type\"" },
	{ true, "{\"operations\":[{\"type\":\"put\",\"key\":\"a\"}]}", PROBLEM_FIELD_VALUE,
	  "\"operations[0].type\"" },
	{ true, "{\"operations\":[{\"type\":\"delete\",\"key\":\"a\"},{\"type\":\"write\",\"key\":\"b\"}]}",
	  PROBLEM_FIELD_MISSING, "\"operations[1].value\"" },
	{ true, "{\"operations\":[{\"type\":\"delete\",\"key\":\"a\",\"value\":\"b\"}]}",
	  PROBLEM_FIELD_UNKNOWN, "delete" },
};

START_TEST(each_mistake_is_named_and_changes_nothing)
{
	size_t i;

	for (i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		const struct mistake *m = &mistakes[i];
		struct buf batch = BUF_INIT, complaint = BUF_INIT;
		enum problem p;
		size_t n;

		buf_append_str(&batch, "before");
		if (m->is_batch)
			p = json_read_batch(slice_str(m->body), NOW_MS, &batch, &n, &complaint);
		else
			p = json_read_write(slice_str(m->body), NOW_MS, &batch, &complaint);
		ck_assert_msg(p == m->problem, "%s: %s", m->body, p ? problem_code(p) : "taken");
		ck_assert_msg(complaint.n > 0 && strstr(buf_cstr(&complaint), m->says), "%s: %s", m->body,
			      buf_cstr(&complaint));
		ck_assert(slice_eq(buf_slice(&batch), slice_str("before")));
		buf_fini(&batch);
		buf_fini(&complaint);
	}
}
END_TEST

/* The problem of a write with a key and a value of these lengths. */
static enum problem write_of(size_t key_bytes, size_t value_bytes)
{
	struct buf body = BUF_INIT, batch = BUF_INIT, complaint = BUF_INIT;
	enum problem p;

	buf_append_str(&body, "{\"key\":\"");
	memset(buf_reserve(&body, key_bytes), 'k', key_bytes);
	body.n += key_bytes;
	buf_append_str(&body, "\",\"value\":\"");
	memset(buf_reserve(&body, value_bytes), 'v', value_bytes);
	body.n += value_bytes;
	buf_append_str(&body, "\"}");
	p = json_read_write(buf_slice(&body), NOW_MS, &batch, &complaint);
	buf_fini(&body);
	buf_fini(&batch);
	buf_fini(&complaint);
	return p;
}

START_TEST(keys_and_values_are_bounded)
{
	ck_assert_int_eq(write_of(KEY_MAX_BYTES, 1), PROBLEM_NONE);
	ck_assert_int_eq(write_of(KEY_MAX_BYTES + 1, 1), PROBLEM_KEY_TOO_LONG);
	ck_assert_int_eq(write_of(1, VALUE_MAX_BYTES), PROBLEM_NONE);
	ck_assert_int_eq(write_of(1, VALUE_MAX_BYTES + 1), PROBLEM_VALUE_TOO_LARGE);
}
END_TEST

/* The problem of a batch of n deletes. */
static enum problem batch_of(size_t n)
{
	struct buf body = BUF_INIT, batch = BUF_INIT, complaint = BUF_INIT;
	enum problem p;
	size_t i, count;

	buf_append_str(&body, "{\"operations\":[");
	for (i = 0; i < n; i++)
		buf_printf(&body, "%s{\"type\":\"delete\",\"key\":\"k\"}", i ? "," : "");
	buf_append_str(&body, "]}");
	p = json_read_batch(buf_slice(&body), NOW_MS, &batch, &count, &complaint);
	ck_assert_uint_eq(count, p ? 0 : n);
	buf_fini(&body);
	buf_fini(&batch);
	buf_fini(&complaint);
	return p;
}

START_TEST(batches_are_bounded_and_may_be_empty)
{
	ck_assert_int_eq(batch_of(0), PROBLEM_NONE);
	ck_assert_int_eq(batch_of(BATCH_MAX_OPS), PROBLEM_NONE);
	ck_assert_int_eq(batch_of(BATCH_MAX_OPS + 1), PROBLEM_BATCH_TOO_LARGE);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	struct buf body = BUF_INIT, batch = BUF_INIT, complaint = BUF_INIT;
	unsigned i;

	buf_append_str(&body, "{\"key\":");
	for (i = 0; i < 90000; i++)
		buf_append_byte(&body, '[');
	ck_assert_int_eq(json_read_write(buf_slice(&body), NOW_MS, &batch, &complaint), PROBLEM_FIELD_TYPE);
	buf_fini(&body);
	buf_fini(&complaint);
}
END_TEST

START_TEST(brackets_and_commas_inside_strings_are_no_values)
{
	struct buf body = BUF_INIT, batch = BUF_INIT, complaint = BUF_INIT;
	size_t i;

	buf_append_str(&body, "{\"key\":\"k\",\"value\":\"");
	for (i = 0; i < 200000; i++)
		buf_append_str(&body, "\\\"[{:,");
	buf_append_str(&body, "\"}");
	ck_assert_int_eq(json_read_write(buf_slice(&body), NOW_MS, &batch, &complaint), PROBLEM_NONE);
	ck_assert_uint_eq(operation(&batch, 0).value.n, 200000 * 5);
	buf_fini(&body);
	buf_fini(&batch);
	buf_fini(&complaint);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_write_becomes_one_put);
	tcase_add_test(tc, a_batch_keeps_the_order_of_its_operations);
	tcase_add_test(tc, a_ttl_becomes_the_moment_of_expiry);
	tcase_add_test(tc, each_operation_of_a_batch_has_its_own_ttl_or_none);
	tcase_add_test(tc, each_mistake_is_named_and_changes_nothing);
	tcase_add_test(tc, keys_and_values_are_bounded);
	tcase_add_test(tc, batches_are_bounded_and_may_be_empty);
	tcase_add_test(tc, brackets_and_commas_inside_strings_are_no_values);
	tcase_add_test(tc, deep_nesting_is_refused);
}

CHECK_MAIN("frontend/json", add)
