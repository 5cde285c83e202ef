/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits a group of requests; see group.h for the promises.
 *
 * A request is recorded in the origins when it is added, not when it is committed: a repeat that comes in the same group
 * must be recognised too. That is sound, for when the commit fails nobody is answered and the process ends.
 */
#include "engine/group.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"

void group_init(struct group *g, const struct group_config *c)
{
	*g = (struct group){ .conf = *c, .now_ms = c->last_ms, .next_seq = c->last_seq.v + 1, .head = BUF_INIT,
			     .last_sync_us = clock_mono_us() };
}

void group_fini(struct group *g)
{
	mem_drop(&g->items);
	buf_fini(&g->head);
}

uint64_t group_cost_of(struct slice batches)
{
	struct write_walk w = write_walk_begin(batches);
	struct write_op op;
	uint64_t cost = 0;

	while (write_walk_next(&w, &op))
		cost += memtable_cost(op.key.n, op.value.n);
	return cost;
}

/* ---- adding ---- */

static struct group_item *next_item(struct group *g)
{
	if (g->count == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 64;
		g->items = mem_resize(g->items, g->capacity * sizeof(*g->items));
	}
	g->items[g->count] = (struct group_item){ 0 };
	return &g->items[g->count++];
}

static void answer(struct group_item *item, struct seq first, int64_t timestamp_ms)
{
	item->reply.status = ST_OK;
	item->reply.first_sequence = first;
	item->reply.timestamp_ms = timestamp_ms;
}

static void append_record(struct group *g, const struct write_request *r, uint32_t entries)
{
	struct wal_batch record = { .first_sequence = seq(g->next_seq), .timestamp_ms = g->now_ms, .origin = r->origin,
				    .request_id = r->request_id };

	buf_reset(&g->head);
	wal_batch_encode_head(&record, &g->head);
	g->journal.ops->append(g->journal.ctx, record.first_sequence, entries, buf_slice(&g->head), r->batches);
}

static void add_new(struct group *g, struct group_item *item, const struct write_request *r,
		    const struct write_counts *counts, uint64_t cost)
{
	struct applied_request applied = { r->request_id, seq(g->next_seq), g->now_ms };

	item->apply = true;
	item->batches = r->batches;
	answer(item, applied.first_sequence, applied.timestamp_ms);
	append_record(g, r, counts->entries);
	origins_record(g->conf.origins, r->origin, &applied);
	g->next_seq += counts->entries;
	g->entries += counts->entries;
	g->bytes += r->batches.n;
	g->cost += cost;
}

void group_add(struct group *g, const struct write_request *r, const struct write_counts *counts, uint64_t cost, void *token)
{
	struct applied_request before;
	struct group_item *item;
	int64_t wall_ms;

	must(!g->broken);
	if (g->count == 0) {
		wall_ms = clock_wall_ms();
		g->now_ms = wall_ms > g->now_ms ? wall_ms : g->now_ms;
	}
	item = next_item(g);
	item->token = token;
	item->reply.request_id = r->request_id;
	if (origins_find(g->conf.origins, r->origin, r->request_id, &before)) {
		answer(item, before.first_sequence, before.timestamp_ms);
		stats_add(M_duplicate_requests, 1);
	} else if (counts->entries == 0) {
		answer(item, seq(0), g->now_ms);
	} else {
		add_new(g, item, r, counts, cost);
	}
	origins_settle(g->conf.origins, r->origin, r->oldest_unanswered);
}

/* ---- committing ---- */

static bool sync_is_due(const struct group *g)
{
	if (g->conf.sync_mode == WAL_SYNC_ALWAYS)
		return true;
	return group_sync_due_us(g, clock_mono_us()) == 0;
}

static enum st make_durable(struct group *g)
{
	enum st st = g->journal.ops->write(g->journal.ctx);

	if (st)
		return st;
	g->unsynced = true;
	stats_add(M_wal_groups, 1);
	stats_add(M_wal_entries_written, g->entries);
	return sync_is_due(g) ? group_sync(g) : ST_OK;
}

static void insert_item(struct group *g, const struct group_item *item)
{
	struct write_walk w = write_walk_begin(item->batches);
	uint64_t n = item->reply.first_sequence.v;
	struct write_op op;

	while (write_walk_next(&w, &op)) {
		struct entry e = { .key = op.key, .value = op.value, .seq = seq(n++), .timestamp_ms = g->now_ms,
				   .expires_at_ms = op.expires_at_ms, .is_tombstone = op.is_delete };

		memtable_insert(g->memtable, &e);
	}
}

static void make_visible(struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].apply)
			insert_item(g, &g->items[i]);
	board_set_visible(g->conf.board, group_last_seq(g));
}

static void answer_unknown(struct group *g)
{
	g->broken = true;
	for (size_t i = 0; i < g->count; i++) {
		struct write_reply *r = &g->items[i].reply;

		*r = (struct write_reply){ .request_id = r->request_id, .status = ST_UNAVAILABLE };
		(void)snprintf(r->detail, sizeof(r->detail), "the write-ahead log failed: outcome unknown");
	}
}

enum st group_commit(struct group *g)
{
	enum st st;

	must(!g->broken);
	if (g->entries == 0)
		return ST_OK;            /* repeats only: what they repeat is long safe */
	st = make_durable(g);
	if (st) {
		answer_unknown(g);
		return st;
	}
	make_visible(g);
	return ST_OK;
}

void group_reset(struct group *g)
{
	g->count = 0;
	g->cost = g->bytes = 0;
	g->entries = 0;
}

enum st group_sync(struct group *g)
{
	enum st st;

	if (!g->unsynced)
		return ST_OK;
	st = g->journal.ops->sync(g->journal.ctx);
	if (st) {
		g->broken = true;
		return st;
	}
	g->unsynced = false;
	g->last_sync_us = clock_mono_us();
	stats_add(M_wal_syncs, 1);
	return ST_OK;
}

uint64_t group_sync_due_us(const struct group *g, uint64_t now_us)
{
	uint64_t due = g->last_sync_us + g->conf.sync_every_us;

	if (g->conf.sync_mode != WAL_SYNC_INTERVAL || !g->unsynced)
		return UINT64_MAX;
	return due > now_us ? due - now_us : 0;
}

struct seq group_last_seq(const struct group *g)
{
	return seq(g->next_seq - 1);
}
