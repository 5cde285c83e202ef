/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real HTTP server on a port of its own, in a thread, and a client of raw bytes over sockets, for the tests of
 * the HTTP layer. A test names its handler in rig.handle and starts it; further commands to the server's thread are
 * single characters: 'q' ends it, 'd' drains it, 'i' closes what is idle, any other goes to rig.command.
 */
#ifndef T_FRONTEND_HTTP_RIG_H
#define T_FRONTEND_HTTP_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "frontend/http_server.h"
#include "frontend/loop.h"
#include "t/check_main.h"

struct rig {
	/* set by the test */
	http_handle_f *handle;
	http_plan_f *plan;
	void (*command)(char c);
	struct http_limits limits;
	size_t max_connections;

	struct loop *loop;
	struct http_server *server;
	int listener, wake[2];
	in_port_t port;
	pthread_t thread;
};

static struct rig rig;
static bool rig_is_impatient;    /* set before rig_init() by tests of time-outs; others may take their time on a busy machine */

/* ---- the server's side ---- */

static inline void rig_init(http_handle_f *handle)
{
	rig = (struct rig){ .handle = handle, .limits = http_limits_default, .max_connections = 100 };
	if (rig_is_impatient)
		rig.limits.head_s = rig.limits.idle_s = rig.limits.body_s = 1;
	rig.limits.max_body = 1 << 20;
}

static inline void rig_on_wake(void *ctx)
{
	char c;

	(void)ctx;
	if (read(rig.wake[0], &c, 1) != 1 || c == 'q') {
		loop_stop(rig.loop);
	} else if (c == 'd') {
		http_server_drain(rig.server);
	} else if (c == 'i') {
		http_server_close_idle(rig.server);
	} else {
		must(rig.command != NULL);
		rig.command(c);
		http_server_flush(rig.server);
	}
}

static inline void *rig_serve(void *arg)
{
	struct loop_event *wake;

	rig.loop = loop_new();
	http_server_new(rig.loop, rig.listener, rig.max_connections, &rig.limits, rig.handle, NULL, &rig.server);
	http_server_plan(rig.server, rig.plan);
	wake = loop_watch(rig.loop, rig.wake[0], rig_on_wake, NULL);
	loop_run(rig.loop);
	http_server_free(&rig.server);
	loop_forget(&wake);
	loop_free(&rig.loop);
	return arg;
}

static inline void rig_start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	stats_begin_private();
	rig.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(bind(rig.listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(rig.listener, 64) == 0);
	ck_assert(getsockname(rig.listener, (struct sockaddr *)&a, &n) == 0 && pipe(rig.wake) == 0);
	rig.port = a.sin_port;
	rig.thread = proc_thread("server", rig_serve, NULL);
}

static inline void tell(char c)
{
	ck_assert(write(rig.wake[1], &c, 1) == 1);
}

static inline void stop(void)
{
	tell('q');
	pthread_join(rig.thread, NULL);
	close(rig.listener);
	close(rig.wake[0]);
	close(rig.wake[1]);
}

/* ---- the client's side ---- */

static inline int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = rig.port };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	return fd;
}

static inline void say(int fd, const void *p, size_t n)
{
	ck_assert(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static inline void say_text(int fd, const char *s)
{
	say(fd, s, strlen(s));
}

static inline bool read_exactly(int fd, void *p, size_t n)
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
static inline bool hear(int fd, struct answer *a, bool with_body)
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

static inline bool at_end(int fd)
{
	char c;

	return read(fd, &c, 1) <= 0;
}

static inline void ask_canary(int fd)
{
	struct answer a = { 0 };

	say_text(fd, "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(hear(fd, &a, true));
	ck_assert_uint_eq(a.status, 200);
	ck_assert_str_eq(a.body, "/canary");
	free(a.body);
}

static inline void new_canary(void)
{
	int fd = dial();

	ask_canary(fd);
	close(fd);
}

#endif
