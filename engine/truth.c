/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memtables, version, manifest and board under one roof; see truth.h for order and locks.
 *
 *   frozen[0] oldest ... frozen[n-1] newest, active         (the view lists them the other way round)
 *
 * Waiting: `moved` is signalled whenever the list of frozen memtables changes; the flush thread waits for the first,
 * the commit thread for room.
 */
#include "engine/truth.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "engine/end.h"
#include "engine/publish.h"

#define TRUTH_MAGIC 0x74727574u

struct truth {
	uint32_t magic;

	/* fixed after new */
	struct truth_config conf;
	uint64_t database, incarnation;

	/* guarded by edit_lock */
	pthread_mutex_t edit_lock;
	struct manifest *manifest;
	struct idpool ids;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct version *version;
	struct frozen *frozen;
	size_t frozen_count, frozen_capacity;
	struct memtable *active;

	_Atomic unsigned level0;
	_Atomic uint64_t table_bytes, frozen_bytes, frozen_wal_bytes;
};

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

static void count_tables(struct truth *t)
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
	count_tables(t);
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

/* A manifest error that is not a plain "no" leaves the outcome unknown: this life ends (3). */
static enum st survive(enum st st)
{
	if (st == ST_OK || st == ST_FULL || st == ST_BUSY || st == ST_CORRUPT)
		return st;
	log_error("The manifest could not be changed and the outcome is unknown: the engine ends and recovers.");
	engine_end(EXIT_IO);
}

enum st truth_take_ids(struct truth *t, uint32_t n, struct file_id *firstp)
{
	enum st st;

	pthread_mutex_lock(&t->edit_lock);
	st = survive(idpool_take(&t->ids, n, firstp));
	pthread_mutex_unlock(&t->edit_lock);
	return st;
}

/* ---- publishing (state lock held) ---- */

static void publish(struct truth *t)
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

static void hand_out(struct truth *t, struct memtable *m)
{
	if (t->conf.handoff)
		handoff_push(t->conf.handoff, memtable_id(m), memtable_fd(m));
}

/* ---- memtables ---- */

static void count_frozen(struct truth *t)
{
	uint64_t arena = 0, wal = 0;

	for (size_t i = 0; i < t->frozen_count; i++) {
		arena += memtable_used(t->frozen[i].memtable);
		wal += t->frozen[i].wal_bytes;
	}
	atomic_store_explicit(&t->frozen_bytes, arena, memory_order_relaxed);
	atomic_store_explicit(&t->frozen_wal_bytes, wal, memory_order_relaxed);
}

static void push_frozen(struct truth *t, const struct frozen *f)
{
	if (t->frozen_count == t->frozen_capacity) {
		t->frozen_capacity = t->frozen_capacity ? t->frozen_capacity * 2 : 4;
		t->frozen = mem_resize(t->frozen, t->frozen_capacity * sizeof(*t->frozen));
	}
	t->frozen[t->frozen_count++] = *f;
	count_frozen(t);
}

void truth_add_recovered(struct truth *t, const struct frozen *f)
{
	pthread_mutex_lock(&t->lock);
	must(!t->active);
	push_frozen(t, f);
	pthread_mutex_unlock(&t->lock);
}

void truth_begin(struct truth *t, struct memtable *active)
{
	pthread_mutex_lock(&t->lock);
	must(!t->active);
	t->active = memtable_ref(active);
	for (size_t i = 0; i < t->frozen_count; i++)
		hand_out(t, t->frozen[i].memtable);
	hand_out(t, t->active);
	publish(t);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

void truth_rotate(struct truth *t, struct memtable *fresh, struct seq last_seq, uint64_t wal_bytes)
{
	struct frozen f;

	pthread_mutex_lock(&t->lock);
	must(t->active);
	f = (struct frozen){ t->active, memtable_id(t->active), last_seq, wal_bytes };
	push_frozen(t, &f);
	t->active = memtable_ref(fresh);
	hand_out(t, t->active);
	publish(t);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

bool truth_oldest(struct truth *t, struct frozen *fp, struct file_id *next_walp)
{
	bool found;

	pthread_mutex_lock(&t->lock);
	found = t->frozen_count > 0;
	if (found) {
		*fp = t->frozen[0];
		memtable_ref(fp->memtable);
		*next_walp = t->frozen_count > 1 ? t->frozen[1].wal_id : memtable_id(t->active);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

size_t truth_take_memtables(struct truth *t, struct memtable ***listp)
{
	struct memtable **list;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	list = mem_alloc((t->frozen_count + 1) * sizeof(struct memtable *));
	list[n++] = memtable_ref(t->active);
	for (size_t i = t->frozen_count; i-- > 0;)
		list[n++] = memtable_ref(t->frozen[i].memtable);
	pthread_mutex_unlock(&t->lock);
	*listp = list;
	return n;
}

void truth_give_memtables(struct memtable ***listp, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memtable_unref(&(*listp)[i]);
	mem_drop(listp);
}

unsigned truth_frozen_count(struct truth *t)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = (unsigned)t->frozen_count;
	pthread_mutex_unlock(&t->lock);
	return n;
}

uint64_t truth_frozen_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->frozen_bytes, memory_order_relaxed);
}

uint64_t truth_frozen_wal_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->frozen_wal_bytes, memory_order_relaxed);
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

