/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flush: the oldest frozen memtable becomes a level-0 table, and its WAL segment goes.
 *
 *   memtable -> tmp/ -> sst/ (synced, named: invariant 3) -> manifest and next view -> the segment goes (invariant 4),
 *   away, or to those that are kept for watchers (retain.h)
 *
 * 1. Only the newest version of a key is written: every view that could see an older one holds the memtable itself.
 * 2. Tombstones are kept, unless there is no table below that they could hide something in. An expired entry is no more
 *    than a tombstone and is written as one.
 * 3. A failure loses nothing: memtable and segment stay, the thread tries again, writes are held back meanwhile. On a
 *    full disk the reserve is given back first.
 *
 * A thread of its own, which also keeps the next WAL segment in stock.
 */
#ifndef ENGINE_FLUSH_H
#define ENGINE_FLUSH_H

#include "engine/drain.h"
#include "engine/install.h"
#include "engine/reserve.h"
#include "engine/retain.h"
#include "engine/spare.h"
#include "engine/truth.h"

struct flush;

struct flush_config {
	struct truth *truth;             /* on loan, as are the others */
	struct spare *spare;
	struct drain *drain;             /* told how fast it goes; NULL: nobody */
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct retain *retain;           /* where segments go; NULL: they are removed */
	struct install_dir dir;
	unsigned codec;                  /* BLOCK_COMPRESSION_* */
	int64_t (*wall_ms)(void);        /* what has expired; NULL: the wall clock */
};

struct flush *flush_new(const struct flush_config *c);
void flush_free(struct flush **fp);          /* the thread was stopped */

/* Flushes the oldest frozen memtable. ST_NOT_FOUND: there is none. ST_CANCELLED: flush_stop(). */
enum st flush_oldest(struct flush *f) MUST_USE;

void flush_start(struct flush *f);           /* the thread */
void flush_stop(struct flush *f);            /* soon, and waits for it; what is half done is abandoned */

#endif
