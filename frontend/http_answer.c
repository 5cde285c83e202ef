/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: their bytes, and their order. One that is given before its turn waits in its request; when the
 * first of a connection is given, all that follow it and are there go out with it.
 *
 * The final answer of a connection (Connection: close, a body that ends with the connection, one that broke off) stays the
 * first, answered, until the connection's turn gives up all that is behind it.
 *
 * Event loop thread only.
 */
#include "frontend/http_conn.h"

#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/gzip.h"
#include "frontend/http_coding.h"
#include "frontend/http_conn_priv.h"
#include "frontend/http_date.h"
#include "frontend/http_status.h"

enum {
	SPARE_BYTES = 64 << 10,          /* a larger buffer is given back */
	CODED_KEEP_BYTES = 256 << 10,
	COMPRESS_MIN = 1024,             /* below it there is little to gain */
	COMPRESS_MAX = 1 << 20           /* beyond it the event loop would wait too long */
};

static uint8_t *put(uint8_t *o, const void *p, size_t n)
{
	memcpy(o, p, n);
	return o + n;
}

#define PUT_LITERAL(o, text) put((o), (text), sizeof (text) - 1)

static uint8_t *put_number(uint8_t *o, uint64_t v)
{
	uint8_t digits[20];
	size_t n = 0;

	do
		digits[n++] = (uint8_t)('0' + v % 10);
	while (v /= 10);
	while (n)
		*o++ = digits[--n];
	return o;
}

static uint8_t *put_status(uint8_t *o, unsigned status)
{
	const char *phrase = http_status_phrase(status);

	o = PUT_LITERAL(o, "HTTP/1.1 ");
	o = put_number(o, status);
	*o++ = ' ';
	o = put(o, phrase, strlen(phrase));
	return PUT_LITERAL(o, "\r\n");
}

/* How the client finds the end of the body. */
enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

static enum framing stream_framing(const struct http_request *r)
{
	return r->http10 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static uint8_t *put_framing(uint8_t *o, const struct http_answer *a, enum framing framing)
{
	if (framing == FRAMING_CHUNKED)
		return PUT_LITERAL(o, "Transfer-Encoding: chunked\r\n");
	if (framing == FRAMING_CLOSE || a->status == 204 || a->status == 304)
		return o;
	o = PUT_LITERAL(o, "Content-Length: ");
	o = put_number(o, a->body.n);
	return PUT_LITERAL(o, "\r\n");
}

/* The answer as it goes over the wire: all of it, or the head of a stream. more: fields beside its own. */
static void write_answer(struct buf *out, const struct http_request *r, const struct http_answer *a,
			 enum framing framing, bool close, struct slice more)
{
	bool read = r->method == HTTP_M_GET || r->method == HTTP_M_HEAD;
	struct slice date = http_date_fields(read), fields = slice_str(a->fields ? a->fields : "");
	struct slice type = slice_str(a->type ? a->type : "");
	uint8_t *from = buf_reserve(out, 256 + date.n + fields.n + more.n + type.n + a->body.n), *o = from;

