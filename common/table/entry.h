/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry: one version of one key, as memtables, tables and iterators show it.
 *
 * Order everywhere: user key ascending (memcmp), then sequence descending, so that the newest version of a
 * key comes first. No two entries have the same sequence.
 */
#ifndef TABLE_ENTRY_H
#define TABLE_ENTRY_H

#include "common/base/ids.h"
#include "common/base/slice.h"

struct entry {
	struct slice key, value;     /* on loan; value empty for a tombstone */
	struct seq seq;
	int64_t timestamp_ms;
	int64_t expires_at_ms;       /* 0 = never */
	bool is_tombstone;
};

/* Has it run out at now_ms? At its very millisecond it has. */
static inline bool entry_has_expired(const struct entry *e, int64_t now_ms)
{
	return e->expires_at_ms != 0 && e->expires_at_ms <= now_ms;
}

/* The tombstone that hides what e hides. */
static inline struct entry entry_buried(const struct entry *e)
{
	return (struct entry){ .key = e->key, .seq = e->seq, .timestamp_ms = e->timestamp_ms, .is_tombstone = true };
}

static inline int entry_cmp(struct slice ak, struct seq as, struct slice bk, struct seq bs)
{
	int c = slice_cmp(ak, bk);

	return c ? c : (as.v < bs.v) - (as.v > bs.v);
}

#endif
