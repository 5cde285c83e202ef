/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next WAL segment, prepared ahead of time, so that a rotation waits for no disk.
 *
 * Ids of segments rise in the order in which they are begun: recovery relies on it. So the lock is held while one is
 * prepared, and a spare that is too small is thrown away, not kept for later. The flush thread fills, the commit
 * thread takes.
 */
#ifndef ENGINE_SPARE_H
#define ENGINE_SPARE_H

#include "engine/truth.h"
#include "engine/wal.h"

struct spare;

/* standard_bytes: how much a usual segment has allocated. All on loan. */
struct spare *spare_new(struct vfs *v, const char *data_dir, struct truth *t, uint64_t standard_bytes);
void spare_free(struct spare **sp);                          /* an unused segment is removed */

/* Makes sure one is there. */
enum st spare_fill(struct spare *s) MUST_USE;

/* The segment, now the caller's, with at least this many bytes allocated, and how many it has. Prepares one when there
 * is none; sparing: a small one, for there is little room. ST_FULL, ST_IO: there is none to be had now; nothing has
 * changed. */
enum st spare_take(struct spare *s, uint64_t bytes, bool sparing, struct wal **wp, uint64_t *allocatedp) MUST_USE;

/* Removes a segment that was never begun: one that was taken and is not needed after all. */
void spare_discard(struct spare *s, struct wal **wp);
/* Removes one whose beginning failed, durably: nothing of it may be found behind what is still written to the one
 * before. On failure the engine must end. */
enum st spare_undo(struct spare *s, struct wal **wp) MUST_USE;

#endif
