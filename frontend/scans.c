/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scan is at a working thread, or its client takes bytes, or both. What the thread has brought (step.out) changes
 * places with what is being written (ready), so two buffers are all there ever is.
 */
#include "frontend/scans.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/http_stream.h"
#include "frontend/loop.h"
#include "frontend/media.h"
#include "frontend/scan_problem.h"
#include "frontend/suspects.h"

#define SCANS_MAGIC 0x53636e01u
#define SCAN_MAGIC 0x53636e02u

enum { PAGE_BYTES = 1 << 20, PAGE_MOST_US = 1000000, STREAM_BYTES = 192 << 10, STEP_US = 20000 };

struct scans {
	uint32_t magic;
	struct scans_setup setup;
	struct suspects suspects;
	struct loop_event *retry;
	struct scan *held;
	size_t count;                    /* under way, held ones too */
	struct buf text;                 /* scratch */
};

struct scan {
	uint32_t magic;
	struct scan *next;               /* held */
	struct scans *scans;
	struct http_request *r;          /* NULL: the client is gone */
	struct scan_ask ask;
	struct buf bounds;               /* what its range points into: a step outlives a request whose client is gone */
	struct cursor from;              /* what the cursor said */
	struct snapshot *snap;
	struct http_stream *stream;
	struct buf ready;
	uint64_t began_us;               /* with its first step */
	bool full, ended;
	bool at_work;                    /* then step is the thread's */
	struct work work;
	struct scan_step step;
};

static void go_on(struct scan *s);

/* ---- the end ---- */

static void scan_free(struct scan *s, bool keep)
{
	struct scans *scans = s->scans;

	must(!s->at_work);
	scan_step_fini(&s->step);
	if (s->snap)
		snapshots_done(scans->setup.snapshots, &s->snap, keep);
	buf_fini(&s->ready);
	buf_fini(&s->bounds);
	scans->count--;
	obj_fini(s);
	mem_free(s);
}

/* What happened to a scan that cannot go on, with what there is to tell about damage. */
static struct scan_problem what_ended(struct scan *s)
{
	const struct table_damage *found = walk_found(&s->step.walk);

	if (found)
		suspects_tell(&s->scans->suspects, found, clock_mono_us());
	return scan_problem_of(s->step.walk.st, walk_damage(&s->step.walk));
}

static void refuse(struct scan *s, const struct scan_problem *p)
{
	scan_problem_answer(s->r, p, &s->scans->text);
	scan_free(s, false);
}

static void refuse_plainly(struct scan *s, enum problem p)
{
	refuse(s, &(struct scan_problem){ .problem = p });
}

static void submit(struct scan *s)
{
	s->at_work = true;
	workers_submit(s->scans->setup.workers, &s->work);
}

/* ---- pages ---- */

/* The page is not full yet. */
static void next_step(struct scan *s)
{
	if (!snapshots_renew(s->scans->setup.snapshots, s->snap)) {
		refuse_plainly(s, PROBLEM_SNAPSHOT_GONE);
		return;
	}
	s->step.most_items -= s->step.items;
	submit(s);
}

/* What is left for the next page: what is behind the last item, or behind what was passed over since. false: no cursor can be made
 * now. */
static bool make_cursor(struct scan *s, struct cursor *c)
{
	struct buf *bound = &s->step.last_key;

	*c = s->from;
	c->rest = s->step.walk.range;
	c->reverse = s->ask.reverse;
	c->keys_only = s->ask.keys_only;
	if (!s->ask.cursor)
		c->asked = cursor_asked(&s->ask.range);
	if (s->step.walk.paused)
		(void)walk_rest(&s->step.walk, bound);
	else if (!s->ask.reverse)
		buf_append_byte(bound, 0);       /* the smallest key behind the item */
	*(s->ask.reverse ? &c->rest.end : &c->rest.start) = buf_slice(bound);
	return snapshots_name(s->scans->setup.snapshots, s->snap, c);
}

/* {"items":[ stands in front already. */
static void answer_page(struct scan *s)
{
	bool more = !s->step.at_end || s->step.walk.st, keep = more && s->r->conn;
	struct buf *out = &s->step.out;
	struct cursor c;

	if (more && !make_cursor(s, &c)) {
		refuse_plainly(s, PROBLEM_OVERLOADED);
		return;
	}
	buf_append_str(out, "],\"cursor\":");
	if (more) {
		buf_append_byte(out, '"');
		cursor_write(out, &c);
		buf_append_byte(out, '"');
	} else {
		buf_append_str(out, "null");
	}
	buf_append_str(out, "}\n");
	http_answer_json(s->r, buf_slice(out));
	scan_free(s, keep);
}

