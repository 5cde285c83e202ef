/* SPDX-License-Identifier: Apache-2.0 */
/* The tables one after the other, either way; the one that is read stays open until the scan leaves it. */
#include "common/view/level_iter.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/view_priv.h"

struct level_iter {
	struct iter head;
	struct view *view;          /* on loan from the view_iter */
	unsigned level;
	size_t first, end;          /* of its tables in the level */
	size_t index;               /* the table that `it` reads; end = behind the last */
	struct iter *it;            /* NULL: no table is being read */
	struct table_use use;       /* of that table */
	struct table_damage *found; /* the view_iter's */
};

static struct level_iter *level_self(struct iter *it)
{
	return (struct level_iter *)it;
}

static void level_stop(struct level_iter *li, enum st st)
{
	if (li->it != NULL) {
		iter_free(&li->it);
		view__table_done(li->view, &li->use);
	}
	li->head.valid = false;
	li->head.status = st;
}

/* Shows what the table's iterator shows. */
static void level_show(struct level_iter *li)
{
	li->head.valid = li->it->valid;
	li->head.status = li->it->status;
	li->head.entry = li->it->entry;
	if (li->head.status == ST_CORRUPT)
		*li->found = *table_iter_damage(li->it);
}

/* The table that it came to cannot be opened. */
static void level_blame(struct level_iter *li, enum st st)
{
	const struct view_table *t = &li->view->desc.levels[li->level].tables[li->index];

	level_stop(li, st);
	if (st == ST_CORRUPT)
		*li->found = (struct table_damage){ .table = t->id, .offset = DAMAGE_WHOLE, .min = t->min_key, .max = t->max_key,
						    .max_seq = t->max_seq };
}

/* Turns to table `index`; false at the end of the level and on trouble (then status tells). */
static bool level_turn_to(struct level_iter *li, size_t index)
{
	enum st st;

	if (li->it != NULL && li->index == index)
		return true;
	li->index = index;
	level_stop(li, ST_OK);
	if (index >= li->end)
		return false;
	st = view__table(li->view, li->level, index, false, &li->use);
	if (st) {
		level_blame(li, st);
		return false;
	}
	li->it = table_iter_new(li->use.reader, false);
	table_iter_pass_over(li->it, &li->view->damage);
	return true;
}

/* Shows the present entry, or the first one of the tables behind when the present table has ended. */
static void level_settle(struct level_iter *li)
{
	while (!li->it->valid && li->it->status == ST_OK) {
		if (!level_turn_to(li, li->index + 1))
			return;
		iter_first(li->it);
	}
	level_show(li);
}

static void level_first(struct iter *it)
{
	struct level_iter *li = level_self(it);

	if (!level_turn_to(li, li->first))
		return;
	iter_first(li->it);
	level_settle(li);
}

/* The first of its tables whose max_key is not below key; end when there is none. */
static size_t level_find(const struct level_iter *li, struct slice key)
{
	struct view_level part = { li->view->desc.levels[li->level].tables + li->first, li->end - li->first };

	return li->first + view__find_table(&part, key);
}

static void level_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct level_iter *li = level_self(it);

	if (!level_turn_to(li, level_find(li, key)))
		return;
	iter_seek(li->it, key, seq);
	level_settle(li);
}

static void level_next(struct iter *it)
{
	struct level_iter *li = level_self(it);

	must(it->valid);
	iter_next(li->it);
	level_settle(li);
}

/* The same backwards: when the present table has no more, the last entry of those before. */
static void level_settle_back(struct level_iter *li)
{
	while (!li->it->valid && li->it->status == ST_OK) {
		if (li->index == li->first) {
			level_stop(li, ST_OK);
			return;
		}
		if (!level_turn_to(li, li->index - 1))
			return;
		iter_last(li->it);
	}
	level_show(li);
}

static void level_last(struct iter *it)
{
	struct level_iter *li = level_self(it);

	if (!level_turn_to(li, li->end - 1))
		return;
	iter_last(li->it);
	level_settle_back(li);
}

static void level_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	struct level_iter *li = level_self(it);
	size_t i = level_find(li, key);

	if (i == li->end) {
		level_last(it);
		return;
	}
	if (!level_turn_to(li, i))
		return;
	iter_seek_last(li->it, key, seq);
	level_settle_back(li);
}

static void level_prev(struct iter *it)
{
	struct level_iter *li = level_self(it);

	must(it->valid);
	iter_prev(li->it);
	level_settle_back(li);
}

static void level_free(struct iter *it)
{
	level_stop(level_self(it), ST_OK);
	mem_free(it);
}

static const struct iter_ops level_ops = { level_free, level_first, level_seek, level_next,
					   level_last, level_seek_last, level_prev };

struct iter *level_iter_new(struct view *v, struct table_damage *found, unsigned level, size_t first, size_t count)
{
	struct level_iter *li = mem_zalloc(sizeof *li);

	li->head.ops = &level_ops;
	li->view = v;
	li->found = found;
	li->level = level;
	li->first = first;
	li->end = first + count;
	return &li->head;
}
