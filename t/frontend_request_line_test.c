/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a request: byte for byte, and nothing of a key unless that was asked for. */
#include "frontend/request_line.h"

#include "t/check_main.h"

static struct request_facts some_facts(void)
{
	return (struct request_facts){
		.wall_ms = 1769076000042, .client = "192.0.2.7", .method = HTTP_M_GET, .path = slice_str("/api/read/secret%21"),
		.query = slice_str("a=b"), .argument_bytes = 9, .routed = true, .status = 200, .bytes = 47,
		.receive_us = 5, .hold_us = 20, .serve_us = 92, .token_line = 3,
	};
}

static const char *access_line(struct buf *b, const struct request_facts *f)
{
	buf_reset(b);
	request_line_access(b, f);
	return buf_cstr(b);
}

static const char *slow_line(struct buf *b, const struct request_facts *f)
{
	buf_reset(b);
	request_line_slow(b, f);
	return buf_cstr(b);
}

START_TEST(the_line_of_a_request)
{
	struct buf b = BUF_INIT;
	struct request_facts f = some_facts();

	ck_assert_str_eq(access_line(&b, &f), "{\"time\":\"2026-01-22T10:00:00.042Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
			 "\"path\":\"/api/read/\",\"argumentBytes\":9,\"status\":200,\"bytes\":47,\"us\":112,\"tokenLine\":3}\n");
	f.with_keys = true;
	ck_assert_str_eq(access_line(&b, &f), "{\"time\":\"2026-01-22T10:00:00.042Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
			 "\"path\":\"/api/read/secret%21\",\"query\":\"a=b\",\"argumentBytes\":9,\"status\":200,\"bytes\":47,"
			 "\"us\":112,\"tokenLine\":3}\n");
	buf_fini(&b);
}
END_TEST

START_TEST(a_path_that_is_no_calls_is_not_told)
{
	struct buf b = BUF_INIT;
	struct request_facts f = some_facts();

	f.routed = false;
	f.argument_bytes = 0;
	f.token_line = 0;
	f.status = 404;
	f.method = HTTP_M_OTHER;
	ck_assert_ptr_nonnull(strstr(access_line(&b, &f), "\"method\":\"OTHER\",\"path\":\"?\",\"status\":404,\"bytes\":47,\"us\":112}\n"));
	f.path = slice_of(NULL, 0);              /* a head that could not be read */
	ck_assert_ptr_nonnull(strstr(access_line(&b, &f), "\"path\":\"?\""));
	f.with_keys = true;
	ck_assert_ptr_nonnull(strstr(access_line(&b, &f), "\"path\":\"\""));
	buf_fini(&b);
}
END_TEST

START_TEST(whatever_bytes_come_the_line_stays_one_line_of_json)
{
	struct buf b = BUF_INIT;
	struct request_facts f = some_facts();

	f.with_keys = true;
	f.path = slice_of("/a\"\n\\\xff", 6);
	f.argument_bytes = 0;
	ck_assert_ptr_nonnull(strstr(access_line(&b, &f), "\"path\":\"/a\\\"\\n\\\\\xef\xbf\xbd\""));
	ck_assert_ptr_eq(strchr(buf_cstr(&b), '\n'), buf_cstr(&b) + b.n - 1);
	buf_fini(&b);
}
END_TEST

START_TEST(a_slow_request_is_told_by_its_stages)
{
	struct buf b = BUF_INIT;
	struct request_facts f = some_facts();

	ck_assert_str_eq(slow_line(&b, &f), "Slow request: GET /api/read/... with a key of 9 bytes was answered 200 with 47 bytes "
			 "after 112 us: 20 us behind earlier requests, 92 us with the server; it had arrived within 5 us.");
	f.with_keys = true;
	ck_assert_ptr_nonnull(strstr(slow_line(&b, &f), "GET /api/read/secret%21 was answered 200"));
	f.argument_bytes = 0;
	f.path = slice_str("/api/write");
	f.with_keys = false;
	ck_assert_ptr_nonnull(strstr(slow_line(&b, &f), "GET /api/write was answered 200"));
	buf_fini(&b);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, the_line_of_a_request);
	tcase_add_test(tc, a_path_that_is_no_calls_is_not_told);
	tcase_add_test(tc, whatever_bytes_come_the_line_stays_one_line_of_json);
	tcase_add_test(tc, a_slow_request_is_told_by_its_stages);
}

CHECK_MAIN("frontend/request_line", add)
