/* SPDX-License-Identifier: Apache-2.0 */
/* Operations in three forms: that they come to the same batch, that the engine takes what is accepted here, and that what is
 * refused is refused alike. */
#include "frontend/v1_ops.h"

#include <string.h>

#include "common/base/coding.h"
#include "proto/write.h"
#include "t/check_main.h"

#define NOW 1700000000000

static struct arena arena;
static struct buf batch, complaint;
static struct v1_ops ops;

typedef enum problem reader_f(struct v1_ops *ops, struct slice body);

static enum problem take(reader_f *f, struct slice body)
{
	arena_fini(&arena);
	arena_init(&arena);
	buf_reset(&batch);
	buf_reset(&complaint);
	ops = (struct v1_ops){ .arena = &arena, .batch = &batch, .complaint = &complaint, .now_ms = NOW };
	return f(&ops, body);
}

static enum problem json(const char *text)
{
	return take(v1_ops_json, slice_str(text));
}

/* What the engine makes of it. */
static enum st engine_takes(void)
{
	struct write_request w = { .origin = 1, .request_id = 1, .oldest_unanswered = 1 };
	struct buf batches = BUF_INIT, message = BUF_INIT;
	struct write_counts counts;
	enum st st;

	write_request_add_batch(&batches, ops.bytes);
	w.batches = buf_slice(&batches);
	write_request_encode(&w, &message);
	st = write_request_decode(buf_slice(&message), &w, &counts);
	if (!st)
		ck_assert(counts.entries == ops.count && (counts.asks > 0) == ops.decided);
	buf_fini(&batches);
	buf_fini(&message);
	return st;
}

#define OPERATIONS                                                                                                   \
	"{\"type\":\"write\",\"key\":\"a\",\"value\":\"1\",\"ttl\":60,\"if_version\":17}",                            \
	"{\"if_absent\":true,\"value_base64\":\"/wA=\",\"key_base64\":\"AP8=\",\"type\":\"write\"}",                  \
	"{\"type\":\"delete\",\"key\":\"b\",\"if_version\":0}", "{\"type\":\"delete\",\"key\":\"c\",\"if_absent\":false}"

static void check_operations(void)
{
	struct slice rest = ops.bytes;
	struct write_ask ask[4];
	size_t i;

	ck_assert_uint_eq(ops.count, 4);
	ck_assert(ops.decided);
	for (i = 0; i < 4; i++)
		ck_assert(write_asks_next(&rest, &ask[i]));
	ck_assert(rest.n == 0);
	ck_assert(slice_eq(ask[0].op.key, slice_str("a")) && slice_eq(ask[0].op.value, slice_str("1")));
	ck_assert(ask[0].op.expires_at_ms == NOW + 60000 && ask[0].condition == WRITE_IF_VERSION && ask[0].version.v == 17);
	ck_assert(slice_eq(ask[1].op.key, slice_of("\0\xff", 2)) && slice_eq(ask[1].op.value, slice_of("\xff\0", 2)));
	ck_assert(ask[1].condition == WRITE_IF_ABSENT && !ask[1].op.is_delete);
	ck_assert(ask[2].op.is_delete && ask[2].condition == WRITE_IF_ABSENT);
	ck_assert(ask[3].op.is_delete && ask[3].condition == WRITE_ALWAYS);
	ck_assert_int_eq(engine_takes(), ST_OK);
}

START_TEST(all_forms_come_to_the_same_operations)
{
	static const char *const lines[] = { OPERATIONS };
	struct buf text = BUF_INIT;
	size_t i;

	buf_append_str(&text, "{\"operations\":[");
	for (i = 0; i < 4; i++)
		buf_printf(&text, "%s%s", i ? "," : "", lines[i]);
	buf_append_str(&text, "]}");
	ck_assert_int_eq(take(v1_ops_json, buf_slice(&text)), PROBLEM_NONE);
	check_operations();
	buf_reset(&text);
	for (i = 0; i < 4; i++)
		buf_printf(&text, "\n %s\r\n", lines[i]);
	ck_assert_int_eq(take(v1_ops_ndjson, buf_slice(&text)), PROBLEM_NONE);
	check_operations();
	buf_reset(&text);
	buf_append_slice(&text, ops.bytes);
	ck_assert_int_eq(take(v1_ops_protobuf, buf_slice(&text)), PROBLEM_NONE);
	ck_assert_ptr_eq(ops.bytes.p, text.p);
	check_operations();
	buf_fini(&text);
}
END_TEST