/* Would the next page begin elsewhere? */
static bool has_come_forward(struct scan *s)
{
	return s->step.any || walk_rest(&s->step.walk, &s->step.last_key);
}

/* A page whose time is over is answered as it is; it may be empty, but its cursor leads on. */
static void page_done(struct scan *s)
{
	if (s->step.paused && s->r->conn && (clock_mono_us() - s->began_us < PAGE_MOST_US || !has_come_forward(s))) {
		next_step(s);
		return;
	}
	if (s->step.walk.st && !s->step.any) {
		struct scan_problem p = what_ended(s);

		refuse(s, &p);
		return;
	}
	if (s->step.walk.st)
		(void)what_ended(s);
	answer_page(s);
}

/* ---- streams ---- */

static void on_more(void *ctx, struct http_stream *stream)
{
	struct scan *s = ctx;

	(void)stream;
	s->full = false;
	go_on(s);
}

static void on_gone(void *ctx)
{
	struct scan *s = ctx;

	s->stream = NULL;
	s->r = NULL;
	atomic_store(&s->step.cancelled, true);
	if (!s->at_work)
		scan_free(s, false);
}

static const struct http_stream_ops stream_ops = { .more = on_more, .gone = on_gone };

/* false: the scan is over. */
static bool begin_stream(struct scan *s)
{
	struct http_stream_head head = { .status = 200,
					 .type = s->ask.form == SCAN_LINES ? MEDIA_NDJSON : MEDIA_PROTOBUF,
					 .compress = true };

	s->stream = http_stream_begin(s->r, &head, &stream_ops, s);
	if (s->stream)
		return true;
	scan_free(s, false);
	return false;
}

/* It is not complete, and its client can tell: by a last line, or by the last chunk, which is missing. Where there is neither
 * the end of the connection must not look like that of the stream. */
static void break_stream(struct scan *s, const struct scan_problem *p)
{
	struct buf *text = &s->scans->text;

	if (s->ask.form == SCAN_LINES) {
		buf_reset(text);
		scan_problem_line(text, p);
		(void)http_stream_write(s->stream, buf_slice(text));
	} else if (s->r->http10) {
		http_stream_abort(&s->stream);
		return;
	}
	http_stream_break(&s->stream);
}

static void end_stream(struct scan *s, const struct scan_problem *p)
{
	if (p->problem == PROBLEM_NONE)
		http_stream_end(&s->stream);
	else
		break_stream(s, p);
	scan_free(s, false);
}

/* What has not been begun can still be refused. */
static void stop(struct scan *s, const struct scan_problem *p)
{
	if (s->stream)
		end_stream(s, p);
	else
		refuse(s, p);
}

/* Writes what is ready, has more of it made, as far as both can go on. The scan may be gone afterwards. */
static void go_on(struct scan *s)
{
	for (;;) {
		struct scan_problem p = { .problem = PROBLEM_NONE };

		if (s->ready.n && !s->full) {
			s->full = !http_stream_write(s->stream, buf_slice(&s->ready));
			buf_reset(&s->ready);
		}
		if (s->ready.n || s->at_work)
			return;
		if (s->step.out.n == 0 && s->ended) {
			p = what_ended(s);
			stop(s, &p);
			return;
		}
		if (!snapshots_renew(s->scans->setup.snapshots, s->snap)) {
			p.problem = PROBLEM_SNAPSHOT_GONE;
			stop(s, &p);
			return;
		}
		if (s->step.out.n) {
			struct buf swap = s->ready;

			s->ready = s->step.out;
			s->step.out = swap;
		}
		if (!s->ended)
			submit(s);
		if (!s->ready.n)
			return;
	}
}

static void stream_done(struct scan *s)
{
	bool failed_early = s->step.walk.st && s->step.out.n == 0;

	s->ended = s->step.at_end;
	stats_add(M_scanned_entries, s->step.items);
	if (!s->stream && !failed_early && (s->step.out.n || !s->step.paused || !s->r->conn) && !begin_stream(s))
		return;
	go_on(s);
}

/* ---- steps ---- */

static struct scan *scan_of(struct work *work)
{
	return (struct scan *)((char *)work - offsetof(struct scan, work));
}

