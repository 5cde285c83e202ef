/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memtables, version, manifest and board under one roof: its life, and how what is under it becomes a view; see truth.h
 * for order and locks. What changes there: truth_memtables.c and truth_edits.c.
 *
 * Any thread.
 */
#include "engine/truth.h"

#include <time.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "engine/end.h"
#include "engine/publish.h"
#include "engine/truth_priv.h"

static void init_locks(struct truth *t)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&t->edit_lock, NULL);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->moved, &attr);
	pthread_condattr_destroy(&attr);
}

void truth__count_tables(struct truth *t)
{
	uint64_t bytes;

	publish_levels(t->version, &bytes);
	atomic_store_explicit(&t->table_bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&t->level0, (unsigned)version_level(t->version, 0).count, memory_order_relaxed);
}

enum st truth_new(const struct truth_config *c, struct manifest **mp, const struct manifest_state *s,
		  const struct idpool *ids, struct truth **tp)
{
	struct version_edit tables = { .added = s->tables, .added_count = s->table_count };
	struct truth *t = mem_zalloc(sizeof(*t));
	enum st st;

	*tp = NULL;
	obj_init(t, TRUTH_MAGIC);
	t->conf = *c;
	t->database = s->database;
	t->incarnation = s->incarnation;
	t->manifest = *mp;
	*mp = NULL;
	t->ids = *ids;
	init_locks(t);
	t->version = version_new();
	st = version_check(t->version, &tables);
	if (st) {
		truth_free(&t);
		return st;
	}
	version_apply(t->version, &tables);
	version_set_damages(t->version, s->damage, s->damage_count, s->next_damage);
	truth__count_tables(t);
	*tp = t;
	return ST_OK;
}

void truth_free(struct truth **tp)
{
	struct truth *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	obj_check(t, TRUTH_MAGIC);
	for (size_t i = 0; i < t->frozen_count; i++)
		memtable_unref(&t->frozen[i].memtable);
	if (t->active)
		memtable_unref(&t->active);
	mem_free(t->frozen);
	version_free(&t->version);
	manifest_close(&t->manifest);
	pthread_cond_destroy(&t->moved);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->edit_lock);
	obj_fini(t);
	mem_free(t);
}

struct seq truth_visible(const struct truth *t)
{
	return board_visible(t->conf.board);
}

uint64_t truth_database(const struct truth *t)
{
	return t->database;
}

uint64_t truth_incarnation(const struct truth *t)
{
	return t->incarnation;
}

struct retired *truth_retired(const struct truth *t)
{
	return t->conf.retired;
}

struct board *truth_board(const struct truth *t)
{
	return t->conf.board;
}

/* ---- the view ---- */

void truth__publish(struct truth *t)
{
	struct view_desc head = { .incarnation = t->incarnation, .database = t->database };
	struct file_id *ids = mem_alloc((t->frozen_count + 1) * sizeof(*ids));
	enum st st;

	ids[head.memtable_count++] = memtable_id(t->active);
	for (size_t i = t->frozen_count; i-- > 0;)
		ids[head.memtable_count++] = memtable_id(t->frozen[i].memtable);
	head.memtables = ids;
	st = publish_view(t->conf.board, t->version, &head);
	mem_free(ids);
	if (st) {
		/* What is durable can no longer be shown: readers would go on with a view whose files vanish. */
		log_error("The view does not fit on the board: too many tables. The engine ends.");
		engine_end(EXIT_CRASH);
	}
}

/* ---- the version ---- */

const struct version *truth_lock(struct truth *t)
{
	pthread_mutex_lock(&t->lock);
	return t->version;
}

void truth_unlock(struct truth *t)
{
	pthread_mutex_unlock(&t->lock);
}

void truth_set_busy(struct truth *t, const struct file_id *ids, size_t n, bool busy)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < n; i++)
		if (version_find(t->version, ids[i]))
			version_set_busy(t->version, ids[i], busy);
	truth__publish(t);
	pthread_mutex_unlock(&t->lock);
}

unsigned truth_level0_count(const struct truth *t)
{
	return atomic_load_explicit(&t->level0, memory_order_relaxed);
}

uint64_t truth_table_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->table_bytes, memory_order_relaxed);
}
