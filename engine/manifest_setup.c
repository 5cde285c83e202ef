/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the manifest's file. Nothing is written before the file is known to be ours or empty:
 *
 *   missing or no tables in it -> data beside it? refuse : create
 *   not a database, quick_check complains, foreign application_id, newer user_version, wrong sum -> refuse
 *   ours -> settings, each read back -> an older format is migrated, in one transaction -> what the log holds is
 *           brought into the file (a commit whose sync failed may still show in the page cache: what we read must be on
 *           disk before we act on it)
 */
#include "engine/manifest_setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/rand.h"
#include "common/table/filename.h"
#include "engine/manifest_schema.h"

#define MISSING_TEXT "is missing or empty, but tables or WAL segments exist beside it."
#define SQLITE_SMALLEST_FILE 512u
#define MANIFEST_BUSY_MS 2000            /* people's readers hold up a checkpoint at most this long */

/* ---- what stands beside it ---- */

struct beside { struct vfs *v; const char *dir; bool found; };

static enum st look_at(void *ctx, const char *name)
{
	struct beside *b = ctx;
	struct path p = path_join(b->dir, name);
	struct file_id id;
	struct vfs_file *f;
	uint64_t size = 0;
	enum st st;

	if (path_parse(name, &id) == DATA_NAME_OTHER)
		return ST_OK;
	st = vfs_open(b->v, p.s, VFS_READ, &f);
	if (st)
		return st == ST_NOT_FOUND ? ST_OK : st;
	st = vfs_size(f, &size);
	vfs_close(&f);
	b->found |= size > 0;
	return st;
}

static enum st data_beside(struct vfs *v, const char *data_dir, bool *yesp)
{
	struct path dirs[] = { path_sst_dir(data_dir), path_wal_dir(data_dir) };

	*yesp = false;
	for (size_t i = 0; i < 2; i++) {
		struct beside b = { v, dirs[i].s, false };
		enum st st = vfs_list(v, dirs[i].s, look_at, &b);

		if (st && st != ST_NOT_FOUND)
			return st;
		*yesp |= b.found;
	}
	return ST_OK;
}

/* ---- is it ours ---- */

static enum st refuse(struct buf *complaint, const char *path, const char *what)
{
	size_t from = complaint->n;

	buf_printf(complaint, "%s %s Nothing was changed. Restore manifest.db from a backup together with its sst and wal "
		   "folders, or name another DATA_DIR.", path, what);
	return fail(ST_CORRUPT, "%s", buf_cstr(complaint) + from);
}

/* Answers of sqlite to a first look: not a database and damaged are refusals, the rest are troubles. */
static enum st refuse_rc(sqlite3 *db, int rc, struct buf *complaint, const char *path)
{
	if ((rc & 0xff) == SQLITE_NOTADB)
		return refuse(complaint, path, "is not an sqlite database.");
	if ((rc & 0xff) == SQLITE_CORRUPT)
		return refuse(complaint, path, "is a damaged sqlite database.");
	return manifest_db__fail(db, rc, "read the file");
}

/* quick_check found something: damage, or a disk that does not read. */
static enum st refuse_check(struct buf *complaint, const char *path, char *text)
{
	const char *code = strstr(text, "error code=");
	char what[320];

	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	if (code && (atoi(code + strlen("error code=")) & 0xff) == SQLITE_IOERR)
		return fail(ST_IO, "manifest: cannot read the file: %s", text);
	snprintf(what, sizeof what, "is damaged (%s).", text);
	return refuse(complaint, path, what);
}

static enum st check_sum(sqlite3 *db, const char *path, struct buf *complaint)
{
	int64_t adds_up = 0;
	int rc = manifest_db__number(db, manifest_adds_up, &adds_up);

	if (rc)
		return refuse_rc(db, rc, complaint, path);
	return adds_up ? ST_OK : refuse(complaint, path, "does not add up: its rows are damaged, or were changed by hand.");
}

static enum st check_ours(sqlite3 *db, const char *path, struct buf *complaint, int64_t *versionp)
{
	int64_t application = 0, version = 0;
	char text[200], what[320];
	int rc = manifest_db__number(db, "PRAGMA application_id", &application);

