/* SPDX-License-Identifier: Apache-2.0 */
/* A random walk with an iterator over a known sorted list: every move there is, in both directions. */
#ifndef T_ITER_WALK_H
#define T_ITER_WALK_H

#include "common/base/rand.h"
#include "common/table/iter.h"
#include "t/check_main.h"

static inline bool walk_same(const struct entry *a, const struct entry *b)
{
	return slice_eq(a->key, b->key) && slice_eq(a->value, b->value) && a->seq.v == b->seq.v &&
	       a->timestamp_ms == b->timestamp_ms && a->expires_at_ms == b->expires_at_ms &&
	       a->is_tombstone == b->is_tombstone;
}

/* How many of the n entries lie in front of (key, seq). */
static inline size_t walk_rank(const struct entry *e, size_t n, struct slice key, struct seq seq)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (entry_cmp(e[middle].key, e[middle].seq, key, seq) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One random jump; gives the place where it must lead: n for none. */
static inline size_t walk_jump(struct iter *it, const struct entry *e, size_t n, struct rnd *rnd)
{
	const struct entry *aim = n ? &e[rnd_below(rnd, n)] : NULL;
	struct slice key = aim ? aim->key : slice_str("k");
	struct seq at = seq(aim ? aim->seq.v - rnd_below(rnd, 2) + rnd_below(rnd, 2) : 1);
	size_t rank;

	if (key.n > 1 && rnd_below(rnd, 4) == 0)
		key.n--;
	rank = walk_rank(e, n, key, at);
	switch (rnd_below(rnd, 6)) {
	case 0: iter_first(it); return 0;
	case 1: iter_last(it); return n ? n - 1 : n;
	case 2: case 3: iter_seek(it, key, at); return rank;
	default: break;
	}
	iter_seek_last(it, key, at);
	if (rank < n && slice_eq(e[rank].key, key) && e[rank].seq.v == at.v)
		return rank;
	return rank > 0 ? rank - 1 : n;
}

/* Walks `moves` moves; the iterator must show exactly the n entries. */
static inline void walk_agrees(struct iter *it, const struct entry *e, size_t n, struct rnd *rnd, size_t moves)
{
	size_t at = n, run = 0;
	bool back = false;

	while (moves-- > 0) {
		if (at == n || rnd_below(rnd, 40) == 0) {
			at = walk_jump(it, e, n, rnd);
		} else {
			if (run-- == 0) {
				run = (size_t)rnd_below(rnd, 30);
				back = rnd_below(rnd, 2);
			}
			(back ? iter_prev : iter_next)(it);
			at = back ? (at > 0 ? at - 1 : n) : at + 1;
		}
		if (it->valid != (at < n) || it->status != ST_OK || (it->valid && !walk_same(&it->entry, &e[at])))
			ck_abort_msg("the iterator is not at entry %zu of %zu", at, n);
	}
}

#endif
