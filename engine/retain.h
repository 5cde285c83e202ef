/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of the log that are kept after they were flushed, for watchers (GET /v1/watch): DATA_DIR/wal/retained/.
 * Recovery does not know them; nothing depends on them.
 *
 *   sealed, flushed --retain_take()--> kept --newer ones have WATCH_RETAIN_BYTES without it--> removed
 *                                        `--retain_drop(): the disk is nearly full-----------> removed
 *
 * 1. What is kept is one chain: each header names the segment before. Whatever does not belong to it is removed at start.
 * 2. A frontend that looks for a segment in wal/ first and here second finds it, if it is still there.
 * 3. The room that was prepared and not used is given back; the bytes of the file stay what they were, for a checkpoint
 *    may have it under another name.
 * 4. Nothing here can fail: what cannot be kept is not kept.
 *
 * retain_begin(): at start. retain_take(): the flush thread. retain_drop(): any thread.
 */
#ifndef ENGINE_RETAIN_H
#define ENGINE_RETAIN_H

#include "common/base/ids.h"
#include "common/vfs/vfs.h"

struct retain;

/* limit_bytes: at least so many are kept, in whole segments; 0: none. All on loan. */
struct retain *retain_new(struct vfs *v, const char *data_dir, uint64_t limit_bytes);
void retain_free(struct retain **rp);                    /* what is kept stays on the disk */

/* Finds what an earlier life kept, and takes over what it flushed and could not move any more. To be called before
 * recovery_tidy(), with the manifest's floor. Errors: the disk could not be read. */
enum st retain_begin(struct retain *r, uint64_t database, struct file_id floor) MUST_USE;

/* Keeps wal/wal_<id>.log, whose content has so many bytes, as far as is known; false: it was not kept and is where it was. NULL: false. */
bool retain_take(struct retain *r, struct file_id id, uint64_t content_bytes);

/* Removes all of them; how many bytes that were. NULL: 0. */
uint64_t retain_drop(struct retain *r);

/* The same for a start that found no room. */
void retain_remove(struct vfs *v, const char *data_dir);

#endif
