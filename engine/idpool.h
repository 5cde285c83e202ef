/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File ids: WAL segments, memtables and tables share one space. A memtable has the id of its segment; one that was
 * rebuilt from a segment gets an id of its own, for readers may still map the memory file of the first one.
 *
 * 1. An id is reserved durably before it is given out, and never given out twice (invariant 5).
 * 2. Reserved in blocks, so that a restart wastes some ids and a new id seldom costs a commit.
 *
 * Not thread-safe: guarded by the truth's edit lock, as the manifest is.
 */
#ifndef ENGINE_IDPOOL_H
#define ENGINE_IDPOOL_H

#include "engine/manifest.h"

#define IDPOOL_BLOCK 256u

struct idpool {
	struct manifest *manifest;       /* on loan */
	uint64_t next;                   /* the next id to give out */
	uint64_t reserved;               /* ids below this are ours */
};

/* first: smallest id never given out in an earlier life. */
void idpool_init(struct idpool *p, struct manifest *m, struct file_id first);

/* Ids below this one are never given out; for what was found on disk. */
void idpool_skip_below(struct idpool *p, struct file_id id);

/* n ids in a row, the first in *firstp. An error of the manifest is passed on and nothing is given out. */
enum st idpool_take(struct idpool *p, uint32_t n, struct file_id *firstp) MUST_USE;

#endif
