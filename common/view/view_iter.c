/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iterating over a view, both ways.
 *
 *	view_iter -> merge_iter -> memtable_iter          one a memtable
 *	                        -> level_iter -> table    one a level-0 table; one a deeper level, table after table (level_iter.h)
 *
 * 1. A file that is gone when the scan comes to it ends it as ST_UNAVAILABLE; whoever scans for long takes a lease first (lease.h).
 * 2. view_iter shows of each key the newest version with sequence <= asked, unless that is a tombstone or
 *    expired.
 * 3. A part that fails ends the whole: no older value shows in the place of one that cannot be read.
 * 4. Blocks on record as damaged are passed over below. Instead every move is held against the records here: it may neither
 *    go over a key of their ranges nor end at an entry that they hide (view_way.h).
 * 5. Going forward the merge stands at the shown entry. Going back it stands in front of all versions of the
 *    shown key, for only then is it known which of them was the newest visible one; that one is kept as a copy.
 * 6. A move that is stopped is gone on with, or never: what it passed over is held against the records as if it ended there.
 *
 * One thread at a time.
 */
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/level_iter.h"
#include "common/view/view.h"
#include "common/view/view_priv.h"
#include "common/view/view_way.h"

#define STOP_EVERY 256u

struct view_iter {
	struct iter head;
	struct view *view;          /* referenced */
	struct iter *merge;
	struct seq seq;
	int64_t now_ms;
	struct buf done;            /* the key that was decided last, shown or hidden */
	bool has_done;
	struct view_way way;        /* of the present move */
	const atomic_bool *stop;    /* view_iter_stop(); NULL: nobody does */
	uint64_t until_us;          /* view_iter_until(); 0: never */
	unsigned passed;            /* entries, since these were looked at */
	const struct table_damage *damage;   /* what ended it */
	struct table_damage found;  /* by a part that failed; table 0: nothing */
	struct entry kept;          /* going back: the newest visible version so far; key in done, value in value */
	struct buf value;
};

static struct view_iter *view_self(struct iter *it)
{
	return (struct view_iter *)it;
}

/* Is this version of no interest: too new, or of a key that is decided? */
static bool view_passes_over(const struct view_iter *vi, const struct entry *e)
{
	return e->seq.v > vi->seq.v || (vi->has_done && slice_eq(e->key, buf_slice(&vi->done)));
}

static void view_decide(struct view_iter *vi, struct slice key)
{
	buf_reset(&vi->done);
	buf_append_slice(&vi->done, key);
	vi->has_done = true;
}

/* ---- damage on record ---- */

/* Where a move begins: at a key that was shown, at one that was asked for, or (NULL) at an end. */
static void view_depart(struct view_iter *vi, const struct slice *key)
{
	vi->damage = NULL;
	vi->found.table = file_id(0);
	view_way_depart(&vi->way, key);
}

void view_iter_within(struct iter *it, struct slice low, struct slice high)
{
	struct view_iter *vi = view_self(it);

	vi->way.low = low;
	vi->way.high = high;
}

/* Ends the iterator when damage on record lies in the way (4). A move that was stopped may never be gone on with. */
static void view_arrive(struct view_iter *vi, bool asked)
{
	bool stopped = vi->head.status == ST_CANCELLED;

	vi->way.asked = asked;
	if (view_way_is_sound(&vi->way) || (vi->head.status && !stopped))
		return;
	vi->damage = stopped ? view_way_stopped(&vi->way, vi->merge->entry.key)
			     : view_way_arrived(&vi->way, vi->head.valid ? &vi->head.entry : NULL);
	if (!vi->damage)
		return;
	vi->head.valid = false;
	vi->head.status = ST_CORRUPT;
}

const struct table_damage *view_iter_damage(const struct iter *it)
{
	return ((const struct view_iter *)it)->damage;
}

const struct table_damage *view_iter_found(const struct iter *it)
{
	const struct view_iter *vi = (const struct view_iter *)it;

	return it->status == ST_CORRUPT && !vi->damage && vi->found.table.v ? &vi->found : NULL;
}

void view_iter_stop(struct iter *it, const atomic_bool *stop)
{
	view_self(it)->stop = stop;
}

