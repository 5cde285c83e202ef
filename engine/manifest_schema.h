/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest's schema, format 1: text only, no sqlite3 here.
 *
 *   meta          database, incarnation, wal_floor, flushed_seq, next_id, next_job
 *   files         every live table, and dead ones as long as their job is remembered (died_ms is set)
 *   jobs          the newest MANIFEST_JOBS_KEPT compactions, with job_inputs and job_outputs
 *
 * Views for people: live_tables, levels, compactions, lineage, garbage. Sequences, ids and the database's
 * random id are 64-bit patterns; sqlite shows those with the top bit set as negative numbers.
 */
#ifndef ENGINE_MANIFEST_SCHEMA_H
#define ENGINE_MANIFEST_SCHEMA_H

#define MANIFEST_APPLICATION_ID 0x4c534d31     /* "LSM1", in the file's header */
#define MANIFEST_USER_VERSION 1
#define MANIFEST_JOBS_KEPT 10000

/* The statements that make an empty database a manifest; run inside one transaction. */
extern const char manifest_schema_sql[];

#endif
