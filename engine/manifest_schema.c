/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest's schema as SQL; see manifest_schema.h. A step that was released is never changed again. */
#include "engine/manifest_schema.h"

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

static const char step_1[] =
	"CREATE TABLE meta ("
	"  name TEXT PRIMARY KEY NOT NULL,"
	"  value INTEGER NOT NULL"
	") WITHOUT ROWID;"

	"CREATE TABLE files ("
	"  id INTEGER PRIMARY KEY,"
	"  level INTEGER NOT NULL,"
	"  size_bytes INTEGER NOT NULL,"
	"  file_crc INTEGER NOT NULL,"
	"  min_key BLOB NOT NULL,"
	"  max_key BLOB NOT NULL,"
	"  min_seq INTEGER NOT NULL,"
	"  max_seq INTEGER NOT NULL,"
	"  entries INTEGER NOT NULL,"
	"  tombstones INTEGER NOT NULL,"
	"  uncompressed_bytes INTEGER NOT NULL,"
	"  created_ms INTEGER NOT NULL,"
	"  born_job INTEGER,"              /* NULL: written by a flush */
	"  died_ms INTEGER,"               /* NULL: live */
	"  died_job INTEGER,"
	"  quarantined_offset INTEGER,"    /* format 1 only; since then damage is a table */
	"  quarantined_what TEXT"
	");"
	"CREATE INDEX files_live ON files (level) WHERE died_ms IS NULL;"
	"CREATE INDEX files_died ON files (died_job) WHERE died_job IS NOT NULL;"

	"CREATE TABLE jobs ("
	"  job INTEGER PRIMARY KEY,"
	"  reason TEXT NOT NULL,"
	"  input_level INTEGER NOT NULL,"
	"  output_level INTEGER NOT NULL,"
	"  bytes_in INTEGER NOT NULL,"
	"  bytes_out INTEGER NOT NULL,"
	"  entries_in INTEGER NOT NULL,"
	"  dropped_overwritten INTEGER NOT NULL,"
	"  dropped_tombstones INTEGER NOT NULL,"
	"  dropped_expired INTEGER NOT NULL,"
	"  duration_us INTEGER NOT NULL,"
	"  finished_ms INTEGER NOT NULL,"
	"  incarnation INTEGER NOT NULL"
	");"
	"CREATE TABLE job_inputs ("
	"  job INTEGER NOT NULL REFERENCES jobs (job) ON DELETE CASCADE,"
	"  file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,"
	"  PRIMARY KEY (job, file)"
	") WITHOUT ROWID;"
	"CREATE INDEX job_inputs_file ON job_inputs (file);"
	"CREATE TABLE job_outputs ("
	"  job INTEGER NOT NULL REFERENCES jobs (job) ON DELETE CASCADE,"
	"  file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,"
	"  PRIMARY KEY (job, file)"
	") WITHOUT ROWID;"
	"CREATE INDEX job_outputs_file ON job_outputs (file);"

	"INSERT INTO meta (name, value) VALUES"
	"  ('incarnation', 0), ('wal_floor', 0), ('flushed_seq', 0), ('promised_seq', 0), ('next_id', 1), ('next_job', 1);"

	"PRAGMA application_id = " NUMBER(MANIFEST_APPLICATION_ID) ";";

/* Expiry per table, the course of a job, damage as key ranges. */
static const char step_2[] =
	"ALTER TABLE files ADD COLUMN expiring INTEGER NOT NULL DEFAULT 0;"        /* entries with an expiry, no tombstones */
	"ALTER TABLE files ADD COLUMN min_expires_ms INTEGER NOT NULL DEFAULT 0;"   /* of those; 0: there are none */
	"ALTER TABLE files ADD COLUMN max_expires_ms INTEGER NOT NULL DEFAULT 0;"

	"ALTER TABLE jobs ADD COLUMN started_ms INTEGER NOT NULL DEFAULT 0;"        /* 0: not known */
	"ALTER TABLE jobs ADD COLUMN sub_jobs INTEGER NOT NULL DEFAULT 1;"          /* it was split into so many */

	"CREATE TABLE damage ("
	"  id INTEGER PRIMARY KEY,"
	"  file INTEGER NOT NULL,"         /* remembered longer than the table */
	"  offset INTEGER NOT NULL,"
	"  min_key BLOB NOT NULL,"
	"  max_key BLOB NOT NULL,"
	"  max_seq INTEGER NOT NULL,"
	"  what TEXT NOT NULL,"
	"  found_ms INTEGER NOT NULL,"
	"  cleared_ms INTEGER"             /* NULL: not mended */
	");"
	"CREATE INDEX damage_file ON damage (file) WHERE cleared_ms IS NULL;";

