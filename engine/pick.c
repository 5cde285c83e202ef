/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the next compaction; see pick.h for the rules. */
#include "engine/pick.h"

#include <stdio.h>
#include <stdlib.h>

#define RANGES_MAX 4096u                 /* of `deeper`; with the longest keys they take half of an order */

struct picker {
	const struct version *v;
	const struct pick_conf *c;
	const struct pick_running *running;
	size_t running_count;
	const struct pick_cursors *cursors;
	struct arena *a;
};

static bool overlaps(struct slice amin, struct slice amax, struct slice bmin, struct slice bmax)
{
	return slice_cmp(amin, bmax) <= 0 && slice_cmp(bmin, amax) <= 0;
}

static bool table_overlaps(const struct live_table *t, struct slice min, struct slice max)
{
	return overlaps(t->facts.min_key, t->facts.max_key, min, max);
}

static bool table_free(const struct picker *p, const struct live_table *t)
{
	return !t->quarantined && !version_is_busy(p->v, t->facts.id);
}

/* ---- a job in the making ---- */

static void job_begin(const struct picker *p, struct pick_job *job, unsigned level, size_t most)
{
	*job = (struct pick_job){ .input_level = level, .output_level = level + 1 };
	job->inputs = arena_alloc(p->a, most * sizeof(struct live_table *));
}

static void job_add(struct pick_job *job, const struct live_table *t)
{
	const struct table_facts *f = &t->facts;

	if (job->input_count == 0 || slice_cmp(f->min_key, job->min) < 0)
		job->min = f->min_key;
	if (job->input_count == 0 || slice_cmp(f->max_key, job->max) > 0)
		job->max = f->max_key;
	job->inputs[job->input_count++] = t;
	job->input_bytes += f->size_bytes;
}

/* Adds what the job's range meets on the output level; false: something of it is not to be had (3). */
static bool job_add_below(const struct picker *p, struct pick_job *job)
{
	struct level_list below = version_level(p->v, job->output_level);
	struct slice min = job->min, max = job->max;

	for (size_t i = 0; i < below.count; i++) {
		const struct live_table *t = below.tables[i];

		if (!table_overlaps(t, min, max))
			continue;
		if (!table_free(p, t))
			return false;
		job_add(job, t);
	}
	return true;
}

/* Does another job write there (1)? */
static bool job_collides(const struct picker *p, const struct pick_job *job)
{
	for (size_t i = 0; i < p->running_count; i++) {
		const struct pick_running *r = &p->running[i];

		if (r->output_level == job->output_level && overlaps(r->min, r->max, job->min, job->max))
			return true;
	}
	return false;
}

static int range_order(const void *a, const void *b)
{
	const struct key_range *x = a, *y = b;

	return slice_cmp(x->min, y->min);
}

static size_t merge_ranges(struct key_range *r, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (out == 0 || slice_cmp(r[i].min, r[out - 1].max) > 0)
			r[out++] = r[i];
		else if (slice_cmp(r[i].max, r[out - 1].max) > 0)
			r[out - 1].max = r[i].max;
	}
	return out;
}

/* Covers the ranges with RANGES_MAX of them at most, wider where need be: an order must fit into a message. */
static size_t widen_ranges(struct key_range *r, size_t n)
{
	size_t each = (n + RANGES_MAX - 1) / RANGES_MAX, out = 0;

	if (n <= RANGES_MAX)
		return n;
	for (size_t i = 0; i < n; i += each) {
		size_t last = i + each < n ? i + each - 1 : n - 1;

		r[out++] = (struct key_range){ r[i].min, r[last].max };
	}
	return out;
}

/* (4) */
static void job_find_deeper(const struct picker *p, struct pick_job *job)
{
	size_t most = 0;

	for (unsigned n = job->output_level + 1; n < LEVEL_COUNT; n++)
		most += version_level(p->v, n).count;
	job->deeper = arena_alloc(p->a, (most + 1) * sizeof(*job->deeper));
	for (unsigned n = job->output_level + 1; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(p->v, n);

		for (size_t i = 0; i < l.count; i++)
			if (table_overlaps(l.tables[i], job->min, job->max))
				job->deeper[job->deeper_count++] =
					(struct key_range){ arena_dup(p->a, l.tables[i]->facts.min_key),
							    arena_dup(p->a, l.tables[i]->facts.max_key) };
	}
	qsort(job->deeper, job->deeper_count, sizeof(*job->deeper), range_order);
	job->deeper_count = widen_ranges(job->deeper, merge_ranges(job->deeper, job->deeper_count));
}

static void job_finish(const struct picker *p, struct pick_job *job)
{
	job->move = job->input_count == 1;
	job->min = arena_dup(p->a, job->min);
	job->max = arena_dup(p->a, job->max);
	job_find_deeper(p, job);
}

/* Its output is no larger than its input. A move writes nothing. */
static bool job_fits(const struct picker *p, const struct pick_job *job)
{
	return p->c->room_bytes == 0 || job->input_count == 1 || job->input_bytes <= p->c->room_bytes;
}

/* ---- level 0 ---- */

