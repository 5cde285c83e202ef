/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working threads: pieces of work that take long or wait for the disk, so that the event loop does neither.
 *
 *	event loop --queue--> run() on a thread --> done() on the event loop
 *
 * 1. Work is begun in the order in which it was handed in, so that all who hand in small pieces get on alike.
 * 2. A piece of work is its owner's again when done() is called; until then only the thread touches what run() uses.
 */
#ifndef FRONTEND_WORKERS_H
#define FRONTEND_WORKERS_H

struct loop;
struct workers;

struct work {
	struct work *next;               /* the queue's */
	void (*run)(struct work *w);
	void (*done)(struct work *w);
};

typedef void workers_flush_f(void *ctx);         /* after a run of done calls */

void workers_new(struct loop *loop, unsigned threads, workers_flush_f *flush, void *ctx, struct workers **wp);
void workers_free(struct workers **wp);          /* nothing may be under way */
void workers_submit(struct workers *w, struct work *work);

#endif
