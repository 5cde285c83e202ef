/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading threads: what would wait for the disk is done here, so that the event loop never does.
 *
 *	event loop --inbox of a thread--> reading thread --done--> event loop
 *
 * Both ways are lists swapped with one atomic exchange, and an eventfd that is written when a list was empty.
 * No lock.
 */
#ifndef FRONTEND_COLD_H
#define FRONTEND_COLD_H

struct loop;
struct cold;

/* One piece of reading, the first member of what it works on. run is called on a thread and may not touch any
 * request; then done on the event loop, which frees it. */
struct cold_job {
	struct cold_job *next;
	void (*run)(struct cold_job *job);
	void (*done)(void *ctx, struct cold_job *job);   /* ctx: the cold_new() one */
};

typedef void cold_flush_f(void *ctx);            /* after a run of done calls */

void cold_new(struct loop *loop, unsigned threads, cold_flush_f *flush, void *ctx, struct cold **cp);
void cold_free(struct cold **cp);                /* nothing may be under way */
void cold_submit(struct cold *c, struct cold_job *job);

#endif
