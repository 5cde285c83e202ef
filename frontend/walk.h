/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a range of keys in one view, either way: entry by entry, with all that is visible at its sequence.
 * One thread at a time, which may wait for the disk.
 */
#ifndef FRONTEND_WALK_H
#define FRONTEND_WALK_H

#include "common/view/view.h"
#include "frontend/key_range.h"

struct walk {
	/* set by the caller */
	struct view *view;               /* on loan */
	struct seq seq;
	int64_t now_ms;
	struct key_range range;          /* on loan; going back, its end is not included either */
	bool reverse;
	const atomic_bool *stop;         /* any thread: ends it with ST_CANCELLED, now or somewhat later; NULL: nobody does */
	uint64_t until_us;               /* a move that is not over by then pauses; 0: none does */

	struct iter *it;                 /* NULL: not begun */
	enum st st;                      /* what ended it, when it has ended */
	bool moved;
	bool paused;                     /* the last move; the next call goes on with it */
};

/* The next entry, good until the next call. NULL: it pauses, or there is none, and st is ST_OK, or st says why it cannot go on.
 * ST_CORRUPT: walk_damage() tells more. */
const struct entry *walk_next(struct walk *w);

/* While it pauses: the start of what is left of its range, going back the end. false: that is where the range began, so a walk
 * of what is left would pause at the same place; only this one comes further. */
bool walk_rest(const struct walk *w, struct buf *bound);

const struct table_damage *walk_damage(const struct walk *w);    /* NULL: not known; good until walk_end() */
const struct table_damage *walk_found(const struct walk *w);     /* the same, when it is not on record: view_iter_found() */
void walk_end(struct walk *w);                   /* as before the beginning; one that has not begun is fine */

#endif
