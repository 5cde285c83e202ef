/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a manifest: rows of meta, files and damage become a manifest_state.
 *
 * 1. Nothing is changed.
 * 2. Tables are read past the indexes (NOT INDEXED): the sum of the rows vouches for these, and for no index.
 * 3. What is read is a value: keys are copied, no statement is left open. Rows that are shown to somebody are on loan.
 * 4. Whether the tables make a legal version is not asked here (version.h); a record of damage must make sense.
 *
 * Run by whoever has the connection: the main thread at start, later under the edit lock (truth.h); tools on a copy's.
 */
#include "engine/manifest_state.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "engine/manifest_db.h"
#include "proto/limits.h"

static enum st read_meta(sqlite3 *db, struct manifest_state *s)
{
	const struct { const char *sql; uint64_t *to; } rows[] = {
		{ "SELECT value FROM meta WHERE name = 'database'", &s->database },
		{ "SELECT value FROM meta WHERE name = 'incarnation'", &s->incarnation },
		{ "SELECT value FROM meta WHERE name = 'wal_floor'", &s->wal_floor.v },
		{ "SELECT value FROM meta WHERE name = 'flushed_seq'", &s->flushed_seq.v },
		{ "SELECT value FROM meta WHERE name = 'promised_seq'", &s->promised_seq.v },
		{ "SELECT max(value, (SELECT coalesce(max(id), 0) + 1 FROM files)) FROM meta WHERE name = 'next_id'",
		  &s->next_id.v },
		{ "SELECT value FROM meta WHERE name = 'next_job'", &s->next_job },
		{ "SELECT coalesce(max(id), 0) + 1 FROM damage", &s->next_damage },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t value;
		int rc = manifest_db__number(db, rows[i].sql, &value);

		if (rc)
			return manifest_db__fail(db, rc, "read the table meta");
		*rows[i].to = (uint64_t)value;
	}
	if (s->database == 0)
		return fail(ST_CORRUPT, "manifest: the table meta has lost the database's id: restore manifest.db");
	return ST_OK;
}

static struct slice column_blob(sqlite3_stmt *s, int at)
{
	size_t n = (size_t)sqlite3_column_bytes(s, at);

	return slice_of(mem_dup(n ? sqlite3_column_blob(s, at) : "", n), n);
}

static void read_row(sqlite3_stmt *s, struct live_table *t)
{
	uint64_t n[15];

	for (int i = 0; i < 15; i++)
		n[i] = i < 4 || i > 5 ? (uint64_t)sqlite3_column_int64(s, i) : 0;
	*t = (struct live_table){
		.level = (unsigned)n[1],
		.created_ms = (int64_t)n[14],
		.facts = {
			.id = file_id(n[0]),
			.size_bytes = n[2],
			.file_crc = (uint32_t)n[3],
			.min_key = column_blob(s, 4),
			.max_key = column_blob(s, 5),
			.min_seq = seq(n[6]),
			.max_seq = seq(n[7]),
			.entry_count = n[8],
			.tombstone_count = n[9],
			.uncompressed_bytes = n[10],
			.expiring_count = n[11],
			.min_expires_ms = (int64_t)n[12],
			.max_expires_ms = (int64_t)n[13],
		},
	};
}

static enum st read_tables(sqlite3 *db, struct manifest_state *state)
{
	size_t capacity = 0;
	sqlite3_stmt *s;
	int rc;
	enum st st = manifest_db__prepare(db,
		"SELECT id, level, size_bytes, file_crc, min_key, max_key, min_seq, max_seq, entries, tombstones,"
		" uncompressed_bytes, expiring, min_expires_ms, max_expires_ms, created_ms"
		" FROM files NOT INDEXED WHERE died_ms IS NULL", &s);