	if (!rc)
		rc = manifest_db__number(db, "PRAGMA user_version", &version);
	*versionp = version;
	if (rc)
		return refuse_rc(db, rc, complaint, path);
	if (application != MANIFEST_APPLICATION_ID)
		return refuse(complaint, path, "is an sqlite database of another application.");
	if (version < 1 || version > MANIFEST_USER_VERSION) {
		snprintf(what, sizeof what, "has format %" PRId64 "; this program knows formats 1 to %d: start the version that "
			 "wrote it.", version, MANIFEST_USER_VERSION);
		return refuse(complaint, path, what);
	}
	rc = manifest_db__text(db, "PRAGMA quick_check(1)", text, sizeof text);
	if (rc)
		return refuse_rc(db, rc, complaint, path);
	if (strcmp(text, "ok") != 0)
		return refuse_check(complaint, path, text);
	return version < MANIFEST_SUM_FROM ? ST_OK : check_sum(db, path, complaint);
}

/* Missing, of zero bytes, or left behind by a creation that was interrupted: no table in it and nobody's
 * mark. */
static enum st check_empty(sqlite3 *db, const char *path, struct buf *complaint, bool *emptyp)
{
	int64_t objects = 0, application = 0, version = 0;
	int rc = manifest_db__number(db, "SELECT count(*) FROM sqlite_schema", &objects);

	*emptyp = false;
	if (!rc)
		rc = manifest_db__number(db, "PRAGMA application_id", &application);
	if (!rc)
		rc = manifest_db__number(db, "PRAGMA user_version", &version);
	if (rc)
		return refuse_rc(db, rc, complaint, path);
	*emptyp = objects == 0 && application == 0 && version == 0;
	return ST_OK;
}

/* ---- settings ---- */

/* What is set, how it is read back, what must come back. */
static const struct setting { const char *set, *get, *want; } settings[] = {
	{ "PRAGMA locking_mode = NORMAL", "PRAGMA locking_mode", "normal" },
	{ "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal" },
	{ "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2" },
	{ "PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", "1" },
	{ "PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", "0" },
	{ "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1" },
	{ "PRAGMA secure_delete = OFF", "PRAGMA secure_delete", "0" },
	{ "PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2" },
	{ "PRAGMA cache_size = -256", "PRAGMA cache_size", "-256" },
	{ "PRAGMA wal_autocheckpoint = 256", "PRAGMA wal_autocheckpoint", "256" },
	{ "PRAGMA journal_size_limit = 4194304", "PRAGMA journal_size_limit", "4194304" },
};

static enum st apply_settings(sqlite3 *db)
{
	char text[64];
	enum st st;
	int rc;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		st = manifest_db__exec(db, settings[i].set);
		if (st)
			return st;
		rc = manifest_db__text(db, settings[i].get, text, sizeof text);
		if (rc)
			return manifest_db__fail(db, rc, settings[i].get);
		if (strcmp(text, settings[i].want) != 0)
			return fail(ST_IO, "manifest: %s did not hold, it is %s", settings[i].set, text);
	}
	return ST_OK;
}

enum st manifest_setup__checkpoint(sqlite3 *db)
{
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc == SQLITE_BUSY) {
		log_warn("manifest: a reader holds up the checkpoint; close sqlite3 shells that have manifest.db open");
		return ST_OK;
	}
	return rc == SQLITE_OK ? ST_OK : manifest_db__fail(db, rc, "bring the log into the file");
}

/* ---- making and migrating ---- */

static enum st name_database(sqlite3 *db)
{
	char *sql = sqlite3_mprintf("INSERT INTO meta (name, value) VALUES ('database', %lld)", (sqlite3_int64)rand_id());
	enum st st = manifest_db__exec(db, sql);

	sqlite3_free(sql);
	return st;
}

static enum st take_steps(sqlite3 *db, int64_t from)
{
	enum st st = ST_OK;

	for (int64_t n = from; n < MANIFEST_USER_VERSION && !st; n++)
		st = manifest_db__exec(db, manifest_steps[n]);
	if (!st && from == 0)
		st = name_database(db);
	return st ? st : manifest_db__exec(db, manifest_last_step);
}

/* From any older format to ours, 0 being an empty file: wholly or not at all. */
static enum st migrate(sqlite3 *db, int64_t from)
{
	enum st st = manifest_db__exec(db, "BEGIN IMMEDIATE"), undo;