bool truth_wait_below(struct truth *t, unsigned n, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool below;
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (t->frozen_count >= n && rc == 0)
		rc = pthread_cond_timedwait(&t->moved, &t->lock, &until);
	below = t->frozen_count < n;
	pthread_mutex_unlock(&t->lock);
	return below;
}

static bool is_flushed(const struct truth *t, struct seq upto)
{
	return t->frozen_count == 0 || t->frozen[0].last_seq.v > upto.v;
}

bool truth_wait_flushed(struct truth *t, struct seq upto, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool flushed;
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (!is_flushed(t, upto) && rc == 0)
		rc = pthread_cond_timedwait(&t->moved, &t->lock, &until);
	flushed = is_flushed(t, upto);
	pthread_mutex_unlock(&t->lock);
	return flushed;
}

bool truth_wait_frozen(struct truth *t, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool some;

	pthread_mutex_lock(&t->lock);
	if (t->frozen_count == 0)
		(void)pthread_cond_timedwait(&t->moved, &t->lock, &until);
	some = t->frozen_count > 0;
	pthread_mutex_unlock(&t->lock);
	return some;
}

void truth_wake(struct truth *t)
{
	pthread_mutex_lock(&t->lock);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

struct memtable *truth_find_memtable(void *truth, struct file_id id)
{
	struct truth *t = truth;
	struct memtable *m = NULL;

	pthread_mutex_lock(&t->lock);
	if (memtable_id(t->active).v == id.v)
		m = memtable_ref(t->active);
	for (size_t i = 0; !m && i < t->frozen_count; i++)
		if (memtable_id(t->frozen[i].memtable).v == id.v)
			m = memtable_ref(t->frozen[i].memtable);
	pthread_mutex_unlock(&t->lock);
	return m;
}

/* ---- tables ---- */

/* Takes the oldest frozen memtable off the list (state lock held). */
static struct memtable *drop_oldest(struct truth *t, struct file_id id)
{
	struct memtable *m;

	must(t->frozen_count > 0 && memtable_id(t->frozen[0].memtable).v == id.v);
	m = t->frozen[0].memtable;
	t->frozen_count--;
	memmove(t->frozen, t->frozen + 1, t->frozen_count * sizeof(*t->frozen));
	count_frozen(t);
	return m;
}

static struct memtable *apply_and_publish(struct truth *t, const struct version_edit *e, struct file_id flushed)
{
	struct memtable *gone = NULL;

	pthread_mutex_lock(&t->lock);
	version_apply(t->version, e);
	if (flushed.v)
		gone = drop_oldest(t, flushed);
	count_tables(t);
	publish(t);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
	return gone;
}

/* Edit lock held. */
static enum st commit_locked(struct truth *t, const struct version_edit *e, struct file_id flushed, struct memtable **gonep)
{
	enum st st = version_check(t->version, e);

	*gonep = NULL;
	if (!st)
		st = survive(manifest_commit(t->manifest, e));
	if (!st)
		*gonep = apply_and_publish(t, e, flushed);
	return st;
}

static enum st commit_edit(struct truth *t, const struct version_edit *e, struct file_id flushed)
{
	struct memtable *gone;
	enum st st;

	pthread_mutex_lock(&t->edit_lock);
	st = commit_locked(t, e, flushed, &gone);
	pthread_mutex_unlock(&t->edit_lock);
	if (gone) {
		if (t->conf.handoff)
			handoff_retire(t->conf.handoff, flushed);
		memtable_unref(&gone);
	}
	if (!st && t->conf.changed)
		t->conf.changed(t->conf.changed_ctx);
	return st;
}

enum st truth_commit(struct truth *t, const struct version_edit *e)
{
	return commit_edit(t, e, file_id(0));
}

enum st truth_commit_flush(struct truth *t, const struct version_edit *e, struct file_id memtable)
{
	return commit_edit(t, e, memtable);
}

/* ---- checkpoints ---- */

static void cut_tables(const struct version *v, struct truth_cut *cut)
{
	for (unsigned n = 0; n < LEVEL_COUNT; n++)
		cut->table_count += version_level(v, n).count;
	cut->tables = mem_alloc((cut->table_count + 1) * sizeof(*cut->tables));
	cut->table_count = 0;
	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list level = version_level(v, n);

		for (size_t i = 0; i < level.count; i++)
			cut->tables[cut->table_count++] = (struct truth_table){ level.tables[i]->facts.id,
									level.tables[i]->facts.size_bytes };
	}
}

