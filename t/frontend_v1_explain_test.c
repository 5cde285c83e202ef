/* SPDX-License-Identifier: Apache-2.0 */
/* What an explained read says, from a trace made by hand. */
#include "frontend/v1_explain.h"

#include <string.h>

#include "t/check_main.h"

static const char *explain(struct buf *out, const struct read_outcome *o, const struct read_trace *t)
{
	buf_reset(out);
	v1_explain_write(out, slice_str("k"), o, t);
	return buf_cstr(out);
}

START_TEST(every_place_and_its_sum_is_told)
{
	static struct read_trace t = {
		.count = 4,
		.steps = { { .id = { 9 }, .level = READ_TRACE_MEMTABLE, .found = READ_NOTHING, .ns = 400 },
			   { .id = { 22 }, .level = 0, .found = READ_FILTERED, .ns = 200 },
			   { .id = { 21 }, .level = 0, .found = READ_NOTHING, .ns = 1000, .blocks_cached = 1 },
			   { .id = { 7 }, .level = 2, .found = READ_VALUE, .ns = 80000, .blocks_read = 1 } },
	};
	struct read_cost cost = { .filter_checks = 3, .filter_useful = 1, .blocks_cached = 1, .blocks_read = 1 };
	struct entry e = { .value = slice_str("green"), .seq = { 17 }, .timestamp_ms = 1705932000123, .expires_at_ms = 1705932060123 };
	struct read_outcome o = { .entry = &e, .cost = &cost, .wait_ns = 3100, .memory_ns = 1900, .disk_ns = 88000 };
	struct buf out = BUF_INIT;

	ck_assert_str_eq(explain(&out, &o, &t),
		"{\"key\":\"k\",\"found\":true,\"version\":17,\"timestamp\":1705932000,\"expires_at\":1705932060,\"value_bytes\":5,"
		"\"memtables\":1,\"tables\":3,\"tombstones\":0,"
		"\"filter\":{\"checks\":3,\"negatives\":1,\"false_positives\":1},\"blocks\":{\"cache\":1,\"disk\":1},"
		"\"microseconds\":{\"wait\":3.1,\"memory\":1.9,\"disk\":88.0,\"total\":93.0},\"steps\":["
		"{\"memtable\":9,\"outcome\":\"nothing\",\"microseconds\":0.4},"
		"{\"table\":22,\"level\":0,\"outcome\":\"filtered\",\"blocks_cache\":0,\"blocks_disk\":0,\"microseconds\":0.2},"
		"{\"table\":21,\"level\":0,\"outcome\":\"nothing\",\"blocks_cache\":1,\"blocks_disk\":0,\"microseconds\":1.0},"
		"{\"table\":7,\"level\":2,\"outcome\":\"value\",\"blocks_cache\":0,\"blocks_disk\":1,\"microseconds\":80.0}]}\n");
	buf_fini(&out);
}
END_TEST

START_TEST(what_is_gone_is_told_with_the_reason)
{
	static struct read_trace t = {
		.count = 1, .left_off = 2,
		.steps = { { .id = { 9 }, .level = READ_TRACE_MEMTABLE, .found = READ_TOMBSTONE } },
	};
	struct read_cost cost = { .tables = 0 };
	struct read_outcome o = { .st = ST_NOT_FOUND, .cost = &cost };
	struct buf out = BUF_INIT;
	const char *text = explain(&out, &o, &t);

	ck_assert_ptr_nonnull(strstr(text, "\"found\":false,\"memtables\":1,\"tables\":0,\"tombstones\":1,"));
	ck_assert_ptr_nonnull(strstr(text, "\"outcome\":\"tombstone\""));
	ck_assert_ptr_nonnull(strstr(text, "],\"steps_left_off\":2}\n"));
	ck_assert_ptr_null(strstr(text, "version"));
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, every_place_and_its_sum_is_told);
	tcase_add_test(tc, what_is_gone_is_told_with_the_reason);
}

CHECK_MAIN("frontend/v1_explain", add)
