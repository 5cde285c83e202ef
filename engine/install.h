/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a finished file in tmp/ to a table that the manifest may name: the first half of every flush and every compaction.
 *
 * 1. A table is believed only after the engine opened it itself and found what was reported.
 * 2. File, then name: synced through a descriptor of the engine, renamed, both directories synced (invariant 3).
 * 3. What fails is removed; ids are never used again (invariant 5).
 *
 * Any thread; ids make the files disjoint.
 */
#ifndef ENGINE_INSTALL_H
#define ENGINE_INSTALL_H

#include "common/vfs/vfs.h"
#include "engine/edit.h"

struct install_dir {
	struct vfs *vfs;                 /* on loan */
	const char *data_dir;            /* on loan */
	uint64_t database;
};

/* Checks tmp/sstable_<id>.sst against the facts (verify: and every byte against file_crc), syncs it and moves it to
 * sst/. ST_CORRUPT: it is not what was reported. Its name is durable after install_sync_dirs(). */
enum st install_table(const struct install_dir *d, const struct table_facts *f, bool verify) MUST_USE;
enum st install_sync_dirs(const struct install_dir *d) MUST_USE;

/* Removes n files of ids from first on, wherever they are; missing ones are no trouble. */
void install_remove(const struct install_dir *d, struct file_id first, size_t n);

#endif
