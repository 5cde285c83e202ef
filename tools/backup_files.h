/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a backup: copied while they are checked, or checked only. For backup.c. */
#ifndef TOOLS_BACKUP_FILES_H
#define TOOLS_BACKUP_FILES_H

#include "common/base/buf.h"
#include "common/vfs/vfs.h"
#include "engine/manifest.h"

/* Copies and syncs; *crcp and *bytesp are of what was read. to NULL: only reads. */
enum st backup_file_copy(struct vfs *v, const char *from, const char *to, uint32_t *crcp, uint64_t *bytesp) MUST_USE;

/* The same, of a table. ST_CORRUPT: the bytes are not the table of these facts, and wrong (appended to) says how; they are
 * copied as they are. ST_NOT_FOUND: it is missing. */
enum st backup_table_copy(struct vfs *v, const char *from, const char *to, const struct table_facts *f,
			  struct buf *wrong) MUST_USE;

/* The segments of a database from its floor on, rising; heap. */
enum st backup_segments(struct vfs *v, const char *data_dir, struct file_id floor, struct file_id **idsp,
			size_t *np) MUST_USE;

/* Does the log begin at the floor, hang together, and hold every sequence up to the promised one? ST_CORRUPT, logged. */
enum st backup_log_check(struct vfs *v, const char *data_dir, const struct manifest_state *s) MUST_USE;

#endif
