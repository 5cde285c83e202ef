/* SPDX-License-Identifier: Apache-2.0 */
/* The first move places the iterator, later ones step; each result is held against the far bound. */
#include "frontend/walk.h"

static void place_back(struct walk *w)
{
	struct slice end = w->range.end;

	if (end.n == 0) {
		iter_last(w->it);
		return;
	}
	iter_seek_last(w->it, end, seq(0));
	if (w->it->valid && slice_eq(w->it->entry.key, end))
		iter_prev(w->it);
}

static void place(struct walk *w)
{
	if (w->reverse)
		place_back(w);
	else if (w->range.start.n)
		iter_seek(w->it, w->range.start, SEQ_MAX);
	else
		iter_first(w->it);
}

static bool is_behind(const struct walk *w, struct slice key)
{
	if (w->reverse)
		return slice_cmp(key, w->range.start) < 0;
	return w->range.end.n && slice_cmp(key, w->range.end) >= 0;
}

const struct entry *walk_next(struct walk *w)
{
	if (key_range_is_empty(&w->range))
		return NULL;
	if (!w->it) {
		w->st = view_iter_new(w->view, w->seq, w->now_ms, &w->it);
		if (w->st)
			return NULL;
		view_iter_stop(w->it, w->stop);
		view_iter_within(w->it, w->range.start, w->range.end);
	}
	if (!w->moved)
		place(w);
	else if (!w->it->valid)
		return NULL;
	else if (w->reverse)
		iter_prev(w->it);
	else
		iter_next(w->it);
	w->moved = true;
	w->st = w->it->status;
	if (!w->it->valid || is_behind(w, w->it->entry.key))
		return NULL;
	return &w->it->entry;
}

const struct table_damage *walk_damage(const struct walk *w)
{
	return w->it ? view_iter_damage(w->it) : NULL;
}

const struct table_damage *walk_found(const struct walk *w)
{
	return w->it ? view_iter_found(w->it) : NULL;
}

void walk_end(struct walk *w)
{
	iter_free(&w->it);
	w->moved = false;
}
