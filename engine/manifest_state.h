/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says at an opening, as a value; reading it is for manifest.c only. */
#ifndef ENGINE_MANIFEST_STATE_H
#define ENGINE_MANIFEST_STATE_H

#include "engine/edit.h"

struct sqlite3;                          /* so that whoever reads this header need not know <sqlite3.h> */

struct manifest_state {
	uint64_t database;               /* random id of this database */
	uint64_t incarnation;            /* of this opening: one more than the last, durable */
	struct file_id wal_floor;
	struct seq flushed_seq;
	struct seq promised_seq;         /* see manifest_promise() */
	struct file_id next_id;          /* smallest id never given out */
	uint64_t next_job;
	struct live_table *tables;  size_t table_count;      /* owned by the state */
	struct table_damage *damage;  size_t damage_count;   /* on record and not mended; owned by the state */
	uint64_t next_damage;            /* number of the next record */
	bool created;                    /* this opening made it */
};

void manifest_state_fini(struct manifest_state *s);

typedef void manifest_damage_f(void *ctx, const struct damage_row *row);

/* Fills in what stands in the tables meta and files; the rest of *s must be zero. On failure, too, it is the caller's to free. */
enum st manifest_state__read(struct sqlite3 *db, struct manifest_state *s) MUST_USE;

/* The same for the damage on record. */
enum st manifest_state__read_damage(struct sqlite3 *db, struct manifest_state *s) MUST_USE;

/* As manifest_list_damage(). */
enum st manifest_state__each_damage(struct sqlite3 *db, manifest_damage_f *each, void *ctx) MUST_USE;

#endif
