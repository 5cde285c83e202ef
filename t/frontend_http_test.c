/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP layer as clients meet it: a real server on a port of its own, in a thread, and raw bytes over
 * sockets.
 *
 * Its handler answers every path with the path; /echo with the body; /hold is kept until somebody asks for
 * /release; /change is kept too and changes something; /slow is kept and says that it may become large; /big
 * answers 300,000 bytes.
 */
#include "frontend/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "frontend/loop.h"
#include "t/check_main.h"

struct rig {
	struct loop *loop;
	struct http_server *server;
	struct http_request *kept;       /* newest first */
	unsigned kept_count, kept_most;
	struct http_limits limits;
	size_t max_connections;
	int listener, wake[2];
	in_port_t port;
	pthread_t thread;
	bool drain;
};

static struct rig rig;
static char big[300000];

/* ---- the server's side ---- */

static void keep(struct http_request *r)
{
	r->link = rig.kept;
	rig.kept = r;
	if (++rig.kept_count > rig.kept_most)
		rig.kept_most = rig.kept_count;
}

static bool handle(void *ctx, struct http_request *r)
{
	(void)ctx;
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
	if (slice_eq(r->path, slice_str("/release")))
		while (rig.kept) {
			struct http_request *k = rig.kept;

			rig.kept = k->link;
			rig.kept_count--;
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

static void on_wake(void *ctx)
{
	char c;

	(void)ctx;
	if (read(rig.wake[0], &c, 1) != 1 || c == 'q')
		loop_stop(rig.loop);
	else if (c == 'd')
		http_server_drain(rig.server);
	else
		http_server_close_idle(rig.server);
}

static void *serve(void *arg)
{
	struct loop_event *wake;

	rig.loop = loop_new();
	http_server_new(rig.loop, rig.listener, rig.max_connections, &rig.limits, handle, NULL, &rig.server);
	wake = loop_watch(rig.loop, rig.wake[0], on_wake, NULL);
	loop_run(rig.loop);
	http_server_free(&rig.server);
	loop_forget(&wake);
	loop_free(&rig.loop);
	return arg;
}

static void start(size_t max_connections)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	stats_begin_private();
	rig = (struct rig){ .limits = http_limits_default, .max_connections = max_connections };
	rig.limits.head_s = rig.limits.idle_s = rig.limits.body_s = 1;
	rig.limits.max_body = 1 << 20;
	rig.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(bind(rig.listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(rig.listener, 64) == 0);
	ck_assert(getsockname(rig.listener, (struct sockaddr *)&a, &n) == 0 && pipe(rig.wake) == 0);
	rig.port = a.sin_port;
	rig.thread = proc_thread("server", serve, NULL);
}

static void tell(char c)
{
	ck_assert(write(rig.wake[1], &c, 1) == 1);
}

static void stop(void)
{
	tell('q');
	pthread_join(rig.thread, NULL);
	close(rig.listener);
	close(rig.wake[0]);
	close(rig.wake[1]);
}

/* ---- the client's side ---- */

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = rig.port };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	return fd;
}

static void say(int fd, const void *p, size_t n)
{
	ck_assert(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void say_text(int fd, const char *s)
{
	say(fd, s, strlen(s));
}

static bool read_exactly(int fd, void *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = read(fd, (char *)p + at, n - at);

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

struct answer {
	unsigned status;
	char head[2048];
	char *body;
	size_t n;
};

/* Reads one answer; false when the connection ends before it is whole. */
static bool hear(int fd, struct answer *a, bool with_body)
{
	size_t n = 0;
	char *length;

	free(a->body);
	*a = (struct answer){ 0 };
	while (n < 4 || memcmp(a->head + n - 4, "\r\n\r\n", 4) != 0) {
		if (n == sizeof a->head - 1 || !read_exactly(fd, a->head + n, 1))
			return false;
		n++;
	}
	ck_assert(sscanf(a->head, "HTTP/1.1 %u ", &a->status) == 1);
	length = strstr(a->head, "\r\nContent-Length: ");
	if (!length)
		return true;
	a->n = strtoul(length + 18, NULL, 10);
	a->body = malloc(a->n + 1);
	a->body[a->n] = '\0';
	return !with_body || read_exactly(fd, a->body, a->n);
}

static bool at_end(int fd)
{
	char c;

	return read(fd, &c, 1) <= 0;
}

static void ask_canary(int fd)
{
	struct answer a = { 0 };

	say_text(fd, "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(hear(fd, &a, true));
	ck_assert_uint_eq(a.status, 200);
	ck_assert_str_eq(a.body, "/canary");
	free(a.body);
}

static void new_canary(void)
{
	int fd = dial();

	ask_canary(fd);
	close(fd);
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
	ck_assert_uint_gt(rig.kept_most, 1);
	ck_assert_uint_le(rig.kept_most, 8);
}
END_TEST

START_TEST(slow_heads_and_bodies_are_told_and_idle_connections_end)
{
	struct answer a = { 0 };
	int head, body, idle;

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
	tcase_add_test(tc, a_client_that_goes_away_leaves_its_request_harmless);
	tcase_add_test(tc, half_closed_clients_get_their_answers);
	tcase_add_test(tc, head_answers_carry_the_length_and_no_body);
	tcase_add_test(tc, a_client_that_expects_is_told_to_continue_and_then_answered);
	tcase_add_test(tc, a_client_that_never_reads_is_not_read_from_and_gets_all_in_the_end);
	tcase_add_test(tc, only_a_few_answers_of_unknown_size_are_awaited_by_one_connection);
	tcase_add_test(tc, slow_heads_and_bodies_are_told_and_idle_connections_end);
	tcase_add_test(tc, beyond_the_limit_connections_wait_in_the_kernel);
	tcase_add_test(tc, draining_closes_behind_answers_and_ends_idle_connections_when_told);
	tcase_add_test(tc, answers_and_errors_are_counted);
}

CHECK_MAIN("frontend/http", add)
