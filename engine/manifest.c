/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest: its life, and what changes it. Tables and views: manifest_schema.h; the file: manifest_setup.c; what stands
 * in it: manifest_state.c.
 *
 * Each change is one transaction, begun IMMEDIATE, so that being in another program's way is found out before
 * anything is done. Until COMMIT every failure rolls back and changes nothing. When COMMIT itself fails with
 * anything but "full" or "busy", nobody knows what a power cut would leave: the manifest is broken and takes
 * nothing more (invariant 9).
 *
 * One thread at a time: under the truth's edit lock (truth.h).
 */
#include "engine/manifest.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "engine/manifest_db.h"
#include "engine/manifest_image.h"
#include "engine/manifest_schema.h"
#include "engine/manifest_setup.h"

#define MANIFEST_MAGIC 0x3a21fe57u

/* The statements, prepared once: name, SQL. */
#define STATEMENTS(S) \
	S(BEGIN, "BEGIN IMMEDIATE") \
	S(COMMIT, "COMMIT") \
	S(ROLLBACK, "ROLLBACK") \
	S(SET, "UPDATE meta SET value = ?2 WHERE name = ?1") \
	S(RAISE, "UPDATE meta SET value = max(value, ?2) WHERE name = ?1") \
	S(ADD, "INSERT INTO files (id, level, size_bytes, file_crc, min_key, max_key, min_seq, max_seq, entries," \
	       " tombstones, uncompressed_bytes, expiring, min_expires_ms, max_expires_ms, created_ms," \
	       " born_job) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)") \
	S(MOVE, "UPDATE files SET level = ?2 WHERE id = ?1 AND died_ms IS NULL") \
	S(BURY, "UPDATE files SET died_ms = ?2, died_job = ?3 WHERE id = ?1 AND died_ms IS NULL") \
	S(ERASE, "DELETE FROM files WHERE id = ?1 AND died_ms IS NULL") \
	S(JOB, "INSERT INTO jobs (job, reason, input_level, output_level, bytes_in, bytes_out, entries_in," \
	       " dropped_overwritten, dropped_tombstones, dropped_expired, duration_us, finished_ms, incarnation," \
	       " started_ms, sub_jobs)" \
	       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)") \
	S(INPUT, "INSERT INTO job_inputs (job, file) VALUES (?1, ?2)") \
	S(OUTPUT, "INSERT INTO job_outputs (job, file) VALUES (?1, ?2)") \
	S(FORGET_JOBS, "DELETE FROM jobs WHERE job <= ?1") \
	S(FORGET_FILES, "DELETE FROM files WHERE died_job <= ?1") \
	S(DAMAGE, "INSERT INTO damage (id, file, offset, min_key, max_key, max_seq, what, found_ms)" \
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
	S(MEND, "UPDATE damage SET cleared_ms = ?2 WHERE id = ?1 AND cleared_ms IS NULL")

enum statement {
#define S(name, sql) SQL_##name,
	STATEMENTS(S)
#undef S
	SQL_COUNT
};

static const char *const statement_text[] = {
#define S(name, sql) sql,
	STATEMENTS(S)
#undef S
};

struct manifest {
	uint32_t magic;
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	uint64_t incarnation;
	bool broken;
};

/* ---- small steps, each inside a transaction ---- */

static enum st run(struct manifest *m, enum statement s)
{
	return manifest_db__run(m->statements[s]);
}

static enum st run_meta(struct manifest *m, enum statement s, const char *name, uint64_t value)
{
	manifest_db__bind_text(m->statements[s], 1, name);
	manifest_db__bind_u64(m->statements[s], 2, value);
	return run(m, s);
}

static enum st run_pair(struct manifest *m, enum statement s, uint64_t a, uint64_t b)
{
	manifest_db__bind_u64(m->statements[s], 1, a);
	manifest_db__bind_u64(m->statements[s], 2, b);
	return run(m, s);
}

/* The statement just run must have met exactly one row. */
static enum st met_one(struct manifest *m, enum st st, struct file_id id, const char *what)
{
	if (!st && sqlite3_changes(m->db) != 1)
		return fail(ST_CORRUPT, "manifest: cannot %s table %" PRIu64 ": it is not live", what, id.v);
	return st;
}

static enum st begin(struct manifest *m)
{
	obj_check(m, MANIFEST_MAGIC);
	if (m->broken)
		return ST_IO;
	return run(m, SQL_BEGIN);
}

/* Ends the transaction: commits when st is ST_OK, else rolls back. */
static enum st finish(struct manifest *m, enum st st)
{
	bool committing = !st;
	enum st undo;

	if (committing)
		st = run(m, SQL_COMMIT);
	if (!st)
		return ST_OK;
	if (!sqlite3_get_autocommit(m->db)) {
		undo = run(m, SQL_ROLLBACK);
		m->broken |= undo != ST_OK;
	}
	m->broken |= committing && st != ST_FULL && st != ST_BUSY;
	return m->broken ? ST_IO : st;
}

/* ---- edits ---- */

static bool has_id(const struct file_id *ids, size_t n, struct file_id id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i].v == id.v)
			return true;
	return false;
}