static bool meets_any(const struct level_list *l, const struct live_table *t, const bool *stays)
{
	for (size_t i = 0; i < l->count; i++)
		if (stays[i] && table_overlaps(l->tables[i], t->facts.min_key, t->facts.max_key))
			return true;
	return false;
}

/* Marks what has to stay (2); false: a job of level 0 is running. */
static bool find_stayers(const struct picker *p, const struct level_list *l, bool *stays)
{
	memset(stays, 0, l->count * sizeof(*stays));
	for (size_t i = l->count; i-- > 0;) {
		const struct live_table *t = l->tables[i];

		if (version_is_busy(p->v, t->facts.id))
			return false;
		stays[i] = t->quarantined || meets_any(l, t, stays);
	}
	return true;
}

/* The oldest table, when it meets nothing on level 0 and below: it just moves. */
static bool pick_lonely(const struct picker *p, const struct level_list *l, struct pick_job *job)
{
	const struct live_table *oldest = l->tables[l->count - 1];

	for (size_t i = 0; i + 1 < l->count; i++)
		if (table_overlaps(l->tables[i], oldest->facts.min_key, oldest->facts.max_key))
			return false;
	job_begin(p, job, 0, 1 + version_level(p->v, 1).count);
	job_add(job, oldest);
	return job_add_below(p, job) && job->input_count == 1 && !job_collides(p, job);
}

static bool pick_level0(const struct picker *p, struct pick_job *job)
{
	struct level_list l = version_level(p->v, 0);
	bool *stays = arena_alloc(p->a, l.count + 1);

	if (l.count == 0 || !find_stayers(p, &l, stays))
		return false;
	if (!stays[l.count - 1] && pick_lonely(p, &l, job))
		return true;
	job_begin(p, job, 0, l.count + version_level(p->v, 1).count);
	for (size_t i = 0; i < l.count; i++)
		if (!stays[i])
			job_add(job, l.tables[i]);
	return job->input_count > 0 && job_add_below(p, job) && !job_collides(p, job) && job_fits(p, job);
}

/* ---- deeper levels ---- */

static size_t first_behind(const struct level_list *l, const struct pick_cursor *c)
{
	size_t i = 0;

	while (i < l->count && slice_cmp(l->tables[i]->facts.min_key, slice_of(c->key, c->n)) <= 0)
		i++;
	return i;
}

static bool pick_deep(const struct picker *p, unsigned level, struct pick_job *job)
{
	struct level_list l = version_level(p->v, level);
	size_t start = first_behind(&l, &p->cursors->level[level]);

	for (size_t i = 0; i < l.count; i++) {
		const struct live_table *t = l.tables[(start + i) % l.count];

		if (!table_free(p, t))
			continue;
		job_begin(p, job, level, 1 + version_level(p->v, level + 1).count);
		job_add(job, t);
		if (job_add_below(p, job) && !job_collides(p, job) && job_fits(p, job))
			return true;
	}
	return false;
}

/* ---- scores ---- */

static double score_of(const struct picker *p, unsigned level)
{
	struct level_list l = version_level(p->v, level);
	double target = (double)p->c->level0_trigger * (double)p->c->memtable_size_limit;
	uint64_t tables = 0, bytes = 0;

	for (size_t i = 0; i < l.count; i++) {
		if (!table_free(p, l.tables[i]))
			continue;
		tables++;
		bytes += l.tables[i]->facts.size_bytes;
	}
	if (level == 0)
		return (double)tables / (double)(p->c->hurry ? 1 : p->c->level0_trigger);
	for (unsigned n = 1; n < level; n++)
		target *= (double)p->c->level_size_ratio;
	return (double)bytes / target;
}

static void give_reason(const struct picker *p, struct pick_job *job, double score)
{
	if (job->input_level == 0)
		(void)snprintf(job->reason, sizeof(job->reason), "level 0 has %zu tables", version_level(p->v, 0).count);
	else
		(void)snprintf(job->reason, sizeof(job->reason), "level %u is %.1f times its size", job->input_level, score);
}

bool pick_next(const struct version *v, const struct pick_conf *c, const struct pick_running *running, size_t running_count,
	       const struct pick_cursors *cursors, struct arena *a, struct pick_job *jobp)
{
	struct picker p = { v, c, running, running_count, cursors, a };
	double scores[LEVEL_COUNT - 1];

	for (unsigned n = 0; n < LEVEL_COUNT - 1; n++)
		scores[n] = score_of(&p, n);
	for (;;) {
		unsigned best = 0;

		for (unsigned n = 1; n < LEVEL_COUNT - 1; n++)
			if (scores[n] > scores[best])
				best = n;
		if (scores[best] < 1)
			return false;
		if (best == 0 ? pick_level0(&p, jobp) : pick_deep(&p, best, jobp)) {
			job_finish(&p, jobp);
			give_reason(&p, jobp, scores[best]);
			return true;
		}
		scores[best] = 0;
	}
}

void pick_advance(struct pick_cursors *cursors, const struct pick_job *job)
{
	struct pick_cursor *c = &cursors->level[job->input_level];
	struct slice end = job->inputs[0]->facts.max_key;

	if (job->input_level == 0 || end.n > sizeof(c->key))
		return;
	memcpy(c->key, end.p, end.n);
	c->n = end.n;
}
