/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two queues under one lock, which is held for a few instructions; threads sleep on a condition, the event loop on an
 * eventfd.
 *
 * Runs on: the event loop (submit, on_answered), each thread (run).
 */
#include "frontend/workers.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "frontend/loop.h"

#define WORKERS_MAGIC 0x576f7201u

enum { THREADS_MAX = 16 };

struct queue { struct work *first, *last; };

struct workers {
	/* fixed after birth */
	uint32_t magic;
	workers_flush_f *flush;
	void *ctx;
	struct loop_event *answered;
	int answered_fd;
	unsigned threads;
	pthread_t thread[THREADS_MAX];

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t waiting;
	struct queue todo, finished;
	bool stop;
};

static void push(struct queue *q, struct work *work)
{
	work->next = NULL;
	if (q->last)
		q->last->next = work;
	else
		q->first = work;
	q->last = work;
}

static struct work *pop(struct queue *q)
{
	struct work *work = q->first;

	if (!work)
		return NULL;
	q->first = work->next;
	if (!q->first)
		q->last = NULL;
	return work;
}

static void ring(int fd)
{
	uint64_t one = 1;

	must(write(fd, &one, sizeof one) == sizeof one);
}

static void *run(void *arg)
{
	struct workers *w = arg;
	struct work *work;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		work = pop(&w->todo);
		if (!work) {
			pthread_cond_wait(&w->waiting, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		work->run(work);
		pthread_mutex_lock(&w->lock);
		if (!w->finished.first)
			ring(w->answered_fd);
		push(&w->finished, work);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void on_answered(void *ctx)
{
	struct workers *w = ctx;
	struct work *work, *next;
	uint64_t count;

	if (read(w->answered_fd, &count, sizeof count) != sizeof count)
		return;
	pthread_mutex_lock(&w->lock);
	work = w->finished.first;
	w->finished = (struct queue){ NULL, NULL };
	pthread_mutex_unlock(&w->lock);
	for (; work; work = next) {
		next = work->next;
		work->done(work);
	}
	w->flush(w->ctx);
}

void workers_submit(struct workers *w, struct work *work)
{
	pthread_mutex_lock(&w->lock);
	push(&w->todo, work);
	pthread_cond_signal(&w->waiting);
	pthread_mutex_unlock(&w->lock);
}

void workers_new(struct loop *loop, unsigned threads, workers_flush_f *flush, void *ctx, struct workers **wp)
{
	struct workers *w = mem_zalloc(sizeof *w);
	unsigned i;

	must(threads > 0 && threads <= THREADS_MAX);
	obj_init(w, WORKERS_MAGIC);
	w->flush = flush;
	w->ctx = ctx;
	w->threads = threads;
	must(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->waiting, NULL) == 0);
	w->answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(w->answered_fd >= 0);
	w->answered = loop_watch(loop, w->answered_fd, on_answered, w);
	for (i = 0; i < threads; i++)
		w->thread[i] = proc_thread("work", run, w);
	*wp = w;
}

void workers_free(struct workers **wp)
{
	struct workers *w = *wp;
	unsigned i;

	*wp = NULL;
	obj_check(w, WORKERS_MAGIC);
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->waiting);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
	must(!w->todo.first && !w->finished.first);
	loop_forget(&w->answered);
	close(w->answered_fd);
	pthread_cond_destroy(&w->waiting);
	pthread_mutex_destroy(&w->lock);
	obj_fini(w);
	mem_free(w);
}
