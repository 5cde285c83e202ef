/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one move of a scan, and the damage on record that lies in it: nobody knows what there would have been to show.
 *
 *	forward    departure |------------> arrival          back    arrival <------------| departure
 *
 * 1. A move goes over all keys between the two. It goes over the departure, too, when that was asked for (a seek) and it did
 *    not arrive right there. No departure: it began at an end; no arrival: it came to one.
 * 2. At the arrival the entry that is shown counts when it is newer than what the records there may hide (damage.h).
 * 3. Only keys of interest count: those from low on, and before high.
 * 4. Without damage on record nothing is kept and nothing is compared.
 *
 * One thread at a time, the iterator's. For view_iter.c.
 */
#ifndef VIEW_VIEW_WAY_H
#define VIEW_VIEW_WAY_H

#include "common/base/buf.h"
#include "common/table/damage.h"
#include "common/table/entry.h"

struct view_way {
	const struct damage_index *record;   /* the view's */
	struct slice low, high;     /* the keys of interest, on loan; empty: no bound */
	struct buf from;            /* the departure; empty: an end */
	bool back;
	bool asked;                 /* was the departure asked for? */
};

static inline bool view_way_is_sound(const struct view_way *w)
{
	return w->record->count == 0;
}

/* Beyond the keys of interest, to where it goes? */
static inline bool view_way_has_left(const struct view_way *w, struct slice key)
{
	return w->back ? slice_cmp(key, w->low) < 0 : w->high.n > 0 && slice_cmp(key, w->high) >= 0;
}

/* A move begins: at a key that was shown, at one that was asked for, or (NULL) at an end. */
static inline void view_way_depart(struct view_way *w, const struct slice *key)
{
	if (view_way_is_sound(w))
		return;
	buf_reset(&w->from);
	if (key)
		buf_append_slice(&w->from, *key);
}

/* The move ended at this entry, or (NULL) at an end: a record that lies in its way, or NULL. */
const struct table_damage *view_way_arrived(const struct view_way *w, const struct entry *shown);

/* The same of a move that was stopped in front of this key. */
const struct table_damage *view_way_stopped(const struct view_way *w, struct slice key);

#endif
