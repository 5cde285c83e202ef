/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three things must come together: the board says which view is current, the hand-off socket brings the
 * memtables it names, the table cache opens its tables when they are first read. Nothing here waits: whoever
 * cannot be served yet asks again a few milliseconds later.
 */
#include "frontend/attach.h"

#include "common/base/clock.h"
#include "common/base/heritage.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/ipc/handoff.h"
#include "common/stats/stats.h"
#include "common/view/view_evict.h"
#include "frontend/loop.h"
#include "proto/view_msg.h"

#define ATTACH_MAGIC 0x41747401u

enum { CONNECT_PAUSE_US = 4000, REFRESH_PAUSE_US = 2000, RETRY_MS = 5 };

struct attach {
	uint32_t magic;
	struct loop *loop;
	struct board *board;
	struct leases *leases;

	struct handoff_client *handoff;
	struct loop_event *arrived;           /* on the hand-off socket, while connected */
	struct loop_event *retry;             /* set while not connected or not up to date */
	uint64_t next_connect_us;

	struct memtable **memtables;     /* all that are mapped, unordered */
	size_t memtable_count, memtable_room;

	struct block_cache *blocks;
	struct table_cache *tables;
	struct memory_setup memory;

	struct view *view;
	uint64_t generation;             /* of view; 0 = none, or it must be made anew */
	uint64_t next_refresh_us;        /* after one that failed */
	struct buf message;
	struct arena arena;
};

/* ---- memtables ---- */

static struct memtable *find_memtable(void *ctx, struct file_id id)
{
	struct attach *a = ctx;
	size_t i;

	for (i = 0; i < a->memtable_count; i++)
		if (memtable_id(a->memtables[i]).v == id.v)
			return memtable_ref(a->memtables[i]);
	return NULL;
}

/* A new mapping takes the place of an older one of the same id. */
static void add_memtable(struct attach *a, struct memtable *m)
{
	size_t i;

	for (i = 0; i < a->memtable_count; i++)
		if (memtable_id(a->memtables[i]).v == memtable_id(m).v) {
			memtable_unref(&a->memtables[i]);
			a->memtables[i] = m;
			return;
		}
	if (a->memtable_count == a->memtable_room) {
		a->memtable_room = a->memtable_room ? a->memtable_room * 2 : 8;
		a->memtables = mem_resize(a->memtables, a->memtable_room * sizeof *a->memtables);
	}
	a->memtables[a->memtable_count++] = m;
}

/* The engine is gone. What the next one makes must be taken before that one dies too, so we are back at once. */
static void disconnect(struct attach *a)
{
	loop_forget(&a->arrived);
	loop_after(a->retry, RETRY_MS);
}

/* Takes every memtable that has arrived. */
static void drain_handoff(struct attach *a)
{
	for (;;) {
		struct memtable *m;
		struct file_id id;
		int fd;
		enum st st = handoff_take(a->handoff, 0, &id, &fd);

		if (st == ST_OK) {
			if (memtable_map(id, fd, &m) == ST_OK)
				add_memtable(a, m);
			continue;
		}
		if (st != ST_NOT_FOUND)
			disconnect(a);
		return;
	}
}

static void on_arrived(void *ctx)
{
	struct attach *a = ctx;

	a->next_refresh_us = 0;
	attach_tick(a);
}

/* Connects when there is no connection, not too often. */
static void connect_handoff(struct attach *a)
{
	uint64_t now;

	if (a->arrived)
		return;
	now = clock_mono_us();
	if (now < a->next_connect_us)
		return;
	a->next_connect_us = now + CONNECT_PAUSE_US;
	if (handoff_connect(a->handoff) != ST_OK)
		return;
	a->arrived = loop_watch(a->loop, handoff_fd(a->handoff), on_arrived, a);
}

static bool is_named(const struct view_desc *d, struct file_id id)
{
	size_t i;

	for (i = 0; i < d->memtable_count; i++)
		if (d->memtables[i].v == id.v)
			return true;
	return false;
}

