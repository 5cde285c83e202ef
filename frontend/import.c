/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batch travels with a request of our own (carrier), so that it does not matter to the write edge what becomes of
 * the client's.
 */
#include "frontend/import.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/http_body.h"
#include "frontend/http_stream.h"
#include "frontend/loop.h"
#include "frontend/media.h"

#define IMPORTS_MAGIC 0x496d7001u
#define IMPORT_MAGIC 0x496d7002u

enum { RETRY_MS = 250, RETRY_MOST_MS = 5000 };

struct imports {
	uint32_t magic;
	struct imports_setup setup;
	struct http_pool carriers;
	size_t count;
	struct buf text, members;        /* scratch */
};

struct import {
	uint32_t magic;
	struct imports *imports;
	struct http_request *r;          /* NULL: the client is gone, or has its answer */
	struct http_request *carrier;
	struct http_stream *stream;
	struct loop_event *retry;
	enum import_form form;

	/* the body */
	struct buf in;                   /* what is not cut into records yet, from `at` on */
	size_t at;
	size_t looked;                   /* bytes behind it that hold no line feed */
	uint64_t offset;                 /* in the body, of in.p[at] */
	uint64_t skip, records;          /* cut so far; those up to skip are not read */
	bool body_ended;

	/* the batch */
	struct buf batch;
	uint64_t batch_records;
	bool at_engine, waiting;         /* waiting: to be sent again */

	/* what was acknowledged, and what is told of it */
	uint64_t imported, done_records, done_offset;
	uint64_t told_us;
	uint64_t tried_us;               /* when the batch was sent for the first time */
	enum problem problem;            /* why nothing more is taken */
	struct buf complaint;
};

static void go_on(struct import *i);

/* ---- what is told ---- */

static void write_counts(struct buf *out, const struct import *i)
{
	buf_append_str(out, "\"imported\":");
	buf_append_u64(out, i->imported);
	buf_append_str(out, ",\"bytes\":");
	buf_append_u64(out, i->done_offset);
	buf_append_str(out, ",\"line\":");
	buf_append_u64(out, i->done_records);
}

static bool on_gone(struct import *i)
{
	i->r = NULL;
	i->stream = NULL;
	i->problem = PROBLEM_BODY_INCOMPLETE;
	return i->at_engine;
}

static void import_free(struct import *i)
{
	struct imports *s = i->imports;

	must(!i->at_engine);
	http_request_free(&s->carriers, &i->carrier);
	loop_forget(&i->retry);
	buf_fini(&i->in);
	buf_fini(&i->batch);
	buf_fini(&i->complaint);
	s->count--;
	obj_fini(i);
	mem_free(i);
}

static void on_more(void *ctx, struct http_stream *stream)
{
	(void)ctx, (void)stream;
}

static void on_stream_gone(void *ctx)
{
	struct import *i = ctx;

	if (!on_gone(i))
		import_free(i);
}

static const struct http_stream_ops stream_ops = { .more = on_more, .gone = on_stream_gone };

static const struct http_stream_head stream_head = { .status = 200, .type = MEDIA_NDJSON };

/* A line now and then, so that who waits knows that it goes on, and where to go on after a break. */
static void tell_progress(struct import *i)
{
	struct buf *out = &i->imports->text;
	uint64_t now = clock_mono_us();

	if (!i->r || now - i->told_us < IMPORT_PROGRESS_US)
		return;
	i->told_us = now;
	if (!i->stream)
		i->stream = http_stream_begin(i->r, &stream_head, &stream_ops, i);
	if (!i->stream) {                /* and r was answered by that: the client is gone */
		(void)on_gone(i);
		return;
	}
	buf_reset(out);
	buf_append_byte(out, '{');
	write_counts(out, i);
	buf_append_str(out, "}\n");
	(void)http_stream_write(i->stream, buf_slice(out));
}

/* ---- the end ---- */

static void answer_done(struct import *i)
{
	struct http_answer a = { .status = 200, .type = MEDIA_NDJSON };
	struct buf *out = &i->imports->text;

	buf_reset(out);
	buf_append_str(out, "{\"done\":true,");
	write_counts(out, i);
	buf_append_str(out, "}\n");
	if (i->stream) {
		(void)http_stream_write(i->stream, buf_slice(out));
		http_stream_end(&i->stream);
	} else {
		a.body = buf_slice(out);
		http_answer(i->r, &a);
	}
}

