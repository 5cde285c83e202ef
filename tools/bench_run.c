/* SPDX-License-Identifier: Apache-2.0 */
/* One workload from start to row; see bench_run.h. */
#include "tools/bench_run.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"

#define BAR_WIDTH 40u
#define BAR_EVERY_US 100000u
#define SEEDS_PER_RUN 512u              /* no two threads of any two runs choose alike */

/* What the threads of a run share. */
struct crew {
	struct bench_thread *threads;
	unsigned count;                  /* with the one that works beside them */
	_Atomic unsigned working;        /* of those that count */
	atomic_bool done;                /* they are: the one beside them may end */
	pthread_barrier_t start;
};

struct station {
	struct crew *crew;
	struct bench_thread *thread;
};

static void *work(void *arg)
{
	struct station *s = arg;
	struct bench_thread *t = s->thread;

	pthread_barrier_wait(&s->crew->start);
	t->begin_ns = clock_mono_ns();
	(t->counts ? t->work->loop : t->work->beside)(t);
	t->end_ns = clock_mono_ns();
	if (t->counts && atomic_fetch_sub(&s->crew->working, 1) == 1)
		atomic_store(&s->crew->done, true);
	return NULL;
}

/* ---- the bar ---- */

static uint64_t done_by_all(const struct crew *c, uint64_t *goalp)
{
	uint64_t done = 0;

	*goalp = 0;
	for (unsigned i = 0; i < c->count; i++) {
		if (!c->threads[i].counts)
			continue;
		done += atomic_load_explicit(&c->threads[i].done, memory_order_relaxed);
		*goalp += c->threads[i].goal;
	}
	return done;
}

static void draw_bar(const struct crew *c, const char *name, uint64_t began_us)
{
	uint64_t goal, done = done_by_all(c, &goal), us = clock_mono_us() - began_us;
	unsigned full = goal ? (unsigned)(done * BAR_WIDTH / goal) : BAR_WIDTH;
	double rate = us ? (double)done * 1e6 / (double)us : 0;

	full = full < BAR_WIDTH ? full : BAR_WIDTH;
	fprintf(stderr, "\r%-17s [%.*s%*s] %3u%% %10.0f ops/s %5.0f s left ", name, (int)full,
		"########################################", (int)(BAR_WIDTH - full), "", (unsigned)(goal ? done * 100 / goal : 100),
		rate, rate > 0 && goal > done ? (double)(goal - done) / rate : 0);
}

static void watch(struct crew *c, const struct bench_opts *o, const char *name)
{
	uint64_t began_us = clock_mono_us();

	while (o->progress && !atomic_load(&c->done)) {
		draw_bar(c, name, began_us);
		clock_sleep_us(BAR_EVERY_US);
	}
	if (o->progress)
		fprintf(stderr, "\r\033[K");
}

/* ---- the row ---- */

static void sum_up(const struct crew *c, struct bench_row *row, struct bench_hist *hist)
{
	uint64_t begin = UINT64_MAX, end = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct bench_thread *t = &c->threads[i];

		if (!t->counts)
			continue;
		row->operations += atomic_load(&t->done);
		row->found += t->found;
		row->bytes += t->bytes;
		begin = t->begin_ns < begin ? t->begin_ns : begin;
		end = t->end_ns > end ? t->end_ns : end;
		bench_hist_merge(hist, &t->hist);
	}
	row->seconds = (double)(end - begin) / 1e9;
	row->p50_us = bench_hist_quantile_us(hist, 0.5);
	row->p99_us = bench_hist_quantile_us(hist, 0.99);
}

static uint64_t bytes_written(const struct crew *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (!c->threads[i].work->reads || !c->threads[i].counts)
			sum += c->threads[i].bytes;
	return sum;
}

static void add_figures(struct bench_row *row, uint64_t user_bytes, const struct bench_db_figures *before,
			const struct bench_db_figures *after)
{
	uint64_t written = after->flush_bytes - before->flush_bytes + after->compaction_bytes - before->compaction_bytes;

	row->table_bytes = after->table_bytes;
	if (user_bytes > 0)
		row->write_amplification = (double)written / (double)user_bytes;
}

static void print_row(const struct bench_row *row, unsigned threads)
{
	double ops = (double)row->operations, seconds = row->seconds > 0 ? row->seconds : 1e-9;

	printf("%-12s : %11.3f micros/op %ld ops/sec %.3f seconds %llu operations;", row->name,
	       ops > 0 ? seconds * threads * 1e6 / ops : 0, (long)(ops / seconds), seconds,
	       (unsigned long long)row->operations);
	if (row->bytes > 0)
		printf(" %6.1f MB/s", (double)row->bytes / (1 << 20) / seconds);
	if (row->tells_found)
		printf(" (%llu of %llu found)", (unsigned long long)row->found, (unsigned long long)row->operations);
	putchar('\n');
}

/* ---- the run ---- */

static void crew_init(struct crew *c, const struct bench_opts *o, const struct bench_work *w, unsigned number,
		      struct bench_db *db)
{
	uint64_t writes = o->writes ? o->writes : o->num / (w->divide ? w->divide : 1);
	uint64_t goal = w->reads ? o->reads : writes;
	unsigned workers = (unsigned)o->threads;

	*c = (struct crew){ .count = workers + (w->beside != NULL), .working = workers };
	c->threads = mem_zalloc(c->count * sizeof *c->threads);
	for (unsigned i = 0; i < c->count; i++) {
		struct bench_thread *t = &c->threads[i];

		t->o = o;
		t->work = w;
		t->db = db;
		t->index = i;
		t->goal = goal > 0 ? goal : 1;
		t->others_done = &c->done;
		t->counts = i < workers;
		t->rnd.state = (o->seed << 32) + number * SEEDS_PER_RUN + i;
	}
	pthread_barrier_init(&c->start, NULL, c->count);
}

static void crew_work(struct crew *c, const struct bench_opts *o, const char *name)
{
	struct station *stations = mem_alloc(c->count * sizeof *stations);
	pthread_t *ids = mem_alloc(c->count * sizeof *ids);

	for (unsigned i = 0; i < c->count; i++) {
		stations[i] = (struct station){ c, &c->threads[i] };
		ids[i] = proc_thread("bench", work, &stations[i]);
	}
	watch(c, o, name);
	for (unsigned i = 0; i < c->count; i++)
		pthread_join(ids[i], NULL);
	mem_free(stations);
	mem_free(ids);
}

void bench_run(const struct bench_opts *o, const struct bench_work *w, unsigned number, struct bench_db *db,
	       struct bench_row *rowp)
{
	struct bench_hist hist = { .n = 0 };
	struct bench_db_figures before, after;
	struct crew c;

	*rowp = (struct bench_row){ .tells_found = w->tells_found };
	(void)snprintf(rowp->name, sizeof rowp->name, "%s", w->name);
	crew_init(&c, o, w, number, db);
	bench_db_set_sync(db, o->sync || w->sync);
	bench_db_figures(db, &before);
	crew_work(&c, o, w->name);
	bench_db_figures(db, &after);
	sum_up(&c, rowp, &hist);
	add_figures(rowp, bytes_written(&c), &before, &after);
	print_row(rowp, (unsigned)o->threads);
	if (o->histogram)
		bench_hist_print(&hist);
	fflush(stdout);
	pthread_barrier_destroy(&c.start);
	mem_free(c.threads);
}
