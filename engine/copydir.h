/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a database in the making: a directory with sst/, wal/ and manifest.db that has a name which says that it is not
 * whole (X.partial) until everything in it is on disk. Checkpoints and backups are made so. Any thread.
 */
#ifndef ENGINE_COPYDIR_H
#define ENGINE_COPYDIR_H

#include "common/table/filename.h"
#include "common/vfs/vfs.h"

/* Makes the directory and its folders; its parent exists. */
enum st copydir_make(struct vfs *v, const char *dir) MUST_USE;

/* A new file, synced. */
enum st copydir_write(struct vfs *v, const char *path, const void *bytes, size_t n) MUST_USE;

/* Syncs the names in the directory and its folders; the files in them were. */
enum st copydir_sync_names(struct vfs *v, const char *dir) MUST_USE;

/* Gives it its name for good. On failure it has its old one, as far as that can be said. */
enum st copydir_name(struct vfs *v, const char *partial, const char *dir) MUST_USE;

/* Removes the directory and what belongs to a copy, and nothing else: one with strange things in it stays, with
 * them. Fine when it is not there. */
enum st copydir_clear(struct vfs *v, const char *dir) MUST_USE;

#endif
