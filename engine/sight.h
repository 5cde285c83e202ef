/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's own sight of what is stored, for writes that are decided at commit: the published view, opened as a frontend
 * opens it, with small caches. Reading waits for the disk, so it is done on threads that may wait (prepare.c).
 *
 * 1. A view is taken for one piece of reading and given back: nothing is pinned while nobody reads.
 * 2. What is seen holds for everything older than the view's active memtable. Who decides looks first into that memtable
 *    and newer ones, on the commit thread (asks.c).
 *
 * Any thread.
 */
#ifndef ENGINE_SIGHT_H
#define ENGINE_SIGHT_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/view/view.h"
#include "engine/known.h"
#include "engine/truth.h"

struct sight;

/* Who is told of damage that is met; waits for nothing. */
typedef void sight_damage_f(void *ctx, struct file_id table, uint64_t offset);

struct sight_config {
	struct truth *truth;             /* on loan, as are the others */
	struct vfs *vfs;
	const char *data_dir;
	uint64_t budget_bytes;           /* of the whole server for reading tables: its own share is a tenth of it at most */
	sight_damage_f *tell_damage;     /* NULL: nobody */
	void *damage_ctx;
};

struct sight *sight_new(const struct sight_config *c);
void sight_free(struct sight **sp);              /* no view may be out */

/* The newest view, to be given back with view_unref(), and its active memtable. ST_UNAVAILABLE: not now. */
enum st sight_view(struct sight *s, struct view **vp, struct file_id *activep) MUST_USE;

/* What the key is, its value copied when it is short enough for a number (else it is longer than any and cut). ST_BUSY in
 * the answer: a file of the view is gone, take a newer one. */
struct present sight_look(struct sight *s, struct view *v, struct slice key, struct arena *a);

/* A range to be read, and what was found. */
struct sight_range {
	struct slice begin, end;         /* without end; empty: no bound */
	uint64_t most;                   /* bytes that the deletes of its keys may take */
	const atomic_bool *stop;         /* somebody wants it to end; may be NULL */
	struct buf *keys;                /* with a value, in order: varint length and bytes, appended */
	uint64_t count;                  /* of them */
};

/* ST_TOO_BIG: there are more keys than `most` allows. ST_BUSY: as above. */
enum st sight_range(struct sight *s, struct view *v, struct sight_range *r) MUST_USE;

/* A file of the view was gone: the next view is made anew, whatever the board says. */
void sight_doubt(struct sight *s);

/* Forgets a view that is no longer the newest and what it holds open. Now and then, when nobody reads. */
void sight_rest(struct sight *s);

#endif