static const struct { const char *text; enum problem problem; const char *told; } wrong[] = {
	{ "{\"key\":\"a\",\"value\":\"1\"}", PROBLEM_FIELD_MISSING, "\"operations[0].type\" is missing." },
	{ "{\"type\":\"write\",\"value\":\"1\"}", PROBLEM_FIELD_MISSING, "\"operations[0].key\" is missing." },
	{ "{\"type\":\"write\",\"key\":\"a\"}", PROBLEM_FIELD_MISSING, "\"operations[0].value\" is missing." },
	{ "{\"type\":1}", PROBLEM_FIELD_TYPE, "\"operations[0].type\" must be a string, not a number." },
	{ "{\"ttl\":\"1\"}", PROBLEM_FIELD_TYPE, "\"operations[0].ttl\" must be a number of seconds, not a string." },
	{ "{\"if_absent\":null}", PROBLEM_FIELD_TYPE, "\"operations[0].if_absent\" must be true or false, not null." },
	{ "{\"ttl\":1.5}", PROBLEM_FIELD_TYPE, "\"operations[0].ttl\" must be a whole number of seconds." },
	{ "{\"ttl\":3153600001}", PROBLEM_FIELD_VALUE, "\"operations[0].ttl\" must be 1 to 3153600000 seconds." },
	{ "{\"if_version\":72057594037927936}", PROBLEM_FIELD_VALUE, "must be a version" },
	{ "{\"key\":\"a\",\"key\":\"a\"}", PROBLEM_JSON_INVALID, "\"operations[0].key\" stands twice." },
	{ "{\"keys\":1}", PROBLEM_FIELD_UNKNOWN, "\"operations[0].keys\" is not a known field." },
	{ "{\"type\":\"write\",\"key\":\"a\",\"key_base64\":\"YQ==\",\"value\":\"\"}", PROBLEM_FIELD_VALUE, "key_base64\" stands beside" },
	{ "{\"type\":\"write\",\"key\":\"a\",\"value_base64\":\"?\"}", PROBLEM_FIELD_VALUE, "value_base64\" is not base64" },
	{ "{\"type\":\"write\",\"key\":\"a\",\"value\":\"\",\"if_version\":1,\"if_absent\":true}", PROBLEM_FIELD_VALUE, "stands beside" },
	{ "{\"type\":\"delete\",\"key\":\"a\",\"value\":\"\"}", PROBLEM_FIELD_UNKNOWN, "value\" does not belong into a delete." },
	{ "{\"type\":\"delete\",\"key\":\"a\",\"ttl\":1}", PROBLEM_FIELD_UNKNOWN, "ttl\" does not belong into a delete." },
	{ "{\"type\":\"upsert\",\"key\":\"a\"}", PROBLEM_FIELD_VALUE, "must be \"write\" or \"delete\"." },
	{ "{\"type\":\"delete\",\"key\":\"\"}", PROBLEM_KEY_EMPTY, "is empty" },
	{ "\"a\"", PROBLEM_FIELD_TYPE, "\"operations[0]\" must be an object, not a string." },
	{ "{\"type\":", PROBLEM_JSON_INVALID, "a value is expected" },
	{ "{\"type\":\"write\"", PROBLEM_JSON_INVALID, "is expected" },
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
	struct buf text = BUF_INIT;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buf_reset(&text);
		buf_printf(&text, "{\"operations\":[%s]}", wrong[i].text);
		ck_assert_msg(take(v1_ops_json, buf_slice(&text)) == wrong[i].problem, "json, case %zu: %s", i, buf_cstr(&complaint));
		ck_assert_msg(i + 2 >= sizeof wrong / sizeof *wrong || strstr(buf_cstr(&complaint), wrong[i].told), "case %zu: %s", i,
			      buf_cstr(&complaint));
		ck_assert_msg(take(v1_ops_ndjson, slice_str(wrong[i].text)) == wrong[i].problem, "ndjson, case %zu", i);
		ck_assert_msg(strstr(buf_cstr(&complaint), wrong[i].told) != NULL, "case %zu: %s", i, buf_cstr(&complaint));
	}
	ck_assert_int_eq(json("{\"operations\":[],\"x\":1}"), PROBLEM_FIELD_UNKNOWN);
	ck_assert_int_eq(json("{\"operations\":[]} 1"), PROBLEM_JSON_INVALID);
	ck_assert_int_eq(json("{}"), PROBLEM_FIELD_MISSING);
	ck_assert_int_eq(take(v1_ops_ndjson, slice_str("{\"type\":\"delete\",\"key\":\"a\"} x")), PROBLEM_JSON_INVALID);
	ck_assert_int_eq(take(v1_ops_ndjson, slice_str("\n \n")), PROBLEM_NONE);
	ck_assert_uint_eq(ops.count, 0);
	buf_fini(&text);
}
END_TEST

