/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite3 in the words of this house; see manifest_db.h. */
#include "engine/manifest_db.h"

#include <stdio.h>

#include "common/base/coding.h"
#include "common/base/crc.h"

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

static uint32_t sum_value(uint32_t crc, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	uint8_t head[9] = { (uint8_t)type };
	const void *bytes = NULL;
	size_t n = 0;

	if (type == SQLITE_INTEGER) {
		put_u64(head + 1, (uint64_t)sqlite3_value_int64(v));
	} else if (type != SQLITE_NULL) {
		bytes = sqlite3_value_blob(v);   /* of a text its characters */
		n = (size_t)sqlite3_value_bytes(v);
		put_u64(head + 1, n);
	}
	crc = crc32_of(crc, head, sizeof(head));
	return n ? crc32_of(crc, bytes, n) : crc;
}

static void row_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint32_t crc = 0;

	for (int i = 0; i < count; i++)
		crc = sum_value(crc, values[i]);
	sqlite3_result_int64(context, crc);
}

static int add_functions(sqlite3 *db, char **complaint, const void *api)
{
	(void)complaint;
	(void)api;
	return sqlite3_create_function_v2(db, "lsm_row_sum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
					  row_sum, NULL, NULL, NULL);
}

void manifest_db__know_sums(void)
{
	(void)sqlite3_auto_extension((void (*)(void))add_functions);     /* once, however often it is said */
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
