/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history of changes, as the segments of the write-ahead log hold it: which of them are there, where a version lies,
 * and reading from a place on while the engine writes. Nothing is asked of the engine.
 *
 *   kept: wal/retained/              needed by recovery: wal/           wal/
 *   [segment]<--[segment]<-- ... <--[segment]<--[segment]<-- ... <--[newest, still written]
 *
 * 1. The segments of a history are one chain: each header names the one before, its length and its last sequence. What is
 *    older than a break in the chain does not count.
 * 2. Only what the board shows as visible is given out; such a record is whole in its file, whatever is written behind it.
 * 3. A place is good for ever: when its segment has gone, it is looked up again by its sequence.
 * 4. At most HISTORY_FILES files are open; none after history_rest().
 *
 * One thread at a time.
 */
#ifndef FRONTEND_HISTORY_H
#define FRONTEND_HISTORY_H

#include "common/base/ids.h"
#include "common/vfs/vfs.h"
#include "proto/write.h"

enum { HISTORY_FILES = 2 };

struct history;

enum history_got {
	HISTORY_OK,
	HISTORY_END,             /* nothing more so far */
	HISTORY_GONE,            /* it is no longer kept */
	HISTORY_BROKEN           /* it cannot be read; why was logged */
};

/* A record boundary: everything up to `last` lies before it, and what follows begins there. */
struct history_place {
	struct file_id segment;
	uint64_t offset;
	struct seq last;
};

/* On loan. */
struct history *history_new(struct vfs *v, const char *data_dir, uint64_t database);
void history_free(struct history **hp);

/* A place at or before the first change behind since: whoever reads from there skips what is not newer. *oldestp: the
 * version of the oldest change that is kept, or comes next. GONE: some newer than since are not. END: there is no log yet. */
enum history_got history_find(struct history *h, struct seq since, struct history_place *placep, struct seq *oldestp);

/* The next record that changes something, when it is visible, and moves the place behind it; b is good until the next
 * call. After GONE and BROKEN the place is as it was. */
enum history_got history_next(struct history *h, struct history_place *place, struct seq visible, struct wal_batch *b,
			      uint32_t *countp);

void history_rest(struct history *h);            /* closes its files, until they are needed again */

#endif
