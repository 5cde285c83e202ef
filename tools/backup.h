/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of backups: a directory in which each backup is a database of its own, that a server can be started on or that can
 * be copied back.
 *
 *   DIR/000001/{manifest.db,sst/,wal/}  DIR/000002/...      whole ones, numbered as they were made
 *   DIR/000003.partial/                                     one in the making, or one being removed; means nothing
 *   DIR/000002.damaged                                      tables that were damaged when it was made (backup_damage.h)
 *
 * 1. A table that the backup before has too (same id, size and checksum; ids are never reused) is a link to it. Every
 *    other one is copied, and what was read is held against the checksum in the manifest. When it does not agree the
 *    table is backed up as it is, and told; it is no base for later backups, which copy it anew.
 * 2. The order is safe against power cuts: files, their names, the directory's own name, each synced before the next. So
 *    a number without .partial is whole. Removing goes the other way: first the name, then the files.
 * 3. Tables are shared between backups and never changed. Manifest and log are each backup's own.
 *
 * Who changes the set holds a lock on it (the caller). One thread.
 */
#ifndef TOOLS_BACKUP_H
#define TOOLS_BACKUP_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/table/filename.h"
#include "common/vfs/vfs.h"

struct backup_set {
	struct vfs *vfs;
	const char *dir;                 /* exists */
	const char *sqlite_vfs;          /* NULL: the default */
};

struct backup_report {
	uint64_t number;
	struct seq last_seq;             /* it holds every sequence up to here */
	size_t tables, copied, linked;   /* files; tables = those of the database */
	uint64_t table_bytes, copied_bytes, linked_bytes;
	size_t damaged;                  /* tables that were damaged when it was made: backup_damage_read() */
};

/* The numbers of the whole ones, rising; heap, the caller's. */
enum st backup_list(const struct backup_set *s, uint64_t **numbersp, size_t *np) MUST_USE;
struct path backup_path(const struct backup_set *s, uint64_t number);

/* Makes the next one from a checkpoint that nobody changes. On any failure there is none. ST_CORRUPT: a file of the
 * checkpoint is missing, or its log is damaged. complaint: a sentence, when there is more to say than the log did. */
enum st backup_take(const struct backup_set *s, const char *from, struct backup_report *rp, struct buf *complaint) MUST_USE;

/* Reads everything in it. ST_CORRUPT: something is not what it should be; each thing is logged. */
enum st backup_verify(const struct backup_set *s, uint64_t number, struct backup_report *rp, struct buf *complaint) MUST_USE;

/* What its manifest says; ST_CORRUPT, with a complaint, also when a file that it names is not there. */
enum st backup_look(const struct backup_set *s, uint64_t number, struct backup_report *rp, struct buf *complaint) MUST_USE;

enum st backup_remove(const struct backup_set *s, uint64_t number) MUST_USE;

enum backup_fate { BACKUP_REMOVED, BACKUP_UNREADABLE, BACKUP_LAST_SOUND };
typedef void backup_pruned_f(void *ctx, uint64_t number, enum backup_fate fate);

/* Removes the oldest until the newest keep (at least 1) are left. Only those count that backup_look() can look at; the
 * others stay where they are, and so does the newest without damage when all that are kept have some. All are told.
 * ST_NOT_FOUND: there are some, and none can be looked at. */
enum st backup_prune(const struct backup_set *s, uint64_t keep, backup_pruned_f *tell, void *ctx) MUST_USE;

/* Removes what is not whole. */
enum st backup_tidy(const struct backup_set *s) MUST_USE;

#endif
