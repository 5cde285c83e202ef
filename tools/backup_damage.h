/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was damaged when a backup was made. A table whose bytes do not check is backed up as it is, for the rest of the
 * database is worth having; beside the backup lies a list of such tables, for people and for the next backup.
 *
 *   DIR/000003.damaged := line*
 *   line               := "table " id ", level " level ", keys " first " to " last ": " what is wrong "\n"
 *
 * The list is on disk before the backup has its name, and goes after it. One without a backup means nothing.
 */
#ifndef TOOLS_BACKUP_DAMAGE_H
#define TOOLS_BACKUP_DAMAGE_H

#include "common/base/buf.h"
#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "engine/manifest.h"

#define BACKUP_DAMAGED ".damaged"        /* behind the backup's name */

struct path backup_damage_path(struct path backup);

/* Appends the line for this table. */
void backup_damage_add(struct buf *list, const struct live_table *t, struct slice wrong);

/* Puts the list beside the backup in the making; an empty one: that there is none of an older backup of that name. */
enum st backup_damage_write(struct vfs *v, struct path backup, struct slice list) MUST_USE;

/* The list, empty when there is none. */
enum st backup_damage_read(struct vfs *v, struct path backup, struct buf *list) MUST_USE;

size_t backup_damage_count(struct slice list);
bool backup_damage_names(struct slice list, struct file_id table);

#endif
