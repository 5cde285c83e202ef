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

#define INSERT_AT_ONCE 64

void group_init(struct group *g, const struct group_config *c)
{
	arena_init(&g->texts);
	*g = (struct group){ .texts = g->texts, .conf = *c, .now_ms = c->last_ms, .next_seq = c->last_seq.v + 1, .head = BUF_INIT,
			     .last_sync_us = clock_mono_us() };
}

void group_fini(struct group *g)
{
	group_reset(g);
	mem_drop(&g->items);
	buf_fini(&g->head);
	arena_fini(&g->texts);
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

static void append_record(struct group *g, const struct write_request *r, const struct group_item *item, uint32_t entries)
{
	struct wal_batch record = { .first_sequence = seq(g->next_seq), .timestamp_ms = g->now_ms, .origin = r->origin,
				    .request_id = r->request_id, .results = item->reply.results };

	buf_reset(&g->head);
	wal_batch_encode_head(&record, &g->head);
	g->journal.ops->append(g->journal.ctx, record.first_sequence, entries, buf_slice(&g->head), item->batches);
}

/* The item's batches and results are those of a request that was not applied before. */
static void add_new(struct group *g, struct group_item *item, const struct write_request *r, uint32_t entries, uint64_t cost)
{
	struct applied_request applied = { .request_id = r->request_id, .first_sequence = seq(entries ? g->next_seq : 0),
					   .timestamp_ms = g->now_ms, .results = item->reply.results };

	answer(item, applied.first_sequence, applied.timestamp_ms);
	origins_record(g->conf.origins, r->origin, &applied);
	if (entries == 0)
		return;
	item->apply = true;
	append_record(g, r, item, entries);
	g->next_seq += entries;
	g->entries += entries;
	g->bytes += item->batches.n;
	g->cost += cost;
}

void group_open(struct group *g)
{
	int64_t wall_ms;

	must(!g->broken);
	if (g->count > 0)
		return;
	wall_ms = clock_wall_ms();
	g->now_ms = wall_ms > g->now_ms ? wall_ms : g->now_ms;
}

static struct group_item *begin_item(struct group *g, const struct write_request *r, void *token)
{
	struct group_item *item;

	group_open(g);
	item = next_item(g);
	item->token = token;
	item->reply.request_id = r->request_id;
	g->wants_sync |= r->sync;
	return item;
}

/* As the first time. What is kept of it may be forgotten before this group is answered: its results are copied. Where something
 * was decided and the results are gone, nobody knows any more whether the answer was yes. */
static void answer_repeat(struct group_item *item, const struct applied_request *before, bool decided)
{
	answer(item, before->first_sequence, before->timestamp_ms);
	if (decided && before->results.n == 0) {
		item->reply.status = ST_IO;
		(void)snprintf(item->reply.detail, sizeof(item->reply.detail),
			       "the request came a second time, and what was decided the first time is not kept any more");
	}
	buf_append_slice(&item->own.results, before->results);
	item->reply.results = buf_slice(&item->own.results);
	stats_add(M_duplicate_requests, 1);
}

static void note_written(struct group *g, const struct group_item *item)
{
	struct write_walk w = write_walk_begin(item->batches);
	uint64_t n = item->reply.first_sequence.v;
	struct write_op op;

	while (write_walk_next(&w, &op)) {
		struct present p = { .st = op.is_delete ? ST_NOT_FOUND : ST_OK, .version = seq(n++), .value = op.value,
				     .expires_at_ms = op.expires_at_ms };

		known_put(g->written, op.key, &p);
	}
}

void group_add(struct group *g, const struct write_request *r, const struct write_counts *counts, uint64_t cost, void *token)
{
	struct group_item *item = begin_item(g, r, token);
	struct applied_request before;

	if (origins_find(g->conf.origins, r->origin, r->request_id, &before)) {
		answer_repeat(item, &before, counts->asks > 0);
	} else {
		must(counts->asks == 0);
		item->batches = r->batches;
		add_new(g, item, r, counts->entries, cost);
		if (g->written)
			note_written(g, item);
	}
	origins_settle(g->conf.origins, r->origin, r->oldest_unanswered);
}

struct known *group_written(struct group *g)
{
	if (g->written)
		return g->written;
	g->written = known_new();
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].apply)
			note_written(g, &g->items[i]);
	return g->written;
}

void group_add_decided(struct group *g, const struct write_request *r, struct decided *d, void *token)
{
	struct group_item *item = begin_item(g, r, token);

	item->own = *d;
	*d = (struct decided){ BUF_INIT, BUF_INIT, 0 };
	item->batches = buf_slice(&item->own.batches);
	item->reply.results = buf_slice(&item->own.results);
	add_new(g, item, r, item->own.entries, group_cost_of(item->batches));
	origins_settle(g->conf.origins, r->origin, r->oldest_unanswered);
}

/* ---- committing ---- */

static bool sync_is_due(const struct group *g)
{
	if (g->conf.sync_mode == WAL_SYNC_ALWAYS || g->wants_sync)
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

/* Entries on their way into the memtable, which takes many at once faster. */
struct insertion {
	struct memtable *into;
	struct entry e[INSERT_AT_ONCE];
	size_t n;
};

static void insertion_flush(struct insertion *in)
{
	memtable_insert_all(in->into, in->e, in->n);
	in->n = 0;
}

static void insert_item(const struct group *g, const struct group_item *item, struct insertion *in)
{
	struct write_walk w = write_walk_begin(item->batches);
	uint64_t n = item->reply.first_sequence.v;
	struct write_op op;

	while (write_walk_next(&w, &op)) {
		in->e[in->n++] = (struct entry){ .key = op.key, .value = op.value, .seq = seq(n++),
						 .timestamp_ms = g->now_ms, .expires_at_ms = op.expires_at_ms,
						 .is_tombstone = op.is_delete };
		if (in->n == INSERT_AT_ONCE)
			insertion_flush(in);
	}
}

static void make_visible(struct group *g)
{
	struct insertion in;

	in.into = g->memtable;
	in.n = 0;
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].apply)
			insert_item(g, &g->items[i], &in);
	insertion_flush(&in);
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

static void tell_synced(struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		g->items[i].reply.synced = !g->unsynced;
}

enum st group_commit(struct group *g)
{
	enum st st = ST_OK;

	must(!g->broken);
	if (g->entries > 0)
		st = make_durable(g);
	else if (g->wants_sync)
		st = group_sync(g);      /* repeats only, and what they repeat was perhaps not synced */
	if (st) {
		answer_unknown(g);
		return st;
	}
	if (g->entries > 0)
		make_visible(g);
	tell_synced(g);
	return ST_OK;
}

void group_reset(struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		decided_fini(&g->items[i].own);
	g->count = 0;
	g->wants_sync = false;
	if (g->written) {
		known_free(&g->written);
		arena_reset(&g->texts);
	}
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
