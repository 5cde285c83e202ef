/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings, read once by the supervisor and handed to the workers as text in an inherited file.
 *
 * Sources, later wins: defaults, the file named by --config (KEY=value lines, # comments), the environment. A wrong
 * value, or an unknown key in the file, is one sentence that says what, where and what would be right.
 * The table itself is config.def; WAL_SYNC additionally takes "interval:<ms>" (1 to 60000), kept in wal_sync_ms.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/status.h"

enum { WAL_SYNC_ALWAYS, WAL_SYNC_INTERVAL, WAL_SYNC_OFF };
enum { WAL_RECOVERY_STRICT, WAL_RECOVERY_TRUNCATE, WAL_RECOVERY_ABSOLUTE };
enum { BLOCK_COMPRESSION_NONE, BLOCK_COMPRESSION_FAST, BLOCK_COMPRESSION_SMALL, BLOCK_COMPRESSION_ZSTD };

#define CONF_STR_MAX 1024       /* bytes of a text setting, its NUL included */

struct conf {
#define CFG_NUM(field, KEY, def, min, max, unit, prose) uint64_t field;
#define CFG_STR(field, KEY, def, prose) char field[CONF_STR_MAX];
#define CFG_ENUM(field, KEY, def, words, prose) unsigned field;
#include "common/base/config.def"
#undef CFG_NUM
#undef CFG_STR
#undef CFG_ENUM
	uint64_t wal_sync_ms;   /* for WAL_SYNC_INTERVAL */
};

void conf_defaults(struct conf *c);

/* Sets one key. ST_INVALID with a sentence appended to complaint (never logged here). ST_NOT_FOUND: no such key. */
enum st conf_set(struct conf *c, const char *key, const char *value, struct buf *complaint) MUST_USE;

/* Reads KEY=value lines (blank and # begin a comment, "..." keeps both in a value); name is used in complaints
 * ("etc/lsm-engine.conf line 3: ..."). */
enum st conf_read_text(struct conf *c, const char *name, const char *text, struct buf *complaint) MUST_USE;
enum st conf_read_file(struct conf *c, const char *path, struct buf *complaint) MUST_USE;

/* Takes what the table knows from an environment (NULL-terminated KEY=value array); other variables are not ours. */
enum st conf_read_env(struct conf *c, char *const *env, struct buf *complaint) MUST_USE;

/* Makes paths absolute, fills RUN_DIR, turns HOST=localhost into its address, resolves LOG_FORMAT and NODE_ENV, and
 * checks what needs several keys together (socket paths must fit 108 bytes; HOST and who may listen there; both files
 * of TLS; WAL_TEST_MODE). */
enum st conf_finish(struct conf *c, bool stderr_is_terminal, struct buf *complaint) MUST_USE;

/* The effective settings as KEY=value lines that conf_read_text() takes back unchanged. */
void conf_write(const struct conf *c, struct buf *out);

/* The documented default file: prose, unit, limits, and the commented default of each key. */
void conf_write_documented(struct buf *out);

/* Whether a numeric address reaches this machine only (127.0.0.0/8, ::1, and the first within IPv6). */
bool conf_is_loopback(const char *address);

/* What to tell who wants to listen on an address that others reach without asking them for tokens; NULL when that is
 * allowed. */
const char *conf_refuse_public(const struct conf *c);

enum log_level conf_log_level(const struct conf *c);
enum log_format conf_log_format(const struct conf *c);     /* after conf_finish() */

#endif
