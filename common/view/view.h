/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: the memtables and tables that hold every visible entry, opened for reading. It is a snapshot:
 * whoever keeps one, with a sequence, reads a consistent state for as long as it likes. Its memtables it keeps; so that
 * its tables are there whenever it comes to them, whoever reads it for longer than one request takes a lease (lease.h).
 *
 * 1. Newest first: memtables, level 0, then one table a level. The first version found with sequence <=
 *    asked decides.
 * 2. A tombstone or an expired entry answers ST_NOT_FOUND, and hides everything older.
 * 3. A damaged block answers ST_CORRUPT, a missing file ST_UNAVAILABLE (load the newer view and ask again);
 *    neither ever falls through to an older level. Damage on record counts when its table is long gone: in its range only
 *    what is newer than the damaged table answers (damage.h).
 * 4. Views are reference counted; any thread may read one.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/table/table_cache.h"
#include "common/table/view_desc.h"
#include "common/view/memtable.h"

struct view;

/* Makes a view of desc (copied). find(ctx, id) answers a memtable, referenced for the view, or NULL: then
 * ST_UNAVAILABLE. tables is on loan for the life of the view. Tables are opened when first read. */
typedef struct memtable *view_find_f(void *ctx, struct file_id id);
enum st view_new(const struct view_desc *desc, view_find_f *find, void *ctx, struct table_cache *tables,
		 struct view **vp) MUST_USE;
struct view *view_ref(struct view *v);
void view_unref(struct view **vp);
const struct view_desc *view_desc(const struct view *v);
const struct damage_index *view_damage(const struct view *v);    /* what is on record */
struct memtable *view_memtable(const struct view *v, size_t i);        /* the i-th of the description; on loan */

/* A newer view has taken its place, and nobody else will ask for its tables: those that it opens from now on close when it is
 * done with them, so that files that are gone do not lie on in a cache. Any thread. */
void view_retire(struct view *v);

/* What keeps a found entry's bytes in place: the view itself, and a block. */
struct view_pin { struct view *view; struct block_pin block; };
void view_pin_release(struct view_pin *p);

/* The visible version of key at seq; now_ms decides expiry. *ep is good until the pin is released (set on
 * ST_OK only). nowait: ST_BUSY when the disk would have to be waited for; ask again without it on a thread
 * that may wait. ST_CORRUPT and ST_UNAVAILABLE: cost->damage tells what stands in the way, good as long as the view. */
enum st view_get(struct view *v, struct slice key, struct seq seq, int64_t now_ms, bool nowait,
		 struct read_cost *cost, struct entry *ep, struct view_pin *pin) MUST_USE;

/* Opens every table and keeps it: for whoever keeps a view of few tables, without a lease. ST_FULL: more than the cache may
 * hold open; those that were opened stay so. */
enum st view_pin_tables(struct view *v) MUST_USE;

/* Visible entries at seq in key order: one version a key, no tombstones, nothing expired. Holds a
 * reference. A move over keys that are on record as damaged ends in ST_CORRUPT: nobody knows what there would have been to
 * show. All in front of them is shown before, and seek goes on behind them. */
struct iter *view_iter_new(struct view *v, struct seq seq, int64_t now_ms);

/* Only keys from low on (empty: all) and before high (empty: all) are of interest: a move that leaves them ends at an entry beyond
 * or as at the end, and does not ask what is on record out there. On loan, set before the first move. */
void view_iter_within(struct iter *it, struct slice low, struct slice high);

/* Once *stop is set, a move that passes over many entries ends with ST_CANCELLED: a range of tombstones may be long. On loan. */
void view_iter_stop(struct iter *it, const atomic_bool *stop);

/* The same when the clock (clock_mono_us()) has passed at_us; 0: never. */
void view_iter_until(struct iter *it, uint64_t at_us);

/* Goes on with a move that ended with ST_CANCELLED (of seeks: with one to SEQ_MAX, of seek_last: to 0). */
void view_iter_resume(struct iter *it);
/* Where what is left of such a move begins: going forward the first key that may still be shown, going back the first one that
 * will not be. Replaces what bound holds. */
void view_iter_left(const struct iter *it, struct buf *bound);

/* The record that ended this view's iterator; NULL: none did. Good as long as the iterator. */
const struct table_damage *view_iter_damage(const struct iter *it);

/* What ended it that is not on record, for whoever tells the engine; NULL: nothing, or it is not known where. Another table
 * may have entries in front of it that were not shown. Good until the next move. */
const struct table_damage *view_iter_found(const struct iter *it);

#endif
