/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of the disk for the time when it is nearly full: a low-water mark and a ballast.
 *
 * The mark keeps us from filling the disk ourselves: below it writes are refused (507), and what is left is for flush,
 * compaction and deletes. The ballast, DATA_DIR/ballast, is room that nobody else can take: blocks without content,
 * given back to the file system when somebody of ours needs them.
 *
 *   PLENTY --free < mark--> LOW --free < mark/4, or somebody met ST_FULL--> SPENT
 *   writes, deletes         deletes                                         deletes, no ballast
 *
 *   LOW   --free >= mark + 1/8 + the next segment----------------> PLENTY
 *   SPENT --the same + the ballast, and it could be made again---> PLENTY
 *
 * 1. What we do by ourselves never moves us to and fro: the ballast, given back, does not lift the free bytes to where
 *    writes begin again, and the segment that is prepared when they do does not push them below the mark.
 * 2. Nothing here can fail: what cannot be known or made is tried again at the next look.
 * 3. A ballast outlives the engine; one that starts on a full disk finds it and may give it back.
 * 4. What is kept for watchers only (retain.h) goes before a write is refused, and with the ballast.
 *
 * reserve_look(): the main thread. All else: any thread; reserve_refuses() takes no lock.
 */
#ifndef ENGINE_RESERVE_H
#define ENGINE_RESERVE_H

#include "common/base/conf.h"
#include "common/vfs/vfs.h"

struct reserve;
struct retain;

#define RESERVE_LEAST_MARK (16u << 20)

/* DISK_LOW_WATER, or what it is when that is 0: room for two memtables. */
uint64_t reserve_mark(const struct conf *c);

/* A mark of 0: there is no reserve, and nothing is ever refused. segment_bytes: what a prepared WAL segment takes.
 * data_dir on loan. To be followed by a first look. */
struct reserve *reserve_new(struct vfs *v, const char *data_dir, uint64_t mark, uint64_t segment_bytes);
void reserve_free(struct reserve **rp);                  /* the ballast stays on the disk */

/* What may go when there is little room; on loan, NULL: nothing. Before any other thread has the reserve. */
void reserve_set_retain(struct reserve *r, struct retain *retain);

/* Looks at the disk and draws the conclusions. True: writes are accepted again, or no longer. */
bool reserve_look(struct reserve *r);

/* So much has to be free before writes that are refused now are accepted again. NULL: 0. */
uint64_t reserve_resume(const struct reserve *r);

/* Are writes refused now (deletes never are)? NULL: no. */
bool reserve_refuses(const struct reserve *r);

/* Somebody met ST_FULL: the ballast goes. True: something went, so trying again makes sense at once. NULL: false. */
bool reserve_spend(struct reserve *r);

/* Bytes that a compaction may fill: all but an eighth of the mark. And how many more after reserve_spend(). NULL: no
 * limit. */
uint64_t reserve_room(const struct reserve *r);
uint64_t reserve_ballast(const struct reserve *r);

/* For a start that found no room: removes the ballast of an earlier life. */
void reserve_drop(struct vfs *v, const char *data_dir);

#endif
