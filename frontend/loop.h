/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers and "at the end of this turn", over one libevent base. One thread;
 * nothing in here locks.
 */
#ifndef FRONTEND_LOOP_H
#define FRONTEND_LOOP_H

#include <stdbool.h>

struct event_base;
struct loop;
struct loop_event;

typedef void loop_f(void *ctx);

struct loop *loop_new(void);
void loop_free(struct loop **lp);                /* its events were freed */
void loop_run(struct loop *l);                   /* until loop_stop() */
void loop_stop(struct loop *l);
struct event_base *loop_base(struct loop *l);    /* for the HTTP layer */

/* f whenever fd is readable; fd is on loan. */
struct loop_event *loop_watch(struct loop *l, int fd, loop_f *f, void *ctx);
struct loop_event *loop_every(struct loop *l, unsigned ms, loop_f *f, void *ctx);

/* f once after each of the two calls below. */
struct loop_event *loop_later(struct loop *l, loop_f *f, void *ctx);
void loop_after(struct loop_event *e, unsigned ms);      /* nothing when it is set already */
void loop_end_of_turn(struct loop_event *e);             /* behind everything that is ready in this turn */

void loop_forget(struct loop_event **ep);        /* NULL is fine */

#endif