static void answer_problem(struct import *i)
{
	struct buf *members = &i->imports->members, *out = &i->imports->text;
	const char *detail = i->complaint.n ? buf_cstr(&i->complaint) : NULL;

	buf_reset(members);
	buf_append_byte(members, ',');
	write_counts(members, i);
	if (!i->stream) {
		http_answer_problem_of(i->r, i->problem, &(struct problem_answer){ .detail = detail, .members = buf_slice(members) });
		return;
	}
	buf_reset(out);
	buf_append_str(out, "{\"error\":");
	problem_write(out, i->problem, detail, buf_slice(members));
	out->n--;                        /* its line feed */
	buf_append_str(out, "}\n");
	(void)http_stream_write(i->stream, buf_slice(out));
	http_stream_break(&i->stream);
}

static void finish(struct import *i)
{
	if (i->r && i->problem)
		answer_problem(i);
	else if (i->r)
		answer_done(i);
	import_free(i);
}

/* ---- the batch ---- */

static void submit(struct import *i)
{
	struct pending_ask ask = { .batch = buf_slice(&i->batch), .lane = PENDING_PLAIN };

	i->at_engine = true;
	i->carrier->arrived_us = clock_mono_us();
	pending_submit_ask(i->imports->setup.pending, i->carrier, &ask);
}

static void on_retry(void *ctx)
{
	struct import *i = ctx;
	struct imports *s = i->imports;

	i->waiting = false;
	submit(i);
	s->setup.flush(s->setup.ctx);
}

/* Nothing was applied, and later it may be. */
static bool is_passing(enum problem p)
{
	return p == PROBLEM_BUSY || p == PROBLEM_OVERLOADED || p == PROBLEM_ENGINE_UNAVAILABLE;
}

static bool is_gone(const struct import *i)
{
	return !i->r || !i->r->conn;
}

/* All that was cut so far is applied. */
static void mark_done(struct import *i)
{
	i->done_records = i->records;
	i->done_offset = i->offset;
}

static void on_written(void *ctx, struct http_request *carrier, const struct write_result *result, enum problem p)
{
	struct import *i = ctx;
	uint64_t now = clock_mono_us();
	unsigned ms;

	(void)carrier;
	i->at_engine = false;
	if (p && is_passing(p) && !is_gone(i) && now - i->tried_us < i->imports->setup.patience_us) {
		ms = result && result->retry_after_ms > RETRY_MS ? result->retry_after_ms : RETRY_MS;
		i->waiting = true;
		loop_after(i->retry, ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS);
		tell_progress(i);
		return;
	}
	if (p) {
		i->problem = p;
		buf_reset(&i->complaint);
		if (result)
			buf_append_str(&i->complaint, result->detail);
		finish(i);
		return;
	}
	stats_add(M_imported_entries, i->batch_records);
	i->imported += i->batch_records;
	mark_done(i);
	i->batch_records = 0;
	buf_reset(&i->batch);
	tell_progress(i);
	go_on(i);
}

/* ---- the body ---- */

static void refuse_record(struct import *i, enum problem p, uint64_t offset)
{
	struct buf *said = &i->imports->text;

	buf_reset(said);
	buf_append_slice(said, buf_slice(&i->complaint));
	buf_reset(&i->complaint);
	buf_append_str(&i->complaint, "Record ");
	buf_append_u64(&i->complaint, i->records + 1);
	buf_append_str(&i->complaint, ", at byte ");
	buf_append_u64(&i->complaint, offset);
	buf_append_str(&i->complaint, ": ");
	buf_append_slice(&i->complaint, said->n ? buf_slice(said) : slice_str("This is no record, or it is cut short or too long."));
	i->problem = p;
}

/* It ends before the place where it was to go on: this is another body. */
static void refuse_skip(struct import *i)
{
	buf_reset(&i->complaint);
	buf_append_str(&i->complaint, "skip=");
	buf_append_u64(&i->complaint, i->skip);
	buf_append_str(&i->complaint, " passes over more records than the body has: ");
	buf_append_u64(&i->complaint, i->records);
	buf_append_byte(&i->complaint, '.');
	i->problem = PROBLEM_PARAMETER_INVALID;
}

/* Is it known, without looking at all of a long line again and again, that it is not there to its end? */
static bool has_no_line(struct import *i, struct slice rest)
{
	size_t from = i->looked;

	if (i->form != IMPORT_LINES || i->body_ended || rest.n > IMPORT_RECORD_MAX)
		return false;
	i->looked = rest.n;
	return rest.n == from || !memchr(rest.p + from, '\n', rest.n - from);
}

