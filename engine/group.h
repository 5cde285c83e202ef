/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group: all write requests that are made durable by one write and one sync, and answered together.
 *
 *   group_add() x n  ->  group_commit():  journal write, sync, insert, visible  ->  replies  ->  group_reset()
 *
 * 1. A reply says OK only after the records are as safe as the sync mode says (invariant 1).
 * 2. A sequence becomes visible after that, and after the memtable holds it (invariant 2).
 * 3. A failed write or sync answers nothing as OK, now or later (invariant 9).
 * 4. A repeated request (same origin and id) is answered from the record, in the same group too, and not applied again.
 * 5. Timestamps never go back; sequences rise by one an entry without gaps.
 * 6. A request that was decided is written as what it came to, its results beside it: a repeat is answered with them.
 *
 * Runs on the commit thread; knows nothing of links, segments or rotation.
 */
#ifndef ENGINE_GROUP_H
#define ENGINE_GROUP_H

#include "common/view/board.h"
#include "common/view/memtable.h"
#include "engine/decide.h"
#include "engine/journal.h"
#include "engine/origins.h"

struct group_config {
	struct board *board;             /* on loan, as are the others */
	struct origins *origins;
	unsigned sync_mode;              /* WAL_SYNC_* */
	uint64_t sync_every_us;          /* WAL_SYNC_INTERVAL */
	struct seq last_seq;             /* last one given out in an earlier life */
	int64_t last_ms;
};

/* A request in the group, and its answer after group_commit(). */
struct group_item {
	void *token;                     /* the caller's */
	struct write_reply reply;
	struct slice batches;            /* on loan until the commit, plain */
	bool apply;                      /* false: nothing to write, as for a repeat */
	struct decided own;              /* where batches and results lie when the request was decided */
};

struct group {
	struct group_config conf;
	struct journal journal;          /* replaced at rotation, as is the memtable; both on loan */
	struct memtable *memtable;

	struct group_item *items;
	size_t count, capacity;
	uint64_t cost;                   /* memtable bytes that the items can take at most */
	uint64_t bytes;                  /* of batches in the items */
	uint32_t entries;
	int64_t now_ms;                  /* of this group, and never before an earlier one's */
	uint64_t next_seq;
	struct buf head;
	bool wants_sync;                 /* somebody asks for one, whatever the mode */
	struct known *written;           /* by this group, once somebody asked (group_written); NULL: nobody did */
	struct arena texts;              /* values in it */

	bool broken;                     /* a write or sync failed: nothing is acknowledged any more */
	bool unsynced;                   /* written, not yet synced */
	uint64_t last_sync_us;
};

void group_init(struct group *g, const struct group_config *c);
void group_fini(struct group *g);

/* Most memtable bytes that these operations can take. */
uint64_t group_cost_of(struct slice batches);

/* Settles the time of the group, if it is empty; group_add() does so too. */
void group_open(struct group *g);

/* What the group has written so far, to decide upon; complete from now on. */
struct known *group_written(struct group *g);

/* Adds a decoded request without asks, or any that is a repeat; its bytes must stay until the commit. Room in the memtable
 * was seen to. */
void group_add(struct group *g, const struct write_request *r, const struct write_counts *counts, uint64_t cost, void *token);

/* Adds what a request came to, which is taken over. What it writes is in `written` already, if that was asked for. */
void group_add_decided(struct group *g, const struct write_request *r, struct decided *d, void *token);

/* Makes the group durable and visible and fills in the replies. ST_IO, ST_FULL: the journal failed; replies say
 * "outcome unknown", the group is broken, and the process is to end. */
enum st group_commit(struct group *g) MUST_USE;

/* Empties the group for the next one. */
void group_reset(struct group *g);

/* Syncs what was written and is not synced (interval mode, rotation, end). */
enum st group_sync(struct group *g) MUST_USE;

/* Microseconds until an interval sync is due; UINT64_MAX: none is. */
uint64_t group_sync_due_us(const struct group *g, uint64_t now_us);

struct seq group_last_seq(const struct group *g);

#endif
