/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the truth keeps in the manifest: edits of the version, file ids, the ends of the log, damage on record.
 *
 * 1. All of it under the edit lock, which is held over the manifest's commit: whoever comes here may wait for the disk.
 * 2. Every change of the version goes through commit_locked(): checked, durable, applied, published. The state lock is held
 *    for the last two only.
 * 3. A checkpoint holds the edit lock while it gathers its files (truth_hold()).
 *
 * Run by the threads flush, jobs, inspect and control; by the commit thread for an id, when no segment is in stock (spare.c);
 * by the main thread at start and stop.
 */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "engine/end.h"
#include "engine/truth_priv.h"

/* A manifest error that is not a plain "no" leaves the outcome unknown: this life ends (truth.h, 3). */
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

static struct memtable *apply_and_publish(struct truth *t, const struct version_edit *e, struct file_id flushed)
{
	struct memtable *gone = NULL;

	pthread_mutex_lock(&t->lock);
	version_apply(t->version, e);
	if (flushed.v)
		gone = truth__drop_oldest(t, flushed);
	truth__count_tables(t);
	truth__publish(t);
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

/* No lock held. */
static void tell_changed(struct truth *t)
{
	if (t->conf.changed)
		t->conf.changed(t->conf.changed_ctx);
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
	if (!st)
		tell_changed(t);
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

/* ---- the ends of the log ---- */

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
	if (!st)
		tell_changed(t);
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
