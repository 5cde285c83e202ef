/* SPDX-License-Identifier: Apache-2.0 */
/* The control edge: round trips, requests that ask for nothing, hostile bytes. */
#include "t/check_main.h"

#include "proto/control.h"
#include "proto/limits.h"
#include "t/proto_hostile.h"

static struct worker_status workers[] = {
	{ "engine", "running", "killed by SIGKILL after 3.2 s", 4711, 1234, 2 },
	{ "frontend.0", "waiting", "", 0, 0, 0 },
};

static struct control_reply some_reply(void)
{
	return (struct control_reply){ .status = ST_OK, .detail = "fine", .listen = "127.0.0.1:5000", .data_dir = "/d\xc3\xa4ta",
	    .version = "0.1", .supervisor_pid = 4700, .uptime_ms = 99, .workers = workers, .worker_count = 2, .tls = true, .reloads = 7, .reload_failures = 3 };
}

static enum st request_status(const struct control_request *r, struct control_request *back, struct arena *a)
{
	struct buf m = BUF_INIT;
	enum st st;

	control_request_encode(r, &m);
	st = control_request_decode(buf_slice(&m), a, back);
	buf_fini(&m);
	return st;
}

START_TEST(requests_come_out_as_they_went_in)
{
	struct control_request status = { .verb = CONTROL_STATUS }, restart = { .verb = CONTROL_RESTART, .worker = "engine" }, back;
	struct control_request set = { .verb = CONTROL_SET, .setting = "slow-request-ms", .value = "20" };
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(request_status(&status, &back, &a), ST_OK);
	ck_assert_int_eq(back.verb, CONTROL_STATUS);
	ck_assert_str_eq(back.worker, "");
	ck_assert_int_eq(request_status(&restart, &back, &a), ST_OK);
	ck_assert_int_eq(back.verb, CONTROL_RESTART);
	ck_assert_str_eq(back.worker, "engine");
	ck_assert_int_eq(request_status(&set, &back, &a), ST_OK);
	ck_assert_int_eq(back.verb, CONTROL_SET);
	ck_assert_str_eq(back.setting, "slow-request-ms");
	ck_assert_str_eq(back.value, "20");
	arena_fini(&a);
}
END_TEST

START_TEST(requests_that_ask_for_nothing_are_invalid)
{
	struct control_request none = { .verb = CONTROL_NONE }, nobody = { .verb = CONTROL_RESTART, .worker = "" }, back;
	struct control_request nothing = { .verb = CONTROL_SET, .setting = "slow-request-ms" };
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(request_status(&none, &back, &a), ST_INVALID);
	ck_assert_int_eq(request_status(&nobody, &back, &a), ST_INVALID);
	ck_assert_int_eq(request_status(&nothing, &back, &a), ST_INVALID);
	ck_assert_int_eq(control_request_decode(slice_of("\x08\x05", 2), &a, &back), ST_INVALID);    /* no such verb */
	arena_fini(&a);
}
END_TEST

START_TEST(reply_comes_out_as_it_went_in)
{
	struct control_reply r = some_reply(), back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	control_reply_encode(&r, &m);
	ck_assert_int_eq(control_reply_decode(buf_slice(&m), &a, &back), ST_OK);
	buf_fini(&m);
	ck_assert_int_eq(back.status, ST_OK);
	ck_assert_str_eq(back.detail, "fine");
	ck_assert_str_eq(back.listen, "127.0.0.1:5000");
	ck_assert_str_eq(back.data_dir, "/d\xc3\xa4ta");
	ck_assert_str_eq(back.version, "0.1");
	ck_assert_int_eq(back.supervisor_pid, 4700);
	ck_assert_uint_eq(back.uptime_ms, 99);
	ck_assert(back.tls);
	ck_assert_uint_eq(back.reloads, 7);
	ck_assert_uint_eq(back.reload_failures, 3);
	ck_assert_uint_eq(back.worker_count, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_str_eq(back.workers[i].name, workers[i].name);
		ck_assert_str_eq(back.workers[i].state, workers[i].state);
		ck_assert_str_eq(back.workers[i].last_end, workers[i].last_end);
		ck_assert_int_eq(back.workers[i].pid, workers[i].pid);
		ck_assert_uint_eq(back.workers[i].uptime_ms, workers[i].uptime_ms);
		ck_assert_uint_eq(back.workers[i].restarts, workers[i].restarts);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(texts_that_are_absent_come_out_empty)
{
	struct control_reply r = { .status = ST_BUSY }, back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	control_reply_encode(&r, &m);
	ck_assert_int_eq(control_reply_decode(buf_slice(&m), &a, &back), ST_OK);
	ck_assert_int_eq(back.status, ST_BUSY);
	ck_assert_str_eq(back.detail, "");
	ck_assert_str_eq(back.version, "");
	ck_assert_uint_eq(back.worker_count, 0);
	arena_fini(&a);
	buf_fini(&m);
}
END_TEST

START_TEST(reply_of_unknown_status_is_invalid)
{
	struct control_reply back;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(control_reply_decode(slice_of("\x08\x7f", 2), &a, &back), ST_INVALID);
	ck_assert_str_eq(back.detail, "");
	arena_fini(&a);
}
END_TEST

START_TEST(message_beyond_the_limit_is_too_big)
{
	uint8_t *zeros = mem_zalloc(CONTROL_MESSAGE_MAX + 1);
	struct control_request request;
	struct control_reply reply;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(control_request_decode(slice_of(zeros, CONTROL_MESSAGE_MAX + 1), &a, &request), ST_TOO_BIG);
	ck_assert_int_eq(control_reply_decode(slice_of(zeros, CONTROL_MESSAGE_MAX + 1), &a, &reply), ST_TOO_BIG);
	arena_fini(&a);
	mem_free(zeros);
}
END_TEST

static void try_both(struct slice message)
{
	struct control_request request;
	struct control_reply reply;
	struct arena a;

	arena_init(&a);
	if (control_request_decode(message, &a, &request) == ST_OK)
		ck_assert(request.verb > CONTROL_NONE && request.verb <= CONTROL_SET);
	if (control_reply_decode(message, &a, &reply) == ST_OK)
		ck_assert_str_ne(st_text(reply.status), "unknown");
	arena_fini(&a);
}

START_TEST(hostile_messages_are_refused_or_sound)
{
	struct control_reply r = some_reply();
	struct control_request restart = { .verb = CONTROL_RESTART, .worker = "engine" };
	struct control_request set = { .verb = CONTROL_SET, .setting = "slow-request-ms", .value = "9" };
	struct buf m = BUF_INIT;

	control_reply_encode(&r, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_reset(&m);
	control_request_encode(&restart, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_reset(&m);
	control_request_encode(&set, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, requests_come_out_as_they_went_in);
	tcase_add_test(tc, requests_that_ask_for_nothing_are_invalid);
	tcase_add_test(tc, reply_comes_out_as_it_went_in);
	tcase_add_test(tc, texts_that_are_absent_come_out_empty);
	tcase_add_test(tc, reply_of_unknown_status_is_invalid);
	tcase_add_test(tc, message_beyond_the_limit_is_too_big);
	tcase_add_test(tc, hostile_messages_are_refused_or_sound);
}

CHECK_MAIN("proto/control", suite)
