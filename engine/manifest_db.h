/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite3 in the words of this house: outcomes as enum st, one sentence logged where an error is born. */
#ifndef ENGINE_MANIFEST_DB_H
#define ENGINE_MANIFEST_DB_H

#include <sqlite3.h>

#include "common/base/slice.h"
#include "common/base/status.h"

/* A result code of sqlite3 that is not OK, ROW or DONE, as an outcome; logs what was being done. */
enum st manifest_db__fail(sqlite3 *db, int rc, const char *what) MUST_USE;

/* From now on every connection of this process knows lsm_row_sum(value, ...), the CRC-32 of a row (manifest_schema.h). */
void manifest_db__know_sums(void);

/* Statements without parameters or rows of interest. */
enum st manifest_db__exec(sqlite3 *db, const char *sql) MUST_USE;

/* The first column of the first row, as a number or a text (cut to n bytes with its NUL); empty when there is
 * no row. Errors are answered, not logged: the caller may be probing a file that is none of ours. */
int manifest_db__number(sqlite3 *db, const char *sql, int64_t *valuep);
int manifest_db__text(sqlite3 *db, const char *sql, char *text, size_t n);

enum st manifest_db__prepare(sqlite3 *db, const char *sql, sqlite3_stmt **sp) MUST_USE;

/* Runs a statement that yields no row, and makes it ready for the next time. */
enum st manifest_db__run(sqlite3_stmt *s) MUST_USE;

/* Binding never fails for the small values we bind; what it would say comes back from the step. */
void manifest_db__bind_u64(sqlite3_stmt *s, int at, uint64_t v);
void manifest_db__bind_blob(sqlite3_stmt *s, int at, struct slice v);    /* copied */
void manifest_db__bind_text(sqlite3_stmt *s, int at, const char *v);     /* copied */

#endif
