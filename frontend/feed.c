/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seats, the hand-over of text and news, and the thread; see feed.h. Reading: feed_read.c.
 *
 *   loop:    join, leave, take, settle --lock--> seats, texts <--lock-- deliver   :thread
 *
 * The list `all` is pushed to by the loop, at its head, and taken from by the thread only: the thread walks it without the
 * lock from the head that it saw.
 */
#include "frontend/feed.h"

#include <time.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "frontend/feed_priv.h"

enum { REST_LOOKS = 100 };               /* after so many looks without news files are closed */

/* ---- the loop's side ---- */

static void poke(struct feed *f)
{
	f->poked = true;
	pthread_cond_signal(&f->wake);
}

struct feed_seat *feed_join(struct feed *f, const struct seq *since, struct slice prefix, void *owner)
{
	struct feed_seat *s = mem_zalloc(sizeof *s);

	obj_check(f, FEED_MAGIC);
	obj_init(s, FEED_SEAT_MAGIC);
	buf_append_slice(&s->prefix, prefix);
	s->from_now = since == NULL;
	if (since)
		s->seen = *since;
	s->owner = owner;
	pthread_mutex_lock(&f->lock);
	s->next = f->all;
	f->all = s;
	poke(f);
	pthread_mutex_unlock(&f->lock);
	return s;
}

static void unlist_news(struct feed *f, struct feed_seat *s)
{
	struct feed_seat **at = &f->first_news, *before = NULL;

	if (!s->has_news)
		return;
	for (; *at != s; at = &(*at)->next_news)
		before = *at;
	*at = s->next_news;
	if (f->last_news == s)
		f->last_news = before;
	s->has_news = false;
}

void feed_leave(struct feed *f, struct feed_seat **sp)
{
	struct feed_seat *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	obj_check(s, FEED_SEAT_MAGIC);
	pthread_mutex_lock(&f->lock);
	unlist_news(f, s);
	s->owner = NULL;
	f->bytes -= s->charged;
	s->charged = 0;
	poke(f);
	pthread_mutex_unlock(&f->lock);
}

void *feed_next(struct feed *f)
{
	struct feed_seat *s;
	void *owner = NULL;

	pthread_mutex_lock(&f->lock);
	s = f->first_news;
	if (s) {
		owner = s->owner;
		unlist_news(f, s);
	}
	pthread_mutex_unlock(&f->lock);
	return owner;
}

struct feed_news feed_take(struct feed *f, struct feed_seat *s, struct buf *out)
{
	struct feed_news news;

	obj_check(s, FEED_SEAT_MAGIC);
	pthread_mutex_lock(&f->lock);
	buf_append_slice(out, buf_slice(&s->text));
	buf_fini(&s->text);
	news = s->news;
	pthread_mutex_unlock(&f->lock);
	return news;
}

void feed_settle(struct feed *f, struct feed_seat *s)
{
	obj_check(s, FEED_SEAT_MAGIC);
	pthread_mutex_lock(&f->lock);
	if (s->charged > s->text.n) {
		f->bytes -= s->charged - s->text.n;
		s->charged = s->text.n;
		f->settled = true;
		if (f->starved)
			poke(f);
	}
	pthread_mutex_unlock(&f->lock);
}

/* ---- the thread's side ---- */

static void free_seat(struct feed_seat *s)
{
	buf_fini(&s->prefix);
	buf_fini(&s->made);
	buf_fini(&s->text);
	obj_fini(s);
	mem_free(s);
}

/* Seats that were left (lock held). */
static void prune(struct feed *f)
{
	struct feed_seat **at = &f->all;

	while (*at) {
		struct feed_seat *s = *at;

		if (s->owner) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		f->live_count -= s->live;
		free_seat(s);
	}
}

/* What the round goes by (lock held). */
static void begin_round(struct feed *f)
{
	struct board *b = f->setup.board;
	bool serving = board_state(b) == BOARD_SERVING;

	f->visible = board_visible(b);           /* behind the state: the sequence is published first */
	f->ready = serving || f->visible.v > 0;
	f->poked = f->settled = false;
	f->left = f->bytes < FEED_BYTES ? FEED_BYTES - f->bytes : 0;
	f->seats = f->all;
	for (struct feed_seat *s = f->all; s; s = s->next)
		s->held = s->charged;
}

static void push_news(struct feed *f, struct feed_seat *s)
{
	if (s->has_news)
		return;
	s->has_news = true;
	s->next_news = NULL;
	if (f->first_news)
		f->last_news->next_news = s;
	else
		f->first_news = s;
	f->last_news = s;
}

static void deliver_seat(struct feed *f, struct feed_seat *s)
{
	bool news = s->made.n > 0 || s->now != s->news.state;

	if (!s->owner)
		return;
	buf_append_slice(&s->text, buf_slice(&s->made));
	s->charged += s->made.n;
	f->bytes += s->made.n;
	buf_fini(&s->made);
	s->news = (struct feed_news){ s->now, s->oldest, s->began, s->now == FEED_AHEAD ? f->visible : s->seen };
	f->starved |= s->now == FEED_OPEN && !s->live;
	if (news)
		push_news(f, s);
}

/* What the round made (lock held); true: somebody has news. */
static bool deliver(struct feed *f)
{
	f->starved = false;
	for (struct feed_seat *s = f->seats; s; s = s->next)
		deliver_seat(f, s);
	f->poked |= f->starved && f->settled;    /* the room came when nobody was known to wait for it */
	return f->first_news != NULL;
}

static struct timespec soon(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += FEED_LOOK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

/* Sleeps until there is something to read, a seat has changed, or the feed ends (lock held). */
static void wait_for_work(struct feed *f)
{
	unsigned looks = 0;

	while (!f->stop && !f->poked) {
		struct timespec until = soon();

		if (!f->all) {
			history_rest(f->history);
			pthread_cond_wait(&f->wake, &f->lock);
			continue;
		}
		(void)pthread_cond_timedwait(&f->wake, &f->lock, &until);
		if (f->waiting || board_visible(f->setup.board).v != f->visible.v)
			return;
		if (++looks == REST_LOOKS)
			history_rest(f->history);
	}
}

static void *run(void *arg)
{
	struct feed *f = arg;
	bool more = false, ring;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		if (!more)
			wait_for_work(f);
		prune(f);
		begin_round(f);
		pthread_mutex_unlock(&f->lock);
		more = feed__read(f);
		pthread_mutex_lock(&f->lock);
		ring = deliver(f);
		pthread_mutex_unlock(&f->lock);
		if (ring)
			f->setup.ring(f->setup.ctx);
		pthread_mutex_lock(&f->lock);
	}
	prune(f);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- life ---- */

struct feed *feed_new(const struct feed_setup *setup)
{
	struct feed *f = mem_zalloc(sizeof *f);
	pthread_condattr_t attr;

	obj_init(f, FEED_MAGIC);
	f->setup = *setup;
	f->history = history_new(setup->vfs, setup->data_dir, setup->database);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	f->thread = proc_thread("feed", run, f);
	return f;
}

void feed_free(struct feed **fp)
{
	struct feed *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	obj_check(f, FEED_MAGIC);
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	must(f->all == NULL);
	history_free(&f->history);
	buf_fini(&f->event);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	obj_fini(f);
	mem_free(f);
}
