/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are written behind the header of a chunk that is still open; its length is filled in when the connection
 * sends (http_stream__seal) or the chunk has become large:
 *
 *	"00a3f0\r\n" bytes ... "\r\n"   and at the end "0\r\n\r\n"
 *
 * They go to the connection's output, or to the request's own while it waits for its turn.
 */
#include "frontend/http_stream.h"

#include "common/base/must.h"
#include "frontend/gzip.h"
#include "frontend/http_coding.h"
#include "frontend/http_conn_priv.h"

enum { GZIP_MAX_BYTES = 64 << 20 };       /* memory of all compressors */
enum { CHUNK_MAX = 64 << 10, CHUNK_HEADER = 8, ROUND_BYTES = HTTP_STREAM_HIGH };

struct http_stream {
	struct http_request *r;
	const struct http_stream_ops *ops;
	void *ctx;
	size_t chunk_at;                 /* the open chunk's header, in out_of() */
	size_t round_bytes;              /* written since more() */
	struct http_done done;           /* what it came to so far */
	struct gzip *gzip;               /* NULL: as it is */
	enum gzip_width width;
	bool chunked, open, full, told;
	bool unflushed;                  /* gzip keeps something back */
};

static bool is_first(const struct http_request *r)
{
	return r->conn->first == r;
}

static struct buf *out_of(struct http_stream *s)
{
	return is_first(s->r) ? &s->r->conn->out : &s->r->out;
}

static bool is_live(const struct http_stream *s)
{
	return s->ops->finish != NULL;
}

/* ---- chunks ---- */

static void open_chunk(struct http_stream *s, struct buf *out)
{
	s->open = true;
	s->chunk_at = out->n;
	buf_append(out, "000000\r\n", CHUNK_HEADER);
}

static void close_chunk(struct http_stream *s, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = out->n - s->chunk_at - CHUNK_HEADER;
	unsigned i;

	must(n > 0 && n <= CHUNK_MAX);
	for (i = 6; i--; n >>= 4)
		out->p[s->chunk_at + i] = (uint8_t)hex[n & 15];
	buf_append(out, "\r\n", 2);
	s->open = false;
}

static void put_chunked(struct http_stream *s, struct buf *out, struct slice bytes)
{
	while (bytes.n) {
		size_t room, n;

		if (!s->open)
			open_chunk(s, out);
		room = CHUNK_MAX - (out->n - s->chunk_at - CHUNK_HEADER);
		n = bytes.n < room ? bytes.n : room;
		buf_append(out, bytes.p, n);
		bytes = slice_of(bytes.p + n, bytes.n - n);
		if (n == room)
			close_chunk(s, out);
	}
}

static void put_bytes(struct http_stream *s, struct buf *out, struct slice bytes)
{
	if (s->chunked)
		put_chunked(s, out, bytes);
	else
		buf_append_slice(out, bytes);
}

/* The same for what the client is to read in the end. */
static void put_coded(struct http_stream *s, struct buf *out, struct slice bytes, enum gzip_flush flush)
{
	struct buf *coded = &s->r->shared->coded;

	if (!s->gzip) {
		put_bytes(s, out, bytes);
		return;
	}
	buf_reset(coded);
	gzip_write(s->gzip, bytes, flush, coded);
	s->unflushed = flush == GZIP_GATHER;
	put_bytes(s, out, buf_slice(coded));
}

void http_stream__seal(struct http_stream *s)
{
	struct buf *out = out_of(s);

	if (s->unflushed && is_live(s))
		put_coded(s, out, slice_of(NULL, 0), GZIP_FLUSH);
	if (s->open)
		close_chunk(s, out);
}

/* Gives back what it holds. */
static void release(struct http_stream *s)
{
	if (!s->gzip)
		return;
	s->r->shared->gzip_bytes -= gzip_bytes(s->width);
	gzip_free(&s->gzip);
}

/* The request is answered by it no more. */
static void leave(struct http_stream *s)
{
	struct http_conn *c = s->r->conn;

	release(s);
	http_answer__tell(s->r, &s->done);
	s->r->stream = NULL;
	c->streams--;
	c->live -= is_live(s);
}

/* ---- the connection's side ---- */

void http_stream__now_first(struct http_stream *s)
{
	struct http_request *r = s->r;
	struct http_conn *c = r->conn;

	c->kept_bytes -= r->out.n;
	if (s->open)
		close_chunk(s, &r->out);
	buf_append_slice(&c->out, buf_slice(&r->out));
	buf_reset(&r->out);
}

bool http_stream__wants(const struct http_stream *s, size_t unsent)
{
	return s->full && unsent <= HTTP_STREAM_LOW;
}

