/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies in pieces. The handler of these tests: POST /sum adds the bytes up and answers "count sum" at the end, or
 * the problem; /late is the same but begun by command 's'; /pause stops behind each piece until 'r', and after 'c' no
 * more; /told does so, too, and begins to answer meanwhile; /some answers
 * "some" with the first piece; /refuse is answered 404 at once; all other paths are answered with the path, and
 * their bodies come whole.
 */
#include "frontend/http_body.h"

#include <stdatomic.h>

#include "common/base/clock.h"
#include "frontend/gzip.h"
#include "frontend/http_stream.h"
#include "t/frontend_http_rig.h"

static struct http_request *_Atomic late, *_Atomic paused;
static atomic_size_t taken, orphans, ends;
static uint64_t count, sum;
static bool no_pause;
static atomic_bool keeps;
static enum problem last_problem;
static struct http_stream *stream;       /* of /told */

/* ---- the server's side ---- */

static void on_more(void *ctx, struct http_stream *s)
{
	(void)ctx, (void)s;
}

static void on_gone(void *ctx)
{
	(void)ctx;
	stream = NULL;
}

static void begin_to_tell(struct http_request *r)
{
	static const struct http_stream_ops stream_ops = { .more = on_more, .gone = on_gone };
	static const struct http_stream_head head = { .status = 200, .type = "text/plain" };

	if (stream)
		return;
	stream = http_stream_begin(r, &head, &stream_ops, NULL);
	if (stream)
		http_stream_write(stream, slice_str("going on\n"));
}

static void on_piece(void *ctx, struct http_request *r, struct slice bytes)
{
	size_t i;

	(void)ctx;
	ck_assert_uint_gt(bytes.n, 0);
	for (i = 0; i < bytes.n; i++)
		sum += bytes.p[i];
	count += bytes.n;
	taken = taken + bytes.n;
	if (slice_eq(r->path, slice_str("/some"))) {
		http_answer_json(r, slice_str("some"));
	} else if (!no_pause && !slice_eq(r->path, slice_str("/sum")) && !slice_eq(r->path, slice_str("/late"))) {
		if (slice_eq(r->path, slice_str("/told")))
			begin_to_tell(r);
		http_body_pause(r);
		paused = r;
	}
}

static void on_end(void *ctx, struct http_request *r, enum problem p)
{
	char text[80];
	int n = snprintf(text, sizeof text, "%llu %llu", (unsigned long long)count, (unsigned long long)sum);

	(void)ctx;
	ends++;
	last_problem = p;
	if (!r->conn)
		orphans++;
	paused = NULL;
	if (stream) {
		http_stream_write(stream, p ? slice_str(problem_code(p)) : slice_of(text, (size_t)n));
		http_stream_end(&stream);
	} else if (p)
		http_answer_problem(r, p, NULL);
	else
		http_answer_json(r, slice_of(text, (size_t)n));
}

static const struct http_body_ops ops = { .piece = on_piece, .end = on_end };

static enum http_plan plan(void *ctx, const struct http_request *r)
{
	static const char *const paths[] = { "/sum", "/late", "/pause", "/told", "/some", "/refuse" };
	size_t i;

	(void)ctx;
	for (i = 0; i < sizeof paths / sizeof *paths; i++)
		if (slice_eq(r->path, slice_str(paths[i])))
			return HTTP_PIECES;
	return HTTP_WHOLE;
}

static bool handle(void *ctx, struct http_request *r)
{
	(void)ctx;
	if (slice_eq(r->path, slice_str("/keep"))) {
		late = r;
		keeps = true;
		return true;
	}
	if (!r->pieces) {
		http_answer_json(r, r->path);
		return true;
	}
	count = sum = 0;
	if (slice_eq(r->path, slice_str("/refuse")))
		http_answer_problem(r, PROBLEM_NOT_FOUND, NULL);
	else if (slice_eq(r->path, slice_str("/late")))
		late = r;
	else
		http_body_start(r, &ops, NULL);
	return true;
}

static void command(char c)
{
	if (c == 's') {
		http_body_start(late, &ops, NULL);
		late = NULL;
		return;
	}
	if (c == 'k') {
		http_answer_json(late, late->path);
		return;
	}
	no_pause = c == 'c';
	if (paused) {
		http_body_resume(paused);
		paused = NULL;
	}
}

static void start(void)
{
	rig_init(handle);
	rig.plan = plan;
	rig.command = command;
	rig_start();
}

/* ---- the client's side ---- */

static void say_head(int fd, const char *path, const char *fields)
{
	char text[300];

	snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
	say_text(fd, text);
}