static bool adds_id(const struct version_edit *e, struct file_id id)
{
	for (size_t i = 0; i < e->added_count; i++)
		if (e->added[i].facts.id.v == id.v)
			return true;
	return false;
}

static enum st add_job(struct manifest *m, const struct job_row *j)
{
	sqlite3_stmt *s = m->statements[SQL_JOB];
	const uint64_t numbers[] = {
		j->input_level, j->output_level, j->bytes_in, j->bytes_out, j->entries_in, j->dropped_overwritten,
		j->dropped_tombstones, j->dropped_expired, j->duration_us, (uint64_t)j->finished_ms, m->incarnation,
		(uint64_t)j->started_ms, j->sub_jobs,
	};
	enum st st;

	manifest_db__bind_u64(s, 1, j->job);
	manifest_db__bind_text(s, 2, j->reason ? j->reason : "");
	for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++)
		manifest_db__bind_u64(s, 3 + i, numbers[i]);
	st = run(m, SQL_JOB);
	return st ? st : run_meta(m, SQL_RAISE, "next_job", j->job + 1);
}

/* A table that leaves with a job is kept dead, for its lineage, and so is a damaged one; any other leaves no trace. */
static enum st remove_table(struct manifest *m, const struct version_edit *e, struct file_id id)
{
	sqlite3_stmt *s = m->statements[SQL_BURY];
	enum st st;

	if (e->job) {
		st = run_pair(m, SQL_INPUT, e->job->job, id.v);
		if (st)
			return st;
	}
	if (adds_id(e, id))
		return ST_OK;            /* it only moves */
	if (!e->job && !e->damage_count) {
		manifest_db__bind_u64(m->statements[SQL_ERASE], 1, id.v);
		return met_one(m, run(m, SQL_ERASE), id, "remove");
	}
	manifest_db__bind_u64(s, 1, id.v);
	manifest_db__bind_u64(s, 2, (uint64_t)clock_wall_ms());
	if (e->job)
		manifest_db__bind_u64(s, 3, e->job->job);
	return met_one(m, run(m, SQL_BURY), id, "remove");
}

static enum st insert_table(struct manifest *m, const struct version_edit *e, const struct live_table *t)
{
	sqlite3_stmt *s = m->statements[SQL_ADD];
	const struct table_facts *f = &t->facts;
	const uint64_t numbers[] = {
		f->min_seq.v, f->max_seq.v, f->entry_count, f->tombstone_count, f->uncompressed_bytes,
		f->expiring_count, (uint64_t)f->min_expires_ms, (uint64_t)f->max_expires_ms, (uint64_t)t->created_ms,
	};

	manifest_db__bind_u64(s, 1, f->id.v);
	manifest_db__bind_u64(s, 2, t->level);
	manifest_db__bind_u64(s, 3, f->size_bytes);
	manifest_db__bind_u64(s, 4, f->file_crc);
	manifest_db__bind_blob(s, 5, f->min_key);
	manifest_db__bind_blob(s, 6, f->max_key);
	for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++)
		manifest_db__bind_u64(s, 7 + i, numbers[i]);
	if (e->job)
		manifest_db__bind_u64(s, 16, e->job->job);
	return run(m, SQL_ADD);
}

static enum st add_table(struct manifest *m, const struct version_edit *e, const struct live_table *t)
{
	struct file_id id = t->facts.id;
	enum st st;

	if (has_id(e->removed, e->removed_count, id))
		st = met_one(m, run_pair(m, SQL_MOVE, id.v, t->level), id, "move");
	else
		st = insert_table(m, e, t);
	if (!st && e->job)
		st = run_pair(m, SQL_OUTPUT, e->job->job, id.v);
	return st;
}

static enum st forget_old_jobs(struct manifest *m, uint64_t newest)
{
	enum st st;

	if (newest <= MANIFEST_JOBS_KEPT)
		return ST_OK;
	manifest_db__bind_u64(m->statements[SQL_FORGET_JOBS], 1, newest - MANIFEST_JOBS_KEPT);
	st = run(m, SQL_FORGET_JOBS);
	if (st)
		return st;
	manifest_db__bind_u64(m->statements[SQL_FORGET_FILES], 1, newest - MANIFEST_JOBS_KEPT);
	return run(m, SQL_FORGET_FILES);
}

static enum st add_damage(struct manifest *m, const struct damage_row *d)
{
	sqlite3_stmt *s = m->statements[SQL_DAMAGE];

	manifest_db__bind_u64(s, 1, d->at.record);
	manifest_db__bind_u64(s, 2, d->at.table.v);
	manifest_db__bind_u64(s, 3, d->at.offset);
	manifest_db__bind_blob(s, 4, d->at.min);
	manifest_db__bind_blob(s, 5, d->at.max);
	manifest_db__bind_u64(s, 6, d->at.max_seq.v);
	manifest_db__bind_text(s, 7, d->what);
	manifest_db__bind_u64(s, 8, (uint64_t)d->found_ms);
	return run(m, SQL_DAMAGE);
}

