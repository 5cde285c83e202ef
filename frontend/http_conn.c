/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	bytes --> parser --> first -> ... -> last --> handler --> answers --> out --> socket
 *	                     (requests in order)                 (this turn)  `--> bufferevent, when that is full
 *
 * Life of a connection:
 *
 *	OPEN      requests come and are answered
 *	ENDING    no_more: what is under way is answered, up to the answer that ends the connection, nothing more is read (last
 *	          request, end of file, bad one)
 *	LINGER    all was written and our side shut: what the client still sends is thrown away for a moment, as
 *	          closing at once would reset the connection and could destroy the answer before it is read
 *
 * While a stream holds up reading, the socket is read all the same until some bytes have gathered: that is how the
 * end of the client is noticed.
 *
 * With TLS what is read is decrypted piece by piece before the parser sees it, and the output of a turn encrypted in one
 * go before it is sent (http_tls.h); a connection ends its session before it ends.
 *
 * Output takes a short cut: the answers of a turn are collected in a plain buffer and sent with one send(2);
 * only what the socket does not take goes into the bufferevent, whose write event is otherwise disabled. That
 * saves an allocation and two epoll_ctl(2) for nearly every answer.
 */
#include "frontend/http_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/gzip.h"
#include "frontend/http_conn_priv.h"
#include "frontend/http_date.h"

enum {
	READ_BYTES = 64 << 10,
	WIRE_KEEP_BYTES = 512 << 10      /* a larger buffer is given back */
};

const struct http_limits http_limits_default = {
	.max_body = 16 << 20,
	.max_bodies = 256 << 20,
	.max_unsent = 64 << 20,
	.head_s = 5,
	.idle_s = 30,
	.write_s = 60,
	.hurry_s = 5,
	.body_s = 30,
	.body_rate = 1024,
};

/* ---- the end of a connection ---- */

/* The client of r is gone. Whoever has r learns it now if a stream or a body is under way, else with the answer. */
static void orphan(struct http_conn *c, struct http_request *r)
{
	bool in_body = r == c->body;

	if (in_body)
		http_body__drop(c);
	r->conn = NULL;
	r->next = NULL;
	if (r->stream)
		http_stream__gone(r);
	else if (!r->answered && r != c->held) {
		if (in_body)
			http_body__orphaned(r);
		return;
	}
	http_conn__release_request(&r);
}

static void orphan_requests(struct http_conn *c)
{
	while (c->first)
		orphan(c, http_conn__pop_first(c));
	c->held = NULL;
	if (c->parser.req)
		http_conn__release_request(&c->parser.req);
}

/* What is behind the final answer gets none, as if the client had gone. */
static void end_with_final(struct http_conn *c)
{
	struct http_request *r = c->first;

	if (!r || !r->final || !r->answered)
		return;
	http_conn__pop_first(c);
	http_conn__release_request(&r);
	orphan_requests(c);
	http_parser_drop(&c->parser);
	c->streams = c->live = 0;
	c->kept_bytes = 0;
}

static void forget_later(struct http_conn *c)
{
	if (!c->later_at)
		return;
	*c->later_at = c->later_next;
	if (c->later_next)
		c->later_next->later_at = c->later_at;
	c->later_at = NULL;
}

/* The client is told that nothing more comes, so that it knows that nothing is missing. All else was sent. */
static void end_session(struct http_conn *c)
{
	struct buf *wire = &c->shared->wire;

	if (!c->tls)
		return;
	http_tls_finish(c->tls, wire);
	if (wire->n)
		(void)!send(c->fd, wire->p, wire->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_reset(wire);
}

static void conn_free(struct http_conn *c)
{
	struct http_shared *s = c->shared;

	obj_check(c, HTTP_CONN_MAGIC);
	must(!c->dirty);
	c->dirty = true;                 /* whatever happens on the way, it has no further turn */
	forget_later(c);
	s->unsent_bytes -= c->counted_unsent;
	stats_set(M_http_unsent, s->unsent_bytes);
	if (!c->first && !c->cut && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		end_session(c);
	orphan_requests(c);
	http_conn__give_buffer(c);
	http_parser_fini(&c->parser);
	http_tls_free(&c->tls);
	if (c->plain)
		evbuffer_free(c->plain);
	bufferevent_free(c->bev);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->count--;
	stats_set(M_http_connections, s->count);
	obj_fini(c);
	mem_free(c);
	if (s->on_close)
		s->on_close(s);
}

void http_conn__abandon(struct http_conn *c)
{
	c->broken = true;
	http_conn__mark_dirty(c);
}

void http_conn__cut(struct http_conn *c)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	c->cut = true;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	http_conn__abandon(c);
}

static void begin_linger(struct http_conn *c)
{
	c->linger = true;
	c->since_s = c->shared->second;
	end_session(c);
	shutdown(c->fd, SHUT_WR);
}

/* ---- answers out ---- */

size_t http_conn__unsent(const struct http_conn *c)
{
	return c->out.n + evbuffer_get_length(bufferevent_get_output(c->bev));
}

void http_conn__count_unsent(struct http_conn *c)
{
	uint64_t n = http_conn__unsent(c) + c->kept_bytes;

	if (n == c->counted_unsent)
		return;
	c->shared->unsent_bytes += n - c->counted_unsent;
	c->counted_unsent = n;
	stats_set(M_http_unsent, c->shared->unsent_bytes);
}

/* What goes to the socket: the answers as they are, or encrypted. */
static struct buf *wire_of(struct http_conn *c)
{
	struct buf *wire = &c->shared->wire;

	if (!c->tls)
		return &c->out;
	if (c->out.n && !c->broken && !http_tls_seal(c->tls, buf_slice(&c->out), wire))
		c->broken = true;
	buf_reset(&c->out);
	return wire;
}

static bool give_up_output(struct http_conn *c)
{
	c->broken = true;
	buf_reset(&c->out);
	buf_reset(&c->shared->wire);
	return false;
}

bool http_conn__send(struct http_conn *c)
{
	struct evbuffer *rest = bufferevent_get_output(c->bev);
	struct buf *out;
	size_t sent = 0;

	if (!c->broken && c->first && c->first->stream)
		http_stream__seal(c->first->stream);
	out = wire_of(c);
	if (c->broken)
		return give_up_output(c);
	if (out->n == 0)
		return true;
	c->taken_bytes += out->n;
	if (evbuffer_get_length(rest) == 0) {
		ssize_t n = send(c->fd, out->p, out->n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return give_up_output(c);
		sent = n > 0 ? (size_t)n : 0;
	}
	if (sent < out->n) {
		must(evbuffer_add(rest, out->p + sent, out->n - sent) == 0);
		if (!c->writing)
			bufferevent_enable(c->bev, EV_WRITE);
		c->writing = true;
	}
	buf_reset(out);
	return true;
}

/* A stream that is full is written on in the loop's next turn, when the client has taken enough. */
static void consider_stream(struct http_conn *c)
{
	struct http_shared *s = c->shared;
	struct http_stream *stream = c->first ? c->first->stream : NULL;
	struct timeval now = { 0, 0 };

	if (!stream || !http_stream__wants(stream, http_conn__unsent(c)) || c->later_at ||
	    !http_conn__within_budget(c))
		return;
	c->later_next = s->later;
	if (c->later_next)
		c->later_next->later_at = &c->later_next;
	c->later_at = &s->later;
	s->later = c;
	event_add(s->again, &now);
}

/* Nothing more will be read. */
static bool at_its_end(struct http_conn *c)
{
	return c->no_more || (c->eof && http_conn__input_bytes(c) == 0);
}

/* Whether to take bytes from the socket. */
static bool wants_input(struct http_conn *c)
{
	if (c->linger)
		return true;
	if (c->eof || c->held)
		return false;
	return http_conn__may_read(c) || (c->streams && http_conn__input_bytes(c) < READ_BYTES);
}

/* Switches reading on and off, and ends what has come to its end. c may be gone afterwards. */
static void settle(struct http_conn *c)
{
	bool want = wants_input(c);

	if (c->broken || (c->eof && c->live)) {
		conn_free(c);
		return;
	}
	if (!c->first && !c->linger && http_conn__unsent(c) == 0 && at_its_end(c)) {
		if (c->eof) {
			conn_free(c);
			return;
		}
		begin_linger(c);
		want = true;
	}
	if (want == c->reading)
		return;
	c->reading = want;
	if (want)
		bufferevent_enable(c->bev, EV_READ);
	else
		bufferevent_disable(c->bev, EV_READ);
}

static void drop_input(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	evbuffer_drain(in, evbuffer_get_length(in));
	if (c->tls)
		evbuffer_drain(c->plain, evbuffer_get_length(c->plain));
	c->tls_full = false;
}

bool http_conn__is_idle(const struct http_conn *c)
{
	return !c->first && !http_parser_busy(&c->parser) && !c->linger && !(c->tls && !http_tls_is_open(c->tls));
}

/* One turn of a connection: read, answer, send, until nothing moves any more. c may be gone afterwards. */
static void turn(struct http_conn *c)
{
	struct buf *wire = &c->shared->wire;
	size_t left;

	for (;;) {
		size_t before = http_conn__input_bytes(c);

		end_with_final(c);       /* before a request that is held is offered again */
		if (!c->linger)
			http_conn__read(c);
		end_with_final(c);
		if (!http_conn__send(c) || !http_conn__may_read(c) || c->held)
			break;
		left = http_conn__input_bytes(c);
		if (left == 0 || left == before)
			break;
	}
	if (wire->capacity > WIRE_KEEP_BYTES)
		buf_fini(wire);
	if (c->linger)
		drop_input(c);
	if (http_conn__is_idle(c))
		c->since_s = c->shared->second;
	http_conn__give_buffer(c);
	c->dirty = false;
	if (!c->broken) {
		http_conn__count_unsent(c);
		consider_stream(c);
	}
	settle(c);
}

/* The unsent bytes of all have fallen far enough: those who waited for it go on. */
static bool feed_the_starved(struct http_shared *s)
{
	struct http_conn *c;

	if (!s->starved || s->unsent_bytes > s->limits.max_unsent)
		return false;
	s->starved = false;
	for (c = s->conns; c; c = c->next)
		http_conn__mark_dirty(c);
	return true;
}

void http_flush(struct http_shared *s)
{
	struct http_conn *c;

	if (s->flushing)
		return;
	s->flushing = true;
	do {
		while ((c = s->dirty) != NULL) {
			s->dirty = c->dirty_next;
			turn(c);
		}
	} while (feed_the_starved(s));
	s->flushing = false;
}

/* ---- events ---- */

/* One after the other, so that each finds what the one before has left of the budget. */
static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct http_shared *s = arg;
	struct http_conn *c, *now = s->later;

	(void)fd, (void)what;
	s->later = NULL;
	if (now)
		now->later_at = &now;
	while ((c = now) != NULL) {
		forget_later(c);
		if (!c->first || !c->first->stream || !http_conn__within_budget(c))
			continue;
		s->flushing = true;      /* c stays while its stream is written */
		http_stream__more(c->first->stream);
		s->flushing = false;
		http_flush(s);
	}
}

static void on_readable(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	c->shared->now_us = clock_mono_us();
	http_conn__mark_dirty(c);
	http_flush(c->shared);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	bufferevent_disable(bev, EV_WRITE);
	c->writing = false;
	c->shared->now_us = clock_mono_us();
	http_conn__mark_dirty(c);
	http_flush(c->shared);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_EOF) {
		c->eof = true;
		c->reading = false;
		c->broken |= c->linger;
	} else {
		c->broken = true;
	}
	http_conn__mark_dirty(c);
	http_flush(c->shared);
}

static void name_client(struct http_conn *c)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a = { 0 };
	socklen_t n = sizeof a;
	const char *text = NULL;

	if (getpeername(c->fd, &a.any, &n) == 0 && a.any.sa_family == AF_INET)
		text = inet_ntop(AF_INET, &a.v4.sin_addr, c->client, sizeof c->client);
	else if (a.any.sa_family == AF_INET6)
		text = inet_ntop(AF_INET6, &a.v6.sin6_addr, c->client, sizeof c->client);
	if (!text)
		memcpy(c->client, "-", 2);
}

static uint64_t plan_body(void *ctx, struct http_request *r)
{
	struct http_shared *s = ctx;

	r->pieces = s->plan(s->ctx, r) == HTTP_PIECES;
	return r->pieces ? UINT64_MAX : s->limits.max_body;
}

void http_conn_open(struct http_shared *s, int fd)
{
	struct http_conn *c = mem_zalloc(sizeof *c);
	int one = 1;

	obj_init(c, HTTP_CONN_MAGIC);
	c->fd = fd;
	c->shared = s;
	c->since_s = s->second;
	c->out = BUF_INIT;
	http_parser_init(&c->parser, s->limits.max_body);
	c->parser.plan = s->plan ? plan_body : NULL;
	c->parser.ctx = s;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);       /* AF_UNIX needs none */
	if (s->tls) {
		c->tls = http_tls_new(s->tls);
		c->parser.secure = true;
		c->plain = evbuffer_new();
		must(c->plain != NULL);
	}
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	must(c->bev != NULL);
	bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
	bufferevent_set_max_single_read(c->bev, READ_BYTES);
	bufferevent_disable(c->bev, EV_WRITE);
	bufferevent_enable(c->bev, EV_READ);
	c->reading = true;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->count++;
	stats_set(M_http_connections, s->count);
}

const char *http_request_client(const struct http_request *r)
{
	struct http_conn *c = r->conn;

	if (!c)
		return "-";
	if (!c->client[0])
		name_client(c);
	return c->client;
}

void http_shared_init(struct http_shared *s, struct event_base *base, const struct http_limits *limits,
		      http_handle_f *handle, void *ctx)
{
	*s = (struct http_shared){ .base = base, .limits = *limits, .handle = handle, .ctx = ctx };
	s->now_us = clock_mono_us();
	s->again = event_new(base, -1, 0, on_again, s);
	must(s->again != NULL);
	http_date_refresh();
}

void http_shared_fini(struct http_shared *s)
{
	s->on_close = NULL;
	while (s->conns) {
		http_conn__abandon(s->conns);
		http_flush(s);
	}
	event_free(s->again);
	while (s->spare_count)
		buf_fini(&s->spare[--s->spare_count]);
	buf_fini(&s->problem);
	buf_fini(&s->wire);
	buf_fini(&s->coded);
	buf_fini(&s->plain);
	buf_fini(&s->extra);
	if (s->gzip)
		gzip_free(&s->gzip);
	if (s->gunzip)
		gunzip_free(&s->gunzip);
	http_pool_fini(&s->pool);
}
