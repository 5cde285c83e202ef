/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser appends what has come to r->body; from there it goes to the handler before more is read. A
 * connection has at most one such body: the last of its requests.
 *
 * Bodies coded with gzip are decoded here, so that no handler meets one: in pieces by a decoder of the request's own,
 * whole ones by a common one. Event loop thread only.
 */
#include "frontend/http_body.h"

#include "common/base/must.h"
#include "frontend/gzip.h"
#include "frontend/http_coding.h"
#include "frontend/http_conn_priv.h"

enum { PLAIN_BYTES = 64 << 10 };        /* decoded at a time */

static bool is_complete(const struct http_conn *c)
{
	return c->parser.req != c->body;
}

/* The body is the connection's concern no more. */
static void leave(struct http_conn *c)
{
	if (c->body->gunzip)
		gunzip_free(&c->body->gunzip);
	c->body = NULL;
}

bool http_body__wants(const struct http_conn *c)
{
	const struct http_request *r = c->body;

	return r->body_ops && !r->body_paused && r->body.n == 0 && !r->body_full && !is_complete(c);
}

void http_body__drop(struct http_conn *c)
{
	if (!is_complete(c)) {
		http_parser_drop(&c->parser);
		c->no_more = true;
	}
	c->owes_continue = false;
	leave(c);
}

void http_body__fail(struct http_conn *c, enum problem p)
{
	struct http_request *r = c->body;

	http_body__drop(c);
	r->keep_alive = false;
	if (r->body_ops)
		r->body_ops->end(r->body_ctx, r, p);
}

void http_body__orphaned(struct http_request *r)
{
	if (r->body_ops)
		r->body_ops->end(r->body_ctx, r, PROBLEM_BODY_INCOMPLETE);
}

/* All that has come was handed on. */
static void empty(struct http_request *r)
{
	buf_reset(&r->body);
	r->body_at = 0;
	http_conn__count_body(r);
}

/* Hands on what has come; false when r is the connection's no more. */
static bool hand_on(struct http_conn *c, struct http_request *r)
{
	if (r->body.n == 0)
		return true;
	r->body_ops->piece(r->body_ctx, r, buf_slice(&r->body));
	if (c->body != r)
		return false;
	empty(r);
	return true;
}

/* The same, decoded; it stops in a pause. */
static bool hand_on_decoded(struct http_conn *c, struct http_request *r)
{
	struct buf *plain = &r->shared->plain;

	while (!r->body_paused && (r->body_full || r->body_at < r->body.n)) {
		struct slice in = slice_of(r->body.p + r->body_at, r->body.n - r->body_at);

		buf_reset(plain);
		if (!gunzip_read(r->gunzip, &in, PLAIN_BYTES, plain)) {
			http_body__fail(c, PROBLEM_CONTENT_INVALID);
			return false;
		}
		r->body_at = r->body.n - in.n;
		r->body_full = plain->n == PLAIN_BYTES;
		if (plain->n == 0)
			continue;
		r->body_ops->piece(r->body_ctx, r, buf_slice(plain));
		if (c->body != r)
			return false;
	}
	if (!r->body_paused)
		empty(r);
	return true;
}

static void complete(struct http_conn *c)
{
	struct http_request *r = c->body;

	if (r->gunzip && c->parser.body_bytes && !gunzip_at_end(r->gunzip)) {
		http_body__fail(c, PROBLEM_CONTENT_INVALID);
		return;
	}
	leave(c);
	r->body_ops->end(r->body_ctx, r, PROBLEM_NONE);
}

void http_body__deliver(struct http_conn *c)
{
	struct http_request *r = c->body;

	if (!r || !r->body_ops || r->body_paused)
		return;
	if (!(r->gunzip ? hand_on_decoded(c, r) : hand_on(c, r)) || r->body_paused)
		return;
	if (is_complete(c))
		complete(c);
	else if (c->eof && http_conn__input_bytes(c) == 0)
		http_body__fail(c, PROBLEM_BODY_INCOMPLETE);
}

/* ---- codings ---- */

/* Decodes a body that came whole, to at most what a plain one may have. */
static enum problem decode(struct http_request *r)
{
	struct http_shared *s = r->shared;
	struct slice in = buf_slice(&r->body);
	struct buf out = BUF_INIT;
	enum problem p = PROBLEM_NONE;
	size_t before;

	if (s->gunzip)
		gunzip_reset(s->gunzip);
	else
		s->gunzip = gunzip_new();
	do {
		before = out.n;
		if (!gunzip_read(s->gunzip, &in, PLAIN_BYTES, &out))
			p = PROBLEM_CONTENT_INVALID;
		else if (out.n > s->limits.max_body)
			p = PROBLEM_BODY_TOO_LARGE;
	} while (!p && out.n - before == PLAIN_BYTES);
	if (!p && !gunzip_at_end(s->gunzip))
		p = PROBLEM_CONTENT_INVALID;
	buf_fini(&r->body);
	r->body = out;
	http_conn__count_body(r);
	return p;
}

enum problem http_body__check_codings(struct http_request *r)
{
	struct slice accepts = http_request_field(r, HTTP_FIELD_ACCEPT_ENCODING);
	enum http_coding coding = http_coding_of(http_request_field(r, HTTP_FIELD_CONTENT_ENCODING));

	/* Without a weight nothing is excluded: what is preferred is read when an answer is long enough. */
	if (accepts.n && memchr(accepts.p, ';', accepts.n)) {
		r->takes = http_coding_accepted(accepts);
		if (r->takes == 0)
			return PROBLEM_NOT_ACCEPTABLE;
	}
	if (coding == HTTP_CODING_IDENTITY)
		return PROBLEM_NONE;
	if (coding == HTTP_CODING_OTHER)
		return PROBLEM_CONTENT_CODING;
	if (r->pieces)
		r->gunzip = gunzip_new();
	else if (r->body.n)
		return decode(r);
	return PROBLEM_NONE;
}

void http_body_start(struct http_request *r, const struct http_body_ops *ops, void *ctx)
{
	struct http_conn *c = r->conn;

	must(r->pieces && !r->body_ops);
	r->body_ops = ops;
	r->body_ctx = ctx;
	if (!c || c->body != r) {
		ops->end(ctx, r, PROBLEM_BODY_INCOMPLETE);
		return;
	}
	if (c->parser.expects && !is_complete(c)) {
		c->owes_continue = true;
		http_conn__take_buffer(c);
		http_conn__advance(c);
	}
	http_conn__mark_dirty(c);
}

void http_body_pause(struct http_request *r)
{
	r->body_paused = true;
}

void http_body_resume(struct http_request *r)
{
	if (!r->body_paused)
		return;
	r->body_paused = false;
	if (r->conn)
		http_conn__mark_dirty(r->conn);
}
