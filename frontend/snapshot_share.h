/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot shown to the other frontends, so that a cursor works at whichever of them its client comes to.
 *
 * Whoever has a snapshot writes what it consists of (the description of its view, and which descriptors its memtables
 * have) into a memory file. Another frontend opens that through /proc/<pid>/fd, maps the memtables the same way, and
 * makes a view of its own. No messages, and nothing to wait for: while the owner lives the file is there, and when it
 * has ended so has the lease.
 *
 * 1. Nothing that is found there is believed: the file must be sealed and tell the lease that was asked for, the
 *    memtables are checked as any (memtable_map()).
 * 2. Memory only; never the disk.
 */
#ifndef FRONTEND_SNAPSHOT_SHARE_H
#define FRONTEND_SNAPSHOT_SHARE_H

#include <sys/types.h>

#include "common/base/arena.h"
#include "common/view/view.h"

struct snapshot_facts {
	uint64_t lease, taken_us;
	struct seq seq;
	int64_t now_ms;
};

/* A memory file of this process; -1: the system refuses one. */
int snapshot_share_new(const struct snapshot_facts *facts, const struct view *v);

/* What another process shows as descriptor fd. */
struct snapshot_found {
	struct snapshot_facts facts;
	struct view_desc desc;           /* in the arena */
	struct memtable **memtables;     /* those of desc, referenced */
};

/* ST_NOT_FOUND: it does not show this lease there. ST_BUSY: this process has no descriptors or no memory for it now. */
enum st snapshot_share_open(pid_t pid, int fd, uint64_t lease, struct arena *arena, struct snapshot_found *found) MUST_USE;

/* view_find_f for view_new(); ctx: a struct snapshot_found. */
struct memtable *snapshot_share_find(void *ctx, struct file_id id);

void snapshot_found_release(struct snapshot_found *found);       /* the memtables */

#endif
