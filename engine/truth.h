/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth: which memtables and which tables hold every visible entry. The one place where that changes; flush,
 * compaction and rotation all end here, and every change ends in the next view on the board.
 *
 *   rotation    active memtable -> frozen, a fresh one active            truth_rotate()          memory only
 *   flush       oldest frozen memtable -> a level-0 table                truth_commit_flush()    manifest, then memory
 *   compaction  tables -> other tables                                   truth_commit()          manifest, then memory
 *
 * 1. An edit is checked, made durable, applied, published: in this order, one edit at a time (edit lock).
 * 2. A memtable is handed to the readers before the view that names it is published, and retired after the view that
 *    no longer does.
 * 3. A manifest commit whose outcome is unknown ends the process (EXIT_IO): recovery reads what happened.
 * 4. The commit thread takes the state lock only, which nobody holds while waiting for a disk. It needs the edit lock when no
 *    segment is in stock and it has to take an id itself (spare.h).
 *
 * Locks, by rank: edit lock (manifest, ids, who may change the version), then state lock (memtables, version, board).
 * The version is read under either, changed under both; which tables are busy is the state lock's alone. Any thread.
 */
#ifndef ENGINE_TRUTH_H
#define ENGINE_TRUTH_H

#include "common/ipc/handoff.h"
#include "common/vfs/vfs.h"
#include "common/view/board.h"
#include "common/view/memtable.h"
#include "engine/idpool.h"
#include "engine/manifest.h"
#include "engine/version.h"

struct retired;
struct truth;

typedef void truth_changed_f(void *ctx);

struct truth_config {
	struct board *board;                     /* on loan, as all below */
	struct handoff_server *handoff;          /* NULL: no reader in another process (tests, tools) */
	truth_changed_f *changed;                /* the tables changed: perhaps there is something to compact; may be NULL */
	void *changed_ctx;
	struct retired *retired;                 /* where replaced tables wait for their readers; NULL: nowhere */
};

/* Takes over the manifest; ids (copied) are its. ST_CORRUPT: the tables make no legal version. */
enum st truth_new(const struct truth_config *c, struct manifest **mp, const struct manifest_state *s,
		  const struct idpool *ids, struct truth **tp) MUST_USE;
void truth_free(struct truth **tp);              /* no thread may be left in it; closes the manifest */

struct seq truth_visible(const struct truth *t);         /* of the newest write; no lock */
uint64_t truth_database(const struct truth *t);
uint64_t truth_incarnation(const struct truth *t);
struct retired *truth_retired(const struct truth *t);    /* of its configuration */
struct board *truth_board(const struct truth *t);        /* on loan */

/* n ids in a row. ST_FULL, ST_BUSY: not now. */
enum st truth_take_ids(struct truth *t, uint32_t n, struct file_id *firstp) MUST_USE;

/* ---- memtables ---- */

/* A memtable that takes no more writes. */
struct frozen {
	struct memtable *memtable;
	struct file_id wal_id;           /* its segment; not the memtable's id when it was rebuilt from it (idpool.h) */
	struct seq last_seq;             /* every sequence up to here is in it, in older ones, or in tables */
	uint64_t wal_bytes;              /* of its segment */
};

/* Start only: a memtable rebuilt from a segment, oldest first; takes over f->memtable. */
void truth_add_recovered(struct truth *t, const struct frozen *f);

/* Publishes the first view, with this active memtable (referenced). */
void truth_begin(struct truth *t, struct memtable *active);

/* Freezes the active memtable and publishes a view with fresh (referenced) in its place. Called by its writer. */
void truth_rotate(struct truth *t, struct memtable *fresh, struct seq last_seq, uint64_t wal_bytes);

/* The oldest frozen memtable (referenced for the caller) and the segment of the next newer one; false: there is none. */
bool truth_oldest(struct truth *t, struct frozen *fp, struct file_id *next_walp);

/* All memtables, newest (the active one) first, each referenced; returns how many. */
size_t truth_take_memtables(struct truth *t, struct memtable ***listp);
void truth_give_memtables(struct memtable ***listp, size_t n);

