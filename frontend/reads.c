/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	          view open, bytes in memory
 *	read ------------------------------------> answered
 *	  |  \--> disk needed --> reading thread --^
 *	  |                            | a file is gone: a newer view is out
 *	  `--> newest view not open -> held, tried again every 5 ms, at most 2 s
 */
#include "frontend/reads.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/cold.h"
#include "frontend/http_conn.h"
#include "frontend/loop.h"
#include "frontend/suspects.h"
#include "frontend/text.h"

#define READS_MAGIC 0x52647301u

enum { ATTEMPTS = 3, SCRATCH_KEEP_BYTES = 256 << 10 };

struct reads {
	uint32_t magic;
	struct attach *attach;
	struct suspects suspects;
	struct cold *cold;
	reads_flush_f *flush;
	void *ctx;
	struct loop_event *retry;
	struct http_request *held, *held_last;   /* by link, oldest first */
	struct buf scratch;                      /* the body being written */
};

/* ---- answers ---- */

static void count_cost(const struct read_cost *c)
{
	if (c->filter_checks)
		stats_add(M_bloom_checks, c->filter_checks);
	if (c->filter_useful)
		stats_add(M_bloom_useful, c->filter_useful);
	if (c->blocks_cached)
		stats_add(M_cache_hits, c->blocks_cached);
	if (c->blocks_read)
		stats_add(M_cache_misses, c->blocks_read);
}

/* "name":"text", or "name_base64":"..." when it is no text. */
static void write_member(struct buf *out, const char *name, struct slice s)
{
	size_t before = out->n;

	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append(out, "\":", 2);
	if (text_quote(out, s))
		return;
	out->n = before;
	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append_str(out, "_base64\":\"");
	text_base64(out, s);
	buf_append_byte(out, '"');
}

static void answer_found(struct reads *reads, struct http_request *r, const struct entry *e)
{
	struct buf *out = &reads->scratch;

	buf_reset(out);
	buf_append_byte(out, '{');
	write_member(out, "key", r->key);
	buf_append_byte(out, ',');
	write_member(out, "value", e->value);
	buf_append_str(out, ",\"timestamp\":");
	buf_append_u64(out, (uint64_t)(e->timestamp_ms / 1000));
	buf_append(out, "}\n", 2);
	http_answer_json(r, buf_slice(out));
	if (out->capacity > SCRATCH_KEEP_BYTES)
		buf_fini(out);
}

/* Says which keys are out of reach and why. Damage of memory has no place. */
static void answer_corrupt(struct reads *reads, struct http_request *r, const struct table_damage *d)
{
	struct buf *out = &reads->scratch;

	buf_reset(out);
	if (d->table.v)
		buf_printf(out, ",\"table\":%" PRIu64, d->table.v);
	if (d->table.v && d->offset != DAMAGE_WHOLE)
		buf_printf(out, ",\"offset\":%" PRIu64, d->offset);
	if (d->record)
		buf_printf(out, ",\"record\":%" PRIu64, d->record);
	if (d->max.n) {
		buf_append_str(out, ",\"range\":{");
		write_member(out, "min", d->min);
		buf_append_byte(out, ',');
		write_member(out, "max", d->max);
		buf_append_byte(out, '}');
	}
	http_answer_problem_members(r, PROBLEM_CORRUPT, buf_slice(out));
}

/* Ends r with an outcome that is final. */
static void answer(struct reads *reads, struct http_request *r, enum st st, const struct entry *e,
		   const struct read_cost *cost)
{
	uint64_t arrived_us = r->arrived_us;

	count_cost(cost);
	suspects_tell(&reads->suspects, &cost->damage, clock_mono_us());

	if (st == ST_OK || st == ST_NOT_FOUND)
		stats_add(M_read_operations, 1);
	if (st == ST_OK)
		answer_found(reads, r, e);
	else if (st == ST_CORRUPT)
		answer_corrupt(reads, r, &cost->damage);
	else
		http_answer_problem(r, problem_of(st), NULL);
	stats_time(OP_READ, clock_mono_us() - arrived_us);
}

/* ---- waiting ---- */

static void hold(struct reads *reads, struct http_request *r)
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

static void go_cold(struct reads *reads, struct http_request *r, struct view *v, struct seq seq,
		    int64_t now_ms)
{
	struct cold_read *c = mem_zalloc(sizeof *c);

	stats_add(M_cold_reads, 1);
	http_request_is_slow(r);
	c->request = r;
	c->view = view_ref(v);
	c->key = r->key;
	c->seq = seq;
	c->now_ms = now_ms;
	cold_submit(reads->cold, c);
}

/* One attempt after the other, as each may find that a newer view is out. */
static void attempt(struct reads *reads, struct http_request *r)
{
	int64_t now_ms = clock_wall_ms();
	unsigned i;

	for (i = 0; i < ATTEMPTS; i++) {
		struct read_cost cost = { 0 };
		struct view_pin pin;
		struct entry e;
		struct view *v;
		struct seq seq;
		enum st st;

		if (attach_current(reads->attach, &v, &seq) != ST_OK)
			break;
		st = view_get(v, r->key, seq, now_ms, true, &cost, &e, &pin);
		switch (st) {
		case ST_OK:
		case ST_NOT_FOUND:
		case ST_CORRUPT:
			answer(reads, r, st, &e, &cost);
			view_pin_release(&pin);
			return;
		case ST_BUSY:
			go_cold(reads, r, v, seq, now_ms);
			return;
		case ST_UNAVAILABLE:
			suspects_tell(&reads->suspects, &cost.damage, clock_mono_us());
			attach_invalidate(reads->attach);
			continue;
		default:
			answer(reads, r, ST_IO, NULL, &cost);
			return;
		}
	}
	hold(reads, r);
}

void reads_get(struct reads *reads, struct http_request *r)
{
	attempt(reads, r);
}

static void on_cold_done(void *ctx, struct cold_read *c)
{
	struct reads *reads = ctx;

	if (c->st == ST_UNAVAILABLE) {
		suspects_tell(&reads->suspects, &c->cost.damage, clock_mono_us());
		attach_invalidate(reads->attach);
		hold(reads, c->request);
	} else {
		answer(reads, c->request, c->st, &c->entry, &c->cost);
	}
	if (c->st == ST_OK)
		view_pin_release(&c->pin);
	view_unref(&c->view);
	mem_free(c);
}

static void on_retry(void *ctx)
{
	struct reads *reads = ctx;
	struct http_request *r = reads->held, *next;
	struct read_cost none = { .tables = 0 };
	uint64_t now = clock_mono_us();

	reads->held = reads->held_last = NULL;
	for (; r; r = next) {
		next = r->link;
		if (now - r->arrived_us > READS_HOLD_US)
			answer(reads, r, ST_UNAVAILABLE, NULL, &none);
		else
			attempt(reads, r);
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
	cold_new(loop, READS_THREADS, on_cold_done, on_flush, reads, &reads->cold);
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
