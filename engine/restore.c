/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a data directory; see restore.h.
 *
 * A rebuilt memtable never has the id of its segment: readers may still map the memory file that the dead engine made
 * under that id, and that one may lack entries that were synced and not yet inserted. Under a fresh id they take the
 * rebuilt one.
 */
#include "engine/restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/wal/wal_format.h"
#include "engine/rebuild.h"
#include "engine/retired.h"

#define SMALLEST_OP_BYTES 5u             /* a WALEntry with a key of one byte, tags and lengths included */
#define REPLAY_SLACK (1u << 20)
#define SEGMENT_LEAST (64u << 10)
#define MEMTABLE_MOST (UINT64_C(32) << 30)

/* The segments read so far, as memtables. */
struct replay {
	struct board *board;
	void (*beat)(void);
	uint64_t began_us;
	struct idpool ids;
	struct origins *origins;
	struct rebuild *rebuild;
	struct frozen *tables;           /* oldest first */
	size_t count;
	struct seq last_seq;
	int64_t last_ms;
};

/* ---- replay ---- */

static enum st replay_segment(void *ctx, struct file_id id, uint64_t bytes)
{
	/* Room for the worst: nothing but the smallest operations. The file is sparse. */
	uint64_t capacity = bytes * (memtable_cost(1, 0) / SMALLEST_OP_BYTES + 1) + REPLAY_SLACK;
	struct replay *r = ctx;
	struct frozen f = { .wal_id = id, .last_seq = r->last_seq };
	struct file_id fresh;
	enum st st = idpool_take(&r->ids, 1, &fresh);

	if (!st)
		st = memtable_new(fresh, capacity < MEMTABLE_MOST ? capacity : MEMTABLE_MOST, &f.memtable);
	if (st)
		return st;
	r->tables = mem_resize(r->tables, (r->count + 1) * sizeof(*r->tables));
	r->tables[r->count++] = f;
	rebuild_into(r->rebuild, f.memtable);
	return ST_OK;
}

static enum st replay_record(void *ctx, const struct wal_batch *b, const struct write_counts *counts)
{
	struct applied_request applied = { b->request_id, b->first_sequence, b->timestamp_ms, b->results };
	struct replay *r = ctx;
	enum st st = ST_OK;

	if (b->origins.n)
		origins_restore(r->origins, b->origins);
	if (b->origin)
		origins_record(r->origins, b->origin, &applied);
	if (b->timestamp_ms > r->last_ms)
		r->last_ms = b->timestamp_ms;
	r->tables[r->count - 1].wal_bytes += WAL_HEAD_BYTES + b->batches.n;   /* without what was preallocated */
	if (counts->entries == 0)
		return ST_OK;
	st = rebuild_add(r->rebuild, b);
	r->last_seq = seq(b->first_sequence.v + counts->entries - 1);
	r->tables[r->count - 1].last_seq = r->last_seq;
	return st;
}

static void replay_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct replay *r = ctx;
	uint64_t passed_us = clock_mono_us() - r->began_us;
	double share = total_bytes ? (double)done_bytes / (double)total_bytes : 1;

	board_set_replay(r->board, done_bytes, total_bytes);
	stats_set(M_recovery_progress, (uint64_t)(share * 1e6));
	stats_set(M_recovery_eta, share > 0 ? (uint64_t)((double)passed_us * (1 - share) / share) : 0);
	if (r->beat)
		r->beat();
}

static enum st replay(const struct restore_config *c, struct manifest *m, const struct manifest_state *s,
		      struct replay *r, struct recovery_report *report)
{
	struct recovery_sink sink = { r, replay_segment, replay_record, replay_progress };
	struct recovery_known known = { s->database, s->wal_floor, s->flushed_seq, s->promised_seq };
	enum st st;