static enum st mend(struct manifest *m, uint64_t record)
{
	enum st st = run_pair(m, SQL_MEND, record, (uint64_t)clock_wall_ms());

	if (!st && sqlite3_changes(m->db) != 1)
		return fail(ST_CORRUPT, "manifest: damage record %" PRIu64 " is not open", record);
	return st;
}

static enum st apply_edit(struct manifest *m, const struct version_edit *e)
{
	enum st st = e->job ? add_job(m, e->job) : ST_OK;

	for (size_t i = 0; i < e->removed_count && !st; i++)
		st = remove_table(m, e, e->removed[i]);
	for (size_t i = 0; i < e->added_count && !st; i++)
		st = add_table(m, e, &e->added[i]);
	for (size_t i = 0; i < e->damage_count && !st; i++)
		st = add_damage(m, &e->damage[i]);
	for (size_t i = 0; i < e->mended_count && !st; i++)
		st = mend(m, e->mended[i]);
	if (!st && e->wal_floor.v)
		st = run_meta(m, SQL_RAISE, "wal_floor", e->wal_floor.v);
	if (!st && e->flushed_seq.v)
		st = run_meta(m, SQL_RAISE, "flushed_seq", e->flushed_seq.v);
	if (!st && e->job)
		st = forget_old_jobs(m, e->job->job);
	return st;
}

enum st manifest_commit(struct manifest *m, const struct version_edit *e)
{
	enum st st = begin(m);

	return st ? st : finish(m, apply_edit(m, e));
}

enum st manifest_promise(struct manifest *m, struct seq upto)
{
	enum st st = begin(m);

	return st ? st : finish(m, run_meta(m, SQL_SET, "promised_seq", upto.v));
}

enum st manifest_reserve_ids(struct manifest *m, struct file_id upto)
{
	enum st st = begin(m);

	return st ? st : finish(m, run_meta(m, SQL_RAISE, "next_id", upto.v));
}

enum st manifest_image(struct manifest *m, struct file_id wal_floor, struct seq promised, uint8_t **bytesp, size_t *np)
{
	obj_check(m, MANIFEST_MAGIC);
	*bytesp = NULL;
	return m->broken ? ST_IO : manifest_image__make(m->db, wal_floor, promised, bytesp, np);
}

enum st manifest_list_damage(struct manifest *m, manifest_damage_f *each, void *ctx)
{
	obj_check(m, MANIFEST_MAGIC);
	return manifest_state__each_damage(m->db, each, ctx);
}

/* ---- its life ---- */

static enum st prepare_statements(struct manifest *m)
{
	enum st st = ST_OK;

	for (int i = 0; i < SQL_COUNT && !st; i++)
		st = manifest_db__prepare(m->db, statement_text[i], &m->statements[i]);
	return st;
}

static enum st raise_incarnation(struct manifest *m, struct manifest_state *s)
{
	enum st st = begin(m);

	if (st)
		return st;
	s->incarnation++;
	m->incarnation = s->incarnation;
	return finish(m, run_meta(m, SQL_SET, "incarnation", s->incarnation));
}

enum st manifest_open(struct vfs *v, const char *path, const char *sqlite_vfs, struct manifest **mp,
		      struct manifest_state *sp, struct buf *complaint)
{
	struct manifest *m = mem_zalloc(sizeof *m);
	enum st st;

	*mp = NULL;
	*sp = (struct manifest_state){ 0 };
	obj_init(m, MANIFEST_MAGIC);
	st = manifest_setup__open(v, path, sqlite_vfs, &m->db, &sp->created, complaint);
	if (!st)
		st = prepare_statements(m);
	if (!st)
		st = manifest_state__read(m->db, sp);
	if (!st)
		st = manifest_state__read_damage(m->db, sp);
	if (!st)
		st = raise_incarnation(m, sp);
	if (st) {
		manifest_state_fini(sp);
		m->broken = true;        /* closing changes nothing */
		manifest_close(&m);
	}
	*mp = m;
	return st;
}

enum st manifest_look(const char *path, const char *sqlite_vfs, struct manifest_state *sp, struct buf *complaint)
{
	sqlite3 *db = NULL;
	enum st st = manifest_setup__look(path, sqlite_vfs, &db, complaint);

	*sp = (struct manifest_state){ 0 };
	if (!st)
		st = manifest_state__read(db, sp);
	if (sqlite3_close(db) != SQLITE_OK && !st)
		st = fail(ST_INTERNAL, "manifest: the connection is still in use at close");
	if (st)
		manifest_state_fini(sp);
	return st;
}

void manifest_close(struct manifest **mp)
{
	struct manifest *m = *mp;
	enum st st;

	if (!m)
		return;
	obj_check(m, MANIFEST_MAGIC);
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(m->statements[i]);
	if (m->broken)
		manifest_setup__leave_alone(m->db);
	else if (m->db) {
		st = manifest_setup__checkpoint(m->db);
		(void)st;                /* logged; the next opening does it again */
	}
	if (sqlite3_close(m->db) != SQLITE_OK)
		st = fail(ST_INTERNAL, "manifest: the connection is still in use at close");
	obj_fini(m);
	mem_free(m);
	*mp = NULL;
}
