/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: a consistent copy of the running database, which a server opens like any other.
 *
 *   DIR/manifest.db    the manifest as it is, made to begin with the oldest segment below
 *   DIR/sst/           the live tables: other names of the same files
 *   DIR/wal/           the sealed segments that are still needed: other names too; and the head of the active one, copied
 *
 * Files with two names are safe because nobody changes them: a table never, a sealed segment neither, for only the
 * newest one is written to or made true at a start, and that one is a copy here. (WAL_RECOVERY_MODE=truncate cuts a
 * damaged segment by putting another file in its place.)
 *
 * 1. It holds every write that was answered before commit_rotate() was, and no part of any other but whole ones.
 * 2. The copy is made under the truth's edit lock: no table or segment that it names is removed meanwhile. Syncing and
 *    all that can wait is done after it. Writes and reads go on throughout.
 * 3. It is gathered in DIR.partial and gets its name when all of it is on disk: there is a whole one or none.
 * 4. It has the database's id, which stands in every table and record. The two go separate ways from there.
 */
#ifndef ENGINE_CHECKPOINT_H
#define ENGINE_CHECKPOINT_H

#include "common/base/buf.h"
#include "engine/truth.h"

struct checkpoint_config {
	struct vfs *vfs;                 /* on loan, as are the others */
	const char *data_dir;
	struct truth *truth;
};

struct checkpoint_result {
	struct seq last_seq;             /* the copy holds every sequence up to here */
	size_t tables, segments;
	uint64_t table_bytes;
	uint64_t held_us;                /* how long nothing could be installed */
};

#define CHECKPOINT_PARTIAL ".partial"    /* behind the name until it is whole */
#define CHECKPOINT_DIR_MAX (CONF_STR_MAX - 16)   /* bytes of a directory's name */

/* Makes one in dir, an absolute path of at most CHECKPOINT_DIR_MAX bytes whose parent exists and which does not. What
 * was not answered by commit_rotate() may be missing. ST_INVALID: dir is no place for it, complaint says why; on any
 * failure there is no dir, and the database is as before. */
enum st checkpoint_make(const struct checkpoint_config *c, const char *dir, struct checkpoint_result *rp,
			struct buf *complaint) MUST_USE;

#endif