	if (st)
		return st;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (state->table_count == capacity) {
			capacity = capacity ? capacity * 2 : 64;
			state->tables = mem_resize(state->tables, capacity * sizeof *state->tables);
		}
		read_row(s, &state->tables[state->table_count++]);
	}
	if (rc != SQLITE_DONE)
		st = manifest_db__fail(db, rc, "read the table files");
	sqlite3_finalize(s);
	return st;
}

enum st manifest_state__read(sqlite3 *db, struct manifest_state *s)
{
	enum st st = read_meta(db, s);

	return st ? st : read_tables(db, s);
}

/* ---- damage ---- */

/* Keys are a table's, or the next one behind, which is one byte longer. */
static bool damage_makes_sense(const struct table_damage *d)
{
	return d->record && d->table.v && d->min.n && d->max.n && d->min.n <= KEY_MAX_BYTES + 1 && d->max.n <= KEY_MAX_BYTES + 1 &&
	       slice_cmp(d->min, d->max) <= 0 && d->max_seq.v <= SEQ_MAX.v;
}

static struct slice lent_blob(sqlite3_stmt *s, int at)
{
	size_t n = (size_t)sqlite3_column_bytes(s, at);

	return slice_of(sqlite3_column_blob(s, at), n);
}

static enum st each_damage(sqlite3_stmt *s, manifest_damage_f *each, void *ctx)
{
	struct damage_row row = {
		.at = { .record = (uint64_t)sqlite3_column_int64(s, 0), .table = file_id((uint64_t)sqlite3_column_int64(s, 1)),
			.offset = (uint64_t)sqlite3_column_int64(s, 2), .min = lent_blob(s, 3), .max = lent_blob(s, 4),
			.max_seq = seq((uint64_t)sqlite3_column_int64(s, 5)) },
		.what = (const char *)sqlite3_column_text(s, 6),
		.found_ms = sqlite3_column_int64(s, 7),
	};

	if (!damage_makes_sense(&row.at) || !row.what)
		return fail(ST_CORRUPT, "manifest: damage record %" PRIu64 " makes no sense: restore manifest.db", row.at.record);
	each(ctx, &row);
	return ST_OK;
}

enum st manifest_state__each_damage(sqlite3 *db, manifest_damage_f *each, void *ctx)
{
	sqlite3_stmt *s;
	int rc = SQLITE_DONE;
	enum st st = manifest_db__prepare(db, "SELECT id, file, offset, min_key, max_key, max_seq, what, found_ms FROM damage"
					  " NOT INDEXED WHERE cleared_ms IS NULL ORDER BY id", &s);

	if (st)
		return st;
	while (!st && (rc = sqlite3_step(s)) == SQLITE_ROW)
		st = each_damage(s, each, ctx);
	if (!st && rc != SQLITE_DONE)
		st = manifest_db__fail(db, rc, "read the table damage");
	sqlite3_finalize(s);
	return st;
}

static void keep_damage(void *ctx, const struct damage_row *row)
{
	struct manifest_state *s = ctx;
	struct table_damage *d;

	s->damage = mem_resize(s->damage, (s->damage_count + 1) * sizeof *s->damage);
	d = &s->damage[s->damage_count++];
	*d = row->at;
	d->min.p = mem_dup(d->min.p, d->min.n);
	d->max.p = mem_dup(d->max.p, d->max.n);
}

enum st manifest_state__read_damage(sqlite3 *db, struct manifest_state *s)
{
	return manifest_state__each_damage(db, keep_damage, s);
}

void manifest_state_fini(struct manifest_state *s)
{
	for (size_t i = 0; i < s->table_count; i++) {
		mem_free((void *)(uintptr_t)s->tables[i].facts.min_key.p);
		mem_free((void *)(uintptr_t)s->tables[i].facts.max_key.p);
	}
	for (size_t i = 0; i < s->damage_count; i++) {
		mem_free((void *)(uintptr_t)s->damage[i].min.p);
		mem_free((void *)(uintptr_t)s->damage[i].max.p);
	}
	mem_free(s->damage);
	mem_free(s->tables);
	*s = (struct manifest_state){ 0 };
}