static void drop_retired(struct attach *a, const struct view_desc *d)
{
	size_t i = 0;

	while (i < a->memtable_count) {
		struct file_id id = memtable_id(a->memtables[i]);

		if (is_named(d, id) || d->memtable_count == 0 || id.v > d->memtables[0].v) {
			i++;
			continue;
		}
		memtable_unref(&a->memtables[i]);
		a->memtables[i] = a->memtables[--a->memtable_count];
	}
}

/* ---- tables ---- */

static size_t table_count(const struct view_desc *d)
{
	size_t n = 0, level;

	for (level = 0; level < LEVEL_COUNT; level++)
		n += d->levels[level].count;
	return n;
}

/* ---- the view ---- */

static bool all_there(struct attach *a, const struct view_desc *d)
{
	size_t i;

	for (i = 0; i < d->memtable_count; i++) {
		struct memtable *m = find_memtable(a, d->memtables[i]);

		if (!m)
			return false;
		memtable_unref(&m);
	}
	return true;
}

/* Puts the view that desc tells in the place of the attached one. */
static enum st replace(struct attach *a, const struct view_desc *desc, uint64_t generation)
{
	struct view *v;
	enum st st;

	table_cache_set_database(a->tables, desc->database);
	(void)table_cache_expect(a->tables, table_count(desc));
	st = view_new(desc, find_memtable, a, a->tables, &v);
	if (st)
		return st;
	if (a->view) {
		view_retire(a->view);
		view_evict(a->tables, a->view, v);
		view_unref(&a->view);
	}
	a->view = v;
	a->generation = generation;
	drop_retired(a, desc);
	return ST_OK;
}

/* Opens the newest published view. ST_UNAVAILABLE: not possible yet. */
static enum st open_newest(struct attach *a)
{
	struct view_desc desc;
	uint64_t generation;
	enum st st;

	connect_handoff(a);
	st = board_load(a->board, &a->message, &generation);
	if (st == ST_NOT_FOUND)
		return ST_UNAVAILABLE;
	if (st)
		return st;
	drain_handoff(a);        /* after the load: what this view names was pushed before it was published */
	arena_reset(&a->arena);
	st = view_desc_decode(buf_slice(&a->message), &a->arena, &desc);
	if (st)
		return st;
	return all_there(a, &desc) ? replace(a, &desc, generation) : ST_UNAVAILABLE;
}

/* The same, but not again and again for every request while it cannot succeed. */
static enum st refresh(struct attach *a)
{
	uint64_t now = clock_mono_us();
	enum st st;

	if (now < a->next_refresh_us)
		return ST_UNAVAILABLE;
	st = open_newest(a);
	a->next_refresh_us = st ? now + REFRESH_PAUSE_US : 0;
	return st;
}

enum st attach_current(struct attach *a, struct view **vp, struct seq *seqp)
{
	*seqp = board_visible(a->board);         /* before the generation: board.h rule 4 */
	if (board_generation(a->board) != a->generation || !a->view) {
		enum st st = refresh(a);

		*vp = NULL;
		if (st)
			return st;
	}
	*vp = a->view;
	return ST_OK;
}

enum st attach_lease(struct attach *a, uint64_t ttl_ms, struct view **vp, struct seq *seqp, uint64_t *leasep)
{
	struct view *v;
	enum st st = a->leases ? attach_current(a, &v, seqp) : ST_UNAVAILABLE;

	*vp = NULL;
	*leasep = 0;
	if (!st)
		st = lease_take(a->leases, a->board, view_desc(v), *seqp, ttl_ms, leasep);
	if (!st)
		*vp = view_ref(v);
	return st;
}

enum st attach_view(struct attach *a, const struct view_desc *desc, view_find_f *find, void *ctx, struct view **vp)
{
	enum st st;

	if (a->view && view_desc(a->view)->generation == desc->generation) {
		*vp = view_ref(a->view);
		return ST_OK;
	}
	st = view_new(desc, find, ctx, a->tables, vp);
	if (!st)
		view_retire(*vp);
	return st;
}

