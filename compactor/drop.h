/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides, entry by entry, what a compaction keeps. Fed with the merged inputs in entry order; drop.c has the
 * argument why nothing that a reader may still see goes away. Pure: no clock, no file. One thread.
 */
#ifndef COMPACTOR_DROP_H
#define COMPACTOR_DROP_H

#include "common/base/buf.h"
#include "common/table/entry.h"
#include "proto/compact.h"

/* DROP_BURIED: a tombstone is kept in its place (entry_buried). */
enum drop_verdict { DROP_KEEP, DROP_OVERWRITTEN, DROP_TOMBSTONE, DROP_EXPIRED, DROP_BURIED };

struct drop {
	/* fixed after init */
	const struct key_range *deeper;      /* on loan, sorted by min; they may overlap */
	size_t deeper_count;
	int64_t now_ms;
	/* moves with the entries */
	struct buf key;                      /* the user key of the last entry */
	bool any;
	size_t passed;                       /* deeper[0 .. passed) begin at or before that key */
	struct slice reach;                  /* the greatest max among those */
};

/* now_ms: the wall clock when the job began; what has expired by then is gone for every reader. */
void drop_init(struct drop *d, const struct key_range *deeper, size_t deeper_count, int64_t now_ms);
void drop_fini(struct drop *d);

/* The next entry's fate into *vp. ST_CORRUPT (not logged) when its key is before the last one's: an input
 * lies about its order, and nothing may be concluded from it. */
enum st drop_next(struct drop *d, const struct entry *e, enum drop_verdict *vp) MUST_USE;

#endif