/* The sum over all that an opening believes. `row` is new, old, or the table. */
#define META_ROW(row) "lsm_row_sum(" row ".name, " row ".value)"
#define FILES_ROW(row) \
	"lsm_row_sum(" row ".id, " row ".level, " row ".size_bytes, " row ".file_crc, " row ".min_key, " row ".max_key, " row ".min_seq, " \
	row ".max_seq, " row ".entries, " row ".tombstones, " row ".uncompressed_bytes, " row ".created_ms, " row ".died_ms, " \
	row ".expiring, " row ".min_expires_ms, " row ".max_expires_ms)"
#define DAMAGE_ROW(row) \
	"lsm_row_sum(" row ".id, " row ".file, " row ".offset, " row ".min_key, " row ".max_key, " row ".max_seq, " row ".what, " \
	row ".found_ms, " row ".cleared_ms)"

#define SUM_OF(table, term) "(SELECT coalesce(sum(" term "), 0) FROM " table ")"
#define WHOLE_SUM \
	SUM_OF("files NOT INDEXED", FILES_ROW("files")) " + " SUM_OF("damage NOT INDEXED", DAMAGE_ROW("damage")) " + " \
	SUM_OF("meta WHERE name <> 'sum'", META_ROW("meta"))

#define CHANGE_SUM(term) "  UPDATE meta SET value = value " term " WHERE name = 'sum';"
#define SUM_TRIGGERS(table, when, row) \
	"CREATE TRIGGER " table "_insert AFTER INSERT ON " table " WHEN " when("new") " BEGIN" CHANGE_SUM("+ " row("new")) " END;" \
	"CREATE TRIGGER " table "_delete AFTER DELETE ON " table " WHEN " when("old") " BEGIN" CHANGE_SUM("- " row("old")) " END;" \
	"CREATE TRIGGER " table "_update AFTER UPDATE ON " table " WHEN " when("new") " BEGIN" \
	CHANGE_SUM("- " row("old") " + " row("new")) " END;"
#define ALWAYS(row) "1"
#define NOT_THE_SUM(row) row ".name <> 'sum'"

static const char step_3[] =
	"INSERT INTO meta (name, value) VALUES ('sum', 0);"
	"UPDATE meta SET value = " WHOLE_SUM " WHERE name = 'sum';"
	SUM_TRIGGERS("files", ALWAYS, FILES_ROW)
	SUM_TRIGGERS("damage", ALWAYS, DAMAGE_ROW)
	SUM_TRIGGERS("meta", NOT_THE_SUM, META_ROW);

const char manifest_adds_up[] = "SELECT value = " WHOLE_SUM " FROM meta WHERE name = 'sum'";

const char *const manifest_steps[MANIFEST_USER_VERSION] = { step_1, step_2, step_3 };

