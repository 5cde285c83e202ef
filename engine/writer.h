/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing end of the database: a group, the active memtable, the WAL segment of the same id, and their rotation.
 *
 *   writer_refuses() -> writer_fits() or else { commit the group; writer_rotate() } -> group_add()   per request
 *   group_commit() -> replies -> group_reset() -> writer_pace(), then wait writer_delay_us()         per group
 *
 * A rotation: the old segment is safe to its end, the new one is begun with the origins as its first record and is safe
 * too, before the flush of the old memtable may let go of the old segment. So the origins outlive every segment.
 *
 * One thread at a time: the commit thread.
 */
#ifndef ENGINE_WRITER_H
#define ENGINE_WRITER_H

#include "engine/drain.h"
#include "engine/group.h"
#include "engine/pressure.h"
#include "engine/reserve.h"
#include "engine/spare.h"

struct writer_config {
	struct truth *truth;             /* on loan, as are the others */
	struct spare *spare;
	struct drain *drain;             /* NULL: speeds are assumed */
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct board *board;
	uint64_t memtable_size_limit;
	unsigned sync_mode;              /* WAL_SYNC_* */
	uint64_t sync_every_us;
};

/* Where an earlier life ended, and what is active now. */
struct writer_begin {
	struct origins *origins;         /* taken over */
	struct seq last_seq;
	int64_t last_ms;
	struct wal_link before;          /* the end of the newest old segment; id 0: there is none */
};

struct writer {
	struct writer_config conf;
	struct group group;
	struct origins *origins;
	struct memtable *active;
	struct journal_wal wal;          /* the segment of the active memtable */
	uint64_t wal_allocated;
	uint64_t rotated_us;             /* when they were begun */
	struct pressure_memory pressure;
	struct pressure_pace pace;
	uint64_t paced_bytes;            /* of the active memtable: what writers were charged for */
	unsigned patience_ms;            /* how long the next rotation may wait for the flush thread; the caller sets it */
};

/* Begins the first segment and memtable; the caller publishes them (truth_begin). */
enum st writer_open(struct writer *w, const struct writer_config *c, const struct writer_begin *b) MUST_USE;
/* Syncs what is not synced and lets go of everything. The group must be empty. */
bool writer_close(struct writer *w);     /* true: all it wrote is on disk */

/* Are requests refused now, because compaction is behind or (puts only) the disk nearly full? Then *rp says so. */
bool writer_refuses(const struct writer *w, const struct write_counts *counts, struct write_reply *rp);

/* Is there room beside what is in the group? cost: group_cost_of(). */
bool writer_fits(const struct writer *w, uint64_t cost, size_t bytes);

/* A new segment and memtable with room for a request of that cost. The group is empty. ST_BUSY, ST_FULL, ST_UNAVAILABLE:
 * not now, *rp says why and nothing has changed. ST_IO: the engine must end. */
enum st writer_rotate(struct writer *w, uint64_t cost, size_t bytes, struct write_reply *rp) MUST_USE;

/* A group was committed: how long the next one has to wait, from now on, because flush or compaction is behind. It is
 * charged what it took in the memtable, which is less than its cost. */
void writer_pace(struct writer *w);
uint64_t writer_delay_us(const struct writer *w);

/* While the disk is nearly full, what deletes there are must become a table soon, or compaction finds nothing to drop.
 * Is it time? Then a rotation without cost is due. */
bool writer_should_clean_up(const struct writer *w);

/* Tells people the sizes of memtables, log and disk. */
void writer_tell_sizes(const struct writer *w);

#endif
