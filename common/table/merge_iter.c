/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merges iterators: a binary heap of the valid children, the smallest entry on top; going back, the largest.
 *
 * 1. A child that fails ends the merge with its status: an older value must not show because a newer one is
 *    unreadable.
 * 2. Two entries of the same key and sequence (never in one database) come in the order of the children.
 * 3. All children stand at or behind the shown entry, or, going back, at or before it. Turning round sends
 *    every other child past the shown entry and builds the heap anew.
 *
 * One thread at a time.
 */
#include "common/table/iter.h"

#include "common/base/mem.h"
#include "common/base/must.h"

#define MERGE_ITER_MAGIC 0x6d726765u

/* A child with the first bytes of its key at hand, as a big-endian number (going back, its complement): most
 * comparisons need no more. */
struct leaf {
	uint64_t head;
	struct iter *it;
	size_t rank;
};

struct merge_iter {
	struct iter it;              /* first: iter_ops get this */
	uint32_t magic;
	struct iter **children;
	size_t count;
	struct leaf *heap;
	size_t heap_n;
	bool back;                   /* the way it goes */
};

static struct merge_iter *self(struct iter *it)
{
	struct merge_iter *m = (struct merge_iter *)it;

	obj_check(m, MERGE_ITER_MAGIC);
	return m;
}

static uint64_t head_of(struct slice key)
{
	uint64_t head = 0;

	memcpy(&head, key.p, key.n < 8 ? key.n : 8);
	return __builtin_bswap64(head);
}

static struct leaf leaf_of(const struct merge_iter *m, size_t rank)
{
	struct iter *it = m->children[rank];
	uint64_t head = head_of(it->entry.key);

	return (struct leaf){ m->back ? ~head : head, it, rank };
}

/* Is a to be shown before b? */
static bool before(const struct merge_iter *m, const struct leaf *a, const struct leaf *b)
{
	const struct entry *x = &a->it->entry, *y = &b->it->entry;
	int c;

	if (a->head != b->head)
		return a->head < b->head;
	c = entry_cmp(x->key, x->seq, y->key, y->seq);
	if (c == 0)
		c = a->rank < b->rank ? -1 : 1;
	return m->back ? c > 0 : c < 0;
}

static void sift_down(struct merge_iter *m, size_t i)
{
	struct leaf moving = m->heap[i];

	for (size_t child; (child = 2 * i + 1) < m->heap_n; i = child) {
		if (child + 1 < m->heap_n && before(m, &m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(m, &m->heap[child], &moving))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = moving;
}

/* Shows the top of the heap. */
static void show(struct merge_iter *m)
{
	m->it.valid = m->heap_n > 0 && m->it.status == ST_OK;
	if (m->it.valid)
		m->it.entry = m->heap[0].it->entry;
}

/* Builds the heap for one way from where the children stand. */
static void gather(struct merge_iter *m, bool back)
{
	m->back = back;
	m->heap_n = 0;
	m->it.status = ST_OK;
	for (size_t i = 0; i < m->count; i++) {
		struct iter *child = m->children[i];

		if (child->valid)
			m->heap[m->heap_n++] = leaf_of(m, i);
		else if (m->it.status == ST_OK)
			m->it.status = child->status;
	}
	for (size_t i = m->heap_n / 2; i-- > 0; )
		sift_down(m, i);
	show(m);
}

static void merge_first(struct iter *it)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_first(m->children[i]);
	gather(m, false);
}

static void merge_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_seek(m->children[i], key, seq);
	gather(m, false);
}

static void merge_last(struct iter *it)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_last(m->children[i]);
	gather(m, true);
}

static void merge_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_seek_last(m->children[i], key, seq);
	gather(m, true);
}

/* The top child has moved: gives it its place in the heap, or takes it out. */
static void place_top(struct merge_iter *m)
{
	struct leaf *top = &m->heap[0];

	if (top->it->valid)
		*top = leaf_of(m, top->rank);
	else if (top->it->status != ST_OK)
		m->it.status = top->it->status;
	else
		*top = m->heap[--m->heap_n];
	if (m->it.status == ST_OK && m->heap_n > 1)
		sift_down(m, 0);
	show(m);
}

/* Sends every child past the shown entry, the other way than before. The shown entry is on loan from the top
 * child, which therefore moves last. */
static void turn(struct merge_iter *m, bool back)
{
	struct leaf top = m->heap[0];
	const struct entry *e = &m->it.entry;

	for (size_t i = 0; i < m->count; i++) {
		struct iter *child = m->children[i];

		if (i == top.rank)
			continue;
		(back ? iter_seek_last : iter_seek)(child, e->key, e->seq);
		if (child->valid && (back ? i > top.rank : i < top.rank) &&
		    entry_cmp(child->entry.key, child->entry.seq, e->key, e->seq) == 0)
			(back ? iter_prev : iter_next)(child);
	}
	(back ? iter_prev : iter_next)(top.it);
	gather(m, back);
}

static void merge_next(struct iter *it)
{
	struct merge_iter *m = self(it);

	must(it->valid);
	if (m->back) {
		turn(m, false);
		return;
	}
	iter_next(m->heap[0].it);
	place_top(m);
}

static void merge_prev(struct iter *it)
{
	struct merge_iter *m = self(it);

	must(it->valid);
	if (!m->back) {
		turn(m, true);
		return;
	}
	iter_prev(m->heap[0].it);
	place_top(m);
}

static void merge_free(struct iter *it)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_free(&m->children[i]);
	mem_free(m->children);
	mem_free(m->heap);
	obj_fini(m);
	mem_free(m);
}

struct iter *merge_iter_new(struct iter **children, size_t n)
{
	static const struct iter_ops ops = { merge_free, merge_first, merge_seek, merge_next,
					     merge_last, merge_seek_last, merge_prev };
	struct merge_iter *m = mem_zalloc(sizeof(*m));

	obj_init(m, MERGE_ITER_MAGIC);
	m->it.ops = &ops;
	m->count = n;
	m->children = mem_alloc((n + 1) * sizeof(*m->children));
	m->heap = mem_alloc((n + 1) * sizeof(*m->heap));
	for (size_t i = 0; i < n; i++)
		m->children[i] = children[i];
	return &m->it;
}