void truth_hold(struct truth *t, struct truth_cut *cutp)
{
	*cutp = (struct truth_cut){ 0 };
	pthread_mutex_lock(&t->edit_lock);
	pthread_mutex_lock(&t->lock);
	cut_tables(t->version, cutp);
	cutp->sealed = mem_alloc((t->frozen_count + 1) * sizeof(*cutp->sealed));
	for (size_t i = 0; i < t->frozen_count; i++)
		cutp->sealed[cutp->sealed_count++] = t->frozen[i].wal_id;
	cutp->active = memtable_id(t->active);
	pthread_mutex_unlock(&t->lock);
}

void truth_release(struct truth *t, struct truth_cut *cut)
{
	pthread_mutex_unlock(&t->edit_lock);
	mem_free(cut->tables);
	mem_free(cut->sealed);
	*cut = (struct truth_cut){ 0 };
}

enum st truth_manifest_image(struct truth *t, struct file_id wal_floor, struct seq promised, uint8_t **bytesp, size_t *np)
{
	return manifest_image(t->manifest, wal_floor, promised, bytesp, np);
}

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
	publish(t);
	pthread_mutex_unlock(&t->lock);
}

void truth_promise(struct truth *t, struct seq upto)
{
	pthread_mutex_lock(&t->edit_lock);
	if (survive(manifest_promise(t->manifest, upto)))
		log_warn("The end of the log is not noted in the manifest.");
	pthread_mutex_unlock(&t->edit_lock);
}

enum st truth_name_floor(struct truth *t, struct file_id segment)
{
	const struct version_edit e = { .wal_floor = segment };
	enum st st;

	pthread_mutex_lock(&t->edit_lock);
	st = survive(manifest_commit(t->manifest, &e));
	pthread_mutex_unlock(&t->edit_lock);
	return st;
}

/* ---- damage ---- */

/* Edit lock held. */
static enum st note_damage(struct truth *t, const struct damages_plan *p, struct file_id table, bool take_out)
{
	struct version_edit e = { .removed = &table, .removed_count = take_out, .damage = p->rows, .damage_count = p->count,
				  .mended = p->closed, .mended_count = p->closed_count };
	struct memtable *none;

	return p->count > 0 ? commit_locked(t, &e, file_id(0), &none) : ST_OK;
}

enum st truth_note_damage(struct truth *t, const struct damage_row *rows, size_t n, bool take_out, uint64_t *firstp,
			  size_t *countp)
{
	struct damages_plan plan = { .count = 0 };
	struct arena a;
	enum st st = ST_NOT_FOUND;

	arena_init(&a);
	pthread_mutex_lock(&t->edit_lock);
	*firstp = version_damages(t->version)->next;
	if (version_find(t->version, rows[0].at.table))
		st = damages_plan(version_damages(t->version), rows, n, take_out, &a, &plan);
	if (!st)
		st = note_damage(t, &plan, rows[0].at.table, take_out);
	pthread_mutex_unlock(&t->edit_lock);
	*countp = st ? 0 : plan.count;
	arena_fini(&a);
	if (!st && t->conf.changed)
		t->conf.changed(t->conf.changed_ctx);
	return st;
}

enum st truth_forget_damage(struct truth *t, uint64_t record)
{
	struct version_edit e = { .mended = &record, .mended_count = 1 };
	struct memtable *none;
	enum st st = ST_NOT_FOUND;

	pthread_mutex_lock(&t->edit_lock);
	if (damages_record(version_damages(t->version), record))
		st = commit_locked(t, &e, file_id(0), &none);
	pthread_mutex_unlock(&t->edit_lock);
	return st;
}

enum st truth_list_damage(struct truth *t, manifest_damage_f *each, void *ctx)
{
	enum st st;

	pthread_mutex_lock(&t->edit_lock);
	st = manifest_list_damage(t->manifest, each, ctx);
	pthread_mutex_unlock(&t->edit_lock);
	return st;
}

unsigned truth_level0_count(const struct truth *t)
{
	return atomic_load_explicit(&t->level0, memory_order_relaxed);
}

uint64_t truth_table_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->table_bytes, memory_order_relaxed);
}