struct leases *attach_leases(struct attach *a)
{
	return a->leases;
}

void attach_invalidate(struct attach *a)
{
	a->generation = 0;
}

void attach_tick(struct attach *a)
{
	connect_handoff(a);
	if (a->arrived)
		drain_handoff(a);
	if (board_generation(a->board) != a->generation)
		(void)!refresh(a);
	if (!a->arrived || board_generation(a->board) != a->generation)
		loop_after(a->retry, RETRY_MS);
}

static void on_retry(void *ctx)
{
	attach_tick(ctx);
}

const struct view_desc *attach_desc(const struct attach *a)
{
	return a->view ? view_desc(a->view) : NULL;
}

struct board *attach_board(struct attach *a)
{
	return a->board;
}

/* Deals this process' part of the budget out to indexes and filters, which come as tables are opened, and to blocks. */
static void share_memory(struct attach *a, const struct table_cache_use *use)
{
	struct memory_taken taken = { .memtable_bytes = stats_sum(M_memtable_size), .held_bytes = use->index_bytes + use->filter_bytes };
	struct memory_share share;

	taken.engine_bytes = stats_of(SLOT_ENGINE, M_memory_block_cache) + stats_of(SLOT_ENGINE, M_memory_indexes) +
			     stats_of(SLOT_ENGINE, M_memory_filters);
	share = memory_share(&a->memory, &taken);

	block_cache_set_capacity(a->blocks, share.block_bytes);
	table_cache_set_memory(a->tables, share.table_bytes);
	/* A view that keeps what no longer fits, or borrows what would, is made anew. */
	if (a->view && table_cache_expect(a->tables, table_count(view_desc(a->view))))
		attach_invalidate(a);
}

void attach_watch_memory(struct attach *a)
{
	struct table_cache_use use = table_cache_use(a->tables);
	struct block_cache_stats s;

	share_memory(a, &use);
	block_cache_stats(a->blocks, &s);
	stats_set(M_memory_block_cache, s.used_bytes);
	stats_set(M_memory_indexes, use.index_bytes);
	stats_set(M_memory_filters, use.filter_bytes);
	stats_set(M_open_tables, use.open);
	stats_set(M_memory_budget, memory_budget_part(&a->memory));
}

/* ---- life ---- */

enum st attach_new(const struct attach_setup *setup, struct attach **ap)
{
	struct attach *a = mem_zalloc(sizeof *a);
	enum st st = board_attach(setup->board_fd, false, &a->board);

	*ap = NULL;
	if (st) {
		mem_free(a);
		return st;
	}
	obj_init(a, ATTACH_MAGIC);
	a->loop = setup->loop;
	a->leases = setup->leases;
	handoff_client_new(setup->handoff_path, &a->handoff);
	a->memory = setup->memory;
	a->blocks = block_cache_new(memory_share(&a->memory, &(struct memory_taken){ 0 }).block_bytes);
	a->tables = table_cache_new(vfs_posix(), setup->data_dir, 0, a->blocks, setup->max_open_tables);
	arena_init(&a->arena);
	a->retry = loop_later(a->loop, on_retry, a);
	attach_tick(a);
	*ap = a;
	return ST_OK;
}

void attach_free(struct attach **ap)
{
	struct attach *a = *ap;

	*ap = NULL;
	obj_check(a, ATTACH_MAGIC);
	loop_forget(&a->arrived);
	loop_forget(&a->retry);
	if (a->view)
		view_unref(&a->view);
	while (a->memtable_count)
		memtable_unref(&a->memtables[--a->memtable_count]);
	mem_free(a->memtables);
	handoff_client_free(&a->handoff);
	table_cache_free(&a->tables);
	block_cache_free(&a->blocks);
	arena_fini(&a->arena);
	buf_fini(&a->message);
	obj_fini(a);
	mem_free(a);
}
