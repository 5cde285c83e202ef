/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of writers. A batch is pushed onto a list; who finds the list empty leads the next group: it waits for the
 * group before, takes the whole list, commits it in order, wakes the others.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "tools/bench_db_priv.h"

#define PATIENCE_MS 1000u
#define REFUSED_WAIT_US 1000u
#define WINDOW (ORIGIN_WINDOW_MAX / 2)   /* requests of one origin in a group */

enum { WAITING, ANSWERED };

/* One write in the line, on its thread's stack. */
struct bench_waiter {
	struct bench_batch *batch;
	struct bench_waiter *next;
	_Atomic uint32_t state;
};

/* ---- a batch ---- */

void bench_batch_fini(struct bench_batch *b)
{
	buf_fini(&b->entries);
	buf_fini(&b->request);
}

void bench_batch_reset(struct bench_batch *b)
{
	buf_reset(&b->entries);
	b->counts = (struct write_counts){ .batches = 1 };
	b->cost = 0;
}

void bench_batch_add(struct bench_batch *b, const struct write_op *op)
{
	write_batch_add(&b->entries, op);
	b->counts.entries++;
	b->cost += memtable_cost(op->key.n, op->value.n);
}

/* ---- the group ---- */

static void commit_group(struct bench_db *db)
{
	struct group *g = &db->db.writer.group;
	uint64_t us = writer_delay_us(&db->db.writer);

	if (us > 0 && g->entries > 0) {
		clock_sleep_us(us);
		stats_add(M_stalled_us, us);
	}
	bench__need(group_commit(g), "the log cannot be written");
	group_reset(g);
	writer_pace(&db->db.writer);
}

void bench__rotate(struct bench_db *db, uint64_t cost, size_t bytes)
{
	struct write_reply refusal;
	enum st st;

	do {
		db->db.writer.patience_ms = PATIENCE_MS;
		st = writer_rotate(&db->db.writer, cost, bytes, &refusal);
		if (st && st != ST_BUSY)
			bench__need(st, refusal.detail);
	} while (st);
}

/* Room in the memtable and the log, as the commit thread sees to it (engine/commit.c). */
static void admit(struct bench_db *db, const struct bench_batch *b)
{
	struct writer *w = &db->db.writer;
	struct write_reply refusal;

	while (writer_refuses(w, &b->counts, &refusal)) {
		commit_group(db);
		clock_sleep_us(REFUSED_WAIT_US);
		stats_add(M_stalled_us, REFUSED_WAIT_US);
	}
	if (writer_fits(w, b->cost, b->request.n))
		return;
	commit_group(db);
	bench__rotate(db, b->cost, b->request.n);
}

static void add(struct bench_db *db, const struct bench_batch *b)
{
	uint64_t id = ++db->next_request;
	struct write_request r = { .origin = db->origin, .request_id = id, .batches = buf_slice(&b->request),
				   .oldest_unanswered = id > WINDOW ? id - WINDOW : 1 };

	admit(db, b);
	group_add(&db->db.writer.group, &r, &b->counts, b->cost, NULL);
	if (db->db.writer.group.count == WINDOW)
		commit_group(db);
}

/* ---- the line ---- */

static void wake(struct bench_waiter *w)
{
	atomic_store_explicit(&w->state, ANSWERED, memory_order_release);
	(void)syscall(SYS_futex, &w->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await(struct bench_waiter *w)
{
	while (atomic_load_explicit(&w->state, memory_order_acquire) == WAITING)
		(void)syscall(SYS_futex, &w->state, FUTEX_WAIT_PRIVATE, WAITING, NULL, NULL, 0);
}

/* All that wait, oldest first. */
static struct bench_waiter *take_line(struct bench_db *db)
{
	struct bench_waiter *newest = atomic_exchange(&db->waiting, NULL), *oldest = NULL;

	while (newest) {
		struct bench_waiter *older = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = older;
	}
	return oldest;
}

static void lead(struct bench_db *db, struct bench_waiter *self)
{
	struct bench_waiter *line;

	pthread_mutex_lock(&db->commit);
	line = take_line(db);
	for (struct bench_waiter *w = line; w; w = w->next)
		add(db, w->batch);
	commit_group(db);
	writer_tell_sizes(&db->db.writer);
	pthread_mutex_unlock(&db->commit);
	while (line) {
		struct bench_waiter *w = line;

		line = w->next;          /* w may be gone as soon as it is woken */
		if (w != self)
			wake(w);
	}
}

void bench_db_write(struct bench_db *db, struct bench_batch *b)
{
	struct bench_waiter self = { .batch = b };
	struct bench_waiter *older = atomic_load(&db->waiting);

	buf_reset(&b->request);
	write_request_add_batch(&b->request, buf_slice(&b->entries));
	do
		self.next = older;
	while (!atomic_compare_exchange_weak(&db->waiting, &older, &self));
	if (older)
		await(&self);
	else
		lead(db, &self);
}
