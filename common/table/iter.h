/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An iterator over entries in entry order, both ways: memtable, table, level, view, or a merge of others.
 *
 * valid -> entry is good until the next move. A move that fails makes the iterator invalid and status not
 * ST_OK: whoever stops at !valid must ask status. next and prev may follow each other in any order while it
 * is valid; from an invalid one lead first, last, seek and seek_last. One thread at a time.
 */
#ifndef TABLE_ITER_H
#define TABLE_ITER_H

#include "common/base/status.h"
#include "common/table/entry.h"

struct iter;

struct iter_ops {
	void (*free)(struct iter *);
	void (*first)(struct iter *);
	void (*seek)(struct iter *, struct slice key, struct seq seq);  /* first at or behind (key, seq) */
	void (*next)(struct iter *);
	void (*last)(struct iter *);
	void (*seek_last)(struct iter *, struct slice key, struct seq seq);     /* last at or before it */
	void (*prev)(struct iter *);
};

struct iter {
	const struct iter_ops *ops;
	bool valid;
	enum st status;
	struct entry entry;      /* the current one, when valid */
};

static inline void iter_first(struct iter *it) { it->ops->first(it); }
static inline void iter_seek(struct iter *it, struct slice key, struct seq seq)
{
	it->ops->seek(it, key, seq);
}
static inline void iter_next(struct iter *it) { it->ops->next(it); }
static inline void iter_last(struct iter *it) { it->ops->last(it); }
static inline void iter_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	it->ops->seek_last(it, key, seq);
}
static inline void iter_prev(struct iter *it) { it->ops->prev(it); }
static inline void iter_free(struct iter **itp)
{
	if (*itp)
		(*itp)->ops->free(*itp);
	*itp = NULL;
}

/* Merges n children (taken over, the array is not); among equal keys the higher sequence comes first. */
struct iter *merge_iter_new(struct iter **children, size_t n);

#endif
