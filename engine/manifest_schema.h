/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest's schema, format 3: text only, no sqlite3 here.
 *
 *   meta          database, incarnation, wal_floor, flushed_seq, promised_seq, next_id, next_job
 *   files         every live table, and dead ones as long as their job is remembered (died_ms is set)
 *   jobs          the newest MANIFEST_JOBS_KEPT compactions, with job_inputs and job_outputs
 *   damage        key ranges that cannot be read
 *
 * Formats:  1 the beginning;  2 expiry in files, the course in jobs, damage;  3 the sum.
 *
 * sqlite checks how its pages hang together, not what stands in them: a flipped bit in a cell would be a key range that ends too
 * early, or a log that begins too late, and so a key that is not found. So meta has a row `sum`: the sum of lsm_row_sum() (CRC-32)
 * over all rows of files and damage and the others of meta. Triggers keep it, every opening compares it. What lsm_row_sum is,
 * only this program knows: whoever changes a row by hand is told so by sqlite, and must have a good reason to go on.
 *
 * An empty file is format 0. manifest_steps[n] turns format n into n + 1, so a new manifest is one to which all steps
 * were applied, and one that was migrated cannot differ from it. After them manifest_last_step makes the views anew and
 * raises user_version. All of it is one transaction.
 *
 * Views for people: live_tables, levels, damaged_keys, compactions, lineage, garbage, dead_tables. Sequences, ids and the database's
 * random id are 64-bit patterns; sqlite shows those with the top bit set as negative numbers.
 */
#ifndef ENGINE_MANIFEST_SCHEMA_H
#define ENGINE_MANIFEST_SCHEMA_H

#define MANIFEST_APPLICATION_ID 0x4c534d31     /* "LSM1", in the file's header */
#define MANIFEST_USER_VERSION 3
#define MANIFEST_JOBS_KEPT 10000

extern const char *const manifest_steps[MANIFEST_USER_VERSION];
extern const char manifest_adds_up[];           /* yields 1 when the sum is right; from MANIFEST_SUM_FROM on */
#define MANIFEST_SUM_FROM 3
extern const char manifest_last_step[];         /* after the others: views, user_version */

#endif
