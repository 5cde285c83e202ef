/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP layer as clients meet it: a real server on a port of its own, in a thread, and raw bytes over
 * sockets.
 *
 * Its handler answers every path with the path; /echo with the body; /hold is kept until somebody asks for
 * /release; /change is kept too and changes something; /decide is kept and decided upon what is stored; /slow is kept and says that it may become large; /big
 * answers 300,000 bytes.
 */
#include "frontend/http_server.h"

#include <poll.h>

#include "common/base/clock.h"
#include "t/frontend_http_rig.h"

static struct http_request *kept;        /* newest first */
static unsigned kept_count, kept_most;
static bool beside_a_decision;           /* something was kept while a decision was, or the other way round */
static char big[300000];

/* ---- the server's side ---- */

static void keep(struct http_request *r)
{
	r->link = kept;
	kept = r;
	if (++kept_count > kept_most)
		kept_most = kept_count;
	for (struct http_request *k = kept; k; k = k->link)
		beside_a_decision |= kept_count > 1 && k->decides;
}

static bool handle(void *ctx, struct http_request *r)
{
	(void)ctx;
	if (http_request_is_behind_a_decision(r))
		return false;
	if (slice_eq(r->path, slice_str("/hold"))) {
		keep(r);
		return true;
	}
	if (slice_eq(r->path, slice_str("/slow"))) {
		http_request_is_slow(r);
		keep(r);
		return true;
	}
	if (slice_eq(r->path, slice_str("/change"))) {
		http_request_changes(r);
		keep(r);
		return true;
	}
	if (http_request_must_wait(r))
		return false;
	if (slice_eq(r->path, slice_str("/decide"))) {
		http_request_decides(r);
		keep(r);
		return true;
	}
	if (slice_eq(r->path, slice_str("/release")))
		while (kept) {
			struct http_request *k = kept;

			kept = k->link;
			kept_count--;
			http_answer_json(k, k->path);
		}
	if (slice_eq(r->path, slice_str("/echo")))
		http_answer_json(r, buf_slice(&r->body));
	else if (slice_eq(r->path, slice_str("/big")))
		http_answer_json(r, slice_of(big, sizeof big));
	else
		http_answer_json(r, r->path);
	return true;
}

static void start(size_t max_connections)
{
	rig_init(handle);
	rig.max_connections = max_connections;
	rig_start();
}

/* ---- conformance ---- */

static const struct test_case {
	const char *name, *bytes;
	size_t n;
	unsigned status;
	bool keeps;
} cases[] = {
#define HTTP_CASE(name, status, keeps, bytes) { #name, bytes, sizeof (bytes) - 1, status, keeps },
#include "t/http_cases.def"
#undef HTTP_CASE
};