const char manifest_last_step[] =
	"DROP VIEW IF EXISTS live_tables; DROP VIEW IF EXISTS levels; DROP VIEW IF EXISTS compactions;"
	"DROP VIEW IF EXISTS lineage; DROP VIEW IF EXISTS garbage; DROP VIEW IF EXISTS dead_tables;"
	"DROP VIEW IF EXISTS damaged_keys;"

	"CREATE VIEW live_tables AS"
	"  SELECT 'sstable_' || id || '.sst' AS name, level, size_bytes, entries, tombstones,"
	"    CAST(min_key AS TEXT) AS first_key, CAST(max_key AS TEXT) AS last_key, min_seq, max_seq,"
	"    round(1.0 * uncompressed_bytes / size_bytes, 2) AS compression,"
	"    strftime('%Y-%m-%dT%H:%M:%SZ', created_ms / 1000, 'unixepoch') AS created,"
	"    coalesce('job ' || born_job, 'flush') AS written_by,"
	"    (SELECT count(*) FROM damage d WHERE d.file = files.id AND cleared_ms IS NULL) AS damaged_ranges"
	"  FROM files WHERE died_ms IS NULL ORDER BY level, CASE level WHEN 0 THEN -max_seq END, min_key;"
	"CREATE VIEW levels AS"
	"  SELECT level, count(*) AS tables, sum(size_bytes) AS bytes, sum(entries) AS entries,"
	"    sum(tombstones) AS tombstones, min(min_seq) AS min_seq, max(max_seq) AS max_seq,"
	"    sum(EXISTS (SELECT 1 FROM damage d WHERE d.file = files.id AND cleared_ms IS NULL)) AS damaged"
	"  FROM files WHERE died_ms IS NULL GROUP BY level ORDER BY level;"
	"CREATE VIEW damaged_keys AS"
	"  SELECT id AS record, 'sstable_' || file || '.sst' AS name, CASE offset WHEN -1 THEN NULL ELSE offset END AS offset,"
	"    CAST(min_key AS TEXT) AS first_key, CAST(max_key AS TEXT) AS last_key, max_seq, what,"
	"    strftime('%Y-%m-%dT%H:%M:%SZ', found_ms / 1000, 'unixepoch') AS found,"
	"    EXISTS (SELECT 1 FROM files f WHERE f.id = damage.file AND f.died_ms IS NULL) AS table_is_live"
	"  FROM damage WHERE cleared_ms IS NULL ORDER BY id;"
	"CREATE VIEW compactions AS"
	"  SELECT job, strftime('%Y-%m-%dT%H:%M:%SZ', finished_ms / 1000, 'unixepoch') AS finished, reason,"
	"    input_level, output_level, sub_jobs, bytes_in, bytes_out, entries_in,"
	"    dropped_overwritten, dropped_tombstones, dropped_expired,"
	"    round(duration_us / 1e6, 3) AS seconds, round(bytes_in / 1.048576 / max(duration_us, 1), 1) AS mib_per_second,"
	"    (SELECT group_concat(file) FROM job_inputs i WHERE i.job = jobs.job) AS inputs,"
	"    (SELECT group_concat(file) FROM job_outputs o WHERE o.job = jobs.job) AS outputs"
	"  FROM jobs ORDER BY job DESC;"
	"CREATE VIEW lineage AS"
	"  SELECT o.file AS file, i.file AS parent, o.job AS job, j.reason AS reason,"
	"    child.died_ms IS NULL AS file_is_live, parent.born_job AS parent_born_job"
	"  FROM job_outputs o JOIN job_inputs i USING (job) JOIN jobs j USING (job)"
	"    JOIN files child ON child.id = o.file JOIN files parent ON parent.id = i.file"
	"  WHERE o.file <> i.file ORDER BY o.file DESC, i.file;"
	/* Expired entries: all when the last expiry has passed, else in proportion. Bytes in proportion to entries. */
	"CREATE VIEW garbage AS"
	"  WITH expiry AS ("
	"    SELECT *, CASE"
	"        WHEN expiring = 0 OR min_expires_ms > now THEN 0"
	"        WHEN max_expires_ms <= now THEN expiring"
	"        ELSE CAST(expiring * 1.0 * (now - min_expires_ms) / (max_expires_ms - min_expires_ms) AS INTEGER)"
	"      END AS expired"
	"    FROM files, (SELECT unixepoch() * 1000 AS now) WHERE died_ms IS NULL)"
	"  SELECT 'sstable_' || id || '.sst' AS name, level, CAST(min_key AS TEXT) AS first_key,"
	"    CAST(max_key AS TEXT) AS last_key, size_bytes, entries, tombstones, expiring, expired,"
	"    round(100.0 * min(entries, tombstones + expired) / max(entries, 1), 1) AS percent,"
	"    size_bytes * min(entries, tombstones + expired) / max(entries, 1) AS garbage_bytes"
	"  FROM expiry ORDER BY garbage_bytes DESC, id;"
	"CREATE VIEW dead_tables AS"
	"  SELECT 'sstable_' || id || '.sst' AS name, level, size_bytes, entries, died_job,"
	"    strftime('%Y-%m-%dT%H:%M:%SZ', died_ms / 1000, 'unixepoch') AS died"
	"  FROM files WHERE died_ms IS NOT NULL ORDER BY died_ms DESC, id DESC;"

	"PRAGMA user_version = " NUMBER(MANIFEST_USER_VERSION) ";";
