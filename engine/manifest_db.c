/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite3 in the words of this house; see manifest_db.h. */
#include "engine/manifest_db.h"

#include <stdio.h>

enum st manifest_db__fail(sqlite3 *db, int rc, const char *what)
{
	const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return fail(ST_FULL, "manifest: cannot %s: %s", what, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail(ST_BUSY, "manifest: cannot %s, another program writes to it: %s", what, text);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT:
		return fail(ST_CORRUPT, "manifest: cannot %s: %s", what, text);
	default:
		return fail(ST_IO, "manifest: cannot %s: %s (%d)", what, text, rc);
	}
}

enum st manifest_db__exec(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ST_OK : manifest_db__fail(db, rc, sql);
}

int manifest_db__number(sqlite3 *db, const char *sql, int64_t *valuep)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	*valuep = 0;
	if (rc)
		return rc;
	if (sqlite3_step(s) == SQLITE_ROW)
		*valuep = sqlite3_column_int64(s, 0);
	return sqlite3_finalize(s);
}

int manifest_db__text(sqlite3 *db, const char *sql, char *text, size_t n)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	text[0] = '\0';
	if (rc)
		return rc;
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
		snprintf(text, n, "%s", (const char *)sqlite3_column_text(s, 0));
	return sqlite3_finalize(s);
}

enum st manifest_db__prepare(sqlite3 *db, const char *sql, sqlite3_stmt **sp)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, sp, NULL);

	return rc == SQLITE_OK ? ST_OK : manifest_db__fail(db, rc, sql);
}

enum st manifest_db__run(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);
	enum st st = ST_OK;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		st = manifest_db__fail(sqlite3_db_handle(s), rc, sqlite3_sql(s));
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return st;
}

void manifest_db__bind_u64(sqlite3_stmt *s, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(s, at, (sqlite3_int64)v);
}

void manifest_db__bind_blob(sqlite3_stmt *s, int at, struct slice v)
{
	(void)sqlite3_bind_blob(s, at, v.n ? (const void *)v.p : "", (int)v.n, SQLITE_TRANSIENT);
}

void manifest_db__bind_text(sqlite3_stmt *s, int at, const char *v)
{
	(void)sqlite3_bind_text(s, at, v, -1, SQLITE_TRANSIENT);
}
