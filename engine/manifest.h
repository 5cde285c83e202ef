/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest: a sqlite3 database that says which tables are live, where the WAL begins, and how every table
 * came to be. Plain SQL with views made for people. Only the files manifest*.c know sqlite3.
 *
 * 1. One read-write connection, here, for the life of the engine; it does all commits and all checkpoints.
 *    WAL mode, synchronous=FULL; each pragma is read back.
 * 2. One transaction per version edit. A commit that fails leaves the outcome unknown: the engine must end
 *    and recover.
 * 3. File ids and the incarnation are raised durably before use.
 * 4. A newer format (user_version) or a foreign file (application_id) is refused, untouched.
 */
#ifndef ENGINE_MANIFEST_H
#define ENGINE_MANIFEST_H

#include "common/base/buf.h"
#include "common/vfs/vfs.h"
#include "engine/manifest_state.h"

struct manifest;

/* Opens or creates DATA_DIR/manifest.db. v: for what stands beside it (never for the file itself).
 * sqlite_vfs: name of a registered sqlite VFS, NULL for the default. complaint gets a sentence for people on
 * ST_CORRUPT (damaged, foreign, newer, or missing although tables or WAL segments exist): nothing was changed
 * then. */
enum st manifest_open(struct vfs *v, const char *path, const char *sqlite_vfs, struct manifest **mp,
		      struct manifest_state *sp, struct buf *complaint) MUST_USE;
void manifest_close(struct manifest **mp);

/* Makes an edit durable: tables, job with inputs and outputs, damage, WAL floor. ST_FULL, ST_BUSY: nothing was
 * changed, try again later. ST_CORRUPT: the edit does not fit what is there, nothing was changed. ST_IO:
 * outcome unknown (2); the manifest takes nothing more. */
enum st manifest_commit(struct manifest *m, const struct version_edit *e) MUST_USE;

/* Tables and log hold every sequence up to here: said at a clean stop, so that a log that is shorter at the next
 * start is found out, which by itself it cannot tell. */
enum st manifest_promise(struct manifest *m, struct seq upto) MUST_USE;

/* After this every id below upto may be given out. */
enum st manifest_reserve_ids(struct manifest *m, struct file_id upto) MUST_USE;

/* Calls each with every record of damage that is not mended, in the order of their numbers; rows good during the call. */
enum st manifest_list_damage(struct manifest *m, manifest_damage_f *each, void *ctx) MUST_USE;

/* Reads a manifest that nobody has open, and changes nothing: that of a copy. ST_CORRUPT as above, and for an older format.
 * The damage on record is left out. */
enum st manifest_look(const char *path, const char *sqlite_vfs, struct manifest_state *sp, struct buf *complaint) MUST_USE;

/* All of it as the bytes of a database file (heap, the caller's), for a copy whose log begins at wal_floor and goes up to
 * `promised`. The copy is not in WAL mode; its first opening puts it there. Changes nothing here. */
enum st manifest_image(struct manifest *m, struct file_id wal_floor, struct seq promised, uint8_t **bytesp,
		       size_t *np) MUST_USE;

#endif
