/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchers; see watch.h.
 *
 * A watcher has a request until its stream begins, then the stream. Its seat's text is taken when the stream has room;
 * what was taken is settled when the stream had room for it, or has again.
 */
#include "frontend/watch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/feed.h"
#include "frontend/http_stream.h"
#include "frontend/loop.h"
#include "frontend/routes.h"
#include "frontend/sse.h"
#include "frontend/watch_query.h"

#define WATCH_MAGIC 0x57617463u
#define WATCHER_MAGIC 0x57617468u

enum {
	TICK_MS = 200,
	HOLD_US = 2000000,               /* a request waits so long for a recovered database */
	OUT_KEEP = 1 << 20
};

struct watcher {
	uint32_t magic;
	struct watch *watch;
	struct watcher *prev, *next;
	/* fixed */
	struct watch_query query;        /* its prefix lies in the request */
	const struct http_request *asked;        /* as long as the stream */
	/* moving */
	struct http_request *request;    /* until it is answered */
	struct http_stream *stream;      /* from then on */
	struct feed_seat *seat;          /* NULL: there is no feed yet */
	bool full;                       /* the stream takes nothing just now */
	uint64_t told_us;                /* when something was written last, or it came */
};

struct watch {
	uint32_t magic;
	struct watch_setup setup;
	struct feed *feed;               /* made when the database is known */
	int bell;
	struct loop_event *bell_event, *tick;
	struct watcher *first;
	uint64_t count;
	struct buf out;                  /* scratch */
};

/* ---- coming and going ---- */

static void close_watcher(struct watcher *c)
{
	struct watch *w = c->watch;

	obj_check(c, WATCHER_MAGIC);
	must(!c->request && !c->stream);
	if (c->seat)
		feed_leave(w->feed, &c->seat);
	if (c->prev)
		c->prev->next = c->next;
	else
		w->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	stats_set(M_watchers, --w->count);
	obj_fini(c);
	mem_free(c);
}

static struct watcher *open_watcher(struct watch *w, struct http_request *r, const struct watch_query *q)
{
	struct watcher *c = mem_zalloc(sizeof *c);

	obj_init(c, WATCHER_MAGIC);
	c->watch = w;
	c->request = r;
	c->asked = r;
	c->query = *q;
	c->told_us = clock_mono_us();
	c->next = w->first;
	if (c->next)
		c->next->prev = c;
	w->first = c;
	stats_set(M_watchers, ++w->count);
	return c;
}

static void ring(void *ctx)
{
	struct watch *w = ctx;
	uint64_t one = 1;

	(void)!write(w->bell, &one, sizeof one);
}

/* Takes a seat in the feed, which is made when it is known whose log is to be read. */
static void take_seat(struct watcher *c)
{
	struct watch *w = c->watch;
	const struct view_desc *desc = attach_desc(w->setup.attach);

	if (!w->feed && desc) {
		struct feed_setup setup = { .vfs = vfs_posix(), .data_dir = w->setup.data_dir, .database = desc->database,
					    .board = attach_board(w->setup.attach), .ring = ring, .ctx = w };

		w->feed = feed_new(&setup);
	}
	if (w->feed)
		c->seat = feed_join(w->feed, c->query.has_since ? &c->query.since : NULL, c->query.prefix, c);
}

/* ---- the stream ---- */

static void serve(struct watcher *c, bool heartbeat);

static void write_text(struct watcher *c, const struct buf *text)
{
	c->told_us = clock_mono_us();
	c->full = !http_stream_write(c->stream, buf_slice(text));
	if (!c->full)
		feed_settle(c->watch->feed, c->seat);
}

static void on_more(void *ctx, struct http_stream *s)
{
	struct watcher *c = ctx;

	(void)s;
	c->full = false;
	feed_settle(c->watch->feed, c->seat);
	serve(c, false);
}

static void on_gone(void *ctx)
{
	struct watcher *c = ctx;

	c->stream = NULL;
	close_watcher(c);
}

/* A drain: the client comes back with the last id, and meets another frontend. */
static void on_finish(void *ctx, struct http_stream *s)
{
	struct watcher *c = ctx;

	(void)s;
	http_stream_end(&c->stream);
	close_watcher(c);
}

static const struct http_stream_ops stream_ops = { .more = on_more, .gone = on_gone, .finish = on_finish };
static const struct http_stream_head stream_head = {
	.status = 200, .type = "text/event-stream", .fields = "Cache-Control: no-store\r\n", .compress = true
};

/* False: there is nobody to write to, and c is gone. */
static bool begin_stream(struct watcher *c, struct seq began)
{
	struct http_request *r = c->request;
	struct buf hello = BUF_INIT;

	c->request = NULL;
	c->stream = http_stream_begin(r, &stream_head, &stream_ops, c);
	if (!c->stream) {
		close_watcher(c);
		return false;
	}
	buf_append_str(&hello, "retry: 1000\n");
	sse_comment(&hello, "watching", began.v);
	(void)http_stream_write(c->stream, buf_slice(&hello));
	buf_fini(&hello);
	c->told_us = clock_mono_us();
	return true;
}

/* ---- ends that are no stream's ---- */