void http_stream__more(struct http_stream *s)
{
	if (!s->full)
		return;
	s->full = false;
	s->round_bytes = 0;
	s->ops->more(s->ctx, s);
}

bool http_stream__finish(struct http_stream *s)
{
	if (s->told || !s->ops->finish)
		return false;
	s->told = true;
	s->ops->finish(s->ctx, s);
	return true;
}

void http_stream__gone(struct http_request *r)
{
	struct http_stream *s = r->stream;

	release(s);
	http_answer__tell(r, &s->done);
	r->stream = NULL;
	s->ops->gone(s->ctx);
}

/* ---- the writer's side ---- */

/* A compressor where one is wanted and affordable; false when the client takes nothing else. */
static bool choose_coding(struct http_stream *s, const struct http_stream_head *head)
{
	struct http_request *r = s->r;
	unsigned takes = http_request_takes(r);
	bool must_be = !(takes & HTTP_TAKES_IDENTITY);

	if (!must_be && !(head->compress && takes & HTTP_PREFERS_GZIP))
		return true;
	s->width = is_live(s) ? GZIP_NARROW : GZIP_WIDE;
	if (r->shared->gzip_bytes + gzip_bytes(s->width) > GZIP_MAX_BYTES)
		return !must_be;
	r->shared->gzip_bytes += gzip_bytes(s->width);
	s->gzip = gzip_new(s->width);
	return true;
}

struct http_stream *http_stream_begin(struct http_request *r, const struct http_stream_head *head,
				      const struct http_stream_ops *ops, void *ctx)
{
	struct http_answer a = {
		.status = head->status, .type = head->type, .fields = head->fields, .compress = head->compress
	};
	struct http_conn *c = r->conn;
	struct http_stream *s;

	r->keep_alive &= !r->http10;
	if (!c || r->method == HTTP_M_HEAD) {
		http_answer__bare(r, &a);
		return NULL;
	}
	s = arena_alloc(&r->arena, sizeof *s);
	*s = (struct http_stream){ .r = r, .ops = ops, .ctx = ctx, .chunked = !r->http10,
				   .done = { head->status, 0, true } };
	if (!choose_coding(s, head)) {
		http_answer_problem(r, PROBLEM_OVERLOADED, NULL);
		return NULL;
	}
	http_answer__begin(r, out_of(s), &a, s->gzip != NULL);
	if (!is_first(r))
		c->kept_bytes += r->out.n;
	r->stream = s;
	c->streams++;
	c->live += is_live(s);
	return s;
}

bool http_stream_write(struct http_stream *s, struct slice bytes)
{
	struct http_request *r = s->r;
	struct http_conn *c = r->conn;
	struct buf *out;
	size_t before;

	http_conn__take_buffer(c);
	http_conn__mark_dirty(c);
	out = out_of(s);
	before = out->n;
	put_coded(s, out, bytes, GZIP_GATHER);
	if (!is_first(r))
		c->kept_bytes += out->n - before;
	s->round_bytes += bytes.n;
	s->done.bytes += bytes.n;
	s->full |= s->round_bytes >= ROUND_BYTES || out->n >= HTTP_STREAM_HIGH ||
		   http_conn__unsent(c) >= HTTP_STREAM_HIGH;
	return !s->full;
}

/* Writes what was held back and the end; the connection goes on to the next answer. */
static void finish(struct http_stream *s, enum gzip_flush flush, const char *end)
{
	struct http_request *r = s->r;
	struct http_conn *c = r->conn;
	struct buf *out;

	http_conn__take_buffer(c);
	out = out_of(s);
	if (!is_first(r))
		c->kept_bytes -= out->n;
	if (s->gzip)
		put_coded(s, out, slice_of(NULL, 0), flush);
	if (s->open)
		close_chunk(s, out);
	if (s->chunked)
		buf_append_str(out, end);
	if (!is_first(r))
		c->kept_bytes += out->n;
	leave(s);
	http_answer__finish(r);
}

void http_stream_end(struct http_stream **sp)
{
	struct http_stream *s = *sp;

	*sp = NULL;
	finish(s, GZIP_FINISH, "0\r\n\r\n");
}

void http_stream_break(struct http_stream **sp)
{
	struct http_stream *s = *sp;

	*sp = NULL;
	s->r->conn->no_more = s->r->final = true;
	finish(s, GZIP_FLUSH, "");
}

void http_stream_abort(struct http_stream **sp)
{
	struct http_request *r = (*sp)->r;
	struct http_conn *c = r->conn;

	leave(*sp);
	*sp = NULL;
	r->answered = true;
	http_conn__cut(c);
}
