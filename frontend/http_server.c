/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting by hand instead of evconnlistener: up to ACCEPT_TURN connections per wake-up, a pause at the
 * limit and when the process is out of descriptors. Event loop thread only.
 */
#include "frontend/http_server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "frontend/loop.h"

#define HTTP_SERVER_MAGIC 0x53727601u

enum { ACCEPT_TURN = 64 };

struct http_server {
	uint32_t magic;
	int listener;
	bool accepting;
	size_t max_connections;
	struct event *acceptable;
	struct loop_event *tick;
	struct http_shared shared;
};

static void set_accepting(struct http_server *s, bool on)
{
	if (!s->acceptable || s->accepting == on)
		return;
	s->accepting = on;
	if (on)
		event_add(s->acceptable, NULL);
	else
		event_del(s->acceptable);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	unsigned i;

	(void)what;
	for (i = 0; i < ACCEPT_TURN; i++) {
		int client;

		if (s->shared.count >= s->max_connections) {
			set_accepting(s, false);
			return;
		}
		client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			http_conn_open(&s->shared, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_warn("no descriptor or memory for another connection (%zu open): accepting "
				 "pauses for a moment",
				 s->shared.count);
			set_accepting(s, false);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void consider_accepting(struct http_server *s)
{
	if (!s->shared.draining && s->shared.count < s->max_connections)
		set_accepting(s, true);
}

static void on_close(struct http_shared *shared)
{
	consider_accepting((struct http_server *)((char *)shared - offsetof(struct http_server, shared)));
}

static void on_tick(void *ctx)
{
	struct http_server *s = ctx;

	http_conn_tick(&s->shared);
	consider_accepting(s);
}

void http_server_new(struct loop *loop, int listener, size_t max_connections,
		     const struct http_limits *limits, http_handle_f *handle, void *ctx,
		     struct http_server **sp)
{
	struct http_server *s = mem_zalloc(sizeof *s);

	obj_init(s, HTTP_SERVER_MAGIC);
	s->listener = listener;
	s->max_connections = max_connections;
	http_shared_init(&s->shared, loop_base(loop), limits, handle, ctx);
	s->shared.on_close = on_close;
	s->tick = loop_every(loop, 1000, on_tick, s);
	if (listener >= 0) {
		must(evutil_make_socket_nonblocking(listener) == 0);
		s->acceptable = event_new(loop_base(loop), listener, EV_READ | EV_PERSIST, on_acceptable, s);
		must(s->acceptable != NULL);
		set_accepting(s, true);
	}
	*sp = s;
}

void http_server_plan(struct http_server *s, http_plan_f *plan)
{
	s->shared.plan = plan;
}

void http_server_cors(struct http_server *s, const struct cors *cors)
{
	s->shared.cors = cors_is_on(cors) ? cors : NULL;
}

void http_server_done(struct http_server *s, http_done_f *done, void *ctx)
{
	s->shared.done = done;
	s->shared.done_ctx = ctx;
}

void http_server_tls(struct http_server *s, struct http_tls_context *tls)
{
	s->shared.tls = tls;
}

void http_server_free(struct http_server **sp)
{
	struct http_server *s = *sp;

	*sp = NULL;
	obj_check(s, HTTP_SERVER_MAGIC);
	set_accepting(s, false);
	s->shared.draining = true;
	http_shared_fini(&s->shared);
	if (s->acceptable)
		event_free(s->acceptable);
	loop_forget(&s->tick);
	obj_fini(s);
	mem_free(s);
}

void http_server_adopt(struct http_server *s, int fd)
{
	must(evutil_make_socket_nonblocking(fd) == 0);
	http_conn_open(&s->shared, fd);
}

void http_server_drain(struct http_server *s)
{
	set_accepting(s, false);
	http_conn_drain(&s->shared);
}

void http_server_close_idle(struct http_server *s)
{
	http_conn_close_idle(&s->shared);
}

void http_server_cut_streams(struct http_server *s)
{
	http_conn_cut_streams(&s->shared);
}

size_t http_server_connections(const struct http_server *s)
{
	return s->shared.count;
}

void http_server_flush(struct http_server *s)
{
	http_flush(&s->shared);
}
