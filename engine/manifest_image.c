/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole manifest as bytes, for a checkpoint. It is copied page by page inside one read transaction on the engine's own
 * connection, so what the log holds is in it; then changed in memory.
 */
#include "engine/manifest_image.h"

#include <inttypes.h>

#include "common/base/mem.h"

#define FILE_FORMAT_AT 18                /* sqlite's header: write and read version; 1 rollback journal, 2 WAL */
#define SQLITE_HEADER_BYTES 100

/* A database in memory has no log, so the copy is not in WAL mode; its first opening puts it there. */
static enum st open_image(sqlite3 *db, sqlite3 **copyp)
{
	sqlite3_int64 n = 0;
	unsigned char *bytes = sqlite3_serialize(db, "main", &n, 0);
	int rc;

	if (!bytes || n < SQLITE_HEADER_BYTES) {
		sqlite3_free(bytes);
		return manifest_db__fail(db, sqlite3_errcode(db) ? sqlite3_errcode(db) : SQLITE_NOMEM, "copy the file");
	}
	bytes[FILE_FORMAT_AT] = bytes[FILE_FORMAT_AT + 1] = 1;
	rc = sqlite3_open_v2(":memory:", copyp, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc) {
		sqlite3_free(bytes);
		return manifest_db__fail(*copyp, rc, "open a copy");
	}
	rc = sqlite3_deserialize(*copyp, "main", bytes, n, n,
				 SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
	return rc ? manifest_db__fail(*copyp, rc, "open a copy") : ST_OK;
}

static enum st set_meta(sqlite3 *copy, const char *name, uint64_t value)
{
	char *sql = sqlite3_mprintf("UPDATE meta SET value = %lld WHERE name = '%q'", (sqlite3_int64)value, name);
	enum st st = manifest_db__exec(copy, sql);

	sqlite3_free(sql);
	return st;
}

static enum st take_bytes(sqlite3 *copy, uint8_t **bytesp, size_t *np)
{
	sqlite3_int64 n = 0;
	unsigned char *bytes = sqlite3_serialize(copy, "main", &n, 0);

	if (!bytes)
		return manifest_db__fail(copy, SQLITE_NOMEM, "copy the file");
	*bytesp = mem_dup(bytes, (size_t)n);
	*np = (size_t)n;
	sqlite3_free(bytes);
	return ST_OK;
}

enum st manifest_image__make(sqlite3 *db, struct file_id wal_floor, struct seq promised, uint8_t **bytesp, size_t *np)
{
	sqlite3 *copy = NULL;
	enum st st = open_image(db, &copy);

	*bytesp = NULL;
	*np = 0;
	if (!st)
		st = set_meta(copy, "wal_floor", wal_floor.v);
	if (!st)
		st = set_meta(copy, "promised_seq", promised.v);
	if (!st)
		st = take_bytes(copy, bytesp, np);
	if (sqlite3_close(copy) != SQLITE_OK && !st)
		st = fail(ST_INTERNAL, "manifest: a copy is still in use at close");
	return st;
}