	if (st)
		return st;
	st = take_steps(db, from);
	if (!st)
		st = manifest_db__exec(db, "COMMIT");
	if (st && !sqlite3_get_autocommit(db)) {
		undo = manifest_db__exec(db, "ROLLBACK");
		(void)undo;
	}
	if (!st && from > 0)
		log_info("The manifest was migrated from format %" PRId64 " to format %d.", from, MANIFEST_USER_VERSION);
	return st;
}

/* Before sqlite sees it, for it would make a missing file, and take a very short one for an empty database. */
static enum st check_file(struct vfs *v, const char *path, struct buf *complaint)
{
	struct path dir = path_parent(path);
	struct vfs_file *f;
	uint64_t size = 0;
	bool beside;
	enum st st = vfs_open(v, path, VFS_READ, &f);

	if (!st) {
		st = vfs_size(f, &size);
		vfs_close(&f);
	}
	if (st && st != ST_NOT_FOUND)
		return st;
	if (size > 0)
		return size < SQLITE_SMALLEST_FILE ? refuse(complaint, path, "is cut short.") : ST_OK;
	st = data_beside(v, dir.s, &beside);
	if (!st && beside)
		return refuse(complaint, path, MISSING_TEXT);
	return st;
}

static enum st open_checked(struct vfs *v, const char *path, sqlite3 *db, bool *createdp,
			    struct buf *complaint)
{
	struct path dir = path_parent(path);
	int64_t version = 0;
	bool empty, beside;
	enum st st = check_empty(db, path, complaint, &empty);

	if (st)
		return st;
	if (empty) {
		st = data_beside(v, dir.s, &beside);
		if (st)
			return st;
		if (beside)
			return refuse(complaint, path, MISSING_TEXT);
		*createdp = true;
	} else {
		st = check_ours(db, path, complaint, &version);
		if (st)
			return st;
	}
	st = apply_settings(db);
	if (!st && version < MANIFEST_USER_VERSION)
		st = migrate(db, version);
	if (!st)
		st = manifest_setup__checkpoint(db);
	if (!st)
		st = vfs_sync_dir(v, dir.s);     /* sqlite ignores it when its own sync of the folder fails */
	return st;
}

void manifest_setup__leave_alone(sqlite3 *db)
{
	if (db)
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static bool is_directory(struct vfs *v, const char *path)
{
	bool yes = false;

	return vfs_exists(v, path_join(path, ".").s, &yes) == ST_OK && yes;
}

static enum st open_file(struct vfs *v, const char *path, const char *sqlite_vfs, sqlite3 **dbp, bool *createdp,
			 struct buf *complaint)
{
	int rc = sqlite3_open_v2(path, dbp, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, sqlite_vfs);

	if (rc)
		return manifest_db__fail(*dbp, rc, "open the file");
	sqlite3_extended_result_codes(*dbp, 1);
	sqlite3_busy_timeout(*dbp, MANIFEST_BUSY_MS);
	return open_checked(v, path, *dbp, createdp, complaint);
}

enum st manifest_setup__open(struct vfs *v, const char *path, const char *sqlite_vfs, sqlite3 **dbp,
			     bool *createdp, struct buf *complaint)
{
	enum st st = check_file(v, path, complaint);

	*createdp = false;
	*dbp = NULL;
	if (st)
		return st;
	manifest_db__know_sums();
	st = open_file(v, path, sqlite_vfs, dbp, createdp, complaint);
	if (st == ST_IO && is_directory(v, path))
		st = refuse(complaint, path, "is a directory.");
	if (st)
		manifest_setup__leave_alone(*dbp);
	return st;
}

enum st manifest_setup__look(const char *path, const char *sqlite_vfs, sqlite3 **dbp, struct buf *complaint)
{
	int64_t version;
	bool empty;
	enum st st;
	int rc;

	manifest_db__know_sums();
	rc = sqlite3_open_v2(path, dbp, SQLITE_OPEN_READONLY, sqlite_vfs);

	if (rc)
		return manifest_db__fail(*dbp, rc, "open the file");
	sqlite3_extended_result_codes(*dbp, 1);
	st = check_empty(*dbp, path, complaint, &empty);
	if (!st && empty)
		return refuse(complaint, path, "is empty.");
	if (!st)
		st = check_ours(*dbp, path, complaint, &version);
	if (!st && version < MANIFEST_USER_VERSION)
		st = refuse(complaint, path, "has an older format: start a server on it once, or use the version that wrote it.");
	return st;
}
