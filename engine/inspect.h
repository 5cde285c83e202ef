/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage in tables: who suspects some says so here, and what is found true goes on record.
 *
 *   frontend or compactor: "block X of table T cannot be read" -> looked at here, twice -> manifest and next view
 *
 * 1. Nobody's word is taken for it: the block is read and checked through a descriptor of the engine's own.
 * 2. Once on record, keys of the block are answered as corrupt until they are written anew (damage.h), compactions pass the
 *    block over, and the file goes to quarantine/ when it is merged away.
 * 3. A table of which nothing can be read, its end damaged or its file gone, is put on record whole and leaves the levels in
 *    the same commit: it could answer nothing, and nothing could be merged past it.
 *    So is one whose end the disk does not read, twice.
 * 4. A folder that lost all its tables at once is a mount that went away, not damage: nothing is put on record then.
 * 5. Nor is a table that the disk does not open while it opens no other one either.
 *
 * A thread of its own, woken by whoever suspects.
 */
#ifndef ENGINE_INSPECT_H
#define ENGINE_INSPECT_H

#include "engine/install.h"
#include "engine/truth.h"

struct inspect;

struct inspect *inspect_new(struct truth *t, const struct install_dir *dir);     /* on loan; dir is copied */
void inspect_free(struct inspect **ip);          /* the thread was stopped */

/* The block at offset, or any part of the table (DAMAGE_WHOLE). Any thread; no disk is waited for; fits commit_damage_f. What
 * does not fit into the queue is dropped: whoever meets it again says so again. */
void inspect_suspect(void *inspect, struct file_id table, uint64_t offset);

/* Sees to the oldest suspicion; false: there was none. What the thread does. */
bool inspect_one(struct inspect *i);

void inspect_start(struct inspect *i);
void inspect_stop(struct inspect *i);

#endif
