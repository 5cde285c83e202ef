/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	bytes --> parser --> first -> ... -> last --> handler --> answers --> out --> socket
 *	                     (requests in order)                 (this turn)  `--> bufferevent, when that is
 *full
 *
 * Life of a connection:
 *
 *	OPEN      requests come and are answered
 *	ENDING    no_more: what is under way is answered, nothing more is read (last request, end of file, bad
 *one) LINGER    all was written and our side shut: what the client still sends is thrown away for a moment,
 *as closing at once would reset the connection and could destroy the answer before it is read
 *
 * Output takes a short cut: the answers of a turn are collected in a plain buffer and sent with one send(2);
 * only what the socket does not take goes into the bufferevent, whose write event is otherwise disabled. That
 * saves an allocation and two epoll_ctl(2) for nearly every answer.
 */
#include "frontend/http_conn.h"

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
#include "frontend/http_conn_priv.h"
#include "frontend/http_date.h"

enum {
	OUT_MAX = 1 << 20,               /* unsent bytes beyond which nothing more is read */
	OUT_SEND = 128 << 10,            /* collected bytes beyond which a turn sends in between */
	WAITING_MAX = 256,               /* requests of one connection under way */
	SLOW_MAX = 8,                    /* of these, such whose answers may be large and come later */
	LINGER_S = 2,
	READ_BYTES = 64 << 10
};

const struct http_limits http_limits_default = {
	.max_body = 16 << 20,
	.max_bodies = 256 << 20,
	.head_s = 5,
	.idle_s = 30,
	.body_s = 30,
	.write_s = 60,
};

/* ---- the end of a connection ---- */

static void orphan_requests(struct http_conn *c)
{
	while (c->first) {
		struct http_request *r = http_conn__pop_first(c);

		r->conn = NULL;
		r->next = NULL;
		if (r->answered || r == c->held)
			http_conn__release_request(&r);
	}
	c->held = NULL;
	if (c->parser.req)
		http_conn__release_request(&c->parser.req);
}

static void conn_free(struct http_conn *c)
{
	struct http_shared *s = c->shared;

	obj_check(c, HTTP_CONN_MAGIC);
	must(!c->dirty);
	orphan_requests(c);
	http_conn__give_buffer(c);
	http_parser_fini(&c->parser);
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

static void begin_linger(struct http_conn *c)
{
	c->linger = true;
	c->since_s = c->shared->second;
	shutdown(c->fd, SHUT_WR);
}

/* ---- requests in ---- */

static size_t unsent_bytes(struct http_conn *c)
{
	return c->out.n + evbuffer_get_length(bufferevent_get_output(c->bev));
}

static bool may_read(struct http_conn *c)
{
	return !c->broken && !c->no_more && c->waiting < WAITING_MAX && c->slow < SLOW_MAX &&
	       unsent_bytes(c) + c->kept_bytes <= OUT_MAX;
}

static void append_request(struct http_conn *c, struct http_request *r)
{
	r->arrived_us = c->shared->now_us;
	if (c->last)
		c->last->next = r;
	else
		c->first = r;
	c->last = r;
	c->waiting++;
}

/* Offers the held request to the handler; true when it was taken. */
static bool offer(struct http_conn *c)
{
	struct http_request *r = c->held;
	bool last = !r->keep_alive;

	if (!c->shared->handle(c->shared->ctx, r))
		return false;
	c->held = NULL;
	c->no_more |= last;
	return true;
}

/* The request being read becomes the next in order. */
static struct http_request *take_parsed(struct http_conn *c)
{
	struct http_request *r = c->parser.req;

	c->parser.req = NULL;
	append_request(c, r);
	return r;
}

static void refuse(struct http_conn *c, enum problem p)
{
	struct http_request *r = take_parsed(c);

	c->no_more = true;
	c->owes_continue = false;
	r->keep_alive = false;
	http_answer_problem(r, p, NULL);
}

static void begin_request(struct http_conn *c)
{
	struct http_request *r = http_request_new(&c->shared->pool);

	r->shared = c->shared;
	r->conn = c;
	http_parser_begin(&c->parser, r);
	c->since_s = c->shared->second;
}

/* Counts the body towards the budget of all; false when it is spent. */
static bool count_body(struct http_conn *c)
{
	struct http_shared *s = c->shared;
	struct http_request *r = c->parser.req;

	s->body_bytes += r->body.n - r->counted_bytes;
	r->counted_bytes = r->body.n;
	return s->body_bytes <= s->limits.max_bodies;
}

/* Reads one piece of input as far as it may; how much was consumed. */
static size_t read_piece(struct http_conn *c, struct slice piece)
{
	size_t at = 0;

	while (at < piece.n && !c->held && may_read(c)) {
		size_t used;
		enum http_parse got;

		if (!c->parser.req)
			begin_request(c);
		got = http_parser_feed(&c->parser, slice_of(piece.p + at, piece.n - at), &used);
		at += used;
		if (c->parser.in_body)
			c->since_s = c->shared->second;
		if (got == HTTP_PARSE_BAD) {
			refuse(c, c->parser.problem);
			break;
		}
		if (!count_body(c)) {
			refuse(c, PROBLEM_MEMORY);
			break;
		}
		if (got == HTTP_PARSE_CONTINUE) {
			c->owes_continue = true;
			http_conn__take_buffer(c);
			http_conn__advance(c);
			http_conn__mark_dirty(c);
		} else if (got == HTTP_PARSE_DONE) {
			c->owes_continue = false;
			c->held = take_parsed(c);
			offer(c);
		}
	}
	return at;
}

static bool send_out(struct http_conn *c);

/* Reads what has arrived as far as it may. */
static void read_input(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec piece;

	while (may_read(c)) {
		if (c->held && !offer(c))
			return;
		if (evbuffer_peek(in, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
			return;
		evbuffer_drain(in, read_piece(c, slice_of(piece.iov_base, piece.iov_len)));
		if (c->out.n > OUT_SEND && !send_out(c))
			return;
	}
}

/* ---- answers out ---- */

/* Sends what this turn answered; false when the connection is broken. */
static bool send_out(struct http_conn *c)
{
	struct evbuffer *rest = bufferevent_get_output(c->bev);
	size_t sent = 0;

	if (c->out.n == 0)
		return true;
	if (evbuffer_get_length(rest) == 0) {
		ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			c->broken = true;
			return false;
		}
		sent = n > 0 ? (size_t)n : 0;
	}
	if (sent < c->out.n) {
		evbuffer_add(rest, c->out.p + sent, c->out.n - sent);
		if (!c->writing)
			bufferevent_enable(c->bev, EV_WRITE);
		c->writing = true;
	}
	buf_reset(&c->out);
	return true;
}

/* Switches reading on and off, and ends what has come to its end. c may be gone afterwards. */
static void settle(struct http_conn *c)
{
	bool want = c->linger || (may_read(c) && !c->held && !c->eof);

	if (c->broken) {
		conn_free(c);
		return;
	}
	if (!c->first && !c->linger && unsent_bytes(c) == 0 && (c->no_more || c->eof)) {
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

/* One turn of a connection: read, answer, send, until nothing moves any more. c may be gone afterwards. */
static void turn(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	for (;;) {
		size_t before = evbuffer_get_length(in);

		if (!c->linger)
			read_input(c);
		if (!send_out(c) || !may_read(c) || c->held)
			break;
		if (evbuffer_get_length(in) == 0 || evbuffer_get_length(in) == before)
			break;
	}
	if (c->linger)
		evbuffer_drain(in, evbuffer_get_length(in));
	if (!c->first && !http_parser_busy(&c->parser) && !c->linger)
		c->since_s = c->shared->second;
	http_conn__give_buffer(c);
	c->dirty = false;
	settle(c);
}

void http_flush(struct http_shared *s)
{
	struct http_conn *c;

	if (s->flushing)
		return;
	s->flushing = true;
	while ((c = s->dirty) != NULL) {
		s->dirty = c->dirty_next;
		turn(c);
	}
	s->flushing = false;
}

/* ---- events ---- */

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
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);       /* AF_UNIX needs none */
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

/* ---- time ---- */

/* Ends a connection at once from outside its own events. */
static void abandon(struct http_conn *c)
{
	c->broken = true;
	http_conn__mark_dirty(c);
}

static bool stalled(struct http_conn *c, size_t unsent)
{
	struct http_shared *s = c->shared;

	if (unsent != c->unsent) {
		c->unsent = unsent;
		c->since_s = s->second;
	}
	return s->second - c->since_s > s->limits.write_s;
}

static void check_time(struct http_conn *c)
{
	const struct http_limits *l = &c->shared->limits;
	uint64_t age = c->shared->second - c->since_s;
	size_t unsent = unsent_bytes(c);

	if (c->linger) {
		if (age > LINGER_S)
			abandon(c);
		return;
	}
	if (unsent || c->unsent) {
		if (stalled(c, unsent))
			abandon(c);
		return;
	}
	if (c->first)
		return;
	if (c->parser.in_head ? age > l->head_s : c->parser.in_body && age > l->body_s)
		refuse(c, PROBLEM_REQUEST_TIMEOUT);
	else if (!http_parser_busy(&c->parser) && age > l->idle_s)
		abandon(c);
}

void http_conn_tick(struct http_shared *s)
{
	struct http_conn *c;

	s->second++;
	http_date_refresh();
	for (c = s->conns; c; c = c->next)
		check_time(c);
	http_flush(s);
}

void http_conn_close_idle(struct http_shared *s)
{
	struct http_conn *c;

	for (c = s->conns; c; c = c->next)
		if (!c->first && !http_parser_busy(&c->parser) && unsent_bytes(c) == 0)
			abandon(c);
	http_flush(s);
}

void http_shared_init(struct http_shared *s, struct event_base *base, const struct http_limits *limits,
		      http_handle_f *handle, void *ctx)
{
	*s = (struct http_shared){ .base = base, .limits = *limits, .handle = handle, .ctx = ctx };
	s->now_us = clock_mono_us();
	http_date_refresh();
}

void http_shared_fini(struct http_shared *s)
{
	s->on_close = NULL;
	while (s->conns) {
		abandon(s->conns);
		http_flush(s);
	}
	while (s->spare_count)
		buf_fini(&s->spare[--s->spare_count]);
	buf_fini(&s->problem);
	http_pool_fini(&s->pool);
}
