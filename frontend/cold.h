/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading threads: point reads that would wait for the disk are done here, so that the event loop never does.
 *
 *	event loop --inbox of a thread--> reading thread --done--> event loop
 *
 * Both ways are lists swapped with one atomic exchange, and an eventfd that is written when a list was empty.
 * No lock.
 */
#ifndef FRONTEND_COLD_H
#define FRONTEND_COLD_H

#include "common/view/view.h"

struct loop;
struct cold;
struct http_request;

/* One read: filled by the event loop, answered by a thread. */
struct cold_read {
	struct cold_read *next;
	struct http_request *request;    /* not touched by the thread */
	struct view *view;               /* a reference */
	struct slice key;                /* good until the answer */
	struct seq seq;
	int64_t now_ms;

	enum st st;
	struct entry entry;
	struct view_pin pin;
	struct read_cost cost;
};

/* On the event loop, with each answered read; the callee releases pin (on ST_OK) and view, and frees the
 * read. */
typedef void cold_done_f(void *ctx, struct cold_read *c);
typedef void cold_flush_f(void *ctx);            /* after a run of done calls */

void cold_new(struct loop *loop, unsigned threads, cold_done_f *done, cold_flush_f *flush, void *ctx,
	      struct cold **cp);
void cold_free(struct cold **cp);                /* nothing may be under way */
void cold_submit(struct cold *c, struct cold_read *r);

#endif
