/* SPDX-License-Identifier: Apache-2.0 */
/* Events as pairs of function and context over libevent. Event loop thread only. */
#include "frontend/loop.h"

#include <event2/event.h>

#include "common/base/mem.h"
#include "common/base/must.h"

#define LOOP_MAGIC 0x4c6f6f01u

struct loop {
	uint32_t magic;
	struct event_base *base;
};

struct loop_event {
	struct event *event;
	loop_f *f;
	void *ctx;
};

struct loop *loop_new(void)
{
	struct event_config *config = event_config_new();
	struct loop *l = mem_zalloc(sizeof *l);

	must(config != NULL);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	obj_init(l, LOOP_MAGIC);
	l->base = event_base_new_with_config(config);
	must(l->base != NULL);
	event_config_free(config);
	return l;
}

void loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	*lp = NULL;
	obj_check(l, LOOP_MAGIC);
	event_base_free(l->base);
	obj_fini(l);
	mem_free(l);
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct loop_event *e = arg;

	(void)fd, (void)what;
	e->f(e->ctx);
}

static struct loop_event *event_make(struct loop *l, int fd, short what, loop_f *f, void *ctx)
{
	struct loop_event *e = mem_alloc(sizeof *e);

	e->f = f;
	e->ctx = ctx;
	e->event = event_new(l->base, fd, what, on_event, e);
	must(e->event != NULL);
	return e;
}

static struct timeval span(unsigned ms)
{
	return (struct timeval){ ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
}

struct loop_event *loop_watch(struct loop *l, int fd, loop_f *f, void *ctx)
{
	struct loop_event *e = event_make(l, fd, EV_READ | EV_PERSIST, f, ctx);

	event_add(e->event, NULL);
	return e;
}

struct loop_event *loop_every(struct loop *l, unsigned ms, loop_f *f, void *ctx)
{
	struct loop_event *e = event_make(l, -1, EV_PERSIST, f, ctx);
	struct timeval t = span(ms);

	event_add(e->event, &t);
	return e;
}

struct loop_event *loop_later(struct loop *l, loop_f *f, void *ctx)
{
	return event_make(l, -1, 0, f, ctx);
}

void loop_after(struct loop_event *e, unsigned ms)
{
	struct timeval t = span(ms);

	if (!event_pending(e->event, EV_TIMEOUT, NULL))
		event_add(e->event, &t);
}

void loop_end_of_turn(struct loop_event *e)
{
	event_active(e->event, EV_TIMEOUT, 0);
}

void loop_forget(struct loop_event **ep)
{
	if (!*ep)
		return;
	event_free((*ep)->event);
	mem_free(*ep);
	*ep = NULL;
}
