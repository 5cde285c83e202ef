/* SPDX-License-Identifier: Apache-2.0 */
/* The feed from the inside, for the two files that make it: feed.c (seats, hand-over, thread), feed_read.c (reading). */
#ifndef FRONTEND_FEED_PRIV_H
#define FRONTEND_FEED_PRIV_H

#include <pthread.h>

#include "frontend/feed.h"
#include "frontend/history.h"

#define FEED_MAGIC 0x46656564u
#define FEED_SEAT_MAGIC 0x46656573u

struct feed_seat {
	uint32_t magic;
	/* fixed after join */
	struct buf prefix;
	bool from_now;

	/* the thread's */
	struct seq seen;                 /* told, or not to be told */
	struct history_place place;      /* behind: where reading goes on */
	bool live;
	enum feed_state now;             /* its state in the making, as are the next three */
	struct seq oldest, began;
	struct buf made;
	size_t held;                     /* what it held when the round began */

	/* guarded by the lock */
	struct feed_seat *next;          /* of all seats */
	struct feed_seat *next_news;
	void *owner;                     /* NULL: it was left, and the thread frees it */
	struct buf text;
	size_t charged;                  /* text, and what was taken and not settled */
	struct feed_news news;
	bool has_news;
};

struct feed {
	uint32_t magic;
	/* fixed after new */
	struct feed_setup setup;
	pthread_t thread;

	/* the thread's */
	struct history *history;
	struct feed_seat *seats;         /* of `all`, as this round sees it */
	struct history_place live;       /* where the live seats are */
	size_t live_count;
	struct buf event;                /* scratch */
	struct seq visible;              /* as this round sees it, as are the next two */
	bool ready;                      /* the board shows a recovered database */
	uint64_t left;                   /* of FEED_BYTES */
	bool waiting;                    /* something is not where it should be yet: look again soon */

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct feed_seat *all, *first_news, *last_news;
	uint64_t bytes;                  /* charged, of all seats */
	bool stop, poked;                /* poked: a seat came or went, or there is room again */
	bool starved;                    /* some seat waits for room, as of the last round */
	bool settled;                    /* there is more room than this round sees */
};

/* One round of reading for all seats; true: there is more to be read at once. */
bool feed__read(struct feed *f);

#endif
