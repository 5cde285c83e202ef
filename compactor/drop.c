/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compaction keeps of the merged stream: at most one version of each user key.
 *
 *	older version of the key before it                         -> OVERWRITTEN
 *	newest version, a tombstone, no deeper range covers it     -> TOMBSTONE
 *	newest version, expired, no deeper range covers it         -> EXPIRED
 *	newest version, expired, a deeper range covers it          -> BURIED
 *	anything else                                              -> KEEP
 *
 * Why an older version may always go: a reader of the new view sees the newest one only, and whoever keeps an
 * older view keeps that view's files, in which the older version still stands.
 *
 * Why a tombstone may go. It is there to hide older versions of its key, so it may go when none is left:
 *   1. every older version on the levels down to the output level is in this job's inputs: the engine picks
 *      all tables there that overlap the job's range and are not newer;
 *   2. every other older version lies below the output level, in a table whose range the order names in
 *      `deeper`; no such range covers the key, so there is none;
 *   3. those of (1) come right behind the tombstone in the stream, are dropped as overwritten, and leave the
 *      view in the same manifest commit as the tombstone. Nothing is left to hide, at any moment.
 * Damage: a block of an input that is on record is passed over, and with it versions that nobody will ever see again. What
 * that does not do is bring up an older one: for a key of the record's range an answer counts only when its sequence is above
 * all of the damaged table's (common/table/damage.h), and nothing that this job keeps or drops changes that. What it could do
 * is take away such an answer, when it is a tombstone or an expired entry: a key that was deleted after the damage would turn
 * from not found to corrupt. So the engine adds the ranges on record to `deeper`, as if older versions lay there.
 *
 * Covers: of an order with covers only what its last input holds may go, and the covers go on hiding in the next view what they
 * hide in this one. An older version that goes had a newer one above it, which stays. A tombstone or expired entry of the last
 * input is judged as ever: what is older is in that input or lies deeper, as tables of one level are disjoint.
 *
 * An expired entry is a tombstone that came with time: the same argument holds. Where a deeper range covers its
 * key it must go on hiding the versions below, and a tombstone of its sequence does that without its value.
 *
 * The clock may be set back between two jobs, or be ahead of a reader's: then an entry that was dropped or buried is
 * gone a little early for that reader. It never gives way to an older version, as its older versions went first (1)
 * or are still hidden (2).
 */
#include "compactor/drop.h"

void drop_init(struct drop *d, const struct key_range *deeper, size_t deeper_count, int64_t now_ms)
{
	*d = (struct drop){ .deeper = deeper, .deeper_count = deeper_count, .now_ms = now_ms };
}

void drop_fini(struct drop *d)
{
	buf_fini(&d->key);
}

/*
 * A range [min, max] with min <= key covers key iff max >= key. As keys only grow, the greatest max of all
 * ranges that begin at or before the key answers for all of them, overlapping or not, in one pass.
 */
static bool covered(struct drop *d, struct slice key)
{
	for (; d->passed < d->deeper_count && slice_cmp(d->deeper[d->passed].min, key) <= 0; d->passed++)
		if (slice_cmp(d->deeper[d->passed].max, d->reach) > 0)
			d->reach = d->deeper[d->passed].max;
	return d->passed > 0 && slice_cmp(d->reach, key) >= 0;
}

enum st drop_next(struct drop *d, const struct entry *e, enum drop_verdict *vp)
{
	int order = d->any ? slice_cmp(buf_slice(&d->key), e->key) : -1;

	*vp = DROP_KEEP;
	if (order > 0)
		return ST_CORRUPT;
	if (order == 0) {
		*vp = DROP_OVERWRITTEN;
		return ST_OK;
	}
	d->any = true;
	buf_reset(&d->key);
	buf_append_slice(&d->key, e->key);
	if (!e->is_tombstone && !entry_has_expired(e, d->now_ms))
		return ST_OK;
	if (!covered(d, e->key))
		*vp = e->is_tombstone ? DROP_TOMBSTONE : DROP_EXPIRED;
	else if (!e->is_tombstone)
		*vp = DROP_BURIED;
	return ST_OK;
}
