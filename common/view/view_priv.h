/* SPDX-License-Identifier: Apache-2.0 */
/* A view's insides and its opened tables, for the files of this room that read one. */
#ifndef VIEW_VIEW_PRIV_H
#define VIEW_VIEW_PRIV_H

#include <stdatomic.h>

#include "common/base/arena.h"
#include "common/view/view.h"

typedef _Atomic(struct table_reader *) view_reader;

struct view {
	uint32_t magic;
	_Atomic uint32_t refs;
	atomic_bool retired;                    /* a newer view has taken its place */
	/* fixed after creation */
	struct arena arena;                     /* desc with all its keys */
	struct view_desc desc;
	struct damage_index damage;             /* of desc's */
	struct memtable **memtables;            /* newest first, each referenced */
	struct table_cache *cache;
	/* any thread; NULL until one is kept, then never changed before the view ends */
	view_reader *readers[LEVEL_COUNT];
};

/* An open table while it is used: kept by the view, or borrowed from the cache. */
struct table_use { struct table_reader *reader; bool kept; };

/* The open table at this place, good until done. nowait: ST_BUSY when it would have to be opened. ST_UNAVAILABLE when
 * its file is gone. */
enum st view__table(struct view *v, unsigned level, size_t index, bool nowait, struct table_use *u) MUST_USE;
void view__table_done(struct view *v, struct table_use *u);
/* Makes it good as long as the view, whatever the cache says. */
void view__table_keep(struct view *v, unsigned level, size_t index, struct table_use *u);

/* Index of the first table of a sorted level whose max_key is not below key; count when there is none. */
size_t view__find_table(const struct view_level *level, struct slice key);

/* Does the entry say that its key has no value at now_ms? */
bool view__is_gone(const struct entry *e, int64_t now_ms);

#endif