START_TEST(every_case_is_answered_once_and_harms_nobody_else)
{
	struct answer a = { 0 };
	size_t i;

	start(100);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct test_case *c = &cases[i];
		int fd = dial();

		say(fd, c->bytes, c->n);
		ck_assert_msg(hear(fd, &a, true), "%s: no answer", c->name);
		ck_assert_msg(a.status == c->status, "%s: %u", c->name, a.status);
		ck_assert_msg((strstr(a.head, "Connection: close") == NULL) == c->keeps, "%s: %s", c->name,
			      a.head);
		if (c->status >= 400)
			ck_assert_msg(strstr(a.head, "application/problem+json") != NULL, "%s: %s", c->name,
				      a.head);
		if (c->keeps)
			ask_canary(fd);
		else
			ck_assert_msg(at_end(fd), "%s: another answer follows", c->name);
		close(fd);
		new_canary();
	}
	free(a.body);
	stop();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_their_order)
{
	struct buf b = BUF_INIT;
	struct answer a = { 0 };
	char path[32];
	unsigned i;
	int fd;

	start(100);
	fd = dial();
	for (i = 0; i < 1000; i++)
		buf_printf(&b, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
	say(fd, b.p, b.n);
	for (i = 0; i < 1000; i++) {
		ck_assert(hear(fd, &a, true));
		snprintf(path, sizeof path, "/%u", i);
		ck_assert_str_eq(a.body, path);
	}
	free(a.body);
	buf_fini(&b);
	close(fd);
	stop();
}
END_TEST

START_TEST(late_answers_keep_the_order)
{
	static const char *const order[] = { "/hold", "/1", "/hold", "/2", "/release", "/3" };
	struct answer a = { 0 };
	unsigned i;
	int fd;

	start(100);
	fd = dial();
	for (i = 0; i < 6; i++) {
		char text[64];

		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", order[i]);
		say_text(fd, text);
	}
	for (i = 0; i < 6; i++) {
		ck_assert(hear(fd, &a, true));
		ck_assert_str_eq(a.body, order[i]);
	}
	free(a.body);
	close(fd);
	stop();
}
END_TEST

/* Another connection's request that was sent later is answered: the server has seen what was sent before. */
START_TEST(a_read_waits_for_the_change_before_it_on_its_connection)
{
	struct answer a = { 0 };
	int fd, other;

	start(100);
	fd = dial();
	other = dial();
	say_text(fd, "POST /change HTTP/1.1\r\nHost: a\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n");
	for (;;) {
		say_text(other, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
		ck_assert(hear(other, &a, true));
		if (recv(fd, a.head, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
			break;
	}
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/change");
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/after");
	free(a.body);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(a_decision_waits_for_changes_before_it_and_all_behind_it_waits_for_the_decision)
{
	static const char *const order[] = { "/change", "/decide", "/change", "/change", "/decide", "/after" };
	struct answer a = { 0 };
	struct buf b = BUF_INIT;
	int fd, other;
	char byte;

	start(100);
	fd = dial();
	other = dial();
	for (unsigned i = 0; i < 6; i++)
		buf_printf(&b, "POST %s HTTP/1.1\r\nHost: a\r\n\r\n", order[i]);
	say(fd, b.p, b.n);
	for (unsigned i = 0; i < 6; i++) {
		while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
			say_text(other, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
			ck_assert(hear(other, &a, true));
		}
		ck_assert(hear(fd, &a, true));
		ck_assert_str_eq(a.body, order[i]);
	}
	ck_assert(!beside_a_decision);
	ck_assert_uint_eq(kept_most, 2);         /* two changes are not held back by each other */
	buf_fini(&b);
	free(a.body);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(a_client_that_goes_away_leaves_its_request_harmless)
{
	int fd;

	start(100);
	fd = dial();
	say_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	close(fd);
	new_canary();
	fd = dial();
	say_text(fd, "GET /release HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	while (!at_end(fd))
		;
	close(fd);
	new_canary();
	stop();
}
END_TEST

START_TEST(half_closed_clients_get_their_answers)
{
	struct answer a = { 0 };
	int fd;

	start(100);
	fd = dial();
	say_text(fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	shutdown(fd, SHUT_WR);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/1");
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/2");
	ck_assert(at_end(fd));
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(head_answers_carry_the_length_and_no_body)
{
	struct answer a = { 0 };
	int fd;

	start(100);
	fd = dial();
	say_text(fd, "HEAD /12345 HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(hear(fd, &a, false));
	ck_assert_uint_eq(a.n, 6);
	ask_canary(fd);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_client_that_expects_is_told_to_continue_and_then_answered)
{
	struct answer a = { 0 };
	int fd;

	start(100);
	fd = dial();
	say_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	ck_assert(hear(fd, &a, false));
	ck_assert_uint_eq(a.status, 100);
	say_text(fd, "hello");
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "hello");
	ask_canary(fd);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_client_that_never_reads_is_not_read_from_and_gets_all_in_the_end)
{
	static char text[8000];          /* large, so that not too many fit into the kernel's buffers */
	struct answer a = { 0 };
	size_t sent = 0, heard = 0, blocked = 0, size;
	int fd;

	size = (size_t)snprintf(text, sizeof text, "GET /big HTTP/1.1\r\nHost: a\r\nX: %07000d\r\n\r\n", 0);
	start(100);
	fd = dial();
	while (blocked < 50) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == (ssize_t)size) {
			sent++;
			continue;
		}
		if (n >= 0)
			break;           /* the last request is cut: it gets no answer */
		ck_assert_int_eq(errno, EAGAIN);
		blocked++;
		clock_sleep_us(1000);
	}
	shutdown(fd, SHUT_WR);
	ck_assert_uint_gt(sent * sizeof big, 4u << 20);
	while (hear(fd, &a, true)) {
		ck_assert_uint_eq(a.n, sizeof big);
		heard++;
	}
	ck_assert_uint_eq(heard, sent);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(only_a_few_answers_of_unknown_size_are_awaited_by_one_connection)
{
	struct answer a = { 0 };
	struct pollfd p = { .events = POLLIN };
	unsigned heard = 0, i;
	int other;

	start(100);
	p.fd = dial();
	other = dial();
	for (i = 0; i < 40; i++)
		say_text(p.fd, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
	while (heard < 40) {
		say_text(other, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
		ck_assert(hear(other, &a, true));
		while (poll(&p, 1, 5) > 0 && heard < 40) {
			ck_assert(hear(p.fd, &a, true));
			ck_assert_str_eq(a.body, "/slow");
			heard++;
		}
	}
	free(a.body);
	close(p.fd);
	close(other);
	stop();
	ck_assert_uint_gt(kept_most, 1);
	ck_assert_uint_le(kept_most, 8);
}
END_TEST

START_TEST(slow_heads_and_bodies_are_told_and_idle_connections_end)
{
	struct answer a = { 0 };
	int head, body, idle;

	rig_is_impatient = true;
	start(100);
	head = dial();
	body = dial();
	idle = dial();
	say_text(head, "GET / HTT");
	say_text(body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
	ck_assert(hear(head, &a, true));
	ck_assert_uint_eq(a.status, 408);
	ck_assert(hear(body, &a, true));
	ck_assert_uint_eq(a.status, 408);
	ck_assert(at_end(head) && at_end(body) && at_end(idle));
	free(a.body);
	close(head);
	close(body);
	close(idle);
	stop();
}
END_TEST

START_TEST(beyond_the_limit_connections_wait_in_the_kernel)
{
	struct answer a = { 0 };
	int first, second, third;

	start(2);
	first = dial();
	second = dial();
	ask_canary(first);
	ask_canary(second);
	third = dial();
	say_text(third, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
	ask_canary(first);
	ck_assert(recv(third, a.head, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
	close(first);
	ck_assert(hear(third, &a, true));
	ck_assert_str_eq(a.body, "/3");
	free(a.body);
	close(second);
	close(third);
	stop();
}
END_TEST

START_TEST(draining_closes_behind_answers_and_ends_idle_connections_when_told)
{
	struct answer a = { 0 };
	int busy, idle, late;

	start(100);
	busy = dial();
	idle = dial();
	late = dial();
	ask_canary(busy);
	ask_canary(idle);
	ask_canary(late);
	say_text(busy, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
	new_canary();
	tell('d');
	do {                                     /* it was idle, and is still answered, once */
		say_text(late, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
		ck_assert(hear(late, &a, true));
	} while (strstr(a.head, "Connection: close") == NULL);
	ck_assert(at_end(late));
	tell('i');
	ck_assert(at_end(idle));
	say_text(busy, "b");
	ck_assert(hear(busy, &a, true));
	ck_assert_str_eq(a.body, "ab");
	ck_assert(strstr(a.head, "Connection: close") != NULL && at_end(busy));
	free(a.body);
	close(busy);
	close(idle);
	close(late);
	stop();
}
END_TEST

/* A reset could destroy the last answer before it is read. */
START_TEST(closing_what_is_idle_leaves_alone_who_has_had_the_last_answer)
{
	struct answer a = { 0 };
	int last, idle;

	start(100);
	idle = dial();
	ask_canary(idle);
	last = dial();
	say_text(last, "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	ck_assert(hear(last, &a, true) && at_end(last));
	tell('i');
	ck_assert(at_end(idle));
	for (unsigned i = 0; i < 3; i++) {       /* to a closed socket only the first one goes */
		ck_assert_int_eq(send(last, "x", 1, MSG_NOSIGNAL), 1);
		clock_sleep_us(50000);
	}
	free(a.body);
	close(last);
	close(idle);
	stop();
}
END_TEST

START_TEST(answers_and_errors_are_counted)
{
	struct answer a = { 0 };
	int fd;

	start(100);
	new_canary();
	fd = dial();
	say_text(fd, "BROKEN\r\n\r\n");
	ck_assert(hear(fd, &a, true));
	ck_assert_uint_eq(stats_sum(M_http_requests), 2);
	ck_assert_uint_eq(stats_sum(M_http_errors), 1);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, every_case_is_answered_once_and_harms_nobody_else);
	tcase_add_test(tc, pipelined_requests_are_answered_in_their_order);
	tcase_add_test(tc, late_answers_keep_the_order);
	tcase_add_test(tc, a_read_waits_for_the_change_before_it_on_its_connection);
	tcase_add_test(tc, a_decision_waits_for_changes_before_it_and_all_behind_it_waits_for_the_decision);
	tcase_add_test(tc, a_client_that_goes_away_leaves_its_request_harmless);
	tcase_add_test(tc, half_closed_clients_get_their_answers);
	tcase_add_test(tc, head_answers_carry_the_length_and_no_body);
	tcase_add_test(tc, a_client_that_expects_is_told_to_continue_and_then_answered);
	tcase_add_test(tc, a_client_that_never_reads_is_not_read_from_and_gets_all_in_the_end);
	tcase_add_test(tc, only_a_few_answers_of_unknown_size_are_awaited_by_one_connection);
	tcase_add_test(tc, slow_heads_and_bodies_are_told_and_idle_connections_end);
	tcase_add_test(tc, beyond_the_limit_connections_wait_in_the_kernel);
	tcase_add_test(tc, draining_closes_behind_answers_and_ends_idle_connections_when_told);
	tcase_add_test(tc, closing_what_is_idle_leaves_alone_who_has_had_the_last_answer);
	tcase_add_test(tc, answers_and_errors_are_counted);
}

CHECK_MAIN("frontend/http", add)
