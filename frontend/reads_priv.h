/* SPDX-License-Identifier: Apache-2.0 */
/* What reads of one key and of many share. Seen only by reads*.c; event loop thread only. */
#ifndef FRONTEND_READS_PRIV_H
#define FRONTEND_READS_PRIV_H

#include "frontend/reads.h"
#include "frontend/suspects.h"

struct reads {
	uint32_t magic;
	struct attach *attach;
	struct suspects suspects;
	struct cold *cold;
	reads_flush_f *flush;
	void *ctx;
	struct loop_event *retry;
	struct http_request *held, *held_last;   /* by link, oldest first */
	struct buf scratch;                      /* the body being written */
};

/* Looks into the newest view; false: a newer one is out. */
typedef bool reads_look_f(struct reads *reads, struct http_request *r, struct view *v, struct seq seq);

enum { READS_ATTEMPTS = 3 };                     /* before a read is held */

/* The newest view could not be opened: r->look_again is called soon, or r->no_view when it has waited too long. */
void reads__hold(struct reads *reads, struct http_request *r);

/* Looks until it is not told that a newer view is out; holds r in the end. */
void reads__attempt(struct reads *reads, struct http_request *r, reads_look_f *look);

/* Carries what reading cost to the scoreboard, and damage to the engine; views must still be there. */
void reads__account(struct reads *reads, const struct read_cost *cost);

/* A file of the view is gone: a newer one is out. */
void reads__view_is_old(struct reads *reads, const struct read_cost *cost);

#endif
