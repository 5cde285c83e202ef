/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed: one thread that follows the log for all watchers of this frontend, and a seat for each of them.
 *
 *   seat:   NEW --its place in the history was found--> OPEN --what comes next is no longer kept--> GONE
 *            `--> GONE, AHEAD, BROKEN                    `--> BROKEN
 *
 *   OPEN seats are live or behind. The live ones share one place at the end of the log: each record is read once for all.
 *   One whose client does not keep up falls behind; it has a place of its own, and is read for again when it has taken
 *   what there was.
 *
 * 1. A seat gets every change behind `since` whose key has its prefix, once, in the order of versions, only when the board
 *    shows it as visible.
 * 2. A seat holds at most FEED_SEAT_BYTES of text, or one change above that while all seats together hold no more than
 *    about FEED_BYTES. What was taken counts until the client has read it (feed_settle()).
 * 3. While no seat is taken the thread sleeps; while nothing is written it looks at one word of the board every
 *    FEED_LOOK_MS and keeps no file open.
 * 4. A seat is the loop's from feed_join() to feed_leave(); its text is handed over by feed_take().
 *
 * feed_*(): the event loop's thread. ring(): the feed's thread.
 */
#ifndef FRONTEND_FEED_H
#define FRONTEND_FEED_H

#include "common/base/buf.h"
#include "common/vfs/vfs.h"
#include "common/view/board.h"

enum { FEED_SEAT_BYTES = 64 << 10, FEED_BYTES = 64 << 20, FEED_LOOK_MS = 10 };

struct feed;
struct feed_seat;

enum feed_state {
	FEED_NEW,
	FEED_OPEN,
	FEED_GONE,               /* the oldest version that is kept: news.oldest */
	FEED_AHEAD,              /* since is a version that was never written: news.reached is the newest */
	FEED_BROKEN              /* the log could not be read */
};

struct feed_news {
	enum feed_state state;
	struct seq oldest;
	struct seq began;        /* it gets what is behind this */
	struct seq reached;      /* everything up to here was told, or has another prefix */
};

struct feed_setup {
	struct vfs *vfs;                 /* all on loan */
	const char *data_dir;
	struct board *board;
	uint64_t database;
	void (*ring)(void *ctx);         /* there is something for feed_next() */
	void *ctx;
};

struct feed *feed_new(const struct feed_setup *setup);
void feed_free(struct feed **fp);                        /* every seat was left */

/* Takes a seat: changes behind since, or, when since is NULL, behind what is visible now. prefix is copied. */
struct feed_seat *feed_join(struct feed *f, const struct seq *since, struct slice prefix, void *owner);
void feed_leave(struct feed *f, struct feed_seat **sp);

/* A seat with news, by its owner; NULL: there is no more. */
void *feed_next(struct feed *f);

/* Appends the seat's text to out. */
struct feed_news feed_take(struct feed *f, struct feed_seat *s, struct buf *out);
/* What was taken so far has been passed on: the seat has room again. */
void feed_settle(struct feed *f, struct feed_seat *s);

#endif
