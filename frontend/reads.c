/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	          view open, bytes in memory
 *	read ------------------------------------> answered
 *	  |  \--> disk needed --> reading thread --^
 *	  |                            | a file is gone: a newer view is out
 *	  `--> newest view not open -> held, tried again every 5 ms, at most 2 s
 */
#include "frontend/reads.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/damage_text.h"
#include "frontend/http_conn.h"
#include "frontend/loop.h"
#include "frontend/reads_priv.h"
#include "frontend/text.h"

#define READS_MAGIC 0x52647301u

enum { SCRATCH_KEEP_BYTES = 256 << 10 };

/* ---- answers ---- */

void reads__account(struct reads *reads, const struct read_cost *c)
{
	if (c->filter_checks)
		stats_add(M_bloom_checks, c->filter_checks);
	if (c->filter_useful)
		stats_add(M_bloom_useful, c->filter_useful);
	if (c->blocks_cached)
		stats_add(M_cache_hits, c->blocks_cached);
	if (c->blocks_read)
		stats_add(M_cache_misses, c->blocks_read);
	suspects_tell(&reads->suspects, &c->damage, clock_mono_us());
}

void reads__view_is_old(struct reads *reads, const struct read_cost *c)
{
	suspects_tell(&reads->suspects, &c->damage, clock_mono_us());
	attach_invalidate(reads->attach);
}

void reads_answer_json(struct http_request *r, const struct read_outcome *o, struct buf *out)
{
	if (o->st != ST_OK) {
		http_answer_problem(r, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	buf_append_byte(out, '{');
	text_member(out, "key", r->key);
	buf_append_byte(out, ',');
	text_member(out, "value", o->entry->value);
	buf_append_str(out, ",\"timestamp\":");
	buf_append_u64(out, (uint64_t)(o->entry->timestamp_ms / 1000));
	buf_append(out, "}\n", 2);
	http_answer_json(r, buf_slice(out));
}

/* Says which keys are out of reach and why. */
static void answer_corrupt(struct reads *reads, struct http_request *r, const struct table_damage *d)
{
	struct buf *out = &reads->scratch;

	damage_text_members(out, d);
	http_answer_problem_members(r, PROBLEM_CORRUPT, buf_slice(out));
}

/* Ends r with an outcome that is final. */
static void finish(struct reads *reads, struct http_request *r, const struct read_outcome *o)
{
	uint64_t arrived_us = r->arrived_us;

	reads__account(reads, o->cost);
	buf_reset(&reads->scratch);
	if (o->st == ST_OK || o->st == ST_NOT_FOUND) {
		stats_add(M_read_operations, 1);
		r->answer_read(r, o, &reads->scratch);
	} else if (o->st == ST_CORRUPT) {
		answer_corrupt(reads, r, &o->cost->damage);
	} else {
		http_answer_problem(r, problem_of(o->st), NULL);
	}
	if (reads->scratch.capacity > SCRATCH_KEEP_BYTES)
		buf_fini(&reads->scratch);
	stats_time(OP_READ, clock_mono_us() - arrived_us);
}

/* ---- waiting ---- */

void reads__hold(struct reads *reads, struct http_request *r)
{
	http_request_is_slow(r);
	r->link = NULL;
	if (reads->held_last)
		reads->held_last->link = r;
	else
		reads->held = r;
	reads->held_last = r;
	loop_after(reads->retry, READS_RETRY_MS);
}

/* The part of a reading thread in one read. */
struct cold_read {
	struct cold_job job;             /* first */
	struct http_request *request;    /* not touched by the thread */
	struct view *view;               /* a reference */
	struct slice key;                /* good until the answer */
	struct seq seq;
	int64_t now_ms;
	uint64_t begun_ns;

	struct entry entry;
	struct view_pin pin;
	struct read_cost cost;
	struct read_outcome outcome;
};

static void run_cold(struct cold_job *job)
{
	struct cold_read *c = (struct cold_read *)job;

	c->outcome.st = view_get(c->view, c->key, c->seq, c->now_ms, false, &c->cost, &c->entry, &c->pin);
}

static void on_cold_done(void *ctx, struct cold_job *job)
{
	struct reads *reads = ctx;
	struct cold_read *c = (struct cold_read *)job;

	if (c->outcome.st == ST_UNAVAILABLE) {
		reads__view_is_old(reads, &c->cost);
		reads__hold(reads, c->request);
	} else {
		c->outcome.disk_ns = clock_mono_ns() - c->begun_ns;
		finish(reads, c->request, &c->outcome);
	}
	if (c->outcome.st == ST_OK)
		view_pin_release(&c->pin);
	view_unref(&c->view);
	mem_free(c);
}

/* The same question for a thread. so_far: what was found out on the event loop. */
static void go_cold(struct reads *reads, struct http_request *r, struct view *v, struct seq seq, int64_t now_ms,
		    const struct read_outcome *so_far)
{
	struct cold_read *c = mem_zalloc(sizeof *c);

	stats_add(M_cold_reads, 1);
	http_request_is_slow(r);
	c->job = (struct cold_job){ .run = run_cold, .done = on_cold_done };
	c->request = r;
	c->view = view_ref(v);
	c->key = r->key;
	c->seq = seq;
	c->now_ms = now_ms;
	c->cost.trace = r->trace;
	c->outcome = *so_far;
	c->outcome.entry = &c->entry;
	c->outcome.cost = &c->cost;
	c->begun_ns = clock_mono_ns();
	cold_submit(reads->cold, &c->job);
}

/* Looks once; false: a newer view is out. */
static bool look(struct reads *reads, struct http_request *r, struct view *v, struct seq seq)
{
	struct read_cost cost = { .trace = r->trace };
	int64_t now_ms = clock_wall_ms();
	uint64_t begun_ns = clock_mono_ns();
	struct entry e;
	struct read_outcome o = { .entry = &e, .cost = &cost, .wait_ns = begun_ns - r->arrived_us * 1000 };
	struct view_pin pin;
	enum st st = view_get(v, r->key, seq, now_ms, true, &cost, &e, &pin);

	o.memory_ns = clock_mono_ns() - begun_ns;
	switch (st) {
	case ST_OK:
	case ST_NOT_FOUND:
	case ST_CORRUPT:
		o.st = st;
		finish(reads, r, &o);
		view_pin_release(&pin);
		return true;
	case ST_BUSY:
		go_cold(reads, r, v, seq, now_ms, &o);
		return true;
	case ST_UNAVAILABLE:
		reads__view_is_old(reads, &cost);
		return false;
	default:
		o.st = ST_IO;
		finish(reads, r, &o);
		return true;
	}
}

void reads__attempt(struct reads *reads, struct http_request *r, reads_look_f *once)
{
	unsigned i;

	for (i = 0; i < READS_ATTEMPTS; i++) {
		struct view *v;
		struct seq seq;

		if (attach_current(reads->attach, &v, &seq) != ST_OK)
			break;
		if (once(reads, r, v, seq))
			return;
	}
	reads__hold(reads, r);
}

static void attempt(struct reads *reads, struct http_request *r)
{
	reads__attempt(reads, r, look);
}

static void give_up(struct reads *reads, struct http_request *r)
{
	struct read_cost none = { .tables = 0 };
	struct read_outcome gone = { .st = ST_UNAVAILABLE, .cost = &none };

	finish(reads, r, &gone);
}

void reads_get(struct reads *reads, struct http_request *r, read_answer_f *answer, struct read_trace *trace)
{
	r->answer_read = answer;
	r->trace = trace;
	r->look_again = attempt;
	r->no_view = give_up;
	attempt(reads, r);
}

static void on_retry(void *ctx)
{
	struct reads *reads = ctx;
	struct http_request *r = reads->held, *next;
	uint64_t now = clock_mono_us();

	reads->held = reads->held_last = NULL;
	for (; r; r = next) {
		next = r->link;
		if (now - r->arrived_us > READS_HOLD_US)
			r->no_view(reads, r);
		else
			r->look_again(reads, r);
	}
	reads->flush(reads->ctx);
}

static void on_flush(void *ctx)
{
	struct reads *reads = ctx;

	reads->flush(reads->ctx);
}

/* ---- life ---- */

void reads_new(struct loop *loop, struct attach *a, struct pending *pending, reads_flush_f *flush, void *ctx, struct reads **rp)
{
	struct reads *reads = mem_zalloc(sizeof *reads);

	obj_init(reads, READS_MAGIC);
	reads->attach = a;
	reads->suspects.pending = pending;
	reads->flush = flush;
	reads->ctx = ctx;
	reads->retry = loop_later(loop, on_retry, reads);
	cold_new(loop, READS_THREADS, on_flush, reads, &reads->cold);
	*rp = reads;
}

void reads_free(struct reads **rp)
{
	struct reads *reads = *rp;

	*rp = NULL;
	obj_check(reads, READS_MAGIC);
	must(reads->held == NULL);
	cold_free(&reads->cold);
	loop_forget(&reads->retry);
	buf_fini(&reads->scratch);
	obj_fini(reads);
	mem_free(reads);
}