static void refuse(struct watcher *c, enum problem p, const char *member, struct seq version)
{
	struct http_request *r = c->request;
	struct buf members = BUF_INIT;

	if (member) {
		buf_printf(&members, ",\"%s\":", member);
		buf_append_u64(&members, version.v);
	}
	c->request = NULL;
	http_answer_problem_members(r, p, buf_slice(&members));
	buf_fini(&members);
	close_watcher(c);
}

static void end_gone(struct watcher *c, const struct feed_news *news)
{
	stats_add(M_watch_gone, 1);
	if (c->request) {
		refuse(c, PROBLEM_WATCH_GONE, "oldest_version", news->oldest);
		return;
	}
	buf_reset(&c->watch->out);
	sse_gone(&c->watch->out, news->oldest.v);
	(void)http_stream_write(c->stream, buf_slice(&c->watch->out));
	http_stream_end(&c->stream);
	close_watcher(c);
}

static void end_broken(struct watcher *c)
{
	if (c->request) {
		refuse(c, PROBLEM_WATCH_BROKEN, NULL, seq(0));
		return;
	}
	http_stream_abort(&c->stream);
	close_watcher(c);
}

/* ---- serving ---- */

static void end_watcher(struct watcher *c, const struct feed_news *news)
{
	switch (news->state) {
	case FEED_NEW:
	case FEED_OPEN:
		break;
	case FEED_GONE:
		end_gone(c, news);
		break;
	case FEED_AHEAD:
		refuse(c, PROBLEM_WATCH_AHEAD, "newest_version", news->reached);
		break;
	case FEED_BROKEN:
		end_broken(c);
		break;
	}
}

/* Writes what its seat has, or, for a heartbeat, how far everything was looked at. c may be gone afterwards. */
static void serve(struct watcher *c, bool heartbeat)
{
	struct buf *out = &c->watch->out;
	struct feed_news news;

	if (c->full)
		return;
	buf_reset(out);
	news = feed_take(c->watch->feed, c->seat, out);
	if (news.state == FEED_NEW)
		return;
	if (c->request && (news.state == FEED_OPEN || out->n) && !begin_stream(c, news.began))
		return;
	if (heartbeat && news.state == FEED_OPEN && out->n == 0)
		sse_comment(out, "heartbeat", news.reached.v);
	if (out->n)
		write_text(c, out);
	if (news.state != FEED_OPEN)
		end_watcher(c, &news);
}

static void on_bell(void *ctx)
{
	struct watch *w = ctx;
	struct watcher *c;
	uint64_t n;

	(void)!read(w->bell, &n, sizeof n);
	while ((c = feed_next(w->feed)) != NULL)
		serve(c, false);
	if (w->out.capacity > OUT_KEEP)
		buf_fini(&w->out);
	w->setup.flush(w->setup.ctx);
}

/* c may be gone afterwards. */
static void look_after(struct watcher *c, uint64_t now)
{
	if (c->request && !c->seat)
		take_seat(c);
	if (c->request && now - c->told_us > HOLD_US)
		refuse(c, PROBLEM_NOT_READY, NULL, seq(0));
	else if (c->stream && now - c->told_us >= c->query.heartbeat_s * 1000000)
		serve(c, true);
}

static void on_tick(void *ctx)
{
	struct watch *w = ctx;
	uint64_t now = clock_mono_us();

	for (struct watcher *c = w->first, *next; c; c = next) {
		next = c->next;
		look_after(c, now);
	}
	w->setup.flush(w->setup.ctx);
}

/* ---- the module ---- */

void watch_begin(struct watch *w, struct http_request *r)
{
	struct buf complaint = BUF_INIT;
	struct watch_query q;
	enum problem p = watch_query_read(r, &q, &complaint);

	obj_check(w, WATCH_MAGIC);
	if (!p && w->count >= w->setup.max_watchers) {
		buf_append_str(&complaint, "There are as many watchers as MAX_WATCHERS allows. Try again later.");
		p = PROBLEM_OVERLOADED;
	}
	if (p)
		http_answer_problem(r, p, buf_cstr(&complaint));
	else if (!access_key(r, q.prefix))
		;                        /* it was answered */
	else if (r->method == HTTP_M_HEAD)
		(void)http_stream_begin(r, &stream_head, &stream_ops, NULL);
	else
		take_seat(open_watcher(w, r, &q));
	buf_fini(&complaint);
}

void watch_tokens_changed(struct watch *w, const struct access *a)
{
	struct access_need need = routes_need(ROUTE_WATCH);

	for (struct watcher *c = w->first, *next; c; c = next) {
		next = c->next;
		if (access_still_admits(a, c->asked, need, c->query.prefix))
			continue;
		if (c->stream)
			http_stream_end(&c->stream);
		else
			http_answer_problem(c->request, PROBLEM_TOKEN_INVALID, NULL);
		c->request = NULL;
		close_watcher(c);
	}
	w->setup.flush(w->setup.ctx);
}

enum st watch_new(const struct watch_setup *setup, struct watch **wp)
{
	struct watch *w = mem_zalloc(sizeof *w);

	*wp = NULL;
	obj_init(w, WATCH_MAGIC);
	w->setup = *setup;
	w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->bell < 0) {
		mem_free(w);
		return fail(ST_INTERNAL, "the system refused an eventfd");
	}
	w->bell_event = loop_watch(setup->loop, w->bell, on_bell, w);
	w->tick = loop_every(setup->loop, TICK_MS, on_tick, w);
	*wp = w;
	return ST_OK;
}