START_TEST(ten_thousand_operations_are_the_most)
{
	struct buf text = BUF_INIT;
	struct write_op op = { .key = slice_str("k"), .is_delete = true };
	size_t i;

	for (i = 0; i < BATCH_MAX_OPS; i++)
		buf_append_str(&text, "{\"type\":\"delete\",\"key\":\"k\"}\n");
	ck_assert_int_eq(take(v1_ops_ndjson, buf_slice(&text)), PROBLEM_NONE);
	ck_assert_int_eq(engine_takes(), ST_OK);
	buf_append_str(&text, "{\"type\":\"delete\",\"key\":\"k\"}\n");
	ck_assert_int_eq(take(v1_ops_ndjson, buf_slice(&text)), PROBLEM_BATCH_TOO_LARGE);
	buf_reset(&text);
	for (i = 0; i < BATCH_MAX_OPS; i++)
		write_batch_add(&text, &op);
	ck_assert_int_eq(take(v1_ops_protobuf, buf_slice(&text)), PROBLEM_NONE);
	write_batch_add(&text, &op);
	ck_assert_int_eq(take(v1_ops_protobuf, buf_slice(&text)), PROBLEM_BATCH_TOO_LARGE);
	buf_fini(&text);
}
END_TEST

START_TEST(what_the_engine_would_refuse_as_protobuf_is_refused)
{
	static const struct { const char *bytes; size_t n; uint32_t field; enum problem problem;  } entries[] = {
		{ "\x22\x01k", 3, 1, PROBLEM_NONE },
		{ "\x22\x01k", 3, 2, PROBLEM_PROTOBUF },
		{ "\x2a\x01v\x22\x01k", 6, 1, PROBLEM_PROTOBUF },            /* falling order */
		{ "\x08\x01\x22\x01k", 5, 1, PROBLEM_PROTOBUF },             /* a sequence */
		{ "\x10\x01\x22\x01k", 5, 1, PROBLEM_PROTOBUF },             /* a timestamp */
		{ "\x18\x01\x22\x01k\x2a\x01v", 8, 1, PROBLEM_PROTOBUF },    /* delete with a value */
		{ "\x22\x01k\x48\x00", 5, 1, PROBLEM_PROTOBUF },             /* if_version 0, written */
		{ "\x22\x01k\x48\x11", 5, 1, PROBLEM_NONE },
		{ "\x22\x01k\x48\x11\x50\x01", 7, 1, PROBLEM_PROTOBUF },     /* two conditions */
		{ "\x22\x00", 2, 1, PROBLEM_KEY_EMPTY },
		{ "", 0, 1, PROBLEM_KEY_EMPTY },
		{ "\x22\x02k", 3, 1, PROBLEM_PROTOBUF },                     /* cut short */
		{ "\x18\x02\x22\x01k", 5, 1, PROBLEM_PROTOBUF },       /* increment */
		{ "\x18\x03\x22\x01k", 5, 1, PROBLEM_PROTOBUF },       /* range delete */
	};
	enum { COUNT = sizeof entries / sizeof *entries };
	struct buf message = BUF_INIT;
	size_t i;

	for (i = 0; i < COUNT; i++) {
		buf_reset(&message);
		wire_put_message(&message, entries[i].field, slice_of(entries[i].bytes, entries[i].n));
		ck_assert_msg(take(v1_ops_protobuf, buf_slice(&message)) == entries[i].problem, "case %zu", i);
		ops.bytes = buf_slice(&message);
		if (i < COUNT - 2)       /* those two it takes, from requests of their own */
			ck_assert_msg((engine_takes() == ST_OK) == (entries[i].problem == PROBLEM_NONE), "case %zu, the engine", i);
	}
	buf_fini(&message);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, all_forms_come_to_the_same_operations);
	tcase_add_test(tc, what_is_wrong_is_told_with_its_place);
	tcase_add_test(tc, ten_thousand_operations_are_the_most);
	tcase_add_test(tc, what_the_engine_would_refuse_as_protobuf_is_refused);
}

CHECK_MAIN("frontend/v1_ops", add)