static void expect_answer(int fd, unsigned status, const char *text)
{
	struct answer a = { 0 };

	ck_assert(hear(fd, &a, true));
	ck_assert_uint_eq(a.status, status);
	ck_assert_msg(strstr(a.body, text) != NULL, "%s", a.body);
	free(a.body);
}

/* 'x' n times. */
static void say_many(int fd, size_t n)
{
	static char bytes[100000];

	memset(bytes, 'x', sizeof bytes);
	while (n) {
		size_t part = n < sizeof bytes ? n : sizeof bytes;

		say(fd, bytes, part);
		n -= part;
	}
}

static void expect_sum(int fd, size_t n)
{
	char text[80];

	snprintf(text, sizeof text, "%zu %zu", n, n * 'x');
	expect_answer(fd, 200, text);
}

START_TEST(a_body_beyond_every_limit_is_taken_in_pieces)
{
	int fd;

	start();
	fd = dial();
	say_head(fd, "/sum", "Content-Length: 20000000\r\n");
	say_many(fd, 20000000);
	expect_sum(fd, 20000000);
	ask_canary(fd);
	say_head(fd, "/sum", "Transfer-Encoding: chunked\r\n");
	say_text(fd, "1e8480\r\n");
	say_many(fd, 2000000);
	say_text(fd, "\r\n3\r\nxxx\r\n0\r\n\r\n");
	expect_sum(fd, 2000003);
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

START_TEST(bodies_that_are_empty_or_there_at_once_end_too)
{
	int fd;

	start();
	fd = dial();
	say_head(fd, "/sum", "");
	expect_answer(fd, 200, "0 0");
	say_head(fd, "/sum", "Content-Length: 0\r\n");
	expect_answer(fd, 200, "0 0");
	say_head(fd, "/sum", "Transfer-Encoding: chunked\r\n");
	say_text(fd, "0\r\n\r\n");
	expect_answer(fd, 200, "0 0");
	say_text(fd, "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxxGET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
		     "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
	expect_sum(fd, 2);
	expect_answer(fd, 200, "/1");
	expect_sum(fd, 1);
	ck_assert(at_end(fd));
	close(fd);
	stop();
}
END_TEST

/* Says bytes until the server takes no more; how many it took. */
static size_t say_until_blocked(int fd, size_t most)
{
	static const char bytes[20000] = { 0 };
	size_t said = 0, blocked = 0;

	while (blocked < 50 && said < most) {
		ssize_t n = send(fd, bytes, most - said < sizeof bytes ? most - said : sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			said += (size_t)n;
			blocked = 0;
			continue;
		}
		ck_assert_int_eq(errno, EAGAIN);
		blocked++;
		clock_sleep_us(1000);
	}
	return said;
}

START_TEST(a_pause_stops_the_client)
{
	const size_t total = 60000000;
	size_t said, first;
	struct answer a = { 0 };
	int fd;

	start();
	fd = dial();
	say_head(fd, "/pause", "Content-Length: 60000000\r\n");
	said = say_until_blocked(fd, total);
	ck_assert_uint_lt(said, total / 2);
	while (!paused)
		new_canary();
	first = taken;
	ck_assert_uint_lt(first, 1 << 20);
	new_canary();
	ck_assert_uint_eq(taken, first);
	tell('r');
	while (taken == first)
		new_canary();
	ck_assert_uint_lt(taken, first + (1 << 20));
	tell('c');
	while (said < total)
		said += say_until_blocked(fd, total - said);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "60000000 0");
	free(a.body);
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

START_TEST(nothing_is_read_and_nobody_told_to_continue_before_the_start)
{
	struct answer a = { 0 };
	int fd;

	start();
	fd = dial();
	say_head(fd, "/late", "Content-Length: 3\r\nExpect: 100-continue\r\n");
	while (!late)
		new_canary();
	ck_assert(recv(fd, a.head, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
	tell('s');
	ck_assert(hear(fd, &a, false));
	ck_assert_uint_eq(a.status, 100);
	say_text(fd, "xxx");
	expect_sum(fd, 3);
	ask_canary(fd);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_client_that_expects_can_be_refused_before_it_sends)
{
	int fd;

	start();
	fd = dial();
	say_head(fd, "/refuse", "Content-Length: 100000000000\r\nExpect: 100-continue\r\n");
	expect_answer(fd, 404, "not_found");
	ck_assert(at_end(fd));
	close(fd);
	fd = dial();                             /* without a body the connection goes on */
	say_head(fd, "/refuse", "Content-Length: 0\r\n");
	expect_answer(fd, 404, "not_found");
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

START_TEST(an_answer_before_the_end_of_the_body_ends_the_connection)
{
	struct answer a = { 0 };
	int fd;

	start();
	fd = dial();
	say_head(fd, "/some", "Content-Length: 1000000\r\n");
	say_many(fd, 1000);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "some");
	ck_assert(strstr(a.head, "Connection: close\r\n") != NULL);
	say_many(fd, 1000);
	ck_assert(at_end(fd));
	free(a.body);
	close(fd);
	new_canary();
	stop();
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(a_body_that_breaks_off_is_told)
{
	int fd;

	start();
	fd = dial();                             /* half closed: there is somebody to answer */
	say_head(fd, "/sum", "Content-Length: 10\r\n");
	say_text(fd, "xxx");
	shutdown(fd, SHUT_WR);
	expect_answer(fd, 400, "body_incomplete");
	ck_assert(at_end(fd));
	close(fd);
	fd = dial();                             /* gone while the handler pauses */
	say_head(fd, "/pause", "Content-Length: 10\r\n");
	say_text(fd, "xxx");
	while (!paused)
		new_canary();
	close(fd);
	tell('r');
	while (ends < 2)
		new_canary();
	fd = dial();                             /* gone before the start */
	say_head(fd, "/late", "Content-Length: 10\r\n");
	while (!late)
		new_canary();
	close(fd);
	tell('s');
	while (ends < 3)
		new_canary();
	fd = dial();                             /* no chunk */
	say_head(fd, "/sum", "Transfer-Encoding: chunked\r\n");
	say_text(fd, "3\r\nxxx\r\nz\r\n");
	expect_answer(fd, 400, "framing_invalid");
	ck_assert(at_end(fd));
	close(fd);
	stop();
	ck_assert_uint_eq(ends, 4);
}
END_TEST

START_TEST(a_body_that_comes_too_slowly_is_told)
{
	int fd, quick;

	rig_is_impatient = true;
	rig_init(handle);
	rig.plan = plan;
	rig.limits.body_rate = 10;
	rig_start();
	fd = dial();
	quick = dial();
	say_head(fd, "/sum", "Content-Length: 1000\r\n");
	say_head(quick, "/sum", "Content-Length: 1000000\r\n");
	while (ends == 0) {
		(void)!send(fd, "x", 1, MSG_NOSIGNAL);
		say_text(quick, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		clock_sleep_us(300000);
	}
	expect_answer(fd, 408, "request_timeout");
	ck_assert(at_end(fd));
	ck_assert_uint_eq(ends, 1);              /* twenty times as fast, but as long under way */
	close(fd);
	close(quick);
	stop();
}
END_TEST

START_TEST(a_paused_body_has_all_the_time)
{
	int fd, other;

	rig_is_impatient = true;
	start();
	fd = dial();
	say_head(fd, "/pause", "Content-Length: 6\r\n");
	say_text(fd, "xxx");
	while (!paused)
		new_canary();
	other = dial();                          /* whose time-out shows that ticks went by */
	say_head(other, "/echo", "Content-Length: 6\r\n");
	expect_answer(other, 408, "request_timeout");
	close(other);
	say_text(fd, "xxx");
	while (taken < 6) {
		tell('r');
		new_canary();
	}
	tell('r');
	expect_sum(fd, 6);
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

static void expect_bytes(int fd, const char *bytes)
{
	char got[100] = "";

	ck_assert(read_exactly(fd, got, strlen(bytes)));
	ck_assert_str_eq(got, bytes);
}

START_TEST(so_has_one_whose_answer_has_begun)
{
	struct answer a = { 0 };
	int fd, other;

	rig_is_impatient = true;
	start();
	fd = dial();
	say_head(fd, "/told", "Content-Length: 6\r\n");
	say_text(fd, "xxx");
	ck_assert(hear(fd, &a, false));
	expect_bytes(fd, "000009\r\ngoing on\n\r\n");
	say_text(fd, "xxx");             /* the server reads it, and does not hand it on */
	other = dial();                  /* whose time-out shows that ticks went by */
	say_head(other, "/echo", "Content-Length: 6\r\n");
	expect_answer(other, 408, "request_timeout");
	close(other);
	while (taken < 6 && ends == 0) {
		tell('r');
		new_canary();
	}
	tell('r');
	expect_bytes(fd, "000005\r\n6 720\r\n0\r\n\r\n");
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

/* n bytes 'x' as gzip, in buf. */
static struct slice coded(size_t n, struct buf *b)
{
	static char bytes[1000];
	struct gzip *z = gzip_new(GZIP_WIDE);
	size_t i;

	memset(bytes, 'x', sizeof bytes);
	buf_reset(b);
	for (i = 0; i < n; i += sizeof bytes)
		gzip_write(z, slice_of(bytes, sizeof bytes), GZIP_GATHER, b);
	gzip_write(z, slice_of(NULL, 0), GZIP_FINISH, b);
	gzip_free(&z);
	return buf_slice(b);
}

static void say_coded(int fd, const char *path, struct slice body)
{
	char fields[100];

	snprintf(fields, sizeof fields, "Content-Encoding: gzip\r\nContent-Length: %zu\r\n", body.n);
	say_head(fd, path, fields);
	say(fd, body.p, body.n);
}

START_TEST(coded_bodies_arrive_decoded)
{
	struct buf b = BUF_INIT;
	struct slice body;
	char size[20];
	int fd;

	start();
	fd = dial();
	say_coded(fd, "/sum", coded(50000000, &b));
	expect_sum(fd, 50000000);
	body = coded(1000000, &b);
	snprintf(size, sizeof size, "%zx\r\n", body.n);
	say_head(fd, "/sum", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n");
	say_text(fd, size);
	say(fd, body.p, body.n);
	say_text(fd, "\r\n0\r\n\r\n");
	expect_sum(fd, 1000000);
	say_head(fd, "/sum", "Content-Encoding: gzip\r\nContent-Length: 0\r\n");
	expect_answer(fd, 200, "0 0");
	ask_canary(fd);
	close(fd);
	stop();
	buf_fini(&b);
}
END_TEST

START_TEST(who_sends_no_body_does_not_suffer_for_those_of_others)
{
	struct buf b = BUF_INIT;
	int fd;

	rig_init(handle);
	rig.command = command;
	rig.limits.max_bodies = 5000;
	rig_start();
	fd = dial();
	say_coded(fd, "/keep", coded(100000, &b));
	while (!keeps)
		clock_sleep_us(1000);
	new_canary();                            /* answered */
	tell('k');
	expect_answer(fd, 200, "/keep");
	close(fd);
	stop();
	buf_fini(&b);
}
END_TEST

/* A few KiB that decode to much come to the handler in pieces, and it can stop among them. */
START_TEST(a_pause_stops_a_coded_body_too)
{
	struct buf b = BUF_INIT;
	size_t first;
	int fd;

	start();
	fd = dial();
	say_coded(fd, "/pause", coded(5000000, &b));
	while (!paused)
		new_canary();
	first = taken;
	new_canary();
	ck_assert_uint_eq(taken, first);
	ck_assert_uint_le(first, 1 << 17);
	tell('r');
	while (taken == first)
		new_canary();
	ck_assert_uint_le(taken, first + (1 << 17));
	tell('c');
	expect_sum(fd, 5000000);
	ask_canary(fd);
	close(fd);
	stop();
	buf_fini(&b);
}
END_TEST

START_TEST(a_coded_body_that_is_none_is_told)
{
	struct buf b = BUF_INIT;
	struct slice body;
	int fd;

	start();
	fd = dial();                             /* cut */
	body = coded(100000, &b);
	body.n -= 3;
	say_coded(fd, "/sum", body);
	expect_answer(fd, 400, "content_coding_invalid");
	close(fd);
	fd = dial();                             /* something else */
	say_coded(fd, "/sum", slice_str("hello, this is no gzip"));
	expect_answer(fd, 400, "content_coding_invalid");
	close(fd);
	ck_assert_uint_eq(ends, 2);
	fd = dial();                             /* another coding: nothing is read */
	say_head(fd, "/sum", "Content-Encoding: br\r\nContent-Length: 1000\r\n");
	expect_answer(fd, 415, "content_coding_unsupported");
	ck_assert(at_end(fd));
	close(fd);
	stop();
	ck_assert_uint_eq(ends, 2);
	buf_fini(&b);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_body_beyond_every_limit_is_taken_in_pieces);
	tcase_add_test(tc, bodies_that_are_empty_or_there_at_once_end_too);
	tcase_add_test(tc, a_pause_stops_the_client);
	tcase_add_test(tc, nothing_is_read_and_nobody_told_to_continue_before_the_start);
	tcase_add_test(tc, a_client_that_expects_can_be_refused_before_it_sends);
	tcase_add_test(tc, an_answer_before_the_end_of_the_body_ends_the_connection);
	tcase_add_test(tc, a_body_that_breaks_off_is_told);
	tcase_add_test(tc, a_body_that_comes_too_slowly_is_told);
	tcase_add_test(tc, a_paused_body_has_all_the_time);
	tcase_add_test(tc, so_has_one_whose_answer_has_begun);
	tcase_add_test(tc, coded_bodies_arrive_decoded);
	tcase_add_test(tc, who_sends_no_body_does_not_suffer_for_those_of_others);
	tcase_add_test(tc, a_pause_stops_a_coded_body_too);
	tcase_add_test(tc, a_coded_body_that_is_none_is_told);
}

CHECK_MAIN("frontend/http_body", add)
