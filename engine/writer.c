/* SPDX-License-Identifier: Apache-2.0 */
/* Room for writes: memtable and segment side by side, and their rotation; see writer.h. */
#include "engine/writer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/must.h"
#include "common/stats/stats.h"

#define MEMTABLE_SLACK (16u << 20)       /* arena beyond the limit, for the group that crosses it; sparse */
#define RECORD_OVERHEAD 512u             /* bytes of a WAL record beside its batches, generously */
#define SEGMENT_OVERHEAD 4096u           /* a segment's header, generously */
#define CLEAN_UP_US 2000000u             /* while the disk is nearly full, deletes are flushed this often */

/* Begins a segment and makes header and origins safe. ST_FULL: there is no room for it after all, and it is gone again.
 * Any other error may leave a half-written header: ST_IO. */
static enum st begin_segment(struct writer *w, struct wal **freshp, const struct wal_link *before, struct slice origins)
{
	uint64_t database = truth_database(w->conf.truth);
	struct wal *fresh = *freshp;
	enum st st = wal_begin(fresh, database, group_last_seq(&w->group), before, origins);

	if (!st)
		st = wal_write(fresh);
	if (!st)
		st = wal_sync(fresh);
	if (st == ST_FULL && spare_undo(w->conf.spare, freshp) == ST_OK)
		return ST_FULL;
	return st ? ST_IO : ST_OK;
}

/* A prepared segment and a memtable of its id; neither is begun. */
static enum st get_room(struct writer *w, uint64_t cost, uint64_t bytes, struct wal **walp, uint64_t *allocatedp,
			struct memtable **mp)
{
	uint64_t slack = cost > MEMTABLE_SLACK ? cost : MEMTABLE_SLACK;
	enum st st;

	*mp = NULL;
	do
		st = spare_take(w->conf.spare, bytes, reserve_refuses(w->conf.reserve), walp, allocatedp);
	while (st == ST_FULL && reserve_spend(w->conf.reserve));
	if (st)
		return st;
	st = memtable_new(wal_id(*walp), w->conf.memtable_size_limit + slack, mp);
	if (st)
		spare_discard(w->conf.spare, walp);      /* or every further try would leave one more on the disk */
	return st;
}

static enum st turn(struct writer *w, uint64_t cost, size_t bytes, const struct wal_link *before, struct wal **oldp)
{
	struct buf origins = BUF_INIT;
	struct memtable *m;
	struct wal *fresh;
	uint64_t allocated;
	enum st st;

	*oldp = NULL;
	origins_encode(w->origins, &origins);
	st = get_room(w, cost, origins.n + bytes + SEGMENT_OVERHEAD + RECORD_OVERHEAD, &fresh, &allocated, &m);
	if (st) {
		buf_fini(&origins);
		return st;
	}
	st = begin_segment(w, &fresh, before, buf_slice(&origins));
	buf_fini(&origins);
	if (st == ST_FULL) {
		memtable_unref(&m);
		return st;
	}
	*oldp = w->wal.wal;
	w->wal.wal = fresh;
	w->wal_allocated = allocated;
	w->rotated_us = clock_mono_us();
	if (w->active)
		memtable_unref(&w->active);
	w->active = w->group.memtable = m;
	w->paced_bytes = 0;
	return st;
}

enum st writer_open(struct writer *w, const struct writer_config *c, const struct writer_begin *b)
{
	struct group_config g = { .board = c->board, .origins = b->origins, .sync_mode = c->sync_mode,
				  .sync_every_us = c->sync_every_us, .last_seq = b->last_seq, .last_ms = b->last_ms };
	struct wal *none;

	*w = (struct writer){ .conf = *c, .origins = b->origins };
	group_init(&w->group, &g);
	w->group.journal = journal_of_wal(&w->wal);
	return turn(w, 0, 0, &b->before, &none);
}

bool writer_close(struct writer *w)
{
	bool synced = !w->group.broken && group_sync(&w->group) == ST_OK;

	must(w->group.count == 0);
	if (w->wal.wal)
		wal_close(&w->wal.wal);
	if (w->active)
		memtable_unref(&w->active);
	group_fini(&w->group);
	origins_free(&w->origins);
	return synced;
}

/* ---- refusing ---- */

