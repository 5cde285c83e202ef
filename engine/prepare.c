/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading for writes that are to be decided; see prepare.h.
 *
 * Each thread has a queue, both share the list of what is done. A thread that has nothing to do looks around once a second,
 * so that no view is held longer than that.
 */
#include "engine/prepare.h"

#include <pthread.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "engine/decide.h"

#define PREPARE_MAGIC 0x50724a01u
#define ATTEMPTS 8u                      /* a file that is gone means that a newer view is out */
#define REST_SECONDS 1

enum { KEYS, RANGES, THREADS };

struct list { struct prepare_job *first, **end; };

struct worker {
	struct prepare *prepare;
	pthread_t thread;
	pthread_cond_t more;
	/* guarded by prepare.lock */
	struct list queue;
};

struct prepare {
	uint32_t magic;
	/* fixed after start */
	struct sight *sight;
	void (*wake)(void *ctx);
	void *ctx;
	struct worker workers[THREADS];

	pthread_mutex_t lock;
	/* guarded by lock */
	struct list done;
	atomic_bool stop;                /* read without it, too */
};

/* ---- one job ---- */

void prepare_job_init(struct prepare_job *j, struct slice batches, bool is_range)
{
	*j = (struct prepare_job){ .batches = batches, .is_range = is_range };
	arena_init(&j->bytes);
}

void prepare_job_fini(struct prepare_job *j)
{
	known_free(&j->known);
	arena_fini(&j->bytes);
	buf_fini(&j->keys);
}

static void forget(struct prepare_job *j)
{
	known_free(&j->known);
	arena_reset(&j->bytes);
	buf_reset(&j->keys);
	j->key_count = 0;
}

static enum st read_range(struct sight *s, struct view *v, struct prepare_job *j, const atomic_bool *stop)
{
	struct sight_range r = { .most = DECIDE_RANGE_BYTES, .stop = stop, .keys = &j->keys };
	struct slice batches = j->batches, batch;
	struct write_ask ask;
	enum st st;

	must(write_batches_next(&batches, &batch) && write_asks_next(&batch, &ask));
	r.begin = ask.op.key;
	r.end = ask.end;
	st = sight_range(s, v, &r);
	j->key_count = r.count;
	return st;
}

/* Damage fails the batches that meet it, not the whole: it is kept as what the key is. */
static enum st read_keys(struct sight *s, struct view *v, struct prepare_job *j)
{
	struct slice batches = j->batches, batch;
	struct write_ask ask;
	struct present p;

	j->known = known_new();
	while (write_batches_next(&batches, &batch))
		while (write_asks_next(&batch, &ask)) {
			if (ask.verb == WRITE_OP && ask.condition == WRITE_ALWAYS)
				continue;
			p = sight_look(s, v, ask.op.key, &j->bytes);
			if (p.st == ST_BUSY)
				return ST_BUSY;
			known_put(j->known, ask.op.key, &p);
		}
	return ST_OK;
}

void prepare_run(struct sight *s, struct prepare_job *j, const atomic_bool *stop)
{
	struct view *v;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		forget(j);
		j->st = sight_view(s, &v, &j->active);
		if (j->st)
			break;
		j->st = j->is_range ? read_range(s, v, j, stop) : read_keys(s, v, j);
		view_unref(&v);
		if (j->st != ST_BUSY)
			break;
		sight_doubt(s);
	}
	if (j->st == ST_BUSY)
		j->st = ST_UNAVAILABLE;
	j->done = true;
}

/* ---- threads ---- */

static void push(struct list *l, struct prepare_job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct prepare_job *take_all(struct list *l)
{
	struct prepare_job *j = l->first;

	l->first = NULL;
	l->end = &l->first;
	return j;
}

static struct prepare_job *take_first(struct list *l)
{
	struct prepare_job *j = l->first;

	if (!j)
		return NULL;
	l->first = j->next;
	if (!l->first)
		l->end = &l->first;
	return j;
}

/* Lock held. False: the time is over. */
static bool wait_for_more(struct worker *w)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REST_SECONDS;
	return pthread_cond_timedwait(&w->more, &w->prepare->lock, &until) == 0;
}

static void finish(struct prepare *p, struct prepare_job *j)
{
	bool first;

	pthread_mutex_lock(&p->lock);
	first = p->done.first == NULL;
	push(&p->done, j);
	pthread_mutex_unlock(&p->lock);
	if (first)
		p->wake(p->ctx);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct prepare *p = w->prepare;

	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stop)) {
		struct prepare_job *j = take_first(&w->queue);
		bool rests = !j && !wait_for_more(w);

		if (!j && !rests)
			continue;
		pthread_mutex_unlock(&p->lock);
		if (j) {
			prepare_run(p->sight, j, &p->stop);
			finish(p, j);
		} else {
			sight_rest(p->sight);
		}
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void worker_start(struct prepare *p, struct worker *w, const char *name)
{
	pthread_condattr_t attr;

	w->prepare = p;
	w->queue.end = &w->queue.first;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->more, &attr);
	pthread_condattr_destroy(&attr);
	w->thread = proc_thread(name, run, w);
}

struct prepare *prepare_start(struct sight *s, void (*wake)(void *ctx), void *ctx)
{
	struct prepare *p = mem_zalloc(sizeof(*p));

	obj_init(p, PREPARE_MAGIC);
	p->sight = s;
	p->wake = wake;
	p->ctx = ctx;
	p->done.end = &p->done.first;
	pthread_mutex_init(&p->lock, NULL);
	worker_start(p, &p->workers[KEYS], "prepare-keys");
	worker_start(p, &p->workers[RANGES], "prepare-ranges");
	return p;
}

void prepare_submit(struct prepare *p, struct prepare_job *j)
{
	struct worker *w = &p->workers[j->is_range ? RANGES : KEYS];

	pthread_mutex_lock(&p->lock);
	push(&w->queue, j);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&p->lock);
}

struct prepare_job *prepare_take_done(struct prepare *p)
{
	struct prepare_job *j;

	pthread_mutex_lock(&p->lock);
	j = take_all(&p->done);
	pthread_mutex_unlock(&p->lock);
	return j;
}

struct prepare_job *prepare_stop(struct prepare **pp)
{
	struct prepare *p = *pp;
	struct prepare_job *j, *left;

	*pp = NULL;
	obj_check(p, PREPARE_MAGIC);
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_cond_signal(&p->workers[i].more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(p->workers[i].thread, NULL);        /* all of them, before any list is touched without the lock */
	for (unsigned i = 0; i < THREADS; i++) {
		while ((j = take_first(&p->workers[i].queue)) != NULL)
			push(&p->done, j);
		pthread_cond_destroy(&p->workers[i].more);
	}
	left = take_all(&p->done);
	pthread_mutex_destroy(&p->lock);
	obj_fini(p);
	mem_free(p);
	return left;
}
