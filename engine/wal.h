/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write-ahead log, writing side: one segment per memtable. Format at the top of wal_format.h.
 *
 * 1. A segment is prepared (created, preallocated, synced, its directory too) before it is begun; a prepared
 *    segment that was never begun is all zeros and means nothing.
 * 2. Its header names the segment before it, that one's final length and last sequence: nothing can go
 *    missing between two segments unnoticed.
 * 3. Each record carries how far the segment was known to be synced when it was written, so that a torn tail
 *    can be told from damage to acknowledged data.
 * 4. After a failed write or sync the segment takes nothing more (invariant 9).
 * 5. Segments are never appended to after a restart, and never recycled.
 *
 * One thread at a time.
 */
#ifndef ENGINE_WAL_H
#define ENGINE_WAL_H

#include "common/vfs/vfs.h"
#include "common/wal/wal_format.h"

struct wal;

/* Creates and preallocates wal/wal_<id>.log; durable as a name afterwards. Any thread. */
enum st wal_prepare(struct vfs *v, const char *data_dir, struct file_id id, uint64_t preallocate_bytes,
		    struct wal **wp) MUST_USE;

/* Begins it: header, then the origin state as first record (both reach the disk with the first sync). */
enum st wal_begin(struct wal *w, uint64_t database, struct seq last_seq, const struct wal_link *before,
		  struct slice origins) MUST_USE;

/* Buffers one record: the encoded head and body of a WALBatch. first_seq: the one after the last (must). */
void wal_append(struct wal *w, struct seq first_seq, uint32_t count, struct slice head, struct slice body);
enum st wal_write(struct wal *w) MUST_USE;       /* everything buffered, with one write; grows the file when needed */
enum st wal_sync(struct wal *w) MUST_USE;        /* and to the disk */

uint64_t wal_bytes(const struct wal *w);         /* length of valid content, buffered included */
struct file_id wal_id(const struct wal *w);
struct wal_link wal_end(const struct wal *w);    /* for the next segment's header; nothing buffered, all synced,
                                                    whatever WAL_SYNC says (must): only the newest may have a torn tail */
void wal_close(struct wal **wp);

#endif
