/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attachment: the newest published view, opened for reading in this process.
 *
 * 1. The visible sequence is read before the generation is compared (board.h rule 4): what a client was told
 *    is written is in the view that answers its next read.
 * 2. When a newer view is published that cannot be opened yet (a memtable is still on its way), nothing is
 *    read from the old one: ST_UNAVAILABLE, ask again soon. When no newer one is published the attached one
 *    is right, whether the engine lives or not.
 * 3. Memtables arrive before the view that names them. One is dropped when a view no longer names it and
 *    names a newer one (ids rise).
 * 4. While there is no connection to the engine, or the attached view is not the newest, both are tried again
 *    every few milliseconds, not only when somebody reads: what was pushed to a connected reader outlives the
 *    engine, so that reads can go on whenever it dies.
 *
 * Event loop thread only; views themselves may be read by any thread.
 */
#ifndef FRONTEND_ATTACH_H
#define FRONTEND_ATTACH_H

#include "common/view/board.h"
#include "common/view/lease.h"
#include "common/view/view.h"
#include "frontend/shares.h"

struct attach;
struct loop;

struct attach_setup {
	struct loop *loop;
	int board_fd;
	struct leases *leases;           /* on loan; NULL: none can be had (tests) */
	const char *handoff_path, *data_dir;
	struct memory_setup memory;
	size_t max_open_tables;
};

enum st attach_new(const struct attach_setup *setup, struct attach **ap) MUST_USE;
void attach_free(struct attach **ap);

/* The view to read now and the newest sequence visible in it, on loan until the next call; view_ref() keeps
 * it. */
enum st attach_current(struct attach *a, struct view **vp, struct seq *seqp) MUST_USE;

/* The same view for as long as the lease lasts, its newest sequence with it: for scans of many pages, exports and whatever
 * else reads one state for longer than a request. *vp is referenced for the caller, who renews the lease (lease_renew())
 * well within ttl_ms, releases it and drops the view. A read that answers ST_UNAVAILABLE then, after the lease has ended,
 * means that the snapshot is gone; one that is held on to is whole. ST_UNAVAILABLE: not now, again in some milliseconds;
 * ST_BUSY: there are too many. */
enum st attach_lease(struct attach *a, uint64_t ttl_ms, struct view **vp, struct seq *seqp, uint64_t *leasep) MUST_USE;
struct leases *attach_leases(struct attach *a);  /* for renewing and releasing */

/* An older view that another process has a lease on, referenced for the caller; find and ctx as for view_new(). */
enum st attach_view(struct attach *a, const struct view_desc *desc, view_find_f *find, void *ctx, struct view **vp) MUST_USE;

/* Forgets what is attached although its generation is current: a file of it was missing. */
void attach_invalidate(struct attach *a);

void attach_tick(struct attach *a);              /* every 200 ms or so: an idle frontend pins nothing */
const struct view_desc *attach_desc(const struct attach *a);     /* NULL: nothing attached yet */
struct board *attach_board(struct attach *a);
void attach_watch_memory(struct attach *a);      /* as often: deals out what there is, and tells the gauges */

#endif