unsigned truth_frozen_count(struct truth *t);
uint64_t truth_frozen_bytes(const struct truth *t);      /* arena bytes of frozen memtables; no lock */
uint64_t truth_frozen_wal_bytes(const struct truth *t);  /* of their segments; no lock */

/* Waits until there are fewer than n frozen memtables, or the time is over. */
bool truth_wait_below(struct truth *t, unsigned n, unsigned timeout_ms);
/* Waits until every sequence up to here, the last one of some memtable, is in tables, or the time is over. */
bool truth_wait_flushed(struct truth *t, struct seq upto, unsigned timeout_ms);
/* Waits until there is one, truth_wake(), or the time is over. */
bool truth_wait_frozen(struct truth *t, unsigned timeout_ms);
void truth_wake(struct truth *t);

/* The memtable of this id, referenced, or NULL: what the hand-over gives to other processes. Fits view_find_f. */
struct memtable *truth_find_memtable(void *truth, struct file_id id);

/* ---- tables ---- */

/* ST_CORRUPT: the edit is illegal; ST_FULL: the disk is; ST_BUSY: somebody holds the manifest. Nothing has changed then. */
enum st truth_commit(struct truth *t, const struct version_edit *e) MUST_USE;
/* And the oldest frozen memtable, of this id, goes. */
enum st truth_commit_flush(struct truth *t, const struct version_edit *e, struct file_id memtable) MUST_USE;

/* What a checkpoint must hold: the tables, the sealed segments of frozen memtables (oldest first), the active one. */
struct truth_table { struct file_id id; uint64_t size_bytes; };

struct truth_cut {
	struct truth_table *tables;  size_t table_count;
	struct file_id *sealed;      size_t sealed_count;
	struct file_id active;
};

/* Until truth_release() no edit is made, so no file of the cut is removed. Writes and reads go on; flush, compaction and
 * whoever needs ids wait. */
void truth_hold(struct truth *t, struct truth_cut *cutp);
void truth_release(struct truth *t, struct truth_cut *cut);      /* frees what is in the cut */
/* The manifest as bytes (manifest_image()); while it is held. */
enum st truth_manifest_image(struct truth *t, struct file_id wal_floor, struct seq promised, uint8_t **bytesp,
			     size_t *np) MUST_USE;

/* The version may be looked at in between; keep it short. */
const struct version *truth_lock(struct truth *t);
void truth_unlock(struct truth *t);

/* Marks inputs of a job and tells the readers. */
void truth_set_busy(struct truth *t, const struct file_id *ids, size_t n, bool busy);
/* A clean stop: tables and log hold all sequences up to here (manifest_promise()). Failing only loses the knowledge. */
void truth_promise(struct truth *t, struct seq upto);

/* The log's first segment of all was begun, and its header is on disk: from now on it is missed when it is not there. Later
 * floors are named by the flushes. */
enum st truth_name_floor(struct truth *t, struct file_id segment) MUST_USE;

/* Puts damage of one live table on record, all of it in one commit; numbered there, from *firstp on, *countp of them: those
 * that are on record already are left out. take_out: the row is about the whole table, which leaves, for nothing of it can be
 * read. ST_NOT_FOUND: the table is not live (any more); ST_BUSY: the manifest is held; ST_TOO_BIG: too many records
 * (damages.h), so only as a whole. */
enum st truth_note_damage(struct truth *t, const struct damage_row *rows, size_t n, bool take_out, uint64_t *firstp,
			  size_t *countp) MUST_USE;
/* Closes a record: what is left under its keys counts again. ST_NOT_FOUND: there is no such record. */
enum st truth_forget_damage(struct truth *t, uint64_t record) MUST_USE;
enum st truth_list_damage(struct truth *t, manifest_damage_f *each, void *ctx) MUST_USE;

unsigned truth_level0_count(const struct truth *t);      /* no lock */
uint64_t truth_table_bytes(const struct truth *t);       /* no lock */

#endif