	*r = (struct replay){ .board = c->truth.board, .beat = c->beat, .origins = origins_new(), .rebuild = rebuild_new(),
			      .began_us = clock_mono_us(), .last_seq = s->flushed_seq };
	idpool_init(&r->ids, m, s->next_id);
	board_set_state(c->truth.board, BOARD_REPLAYING);
	board_set_replay(c->truth.board, 0, 0);
	stats_set(M_recovery_progress, 0);
	st = recovery_run(c->vfs, c->conf->data_dir, c->conf->wal_recovery_mode, &known, &sink, report);
	if (!st) {
		rebuild_finish(r->rebuild);
		stats_set(M_recovery_progress, 1000000);
		stats_set(M_recovery_eta, 0);
	}
	rebuild_free(&r->rebuild);
	return st;
}

static void replay_drop(struct replay *r)
{
	for (size_t i = 0; i < r->count; i++)
		memtable_unref(&r->tables[i].memtable);
	origins_free(&r->origins);
	mem_drop(&r->tables);
}

/* ---- the steps ---- */

static enum st make_dirs(struct vfs *v, const char *data_dir)
{
	struct path dirs[] = { path_wal_dir(data_dir), path_retained_dir(data_dir), path_sst_dir(data_dir), path_tmp_dir(data_dir),
			       path_quarantine_dir(data_dir), path_checkpoints_dir(data_dir) };
	enum st st = ST_OK;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !st; i++)
		st = vfs_mkdir(v, dirs[i].s);
	return st ? st : vfs_sync_dir(v, data_dir);
}

/* Before anything is changed: is all there that the manifest names? */
static enum st check_tables(const struct restore_config *c, const struct manifest_state *s, struct buf *complaint)
{
	enum st st = ST_OK;

	for (size_t i = 0; i < s->table_count && !st; i++)
		st = recovery_check_table(c->vfs, c->conf->data_dir, s->tables[i].facts.id, s->tables[i].facts.size_bytes);
	if (st != ST_CORRUPT)
		return st;
	buf_printf(complaint, "A table that the manifest names is missing or has another size; restore %s from a backup.",
		   path_sst_dir(c->conf->data_dir).s);
	return fail(ST_CORRUPT, "%s", buf_cstr(complaint));
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

/* The files in sst/ that stay: the live tables, and those that the snapshots of readers may need; heap memory. */
static enum st files_that_stay(const struct restore_config *c, const struct manifest_state *s, struct file_id **idsp,
			       size_t *np)
{
	struct file_id *ids = mem_alloc((s->table_count + 1) * sizeof(*ids)), *more = NULL;
	size_t n = 0;
	enum st st = ST_OK;

	for (size_t i = 0; i < s->table_count; i++)
		ids[i] = s->tables[i].facts.id;
	if (s->table_count)
		qsort(ids, s->table_count, sizeof(*ids), id_order);
	if (c->truth.retired)
		st = retired_adopt(c->truth.retired, ids, s->table_count, &more, &n);
	if (n) {
		ids = mem_resize(ids, (s->table_count + n) * sizeof(*ids));
		memcpy(ids + s->table_count, more, n * sizeof(*ids));
	}
	mem_free(more);
	*idsp = ids;
	*np = s->table_count + n;
	return st;
}

static enum st tidy(const struct restore_config *c, const struct manifest_state *s)
{
	struct file_id *stay;
	size_t n;
	enum st st = files_that_stay(c, s, &stay, &n);

	for (size_t i = 0; i < s->damage_count && !st; i++)
		st = recovery_keep_damaged(c->vfs, c->conf->data_dir, s->damage[i].table, stay, n);
	if (!st && c->retain)
		st = retain_begin(c->retain, s->database, s->wal_floor);
	if (!st)
		st = recovery_tidy(c->vfs, c->conf->data_dir, s->wal_floor, stay, n);
	mem_free(stay);
	return st;
}

uint64_t restore_segment_bytes(const struct conf *c)
{
	return c->memtable_size_limit > SEGMENT_LEAST ? c->memtable_size_limit : SEGMENT_LEAST;
}

static enum st open_writer(const struct restore_config *c, struct replay *r, struct database *db)
{
	uint64_t limit = c->conf->memtable_size_limit;
	struct writer_config w = { .truth = db->truth, .reserve = c->reserve, .drain = &db->drain, .board = c->truth.board,
				   .memtable_size_limit = limit,
				   .sync_mode = c->conf->wal_sync, .sync_every_us = c->conf->wal_sync_ms * 1000 };
	struct writer_begin b = { .origins = r->origins, .last_seq = db->report.last_seq, .last_ms = r->last_ms,
				  .before = db->report.end };