void view_iter_until(struct iter *it, uint64_t at_us)
{
	view_self(it)->until_us = at_us;
}

/* Why a move ends without an entry to show. */
enum view_break { GO_ON, LEFT, STOPPED };

/* Asked for each entry that the merge shows. What was deleted may be a long way, also beyond the keys of interest. */
static enum view_break view_break(struct view_iter *vi)
{
	struct slice key = vi->merge->entry.key;

	if (++vi->passed < STOP_EVERY)
		return GO_ON;
	vi->passed = 0;
	if (view_way_has_left(&vi->way, key))
		return LEFT;
	if ((vi->stop && atomic_load_explicit(vi->stop, memory_order_relaxed)) ||
	    (vi->until_us && clock_mono_us() >= vi->until_us))
		return STOPPED;
	return GO_ON;
}

/* What the move came to. */
static void view_show(struct view_iter *vi, bool shown, enum view_break how, const struct entry *e)
{
	vi->head.valid = shown;
	vi->head.status = how == STOPPED ? ST_CANCELLED : how == LEFT ? ST_OK : vi->merge->status;
	vi->head.entry = *e;
}

/* From where the merge stands to the next entry to show. */
static void view_settle(struct view_iter *vi)
{
	struct iter *merge = vi->merge;
	enum view_break how = GO_ON;

	vi->way.back = false;
	for (; merge->valid && (how = view_break(vi)) == GO_ON; iter_next(merge)) {
		if (view_passes_over(vi, &merge->entry))
			continue;
		view_decide(vi, merge->entry.key);
		if (!view__is_gone(&merge->entry, vi->now_ms))
			break;
	}
	view_show(vi, merge->valid && how == GO_ON, how, &merge->entry);
}

/* ---- going back ---- */

static void view_keep(struct view_iter *vi, const struct entry *e)
{
	view_decide(vi, e->key);
	buf_reset(&vi->value);
	buf_append_slice(&vi->value, e->value);
	vi->kept = *e;
	vi->kept.key = buf_slice(&vi->done);
	vi->kept.value = buf_slice(&vi->value);
}

/* Has the merge left the key of which a version is kept, and is that to be shown? When not, it is forgotten. */
static bool view_has_shown(struct view_iter *vi, const struct iter *merge)
{
	if (!vi->has_done || (merge->valid && slice_eq(merge->entry.key, vi->kept.key)))
		return false;
	vi->has_done = false;
	return !view__is_gone(&vi->kept, vi->now_ms);
}

/* Goes on back to the next entry to show. The versions of a key come oldest first. */
static void view_go_back(struct view_iter *vi)
{
	struct iter *merge = vi->merge;
	enum view_break how = GO_ON;
	bool shown;

	for (; !(shown = view_has_shown(vi, merge)) && merge->valid && (how = view_break(vi)) == GO_ON; iter_prev(merge))
		if (merge->entry.seq.v <= vi->seq.v)
			view_keep(vi, &merge->entry);
	view_show(vi, shown && merge->status == ST_OK, how, &vi->kept);
}

/* The same from where the merge stands, between two keys. */
static void view_settle_back(struct view_iter *vi)
{
	vi->way.back = true;
	vi->has_done = false;
	view_go_back(vi);
}

static void view_last(struct iter *it)
{
	struct view_iter *vi = view_self(it);

	view_depart(vi, NULL);
	iter_last(vi->merge);
	view_settle_back(vi);
	view_arrive(vi, false);
}

static void view_prev(struct iter *it)
{
	struct view_iter *vi = view_self(it);
	struct iter *merge = vi->merge;

	must(it->valid);
	view_depart(vi, &it->entry.key);
	if (!vi->way.back)
		while (merge->valid && slice_eq(merge->entry.key, buf_slice(&vi->done)))
			iter_prev(merge);
	view_settle_back(vi);
	view_arrive(vi, false);
}

static void view_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	struct view_iter *vi = view_self(it);

	/* As in view_seek: all versions of key have their say. */
	view_depart(vi, &key);
	iter_seek_last(vi->merge, key, (struct seq){ 0 });
	view_settle_back(vi);
	view_arrive(vi, true);
	if (it->valid && it->entry.seq.v < seq.v && slice_eq(it->entry.key, key))
		view_prev(it);
}