static void refuse(struct write_reply *rp, enum st st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void refuse(struct write_reply *rp, enum st st, const char *fmt, ...)
{
	va_list ap;

	rp->status = st;
	rp->retry_after_ms = PRESSURE_RETRY_LEAST_MS;
	va_start(ap, fmt);
	(void)vsnprintf(rp->detail, sizeof(rp->detail), fmt, ap);
	va_end(ap);
}

/* How it stands now. */
static struct pressure_facts facts(const struct writer *w)
{
	const struct drain *d = w->conf.drain;
	struct pressure_facts f = { .memtable_limit = w->conf.memtable_size_limit,
				    .memtable_bytes = memtable_used(w->active) + truth_frozen_bytes(w->conf.truth),
				    .level0_tables = truth_level0_count(w->conf.truth) };

	if (!d)
		return f;
	f.debt_bytes = drain_get(&d->debt_bytes);
	f.flush_rate = drain_get(&d->flush_rate);
	f.level0_rate = drain_get(&d->level0_rate);
	f.debt_rate = drain_get(&d->byte_rate);
	f.debt_limit = drain_get(&d->byte_limit);
	return f;
}

static void refuse_until_compacted(const struct pressure_facts *f, enum pressure_cause cause, struct write_reply *rp)
{
	if (cause == PRESSURE_LEVEL0)
		refuse(rp, ST_BUSY, "compaction is behind: %u level-0 tables", f->level0_tables);
	else
		refuse(rp, ST_BUSY, "compaction is behind: %" PRIu64 " MiB are to be merged", f->debt_bytes >> 20);
	rp->retry_after_ms = pressure_retry_ms(f, cause);
}

static void refuse_until_flushed(const struct writer *w, struct write_reply *rp)
{
	struct pressure_facts f = facts(w);

	refuse(rp, ST_BUSY, "flush is behind: %u memtables wait for it", PRESSURE_FROZEN_MAX);
	rp->retry_after_ms = pressure_retry_ms(&f, PRESSURE_FLUSH);
}

bool writer_refuses(const struct writer *w, const struct write_counts *counts, struct write_reply *rp)
{
	struct pressure_facts f = facts(w);
	enum pressure_cause cause = pressure_stops(&f);

	if (counts->puts > 0 && reserve_refuses(w->conf.reserve)) {
		refuse(rp, ST_FULL, "the disk is nearly full: only deletes are accepted until %" PRIu64 " bytes are free",
		       reserve_resume(w->conf.reserve));
		return true;
	}
	if (cause != PRESSURE_NONE)
		refuse_until_compacted(&f, cause, rp);
	return cause != PRESSURE_NONE;
}

/* ---- pace ---- */

void writer_pace(struct writer *w)
{
	struct pressure_facts f = facts(w);
	uint64_t now = clock_mono_us(), used = memtable_used(w->active);

	pressure_spend(&w->pace, pressure_judge(&f, &w->pressure, now).rate, used - w->paced_bytes, now);
	w->paced_bytes = used;
}

uint64_t writer_delay_us(const struct writer *w)
{
	return pressure_delay_us(&w->pace, clock_mono_us());
}

/* ---- room ---- */

bool writer_fits(const struct writer *w, uint64_t cost, size_t bytes)
{
	const struct group *g = &w->group;
	uint64_t wal_after = wal_bytes(w->wal.wal) + bytes + RECORD_OVERHEAD;

	return memtable_used(w->active) + g->cost < w->conf.memtable_size_limit &&
	       memtable_room(w->active) >= g->cost + cost && wal_after <= w->wal_allocated;
}

static bool wait_for_flush(struct writer *w)
{
	uint64_t began = clock_mono_us();
	bool below = truth_wait_below(w->conf.truth, PRESSURE_FROZEN_MAX, w->patience_ms);
	uint64_t waited = clock_mono_us() - began;

	if (waited > 1000)
		stats_add(M_stalled_us, waited);
	if (!below)
		w->patience_ms = 0;
	return below;
}

enum st writer_rotate(struct writer *w, uint64_t cost, size_t bytes, struct write_reply *rp)
{
	uint64_t old_bytes = wal_bytes(w->wal.wal);
	struct wal_link before;
	struct wal *old;
	enum st st;

	must(w->group.count == 0);
	if (!wait_for_flush(w) && reserve_refuses(w->conf.reserve)) {
		refuse(rp, ST_FULL, "the disk is full: %u memtables wait for room to be flushed", PRESSURE_FROZEN_MAX);
		return ST_FULL;
	}
	if (truth_frozen_count(w->conf.truth) >= PRESSURE_FROZEN_MAX) {
		refuse_until_flushed(w, rp);
		return ST_BUSY;
	}
	if (group_sync(&w->group))
		return ST_IO;
	before = wal_end(w->wal.wal);
	st = turn(w, cost, bytes, &before, &old);
	if (st == ST_IO && old) {
		wal_close(&old);
		return ST_IO;            /* the new segment could not be begun */
	}
	if (st) {
		refuse(rp, st == ST_FULL ? ST_FULL : ST_UNAVAILABLE, "%s",
		       st == ST_FULL ? "the disk is full" : "no write-ahead log segment can be made");
		return rp->status;
	}
	truth_rotate(w->conf.truth, w->active, group_last_seq(&w->group), old_bytes);
	wal_close(&old);
	writer_tell_sizes(w);
	return ST_OK;
}

bool writer_should_clean_up(const struct writer *w)
{
	return reserve_refuses(w->conf.reserve) && memtable_entries(w->active) > 0 &&
	       truth_frozen_count(w->conf.truth) == 0 && clock_mono_us() - w->rotated_us > CLEAN_UP_US;
}

void writer_tell_sizes(const struct writer *w)
{
	uint64_t wal = wal_bytes(w->wal.wal) + truth_frozen_wal_bytes(w->conf.truth);
	uint64_t memtables = memtable_used(w->active) + truth_frozen_bytes(w->conf.truth);

	stats_set(M_memtable_size, memtables);
	stats_set(M_memory_memtables, memtables);
	stats_set(M_wal_size, wal);
	stats_set(M_disk_usage, wal + truth_table_bytes(w->conf.truth));
}