	r->origins = NULL;
	w.spare = db->spare = spare_new(c->vfs, c->conf->data_dir, db->truth, restore_segment_bytes(c->conf));
	return writer_open(&db->writer, &w, &b);
}

/* What readers were shown must have come back: a lower end means that the log lost what was acknowledged. */
static enum st check_nothing_is_gone(const struct restore_config *c, const struct recovery_report *r, struct buf *complaint)
{
	uint64_t shown = board_visible(c->truth.board).v;

	if (r->last_seq.v >= shown)
		return ST_OK;
	buf_printf(complaint, "The write-ahead log ends at sequence %" PRIu64 ", but sequences up to %" PRIu64
		   " were visible: acknowledged writes are missing.", r->last_seq.v, shown);
	return fail(ST_CORRUPT, "%s", buf_cstr(complaint));
}

/* The recovered memtables become the truth's. */
static enum st build_truth(const struct restore_config *c, struct manifest **mp, const struct manifest_state *s,
			   struct replay *r, struct database *db)
{
	enum st st;

	idpool_skip_below(&r->ids, file_id(db->report.highest_id.v + 1));
	st = truth_new(&c->truth, mp, s, &r->ids, &db->truth);
	if (st)
		return st;
	for (size_t i = 0; i < r->count; i++)
		truth_add_recovered(db->truth, &r->tables[i]);
	r->count = 0;
	st = open_writer(c, r, db);
	if (!st && s->wal_floor.v == 0 && db->report.segments == 0)
		st = truth_name_floor(db->truth, wal_id(db->writer.wal.wal));
	return st;
}

static enum st open_from(const struct restore_config *c, struct manifest **mp, const struct manifest_state *s,
			 struct database *db, struct buf *complaint)
{
	struct replay r = { 0 };
	enum st st;

	db->next_job = s->next_job;
	db->created = s->created;
	board_set_incarnation(c->truth.board, s->incarnation);
	st = check_tables(c, s, complaint);
	if (st)
		return st;
	st = replay(c, *mp, s, &r, &db->report);
	if (st)
		buf_append_str(complaint, db->report.sentence);
	else
		st = check_nothing_is_gone(c, &db->report, complaint);
	if (!st && db->report.last_seq.v < s->promised_seq.v)
		st = manifest_promise(*mp, db->report.last_seq);        /* truncate mode: the loss was accepted */
	if (!st)
		st = tidy(c, s);
	if (!st)
		st = build_truth(c, mp, s, &r, db);
	replay_drop(&r);
	if (!st && db->report.records > 0)
		stats_add(M_recovery_operations, 1);
	return st;
}

enum st restore_open(const struct restore_config *c, struct database *dbp, struct buf *complaint)
{
	struct manifest *m = NULL;
	struct manifest_state s = { 0 };
	enum st st = make_dirs(c->vfs, c->conf->data_dir);

	*dbp = (struct database){ 0 };
	if (st)
		return st;
	st = manifest_open(c->vfs, path_manifest(c->conf->data_dir).s, c->sqlite_vfs, &m, &s, complaint);
	if (st)
		return st;
	st = open_from(c, &m, &s, dbp, complaint);
	manifest_state_fini(&s);
	if (m)
		manifest_close(&m);
	if (st)
		restore_close(dbp);
	return st;
}

void restore_publish(struct database *db)
{
	truth_begin(db->truth, db->writer.active);
	board_set_visible(db->writer.conf.board, group_last_seq(&db->writer.group));
	writer_tell_sizes(&db->writer);
}

void restore_close(struct database *db)
{
	if (db->writer.origins) {
		struct seq last = group_last_seq(&db->writer.group);

		if (writer_close(&db->writer))
			truth_promise(db->truth, last);
	}
	spare_free(&db->spare);
	truth_free(&db->truth);
}