/* Takes one record off the input; false: none is there. */
static bool take_record(struct import *i)
{
	struct slice rest = slice_of(i->in.p + i->at, i->in.n - i->at), inside;
	size_t used;
	enum import_cut got = has_no_line(i, rest) ? IMPORT_MORE : import_cut(i->form, rest, i->body_ended, &inside, &used);
	enum problem p = PROBLEM_NONE;

	if (got == IMPORT_BAD)
		refuse_record(i, PROBLEM_INVALID, i->offset);
	if (got == IMPORT_BAD || got == IMPORT_MORE)
		return false;
	if (got == IMPORT_RECORD && i->records >= i->skip) {
		buf_reset(&i->complaint);
		p = import_record_read(i->form, inside, &i->batch, &i->complaint);
		i->batch_records += !p;
	}
	if (p) {
		refuse_record(i, p, i->offset + (uint64_t)(inside.p - rest.p));
		return false;
	}
	i->records += got == IMPORT_RECORD;
	i->at += used;
	i->offset += used;
	i->looked = 0;
	return true;
}

static void drop_taken(struct import *i)
{
	size_t left = i->in.n - i->at;

	if (left && i->at)
		memmove(i->in.p, i->in.p + i->at, left);
	i->in.n = left;
	i->at = 0;
}

static bool is_full(const struct import *i)
{
	return i->batch_records >= IMPORT_BATCH_RECORDS || i->batch.n >= IMPORT_BATCH_BYTES;
}

/* As far as it goes without waiting. The import may be over, and gone, afterwards. */
static void go_on(struct import *i)
{
	bool more = true;

	if (i->at_engine || i->waiting)
		return;
	while (i->r && !i->problem && more && !is_full(i))
		more = take_record(i);
	if (!more && i->body_ended && !i->problem && i->records < i->skip)
		refuse_skip(i);
	drop_taken(i);
	if (!i->batch_records)
		mark_done(i);
	if (i->r && i->batch_records && (is_full(i) || i->problem || i->body_ended)) {
		http_body_pause(i->r);
		i->tried_us = clock_mono_us();
		submit(i);
	} else if (!i->r || i->problem || i->body_ended) {
		finish(i);
	} else {
		http_body_resume(i->r);
	}
}

static void on_piece(void *ctx, struct http_request *r, struct slice bytes)
{
	struct import *i = ctx;

	(void)r;
	buf_append_slice(&i->in, bytes);
	go_on(i);
}

static void on_end(void *ctx, struct http_request *r, enum problem p)
{
	struct import *i = ctx;

	(void)r;
	i->body_ended = true;
	if (p && !i->problem)
		i->problem = p;
	go_on(i);
}

static const struct http_body_ops body_ops = { .piece = on_piece, .end = on_end };

/* ---- life ---- */

void imports_begin(struct imports *s, struct http_request *r, enum import_form form, uint64_t skip)
{
	struct import *i;

	if (s->count == IMPORTS_MAX) {
		http_answer_problem_with(r, PROBLEM_TOO_MANY, "As many imports as are allowed at once are under way. Try again.",
					 "Retry-After: 1\r\n");
		return;
	}
	i = mem_zalloc(sizeof *i);
	obj_init(i, IMPORT_MAGIC);
	i->imports = s;
	i->r = r;
	i->form = form;
	i->skip = skip;
	i->told_us = clock_mono_us();
	i->carrier = http_request_new(&s->carriers);
	i->carrier->written = on_written;
	i->carrier->written_ctx = i;
	i->retry = loop_later(s->setup.loop, on_retry, i);
	s->count++;
	http_request_decides(r);
	http_body_start(r, &body_ops, i);
}

void imports_new(const struct imports_setup *setup, struct imports **ip)
{
	struct imports *s = mem_zalloc(sizeof *s);

	obj_init(s, IMPORTS_MAGIC);
	s->setup = *setup;
	*ip = s;
}

void imports_free(struct imports **ip)
{
	struct imports *s = *ip;

	*ip = NULL;
	obj_check(s, IMPORTS_MAGIC);
	must(s->count == 0);
	http_pool_fini(&s->carriers);
	buf_fini(&s->text);
	buf_fini(&s->members);
	obj_fini(s);
	mem_free(s);
}
