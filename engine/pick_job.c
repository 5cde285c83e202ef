/* SPDX-License-Identifier: Apache-2.0 */
/* Building a compaction that keeps the rules; see pick_job.h. */
#include "engine/pick_job.h"

#include <stdlib.h>

#include "engine/garbage.h"

#define RANGES_MAX 4096u                 /* of `deeper`; with the longest keys they take half of an order */

static bool ranges_meet(struct slice amin, struct slice amax, struct slice bmin, struct slice bmax)
{
	return slice_cmp(amin, bmax) <= 0 && slice_cmp(bmin, amax) <= 0;
}

bool pick__overlaps(const struct live_table *t, struct slice min, struct slice max)
{
	return ranges_meet(t->facts.min_key, t->facts.max_key, min, max);
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

static bool rests(const struct pick_question *q, const struct live_table *t)
{
	return q->resting_count > 0 && bsearch(&t->facts.id, q->resting, q->resting_count, sizeof(*q->resting), id_order);
}

bool pick__free(const struct pick_question *q, const struct live_table *t)
{
	return !version_is_busy(t) && !rests(q, t);
}

/* The first table of a level below 0 that ends at or behind the key. */
static size_t first_ending_behind(const struct level_list *l, struct slice key)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (slice_cmp(l->tables[mid]->facts.max_key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct pick_span pick__span(const struct version *v, unsigned level, struct slice min, struct slice max)
{
	struct level_list l = version_level(v, level);
	struct pick_span s = { .from = first_ending_behind(&l, min) };

	for (s.to = s.from; s.to < l.count && slice_cmp(l.tables[s.to]->facts.min_key, max) <= 0; s.to++) {
		s.bytes += l.tables[s.to]->facts.size_bytes;
		s.entries += l.tables[s.to]->facts.entry_count;
	}
	return s;
}

void pick__begin(struct pick_job *job, unsigned input_level, unsigned output_level)
{
	*job = (struct pick_job){ .input_level = input_level, .output_level = output_level };
}

/* The array doubles; what it leaves in the arena goes with the arena. */
static void make_room(struct pick_job *job, struct arena *a)
{
	size_t n = job->input_count;
	const struct live_table **more;

	if (n & (n - 1) || n == 1)
		return;
	more = arena_alloc(a, (n ? 2 * n : 2) * sizeof(struct live_table *));
	for (size_t i = 0; i < n; i++)
		more[i] = job->inputs[i];
	job->inputs = more;
}

void pick__add_cover(struct pick_job *job, struct arena *a, const struct live_table *t)
{
	make_room(job, a);
	job->inputs[job->input_count++] = t;
	job->cover_count++;
	if (t->facts.max_seq.v > job->covered.v)
		job->covered = t->facts.max_seq;
}

void pick__add(struct pick_job *job, struct arena *a, const struct live_table *t)
{
	const struct table_facts *f = &t->facts;
	bool first = job->input_count == job->cover_count;

	if (first || slice_cmp(f->min_key, job->min) < 0)
		job->min = f->min_key;
	if (first || slice_cmp(f->max_key, job->max) > 0)
		job->max = f->max_key;
	make_room(job, a);
	job->inputs[job->input_count++] = t;
	job->input_bytes += f->size_bytes;
	job->input_entries += f->entry_count;
}

/* Does another job write on the levels that this one passes, in its range (1)? */
static bool collides(const struct pick_question *q, const struct pick_job *job)
{
	for (size_t i = 0; i < q->running_count; i++) {
		const struct pick_running *r = &q->running[i];
		bool passed = r->output_level > job->input_level && r->output_level <= job->output_level;

		if ((passed || r->output_level == job->output_level) && ranges_meet(r->min, r->max, job->min, job->max))
			return true;
	}
	return false;
}

bool pick__add_below(const struct pick_question *q, struct arena *a, struct pick_job *job)
{
	for (unsigned n = job->input_level + 1; n <= job->output_level; n++) {
		struct level_list below = version_level(q->version, n);
		struct pick_span s = pick__span(q->version, n, job->min, job->max);

		for (size_t i = s.from; i < s.to; i++) {
			if (!pick__free(q, below.tables[i]))
				return false;
			pick__add(job, a, below.tables[i]);
		}
	}
	return !collides(q, job);
}

bool pick__meets_resting(const struct pick_question *q, const struct pick_job *job)
{
	for (unsigned n = job->input_level + 1; n <= job->output_level; n++) {
		struct level_list below = version_level(q->version, n);
		struct pick_span s = pick__span(q->version, n, job->min, job->max);

		for (size_t i = s.from; i < s.to; i++)
			if (rests(q, below.tables[i]))
				return true;
	}
	return false;
}

/* ---- moves ---- */

/* May the job go one level further without meeting anything there? */
static bool free_below(const struct pick_question *q, const struct pick_job *job)
{
	struct pick_job further = *job;
	struct pick_span s;

	if (job->output_level == LEVEL_LAST)
		return false;
	further.output_level++;
	s = pick__span(q->version, further.output_level, job->min, job->max);
	return s.from == s.to && !collides(q, &further);
}

static bool anything_deeper(const struct pick_question *q, const struct pick_job *job)
{
	for (unsigned n = job->output_level + 1; n < LEVEL_COUNT; n++) {
		struct pick_span s = pick__span(q->version, n, job->min, job->max);

		if (s.from < s.to)
			return true;
	}
	return false;
}

void pick__consider_move(const struct pick_question *q, struct pick_job *job)
{
	const struct table_facts *f = &job->inputs[0]->facts;
	uint64_t meets = 0;

	if (job->input_count != 1 || job->input_level == job->output_level)
		return;
	while (free_below(q, job))
		job->output_level++;
	if (job->output_level < LEVEL_LAST)
		meets = pick__span(q->version, job->output_level + 1, job->min, job->max).bytes;
	job->move = meets <= PICK_OVERLAP_MOST * q->table_size_target;
	if (f->tombstone_count + garbage_expired(f, q->now_ms) > 0 && !anything_deeper(q, job))
		job->move = false;       /* (6) */
}

/* What is left of the inputs when each tombstone has taken one entry of the output level with it. */
static double expected_bytes(const struct pick_job *job)
{
	double tombstones = 0, met = 0, met_bytes = 0;

	for (size_t i = 0; i < job->input_count; i++) {
		const struct table_facts *f = &job->inputs[i]->facts;

		if (job->inputs[i]->level < job->output_level) {
			tombstones += (double)f->tombstone_count;
		} else {
			met += (double)f->entry_count;
			met_bytes += (double)f->size_bytes;
		}
	}
	return (double)job->input_bytes - (tombstones < met ? met_bytes * tombstones / met : met_bytes);
}

bool pick__fits(const struct pick_question *q, const struct pick_job *job)
{
	if (q->room_bytes == 0 || job->move || job->input_bytes <= q->room_bytes)
		return true;
	return q->hopeful && 2 * expected_bytes(job) <= (double)q->room_bytes;
}

/* ---- what lies deeper (4) ---- */

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

static void find_deeper(const struct pick_question *q, struct arena *a, struct pick_job *job)
{
	size_t most = 0;

	for (unsigned n = job->output_level + 1; n < LEVEL_COUNT; n++)
		most += version_level(q->version, n).count;
	job->deeper = arena_alloc(a, (most + 1) * sizeof(*job->deeper));
	for (unsigned n = job->output_level + 1; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(q->version, n);
		struct pick_span s = pick__span(q->version, n, job->min, job->max);

		for (size_t i = s.from; i < s.to; i++)
			job->deeper[job->deeper_count++] =
				(struct key_range){ arena_dup(a, l.tables[i]->facts.min_key),
						    arena_dup(a, l.tables[i]->facts.max_key) };
	}
	qsort(job->deeper, job->deeper_count, sizeof(*job->deeper), range_order);
	job->deeper_count = widen_ranges(job->deeper, merge_ranges(job->deeper, job->deeper_count));
}

/* The tables right below the output, at most RANGES_MAX, else several as one. */
static void find_below(const struct pick_question *q, struct arena *a, struct pick_job *job)
{
	struct level_list l;
	struct pick_span s;
	size_t each;

	if (job->output_level == LEVEL_LAST)
		return;
	l = version_level(q->version, job->output_level + 1);
	s = pick__span(q->version, job->output_level + 1, job->min, job->max);
	each = (s.to - s.from + RANGES_MAX - 1) / RANGES_MAX;
	job->below = arena_alloc(a, (s.to - s.from + 1) * sizeof(*job->below));
	for (size_t i = s.from; i < s.to; i++) {
		const struct table_facts *f = &l.tables[i]->facts;

		if ((i - s.from) % each == 0)
			job->below[job->below_count++].bytes = 0;
		job->below[job->below_count - 1].max = f->max_key;
		job->below[job->below_count - 1].bytes += f->size_bytes;
	}
	for (size_t i = 0; i < job->below_count; i++)
		job->below[i].max = arena_dup(a, job->below[i].max);
}

static void own_inputs(struct arena *a, struct pick_job *job)
{
	struct live_table *own = arena_alloc(a, job->input_count * sizeof(*own));

	for (size_t i = 0; i < job->input_count; i++) {
		own[i] = *job->inputs[i];
		own[i].facts.min_key = arena_dup(a, own[i].facts.min_key);
		own[i].facts.max_key = arena_dup(a, own[i].facts.max_key);
		job->inputs[i] = &own[i];
	}
}

void pick__finish(const struct pick_question *q, struct arena *a, struct pick_job *job)
{
	own_inputs(a, job);
	job->min = arena_dup(a, job->min);
	job->max = arena_dup(a, job->max);
	find_deeper(q, a, job);
	find_below(q, a, job);
}
