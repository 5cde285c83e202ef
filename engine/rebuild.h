/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rebuilding memtables from a log, fast: the operations of a segment are gathered, sorted once, and inserted in order,
 * where each insert stands right behind the last one instead of searching its place. A thread of its own sorts and
 * inserts while the next ones are read.
 *
 * 1. Gathered is at most half of REBUILD_BYTES, and REBUILD_ENTRIES, then it is inserted; one more batch may be on the way.
 *    A record that is larger than that half is inserted alone, so both together never hold more than REBUILD_BYTES.
 * 2. What was added is in its memtable after rebuild_finish(), not before; nobody may look at the memtable until then.
 *
 * Used by one thread, at start.
 */
#ifndef ENGINE_REBUILD_H
#define ENGINE_REBUILD_H

#include "common/view/memtable.h"
#include "proto/write.h"

#define REBUILD_BYTES (64u << 20)
#define REBUILD_ENTRIES (1u << 20)

struct rebuild;

struct rebuild *rebuild_new(void);
void rebuild_free(struct rebuild **rp);          /* what is not finished is dropped */

/* From now on operations go there; on loan until rebuild_finish(). */
void rebuild_into(struct rebuild *r, struct memtable *m);
/* Copies the operations of a record. ST_INTERNAL: the memtable is too small for them. */
enum st rebuild_add(struct rebuild *r, const struct wal_batch *b) MUST_USE;
void rebuild_finish(struct rebuild *r);          /* all that was added is in its memtable */

#endif
