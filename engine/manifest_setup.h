/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the manifest's file: is it ours, is it sound, are its settings what we need; or making it. */
#ifndef ENGINE_MANIFEST_SETUP_H
#define ENGINE_MANIFEST_SETUP_H

#include "common/base/buf.h"
#include "common/vfs/vfs.h"
#include "engine/manifest_db.h"

/* As manifest_open(). The connection is the caller's to close. */
enum st manifest_setup__open(struct vfs *v, const char *path, const char *sqlite_vfs, sqlite3 **dbp, bool *createdp,
			     struct buf *complaint) MUST_USE;

/* As manifest_look(): is it ours, sound, and of our format? The connection is the caller's to close. */
enum st manifest_setup__look(const char *path, const char *sqlite_vfs, sqlite3 **dbp, struct buf *complaint) MUST_USE;

/* Moves everything from the log into the database file and empties the log, syncing both. A reader in the way
 * is told as a warning. */
enum st manifest_setup__checkpoint(sqlite3 *db) MUST_USE;

/* Closing the connection will change nothing in the file. */
void manifest_setup__leave_alone(sqlite3 *db);

#endif
