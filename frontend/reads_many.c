/* SPDX-License-Identifier: Apache-2.0 */
/* Many keys, one snapshot (reads_many.h). walk() runs on the event loop or on a reading thread, all else on the loop. */
#include "frontend/reads_many.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "frontend/http_conn.h"
#include "frontend/reads_priv.h"

enum { TURN_KEYS = 128, LOOP_BYTES = 256 << 10 };        /* of one go; more bytes than that are a thread's work */

static struct reads_many *many_of(struct cold_job *job)
{
	return (struct reads_many *)((char *)job - offsetof(struct reads_many, job));
}

/* One key. */
static enum st look(struct reads_many *m, bool nowait)
{
	struct slice key = m->keys[m->at];
	struct view_pin pin;
	struct entry e;
	enum st st;

	if (m->out.n >= m->max_bytes)
		return ST_TOO_BIG;
	st = view_get(m->view, key, m->seq, m->now_ms, nowait, &m->cost, &e, &pin);
	if (st != ST_OK && st != ST_NOT_FOUND && st != ST_CORRUPT)
		return st;
	m->item(&m->out, key, st, &e);
	view_pin_release(&pin);
	return ST_OK;
}

/* Goes on until the end, or until something stands in the way. ST_BUSY: it is a thread's turn, another one's after a thread's:
 * point reads that wait for the same thread do not wait for all of these. */
static enum st walk(struct reads_many *m, bool nowait)
{
	size_t from = m->at;
	enum st st;

	for (; m->at < m->count; m->at++) {
		if (m->at - from == TURN_KEYS || (nowait && m->out.n > LOOP_BYTES))
			return ST_BUSY;
		st = look(m, nowait);
		if (st)
			return st;
	}
	return ST_OK;
}

static void finish(struct reads_many *m, enum st st)
{
	uint64_t arrived_us = m->request->arrived_us;

	reads__account(m->reads, &m->cost);
	view_unref(&m->view);
	if (st == ST_OK)
		stats_add(M_read_operations, m->count);
	m->done(m->request, m, st);
	stats_time(OP_READ, clock_mono_us() - arrived_us);
}

/* false: all over again. */
static bool settle(struct reads_many *m, enum st st)
{
	if (st == ST_UNAVAILABLE) {
		reads__view_is_old(m->reads, &m->cost);
		view_unref(&m->view);
		return false;
	}
	finish(m, st == ST_OK || st == ST_TOO_BIG ? st : ST_IO);
	return true;
}

static void run_cold(struct cold_job *job)
{
	struct reads_many *m = many_of(job);

	m->st = walk(m, false);
}

static void on_cold_done(void *ctx, struct cold_job *job)
{
	struct reads_many *m = many_of(job);

	(void)ctx;
	if (m->st == ST_BUSY)
		cold_submit(m->reads->cold, &m->job);
	else if (!settle(m, m->st))
		reads__hold(m->reads, m->request);
}

/* Begins at the first key in the newest view; false: a newer one is out. */
static bool begin(struct reads *reads, struct http_request *r, struct view *v, struct seq seq)
{
	struct reads_many *m = r->many;
	enum st st;

	m->view = view_ref(v);
	m->seq = seq;
	m->now_ms = clock_wall_ms();
	m->at = 0;
	m->cost = (struct read_cost){ .tables = 0 };
	buf_reset(&m->out);
	st = walk(m, true);
	if (st != ST_BUSY)
		return settle(m, st);
	stats_add(M_cold_reads, 1);
	http_request_is_slow(m->request);
	m->job = (struct cold_job){ .run = run_cold, .done = on_cold_done };
	cold_submit(reads->cold, &m->job);
	return true;
}

static void attempt(struct reads *reads, struct http_request *r)
{
	reads__attempt(reads, r, begin);
}

static void give_up(struct reads *reads, struct http_request *r)
{
	(void)reads;
	r->many->cost = (struct read_cost){ .tables = 0 };
	finish(r->many, ST_UNAVAILABLE);
}

void reads_get_many(struct reads *reads, struct http_request *r, struct reads_many *m)
{
	m->reads = reads;
	m->request = r;
	m->out = BUF_INIT;
	m->view = NULL;
	r->many = m;
	r->look_again = attempt;
	r->no_view = give_up;
	attempt(reads, r);
}