static void on_run(struct work *work)
{
	scan_step_run(&scan_of(work)->step);
}

static void on_done(struct work *work)
{
	struct scan *s = scan_of(work);

	obj_check(s, SCAN_MAGIC);
	s->at_work = false;
	if (!s->r) {
		scan_free(s, false);
	} else if (s->ask.form == SCAN_PAGE) {
		stats_add(M_scanned_entries, s->step.items);
		page_done(s);
	} else {
		stream_done(s);
	}
}

/* ---- the beginning ---- */

static void begin_steps(struct scan *s)
{
	bool page = s->ask.form == SCAN_PAGE;

	s->step.walk.view = s->snap->view;
	s->step.walk.seq = s->snap->facts.seq;
	s->step.walk.now_ms = s->snap->facts.now_ms;
	s->step.walk.range = s->ask.range;
	s->step.walk.reverse = s->ask.reverse;
	s->step.form = s->ask.form;
	s->step.keys_only = s->ask.keys_only;
	s->step.most_items = page ? s->ask.limit : UINT64_MAX;
	s->step.most_bytes = page ? PAGE_BYTES : STREAM_BYTES;
	s->step.most_us = STEP_US;
	s->began_us = clock_mono_us();
	s->work.run = on_run;
	s->work.done = on_done;
	if (page)
		buf_append_str(&s->step.out, "{\"items\":[");
	submit(s);
}

static void hold(struct scan *s)
{
	s->next = s->scans->held;
	s->scans->held = s;
	loop_after(s->scans->retry, SCANS_RETRY_MS);
}

static void keep_range(struct scan *s)
{
	size_t n = s->ask.range.start.n;

	buf_append_slice(&s->bounds, s->ask.range.start);
	buf_append_slice(&s->bounds, s->ask.range.end);
	s->ask.range.start = slice_of(s->bounds.p, n);
	s->ask.range.end = slice_of(s->bounds.p ? s->bounds.p + n : NULL, s->bounds.n - n);
}

static void find_snapshot(struct scan *s)
{
	enum st st = s->ask.cursor ? snapshots_find(s->scans->setup.snapshots, &s->from, &s->snap)
				   : snapshots_take(s->scans->setup.snapshots, &s->snap);

	if (st == ST_OK)
		begin_steps(s);
	else if (st == ST_NOT_FOUND)
		refuse_plainly(s, PROBLEM_SNAPSHOT_GONE);
	else if (st == ST_BUSY)
		refuse_plainly(s, PROBLEM_OVERLOADED);
	else if (clock_mono_us() - s->r->arrived_us < SCANS_HOLD_US)
		hold(s);
	else
		refuse_plainly(s, PROBLEM_ENGINE_UNAVAILABLE);
}

static void on_retry(void *ctx)
{
	struct scans *scans = ctx;
	struct scan *s = scans->held, *next;

	scans->held = NULL;
	for (; s; s = next) {
		next = s->next;
		find_snapshot(s);
	}
	scans->setup.flush(scans->setup.ctx);
}

void scans_begin(struct scans *scans, struct http_request *r, const struct scan_ask *ask)
{
	struct scan *s;

	if (scans->count == SCANS_MAX) {
		http_answer_problem_with(r, PROBLEM_TOO_MANY, "As many scans as are allowed at once are under way. Try again.",
					 "Retry-After: 1\r\n");
		return;
	}
	s = mem_zalloc(sizeof *s);
	obj_init(s, SCAN_MAGIC);
	s->scans = scans;
	s->r = r;
	s->ask = *ask;
	keep_range(s);
	if (ask->cursor)
		s->from = *ask->cursor;
	scans->count++;
	stats_add(M_scans, 1);
	http_request_is_slow(r);
	find_snapshot(s);
}

/* ---- life ---- */

void scans_new(const struct scans_setup *setup, struct scans **sp)
{
	struct scans *scans = mem_zalloc(sizeof *scans);

	obj_init(scans, SCANS_MAGIC);
	scans->setup = *setup;
	scans->suspects.pending = setup->pending;
	scans->retry = loop_later(setup->loop, on_retry, scans);
	*sp = scans;
}

void scans_free(struct scans **sp)
{
	struct scans *scans = *sp;

	*sp = NULL;
	obj_check(scans, SCANS_MAGIC);
	must(scans->count == 0);
	loop_forget(&scans->retry);
	buf_fini(&scans->text);
	obj_fini(scans);
	mem_free(scans);
}
