/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: their bytes, and their order. One that is given before its turn waits in its request; when the
 * first of a connection is given, all that follow it and are there go out with it. Event loop thread only.
 */
#include "frontend/http_conn.h"

#include "common/stats/stats.h"
#include "frontend/http_conn_priv.h"
#include "frontend/http_date.h"
#include "frontend/http_status.h"

enum { SPARE_BYTES = 64 << 10 };         /* a larger buffer is given back */

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

/* The whole answer as it goes over the wire. */
static void write_answer(struct buf *out, const struct http_request *r, const struct http_answer *a,
			 bool close)
{
	struct slice date = http_date_fields(), fields = slice_str(a->fields ? a->fields : "");
	struct slice type = slice_str(a->type);
	uint8_t *from = buf_reserve(out, 256 + date.n + fields.n + type.n + a->body.n), *o = from;

	o = a->status == 200 ? PUT_LITERAL(o, "HTTP/1.1 200 OK\r\n") : put_status(o, a->status);
	o = put(o, date.p, date.n);
	o = PUT_LITERAL(o, "Content-Type: ");
	o = put(o, type.p, type.n);
	o = PUT_LITERAL(o, "\r\nContent-Length: ");
	o = put_number(o, a->body.n);
	if (close)
		o = PUT_LITERAL(o, "\r\nConnection: close");
	else if (r->http10)
		o = PUT_LITERAL(o, "\r\nConnection: keep-alive");
	o = PUT_LITERAL(o, "\r\n");
	if (fields.n)
		o = put(o, fields.p, fields.n);
	o = PUT_LITERAL(o, "\r\n");
	if (a->body.n && r->method != HTTP_M_HEAD)
		o = put(o, a->body.p, a->body.n);
	out->n += (size_t)(o - from);
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
		struct http_request *r = http_conn__pop_first(c);

		c->kept_bytes -= r->out.n;
		buf_append_slice(&c->out, buf_slice(&r->out));
		http_conn__release_request(&r);
	}
	if (!c->first && c->owes_continue) {
		buf_append_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		c->owes_continue = false;
	}
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
	struct http_conn *c = r->conn;
	bool close;

	stats_add(M_http_requests, 1);
	if (a->status >= 400)
		stats_add(M_http_errors, 1);
	if (!c) {
		http_conn__release_request(&r);
		return;
	}
	close = a->close || !r->keep_alive || c->shared->draining;
	c->changing -= r->changes;
	c->slow -= r->slow;
	c->no_more |= close;
	http_conn__take_buffer(c);
	http_conn__mark_dirty(c);
	if (r != c->first) {
		write_answer(&r->out, r, a, close);
		c->kept_bytes += r->out.n;
		r->answered = true;
		return;
	}
	write_answer(&c->out, r, a, close);
	r = http_conn__pop_first(c);
	http_conn__release_request(&r);
	http_conn__advance(c);
}

void http_answer_json(struct http_request *r, struct slice body)
{
	struct http_answer a = { .status = 200, .type = "application/json", .body = body };

	http_answer(r, &a);
}

static void answer_problem(struct http_request *r, enum problem p, const char *detail, struct slice members,
			   const char *fields)
{
	struct buf *body = &r->shared->problem;
	struct http_answer a = { .status = problem_status(p),
				 .type = "application/problem+json",
				 .fields = fields };

	if (!fields && a.status == 503)
		a.fields = "Retry-After: 1\r\n";
	a.close = problem_closes(p);
	buf_reset(body);
	problem_write(body, p, detail, members);
	a.body = buf_slice(body);
	http_answer(r, &a);
}

void http_answer_problem_with(struct http_request *r, enum problem p, const char *detail, const char *fields)
{
	answer_problem(r, p, detail, slice_of(NULL, 0), fields);
}

void http_answer_problem_members(struct http_request *r, enum problem p, struct slice members)
{
	answer_problem(r, p, NULL, members, NULL);
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
