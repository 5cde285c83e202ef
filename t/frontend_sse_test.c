/* SPDX-License-Identifier: Apache-2.0 */
/* The text of events. */
#include "frontend/sse.h"

#include "t/check_main.h"

static void expect(struct buf *b, const char *want)
{
	ck_assert_str_eq(buf_cstr(b), want);
	buf_fini(b);
}

START_TEST(a_put_has_key_value_version_and_times)
{
	struct write_op op = { .key = slice_str("a\"b"), .value = slice_str("line\nline") };
	struct buf b = BUF_INIT;

	sse_change(&b, &op, 17, 1700000000123);
	expect(&b, "id: 17\nevent: put\ndata: {\"key\":\"a\\\"b\",\"value\":\"line\\nline\",\"version\":17,"
		   "\"timestamp\":1700000000}\n\n");
	op.expires_at_ms = 1700000009050;
	op.value = slice_str("");
	sse_change(&b, &op, 18, 5);
	expect(&b, "id: 18\nevent: put\ndata: {\"key\":\"a\\\"b\",\"value\":\"\",\"version\":18,\"timestamp\":0,"
		   "\"expires_at\":1700000009.05}\n\n");
}
END_TEST

START_TEST(a_delete_has_no_value)
{
	struct write_op op = { .is_delete = true, .key = slice_str("k") };
	struct buf b = BUF_INIT;

	sse_change(&b, &op, 2, 7);
	expect(&b, "id: 2\nevent: delete\ndata: {\"key\":\"k\",\"version\":2,\"timestamp\":0}\n\n");
}
END_TEST

START_TEST(bytes_that_are_no_text_come_as_base64)
{
	struct write_op op = { .key = slice_of("\xff\x00", 2), .value = slice_of("\x80", 1) };
	struct buf b = BUF_INIT;

	sse_change(&b, &op, 3, 7);
	expect(&b, "id: 3\nevent: put\ndata: {\"key_base64\":\"/wA=\",\"value_base64\":\"gA==\",\"version\":3,"
		   "\"timestamp\":0}\n\n");
}
END_TEST

START_TEST(comments_carry_the_version_and_gone_does_not)
{
	struct buf b = BUF_INIT;

	sse_comment(&b, "heartbeat", 99);
	expect(&b, ": heartbeat\nid: 99\n\n");
	sse_gone(&b, 12);
	expect(&b, "event: gone\ndata: {\"oldest_version\":12}\n\n");
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_put_has_key_value_version_and_times);
	tcase_add_test(tc, a_delete_has_no_value);
	tcase_add_test(tc, bytes_that_are_no_text_come_as_base64);
	tcase_add_test(tc, comments_carry_the_version_and_gone_does_not);
}

CHECK_MAIN("frontend/sse", suite)
