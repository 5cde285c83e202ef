/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in on a connection: bytes to the parser, requests in their order to the handler, bodies in pieces to those
 * who asked for pieces.
 *
 * 1. Reading stops where answers are owed: too many requests under way, too much unsent here or over all connections, a
 *    stream that is written, a handler that holds its request for the moment, a body that nobody takes.
 * 2. What was refused is the last request of its connection (http_conn__refuse()).
 * 3. With TLS one piece is decrypted when the one before was read, so that what is decrypted stays bounded too.
 *
 * Event loop thread only.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/base/must.h"
#include "frontend/http_conn_priv.h"
#include "frontend/problem.h"

enum {
	OUT_MAX = 1 << 20,               /* unsent bytes beyond which nothing more is read */
	OUT_SEND = 128 << 10,            /* collected bytes beyond which a turn sends in between */
	WAITING_MAX = 256,               /* requests of one connection under way */
	SLOW_MAX = 8                     /* of these, such whose answers may be large and come later */
};

bool http_conn__within_budget(const struct http_conn *c)
{
	struct http_shared *s = c->shared;
	uint64_t max = s->limits.max_unsent;

	if (s->unsent_bytes <= max || (s->unsent_bytes <= 2 * max && c->counted_unsent == 0))
		return true;
	s->starved = true;
	return false;
}

bool http_conn__may_read(const struct http_conn *c)
{
	if (c->broken)
		return false;
	if (c->body)
		return http_body__wants(c);
	return !c->no_more && !c->streams && c->waiting < WAITING_MAX && c->slow < SLOW_MAX &&
	       http_conn__unsent(c) + c->kept_bytes <= OUT_MAX && http_conn__within_budget(c);
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

/* A request becomes the next in order and goes to the handler. */
static void take(struct http_conn *c, struct http_request *r)
{
	enum problem p = PROBLEM_NONE;

	append_request(c, r);
	if (r->pieces)
		c->body = r;
	if (r->fields)
		p = http_body__check_codings(r);
	if (p) {
		http_answer_problem(r, p, NULL);
		return;
	}
	c->held = r;
	offer(c);
}

void http_conn__refuse(struct http_conn *c, enum problem p)
{
	struct http_request *r = c->parser.req;

	if (c->body) {
		http_body__fail(c, p);
		return;
	}
	http_parser_drop(&c->parser);
	append_request(c, r);
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
	r->began_us = c->shared->now_us;
	http_parser_begin(&c->parser, r);
	c->since_s = c->shared->second;
}

void http_conn__count_body(struct http_request *r)
{
	r->shared->body_bytes += r->body.n - r->counted_bytes;
	r->counted_bytes = r->body.n;
}

/* A head was read and its body is to come. */
static void on_head(struct http_conn *c)
{
	c->body_s = c->shared->second;
	c->body_input = 0;
	if (c->parser.req->pieces) {
		take(c, c->parser.req);
	} else if (c->parser.expects) {
		c->owes_continue = true;
		http_conn__take_buffer(c);
		http_conn__advance(c);
		http_conn__mark_dirty(c);
	}
}

static void on_complete(struct http_conn *c)
{
	struct http_request *r = c->parser.req;

	c->parser.req = NULL;
	c->owes_continue = false;
	if (r == c->body)
		http_body__deliver(c);
	else
		take(c, r);
}

/* What the parser said; false: no more of this connection. */
static bool act_on(struct http_conn *c, enum http_parse got)
{
	struct http_shared *s = c->shared;
	bool too_much;                   /* who sends no body does not suffer for those of others */

	http_conn__count_body(c->parser.req);
	too_much = c->parser.req->body.n && s->body_bytes > s->limits.max_bodies;
	if (got == HTTP_PARSE_BAD || too_much) {
		http_conn__refuse(c, got == HTTP_PARSE_BAD ? c->parser.problem : PROBLEM_MEMORY);
		return false;
	}
	if (got == HTTP_PARSE_HEAD)
		on_head(c);
	else if (got == HTTP_PARSE_DONE)
		on_complete(c);
	else
		http_body__deliver(c);
	return true;
}

/* Reads one piece of input as far as it may; how much was consumed. */
static size_t read_piece(struct http_conn *c, struct slice piece)
{
	size_t at = 0;

	while (at < piece.n && !c->held && http_conn__may_read(c)) {
		size_t used;
		enum http_parse got;

		if (!c->parser.req)
			begin_request(c);
		got = http_parser_feed(&c->parser, slice_of(piece.p + at, piece.n - at), &used);
		at += used;
		c->body_input += used;
		if (!act_on(c, got))
			break;
	}
	return at;
}

struct evbuffer *http_conn__input(struct http_conn *c)
{
	return c->tls ? c->plain : bufferevent_get_input(c->bev);
}

size_t http_conn__input_bytes(struct http_conn *c)
{
	size_t n = evbuffer_get_length(bufferevent_get_input(c->bev));

	return c->tls ? n + evbuffer_get_length(c->plain) + c->tls_full : n;
}

/* Somebody speaks HTTP where TLS is spoken: it is told so in its own language. */
static void answer_without_tls(struct http_shared *s)
{
	struct buf *body = &s->problem;

	buf_reset(body);
	problem_write(body, PROBLEM_TLS_REQUIRED, NULL, slice_of(NULL, 0));
	buf_printf(&s->wire, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\n"
		   "Connection: close\r\n\r\n", body->n);
	buf_append_slice(&s->wire, buf_slice(body));
}

/* With TLS: decrypts the next piece when the last one was read. */
static void decrypt(struct http_conn *c)
{
	struct evbuffer *cipher = bufferevent_get_input(c->bev);
	enum http_tls_got got;

	if (!c->tls || evbuffer_get_length(c->plain) || !(c->tls_full || evbuffer_get_length(cipher)))
		return;
	got = http_tls_open(c->tls, cipher, c->plain, &c->shared->wire);
	c->tls_full = got == HTTP_TLS_FULL;
	if (got == HTTP_TLS_END) {
		evbuffer_drain(cipher, evbuffer_get_length(cipher));
		bufferevent_disable(c->bev, EV_READ);
		c->eof = true;
		c->reading = false;
	} else if (got == HTTP_TLS_BAD || got == HTTP_TLS_PLAIN_HTTP) {
		c->no_more = true;
		if (got == HTTP_TLS_PLAIN_HTTP)
			answer_without_tls(c->shared);
	}
}

void http_conn__read(struct http_conn *c)
{
	struct evbuffer *in = http_conn__input(c);
	struct evbuffer_iovec piece;

	for (;;) {
		if (c->held && (c->broken || !offer(c)))
			return;
		http_body__deliver(c);
		if (!http_conn__may_read(c))
			return;
		decrypt(c);
		if (evbuffer_peek(in, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
			return;
		evbuffer_drain(in, read_piece(c, slice_of(piece.iov_base, piece.iov_len)));
		if (c->out.n > OUT_SEND && !http_conn__send(c))
			return;
	}
}
