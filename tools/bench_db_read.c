/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading as a frontend does (frontend/attach.c): the visible sequence, then the board's generation; when that moved, the
 * newest view is opened once for all readers. A file that is gone means that a newer view is out: load it, ask again.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "proto/view_msg.h"
#include "tools/bench_db_priv.h"

void bench_reader_init(struct bench_reader *r, struct bench_db *db)
{
	*r = (struct bench_reader){ .db = db };
}

void bench_reader_fini(struct bench_reader *r)
{
	if (r->view)
		view_unref(&r->view);
}

/* ---- the newest view ---- */

static bool is_named(const struct view_desc *d, struct file_id id)
{
	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < d->levels[level].count; i++)
			if (d->levels[level].tables[i].id.v == id.v)
				return true;
	return false;
}

/* Closes the tables that only the older view names. */
static void evict_tables(struct bench_db *db, const struct view_desc *older, const struct view_desc *newer)
{
	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < older->levels[level].count; i++)
			if (!is_named(newer, older->levels[level].tables[i].id))
				table_cache_evict(db->tables, older->levels[level].tables[i].id);
}

/* Opens what the board shows. ST_UNAVAILABLE: a memtable of it is gone already, so a newer view is there. */
static enum st open_newest(struct bench_db *db)
{
	struct buf message = BUF_INIT;
	struct view_desc desc;
	struct view *v = NULL;
	uint64_t generation;
	struct arena a;
	enum st st;

	arena_init(&a);
	st = board_load(db->board, &message, &generation);
	if (!st)
		st = view_desc_decode(buf_slice(&message), &a, &desc);
	if (!st)
		st = view_new(&desc, truth_find_memtable, db->db.truth, db->tables, &v);
	if (!st) {
		if (db->view) {
			evict_tables(db, view_desc(db->view), &desc);
			view_unref(&db->view);
		}
		db->view = v;
		db->generation = generation;
	}
	arena_fini(&a);
	buf_fini(&message);
	return st;
}

static void renew(struct bench_reader *r)
{
	struct bench_db *db = r->db;

	if (r->view)
		view_unref(&r->view);
	pthread_mutex_lock(&db->opening);
	while (!db->view || db->generation != board_generation(db->board)) {
		enum st st = open_newest(db);

		if (st && st != ST_UNAVAILABLE)
			bench__need(st, "no view of the database");
	}
	r->view = view_ref(db->view);
	r->pinned = false;
	r->generation = db->generation;
	pthread_mutex_unlock(&db->opening);
}

/* The view to read now, on loan, and the newest sequence in it. */
static struct view *current(struct bench_reader *r, struct seq *seqp)
{
	*seqp = board_visible(r->db->board);     /* before the generation: board.h rule 4 */
	if (!r->view || board_generation(r->db->board) != r->generation)
		renew(r);
	return r->view;
}

/* The attached view named a file that is gone. */
static void invalidate(struct bench_reader *r)
{
	view_unref(&r->view);
	clock_sleep_us(100);
}

/* ---- reading ---- */

bool bench_reader_get(struct bench_reader *r, struct slice key)
{
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	struct seq seq;
	enum st st;

	do {
		struct view *v = current(r, &seq);

		st = view_get(v, key, seq, clock_wall_ms(), false, &cost, &e, &pin);
		if (st == ST_UNAVAILABLE)
			invalidate(r);
	} while (st == ST_UNAVAILABLE);
	if (st == ST_NOT_FOUND)
		return false;
	bench__need(st, "a read failed");
	view_pin_release(&pin);
	return true;
}

struct iter *bench_reader_iter(struct bench_reader *r)
{
	struct view *v;
	struct seq seq;
	enum st st;

	do {
		v = current(r, &seq);

		st = r->pinned ? ST_OK : view_pin_tables(v);     /* a scan outlives the newest view */
		if (st == ST_FULL)
			st = ST_OK;                              /* what cannot stay open is not replaced so soon */
		r->pinned = st == ST_OK;
		if (st == ST_UNAVAILABLE)
			invalidate(r);
	} while (st == ST_UNAVAILABLE);
	bench__need(st, "a scan failed");
	return view_iter_new(v, seq, clock_wall_ms());
}
