/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: views that are read for longer than one request, each with its lease.
 *
 *	take ----> USED <---- find, with a cursor of it
 *	             |  ^
 *	 done, keep  v  |
 *	            KEPT ---- not used for idle_ms, lease ended or released, room needed --> gone
 *
 * 1. A snapshot lives as long as its lease. Each use renews that by idle_ms, never beyond life_ms from when it was
 *    taken; snapshots_renew() tells when it is over, and whoever reads then stops with "gone".
 * 2. What is gone is never answered from another state: a cursor tells lease, moment and sequence, and all must fit.
 * 3. A snapshot of another frontend is opened from what that shows (snapshot_share.h). Its lease stays the other's, and
 *    ends with it, unless that one was replaced: then it leaves, and before it ends those that stay take over what it keeps.
 * 4. Kept ones are bounded: by number (max), and all by the memory of replaced memtables that only they hold (max_bytes) and by
 *    what they hold open (max_descriptors): so that connections and tables have theirs, whatever is read.
 *    Beyond that the one that was not used for longest goes: first those whose scans have ended, which are kept for who asks for
 *    a page once more, last those that are used. What is done with one at other frontends counts as if it was done here, at the
 *    next tick.
 * 5. Expiry is judged by the moment the snapshot was taken: all pages show one state.
 *
 * Event loop thread only; the views may be read by any thread.
 */
#ifndef FRONTEND_SNAPSHOTS_H
#define FRONTEND_SNAPSHOTS_H

#include "frontend/attach.h"
#include "frontend/cursor.h"
#include "frontend/snapshot_share.h"

struct snapshots;

struct snapshot {
	struct snapshot *next;
	struct snapshot_facts facts;
	struct view *view;               /* referenced */
	bool own;                        /* the lease is this frontend's */
	int share;                       /* own: what shows it to others; -1: not yet */
	unsigned users;
	bool over;                       /* used, and to be given up at the next step */
	bool ended;                      /* its scan came to the end: nobody waits for a next page, as far as is known */
	uint64_t used_us;
};

struct snapshots_setup {
	struct attach *attach;           /* on loan */
	uint64_t idle_ms, life_ms;
	size_t max;
	uint64_t max_bytes;
	size_t max_descriptors;
};

void snapshots_new(const struct snapshots_setup *setup, struct snapshots **sp);
void snapshots_free(struct snapshots **sp);      /* none may be used. What others have taken over stays theirs */

/* The newest state. ST_UNAVAILABLE: not now, again in some milliseconds; ST_BUSY: too many are used, or those have too much open. */
enum st snapshots_take(struct snapshots *s, struct snapshot **snapp) MUST_USE;

/* The one that a cursor names. ST_NOT_FOUND: it is gone. ST_BUSY: it is another frontend's, and there is no room to open it now. */
enum st snapshots_find(struct snapshots *s, const struct cursor *c, struct snapshot **snapp) MUST_USE;

/* false: its time is over. */
bool snapshots_renew(struct snapshots *s, const struct snapshot *snap);

/* Makes it findable by cursors and names it in one; false: the system has no room for that now. */
bool snapshots_name(struct snapshots *s, struct snapshot *snap, struct cursor *c);

/* One use is over. One that has no further use goes, unless it is kept. */
void snapshots_done(struct snapshots *s, struct snapshot **snapp, bool keep);

void snapshots_tick(struct snapshots *s);        /* every second or so; takes over what others leave behind */

/* None is taken here any more, and none used. True: nothing is kept that others have not taken over. */
bool snapshots_leave(struct snapshots *s);

/* {"snapshots":[{"id":..,"sequence":..,"age_seconds":..,"expires_in_seconds":..,"pinned_bytes":..}]} of all frontends. */
void snapshots_write(struct snapshots *s, struct buf *out);

/* Ends one of any frontend; whoever reads it is told at its next step. false: there is none. */
bool snapshots_release(struct snapshots *s, uint64_t id);

#endif
