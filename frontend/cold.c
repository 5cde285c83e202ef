/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists are pushed at the head with compare-and-swap and taken whole with an exchange, so the usual trouble
 * of lock-free stacks (a node taken and pushed again meanwhile) cannot arise; whoever takes a list turns it
 * round first.
 *
 * Runs on: the event loop (cold_submit, on_done), each reading thread (run).
 */
#include "frontend/cold.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "frontend/loop.h"

#define COLD_MAGIC 0x436c6401u

enum { THREADS_MAX = 16 };

typedef _Atomic(struct cold_job *) cold_list;

struct reader {
	struct cold *cold;
	pthread_t thread;
	int wake_fd;             /* blocking */
	cold_list inbox;
};

struct cold {
	uint32_t magic;
	cold_flush_f *flush;
	void *ctx;
	struct loop_event *answered;
	int answered_fd;
	cold_list answers;
	atomic_bool stop;
	unsigned threads, turn;  /* turn: event loop only */
	struct reader readers[THREADS_MAX];
};

static void wake(int fd)
{
	uint64_t one = 1;

	must(write(fd, &one, sizeof one) == sizeof one);
}

/* Adds r; true when the list was empty, so that its reader must be woken. */
static bool push(cold_list *list, struct cold_job *r)
{
	struct cold_job *head = atomic_load_explicit(list, memory_order_relaxed);

	do
		r->next = head;
	while (!atomic_compare_exchange_weak_explicit(list, &head, r, memory_order_release,
						      memory_order_relaxed));
	return head == NULL;
}

/* Takes all, oldest first. */
static struct cold_job *take_all(cold_list *list)
{
	struct cold_job *r = atomic_exchange_explicit(list, NULL, memory_order_acquire), *turned = NULL;

	while (r) {
		struct cold_job *next = r->next;

		r->next = turned;
		turned = r;
		r = next;
	}
	return turned;
}

static void *run(void *arg)
{
	struct reader *me = arg;
	struct cold *c = me->cold;
	uint64_t count;

	while (!atomic_load(&c->stop)) {
		struct cold_job *r, *next;

		if (read(me->wake_fd, &count, sizeof count) != sizeof count)
			continue;
		for (r = take_all(&me->inbox); r; r = next) {
			next = r->next;
			r->run(r);
			if (push(&c->answers, r))
				wake(c->answered_fd);
		}
	}
	return NULL;
}

static void on_answered(void *ctx)
{
	struct cold *c = ctx;
	struct cold_job *r, *next;
	uint64_t count;

	if (read(c->answered_fd, &count, sizeof count) != sizeof count)
		return;
	for (r = take_all(&c->answers); r; r = next) {
		next = r->next;
		r->done(c->ctx, r);
	}
	c->flush(c->ctx);
}

void cold_submit(struct cold *c, struct cold_job *r)
{
	struct reader *reader = &c->readers[c->turn++ % c->threads];

	if (push(&reader->inbox, r))
		wake(reader->wake_fd);
}

void cold_new(struct loop *loop, unsigned threads, cold_flush_f *flush, void *ctx, struct cold **cp)
{
	struct cold *c = mem_zalloc(sizeof *c);
	unsigned i;

	must(threads > 0 && threads <= THREADS_MAX);
	obj_init(c, COLD_MAGIC);
	c->flush = flush;
	c->ctx = ctx;
	c->threads = threads;
	c->answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(c->answered_fd >= 0);
	c->answered = loop_watch(loop, c->answered_fd, on_answered, c);
	for (i = 0; i < threads; i++) {
		c->readers[i].cold = c;
		c->readers[i].wake_fd = eventfd(0, EFD_CLOEXEC);
		must(c->readers[i].wake_fd >= 0);
		c->readers[i].thread = proc_thread("cold-read", run, &c->readers[i]);
	}
	*cp = c;
}

void cold_free(struct cold **cp)
{
	struct cold *c = *cp;
	unsigned i;

	*cp = NULL;
	obj_check(c, COLD_MAGIC);
	atomic_store(&c->stop, true);
	for (i = 0; i < c->threads; i++) {
		wake(c->readers[i].wake_fd);
		pthread_join(c->readers[i].thread, NULL);
		close(c->readers[i].wake_fd);
	}
	loop_forget(&c->answered);
	close(c->answered_fd);
	obj_fini(c);
	mem_free(c);
}
