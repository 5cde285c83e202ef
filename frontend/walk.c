/* SPDX-License-Identifier: Apache-2.0 */
/* The first move places the iterator, later ones step; each result is held against the far bound. */
#include "frontend/walk.h"

static bool is_at_end(const struct walk *w, struct slice key)
{
	return w->range.end.n && slice_cmp(key, w->range.end) >= 0;
}

static void place_back(struct walk *w)
{
	if (w->range.end.n)
		iter_seek_last(w->it, w->range.end, seq(0));
	else
		iter_last(w->it);
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
	return w->reverse ? slice_cmp(key, w->range.start) < 0 : is_at_end(w, key);
}

static void begin(struct walk *w)
{
	w->it = view_iter_new(w->view, w->seq, w->now_ms);
	view_iter_stop(w->it, w->stop);
	view_iter_within(w->it, w->range.start, w->range.end);
}

/* Past the end of the range, which seek_last may have come to. */
static void step_back(struct walk *w)
{
	do
		iter_prev(w->it);
	while (w->it->valid && is_at_end(w, w->it->entry.key));
}

static void move(struct walk *w)
{
	if (!w->moved)
		place(w);
	else if (w->paused)
		view_iter_resume(w->it);
	else if (w->reverse)
		iter_prev(w->it);
	else
		iter_next(w->it);
	if (w->reverse && w->it->valid && is_at_end(w, w->it->entry.key))
		step_back(w);
	w->moved = true;
}

static bool is_stopped(const struct walk *w)
{
	return w->stop && atomic_load_explicit(w->stop, memory_order_relaxed);
}

const struct entry *walk_next(struct walk *w)
{
	if (key_range_is_empty(&w->range))
		return NULL;
	if (!w->it)
		begin(w);
	if (w->moved && !w->paused && !w->it->valid)
		return NULL;
	view_iter_until(w->it, w->until_us);
	move(w);
	w->st = w->it->status;
	w->paused = w->st == ST_CANCELLED && !is_stopped(w);
	if (w->paused)
		w->st = ST_OK;
	if (!w->it->valid || is_behind(w, w->it->entry.key))
		return NULL;
	return &w->it->entry;
}

bool walk_rest(const struct walk *w, struct buf *bound)
{
	struct slice begin = w->reverse ? w->range.end : w->range.start;

	view_iter_left(w->it, bound);
	if (w->reverse && begin.n && slice_cmp(buf_slice(bound), begin) >= 0) {
		buf_reset(bound);                /* it began beyond its range */
		buf_append_slice(bound, begin);
	}
	return !slice_eq(buf_slice(bound), begin);
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
	w->moved = w->paused = false;
}