	o = a->status == 200 ? PUT_LITERAL(o, "HTTP/1.1 200 OK\r\n") : put_status(o, a->status);
	o = put(o, date.p, date.n);
	if (type.n) {
		o = PUT_LITERAL(o, "Content-Type: ");
		o = put(o, type.p, type.n);
		o = PUT_LITERAL(o, "\r\n");
	}
	o = put_framing(o, a, framing);
	if (close)
		o = PUT_LITERAL(o, "Connection: close\r\n");
	else if (r->http10)
		o = PUT_LITERAL(o, "Connection: keep-alive\r\n");
	if (fields.n)
		o = put(o, fields.p, fields.n);
	if (more.n)
		o = put(o, more.p, more.n);
	o = PUT_LITERAL(o, "\r\n");
	if (a->body.n && r->method != HTTP_M_HEAD)
		o = put(o, a->body.p, a->body.n);
	out->n += (size_t)(o - from);
}

/* ---- fields that depend on what the client said ---- */

/* Whether the answer is sent as gzip. */
static bool wants_gzip(struct http_request *r, const struct http_answer *a)
{
	unsigned takes = http_request_takes(r);

	if (!(takes & HTTP_TAKES_GZIP) || a->body.n == 0)
		return false;
	if (!(takes & HTTP_TAKES_IDENTITY))
		return true;
	return a->compress && takes & HTTP_PREFERS_GZIP && a->body.n > COMPRESS_MIN && a->body.n <= COMPRESS_MAX;
}

static struct slice compress(struct http_shared *s, struct slice body)
{
	if (s->gzip)
		gzip_reset(s->gzip);
	else
		s->gzip = gzip_new(GZIP_WIDE);
	buf_reset(&s->coded);
	gzip_write(s->gzip, body, GZIP_FINISH, &s->coded);
	return buf_slice(&s->coded);
}

static void add_fields(const struct http_request *r, bool varies, bool coded)
{
	struct http_shared *s = r->shared;

	buf_reset(&s->extra);
	if (varies)
		buf_append_str(&s->extra, "Vary: Accept-Encoding\r\n");
	if (coded)
		buf_append_str(&s->extra, "Content-Encoding: gzip\r\n");
	if (s->cors)
		cors_fields(s->cors, http_request_field(r, HTTP_FIELD_ORIGIN), &s->extra);
}

void http_conn__mark_dirty(struct http_conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->dirty_next = c->shared->dirty;
	c->shared->dirty = c;
}

void http_conn__take_buffer(struct http_conn *c)
{
	struct http_shared *s = c->shared;

	if (c->out.capacity == 0 && s->spare_count)
		c->out = s->spare[--s->spare_count];
}

void http_conn__give_buffer(struct http_conn *c)
{
	struct http_shared *s = c->shared;

	if (c->out.capacity == 0)
		return;
	buf_reset(&c->out);
	if (c->out.capacity > SPARE_BYTES || s->spare_count == HTTP_SPARE_BUFFERS)
		buf_fini(&c->out);
	else
		s->spare[s->spare_count++] = c->out;
	c->out = BUF_INIT;
}

void http_conn__release_request(struct http_request **rp)
{
	struct http_shared *s = (*rp)->shared;

	s->body_bytes -= (*rp)->counted_bytes;
	http_request_free(&s->pool, rp);
}

struct http_request *http_conn__pop_first(struct http_conn *c)
{
	struct http_request *r = c->first;

	c->first = r->next;
	if (!c->first)
		c->last = NULL;
	c->waiting--;
	return r;
}

void http_conn__advance(struct http_conn *c)
{
	while (c->first && c->first->answered) {
		struct http_request *r = c->first;

		c->kept_bytes -= r->out.n;
		buf_append_slice(&c->out, buf_slice(&r->out));
		buf_reset(&r->out);
		if (r->final)
			return;
		http_conn__pop_first(c);
		http_conn__release_request(&r);
	}
	if (c->first && c->first->stream && c->first->out.n)
		http_stream__now_first(c->first->stream);
	if (c->owes_continue && (!c->first || (c->first == c->body && !c->first->stream))) {
		buf_append_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		c->owes_continue = false;
	}
}

static void count(const struct http_answer *a)
{
	stats_add(M_http_requests, 1);
	if (a->status >= 400)
		stats_add(M_http_errors, 1);
}

void http_answer__tell(const struct http_request *r, const struct http_done *d)
{
	if (r->shared->done)
		r->shared->done(r->shared->done_ctx, r, d);
}

/* r claims nothing of its connection any more: what waited for it goes on. */
static void give_up_claims(struct http_request *r)
{
	struct http_conn *c = r->conn;

	must(!r->stream);
	c->changing -= r->changes;
	c->deciding -= r->decides;
	c->slow -= r->slow;
	r->changes = r->decides = r->slow = false;
}

/* The answer of r begins. Whether the connection ends with it: in a drain that is the last of those that were taken. */
static bool begin_answer(struct http_request *r, const struct http_answer *a)
{
	struct http_conn *c = r->conn;
	bool draining = c->shared->draining, close = a->close || !r->keep_alive || (draining && r == c->last);

	r->final = close;
	c->no_more |= close || draining;
	http_conn__take_buffer(c);
	http_conn__mark_dirty(c);
	return close;
}

void http_answer__begin(struct http_request *r, struct buf *out, const struct http_answer *head, bool coded)
{
	bool close = begin_answer(r, head);

	count(head);
	add_fields(r, head->compress, coded);
	write_answer(out, r, head, stream_framing(r), close, buf_slice(&r->shared->extra));
}

void http_answer__finish(struct http_request *r)
{
	struct http_conn *c = r->conn;

	give_up_claims(r);
	if (r == c->body)
		http_body__drop(c);
	http_conn__mark_dirty(c);
	if (r != c->first || r->final) {
		r->answered = true;
		return;
	}
	http_conn__pop_first(c);
	http_conn__release_request(&r);
	http_conn__advance(c);
}

/* Writes the answer, with what this client gets beside it or in place of its bytes. */
static void write_special(struct buf *out, struct http_request *r, const struct http_answer *a,
			  enum framing framing, bool close)
{
	struct http_answer copy = *a;
	bool coded = framing == FRAMING_LENGTH && wants_gzip(r, a);