/* ---- going forward ---- */

static void view_first(struct iter *it)
{
	struct view_iter *vi = view_self(it);

	vi->has_done = false;
	view_depart(vi, NULL);
	iter_first(vi->merge);
	view_settle(vi);
	view_arrive(vi, false);
}

static void view_next(struct iter *it)
{
	struct view_iter *vi = view_self(it);

	must(it->valid);
	view_depart(vi, &it->entry.key);
	vi->has_done = true;         /* also when it went back: done is the shown key */
	if (vi->way.back && !vi->merge->valid)
		iter_first(vi->merge);
	else
		iter_next(vi->merge);
	view_settle(vi);
	view_arrive(vi, false);
}

static void view_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct view_iter *vi = view_self(it);

	/* Which version of key is visible is decided among all of them, also those in front of (key, seq). */
	vi->has_done = false;
	view_depart(vi, &key);
	iter_seek(vi->merge, key, SEQ_MAX);
	view_settle(vi);
	view_arrive(vi, true);
	if (it->valid && it->entry.seq.v > seq.v && slice_eq(it->entry.key, key))
		view_next(it);
}

/* ---- a move that was stopped ---- */

void view_iter_resume(struct iter *it)
{
	struct view_iter *vi = view_self(it);

	must(it->status == ST_CANCELLED);
	if (vi->way.back)
		view_go_back(vi);
	else
		view_settle(vi);
	view_arrive(vi, vi->way.asked);
}

void view_iter_left(const struct iter *it, struct buf *bound)
{
	const struct view_iter *vi = (const struct view_iter *)it;
	struct slice key = vi->merge->entry.key;

	must(it->status == ST_CANCELLED);
	buf_reset(bound);
	buf_append_slice(bound, key);
	if (vi->way.back || (vi->has_done && slice_eq(key, buf_slice(&vi->done))))
		buf_append_byte(bound, 0);       /* the smallest key behind it */
}

static void view_free(struct iter *it)
{
	struct view_iter *vi = view_self(it);

	iter_free(&vi->merge);
	buf_fini(&vi->done);
	buf_fini(&vi->value);
	buf_fini(&vi->way.from);
	view_unref(&vi->view);
	mem_free(vi);
}

static const struct iter_ops view_iter_ops = { view_free, view_first, view_seek, view_next,
						view_last, view_seek_last, view_prev };

static size_t child_count(const struct view *v)
{
	size_t n = v->desc.memtable_count + v->desc.levels[0].count;

	for (unsigned level = 1; level < LEVEL_COUNT; level++)
		n += v->desc.levels[level].count > 0;
	return n;
}

/* Fills children, newest first; their number. */
static size_t children_make(struct view *v, struct table_damage *found, struct iter **children)
{
	size_t n = 0;

	for (size_t i = 0; i < v->desc.memtable_count; i++)
		children[n++] = memtable_iter_new(v->memtables[i]);
	for (size_t i = 0; i < v->desc.levels[0].count; i++)
		children[n++] = level_iter_new(v, found, 0, i, 1);
	for (unsigned level = 1; level < LEVEL_COUNT; level++)
		if (v->desc.levels[level].count > 0)
			children[n++] = level_iter_new(v, found, level, 0, v->desc.levels[level].count);
	return n;
}

static struct view_iter *view_iter_make(struct view *v, struct seq seq, int64_t now_ms)
{
	struct view_iter *vi = mem_zalloc(sizeof *vi);

	vi->head.ops = &view_iter_ops;
	vi->view = view_ref(v);
	vi->seq = seq;
	vi->now_ms = now_ms;
	vi->way = (struct view_way){ .record = &v->damage, .from = BUF_INIT };
	vi->done = vi->value = BUF_INIT;
	return vi;
}

struct iter *view_iter_new(struct view *v, struct seq seq, int64_t now_ms)
{
	struct iter **children = mem_zalloc(child_count(v) * sizeof(struct iter *));
	struct view_iter *vi = view_iter_make(v, seq, now_ms);

	vi->merge = merge_iter_new(children, children_make(v, &vi->found, children));
	mem_free(children);
	return &vi->head;
}
