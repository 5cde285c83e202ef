/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merges iterators: a binary heap of the valid children, the smallest entry on top.
 *
 * 1. A child that fails ends the merge with its status: an older value must not show because a newer one is
 *    unreadable.
 * 2. Two entries of the same key and sequence (never in one database) come in the order of the children.
 *
 * One thread at a time.
 */
#include "common/table/iter.h"

#include "common/base/mem.h"
#include "common/base/must.h"

#define MERGE_ITER_MAGIC 0x6d726765u

/* A child with the first bytes of its key at hand, as a big-endian number: most comparisons need no more. */
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

static bool before(const struct leaf *a, const struct leaf *b)
{
	const struct entry *x = &a->it->entry, *y = &b->it->entry;
	int c;

	if (a->head != b->head)
		return a->head < b->head;
	c = entry_cmp(x->key, x->seq, y->key, y->seq);
	return c ? c < 0 : a->rank < b->rank;
}

static void sift_down(struct merge_iter *m, size_t i)
{
	struct leaf moving = m->heap[i];

	for (size_t child; (child = 2 * i + 1) < m->heap_n; i = child) {
		if (child + 1 < m->heap_n && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &moving))
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

/* Builds the heap from where the children stand. */
static void gather(struct merge_iter *m)
{
	m->heap_n = 0;
	m->it.status = ST_OK;
	for (size_t i = 0; i < m->count; i++) {
		struct iter *child = m->children[i];

		if (child->valid)
			m->heap[m->heap_n++] = (struct leaf){ head_of(child->entry.key), child, i };
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
	gather(m);
}

static void merge_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct merge_iter *m = self(it);

	for (size_t i = 0; i < m->count; i++)
		iter_seek(m->children[i], key, seq);
	gather(m);
}

static void merge_next(struct iter *it)
{
	struct merge_iter *m = self(it);
	struct leaf *top = &m->heap[0];

	must(it->valid);
	iter_next(top->it);
	if (top->it->valid)
		top->head = head_of(top->it->entry.key);
	else if (top->it->status != ST_OK)
		it->status = top->it->status;
	else
		*top = m->heap[--m->heap_n];
	if (it->status == ST_OK && m->heap_n > 1)
		sift_down(m, 0);
	show(m);
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
	static const struct iter_ops ops = { merge_free, merge_first, merge_seek, merge_next };
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