	if (coded)
		copy.body = compress(r->shared, a->body);
	add_fields(r, coded || (a->compress && (a->body.n > COMPRESS_MIN || framing != FRAMING_LENGTH)), coded);
	write_answer(out, r, &copy, framing, close, buf_slice(&r->shared->extra));
	if (r->shared->coded.capacity > CODED_KEEP_BYTES)
		buf_fini(&r->shared->coded);
}

static void answer(struct http_request *r, const struct http_answer *a, enum framing framing)
{
	struct http_conn *c = r->conn;
	struct buf *out;
	bool close;

	count(a);
	http_answer__tell(r, &(struct http_done){ a->status, r->method == HTTP_M_HEAD ? 0 : a->body.n, false });
	if (!c) {
		http_conn__release_request(&r);
		return;
	}
	r->keep_alive &= c->parser.req != r;     /* its body is not read to the end */
	close = begin_answer(r, a);
	out = r == c->first ? &c->out : &r->out;
	if (r->takes || r->shared->cors || (a->compress && (a->body.n > COMPRESS_MIN || framing != FRAMING_LENGTH)))
		write_special(out, r, a, framing, close);
	else
		write_answer(out, r, a, framing, close, slice_of(NULL, 0));
	c->kept_bytes += r->out.n;
	http_answer__finish(r);
}

void http_answer__bare(struct http_request *r, const struct http_answer *head)
{
	answer(r, head, stream_framing(r));
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
	answer(r, a, FRAMING_LENGTH);
}

void http_answer_json(struct http_request *r, struct slice body)
{
	struct http_answer a = { .status = 200, .type = "application/json", .body = body, .compress = true };

	http_answer(r, &a);
}

void http_answer_problem_of(struct http_request *r, enum problem p, const struct problem_answer *how)
{
	struct buf *body = &r->shared->problem;
	struct http_answer a = { .status = problem_status(p),
				 .type = "application/problem+json",
				 .fields = how->fields,
				 .compress = true };

	if (!a.fields && a.status == 503)
		a.fields = "Retry-After: 1\r\n";
	if (p == PROBLEM_CONTENT_CODING)
		a.fields = "Accept-Encoding: gzip\r\n";
	a.close = problem_closes(p);
	buf_reset(body);
	problem_write(body, p, how->detail, how->members);
	a.body = buf_slice(body);
	http_answer(r, &a);
}

void http_answer_problem_with(struct http_request *r, enum problem p, const char *detail, const char *fields)
{
	http_answer_problem_of(r, p, &(struct problem_answer){ .detail = detail, .fields = fields });
}

void http_answer_problem_members(struct http_request *r, enum problem p, struct slice members)
{
	http_answer_problem_of(r, p, &(struct problem_answer){ .members = members });
}

void http_answer_problem(struct http_request *r, enum problem p, const char *detail)
{
	http_answer_problem_with(r, p, detail, NULL);
}

void http_request_changes(struct http_request *r)
{
	if (r->changes)
		return;
	r->changes = true;
	if (r->conn)
		r->conn->changing++;
}

void http_request_decides(struct http_request *r)
{
	http_request_changes(r);
	if (r->decides)
		return;
	r->decides = true;
	if (r->conn)
		r->conn->deciding++;
}

bool http_request_is_behind_a_decision(const struct http_request *r)
{
	return r->conn && r->conn->deciding > 0;
}

bool http_request_must_wait(const struct http_request *r)
{
	return r->conn && r->conn->changing > 0;
}

void http_request_is_slow(struct http_request *r)
{
	if (r->slow)
		return;
	r->slow = true;
	if (r->conn)
		r->conn->slow++;
}
