/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing the next compaction; see pick.h for the rules. */
#include "engine/pick.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/garbage.h"

#define WIDEN_TARGETS 25u                /* a job is widened up to this many table size targets */
#define GARBAGE_GAIN 0.25                /* garbage is worth a job when this share of what it reads goes */
#define GARBAGE_GAIN_AT_REST 0.10
#define GARBAGE_HALF 0.5                 /* or when this share of the table itself is garbage */
#define SMALL_PART 8u                    /* and it has this part of the table size target, or there is time */
#define REST_FANOUT 0.1                  /* at rest each level should hold this share of the one below */
#define REST_LEVEL0 0.01                 /* and level 0 this share of the last */

struct picker {
	const struct pick_question *q;
	struct arena *a;
	struct levels levels;
	unsigned level0_waits;           /* for tables down to this level that another job has; 0: it does not */
};

/* ---- level 0 ---- */

static bool any_is_busy(const struct level_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (version_is_busy(l->tables[i]))
			return true;
	return false;
}

/* The oldest table, when it meets nothing on level 0 and below: it just moves. */
static bool pick_lonely(struct picker *p, const struct level_list *l, unsigned output, struct pick_job *job)
{
	const struct live_table *oldest = l->tables[l->count - 1];

	if (!pick__free(p->q, oldest))
		return false;
	for (size_t i = 0; i + 1 < l->count; i++)
		if (pick__overlaps(l->tables[i], oldest->facts.min_key, oldest->facts.max_key))
			return false;
	pick__begin(job, 0, output);
	pick__add(job, p->a, oldest);
	if (!pick__add_below(p->q, p->a, job) || job->input_count != 1)
		return false;
	pick__consider_move(p->q, job);
	return job->move;
}

/* Does the i-th table meet an older one that stays? */
static bool meets_one_that_stays(const struct level_list *l, const bool *goes, size_t i)
{
	const struct table_facts *f = &l->tables[i]->facts;

	for (size_t older = i + 1; older < l->count; older++)
		if (!goes[older] && pick__overlaps(l->tables[older], f->min_key, f->max_key))
			return true;
	return false;
}

/* Adds the tables that may go (2, 3), so many at most, from the oldest on; how many went. */
static size_t add_level0(struct picker *p, const struct level_list *l, size_t most, struct pick_job *job)
{
	bool *goes = arena_alloc(p->a, l->count * sizeof(*goes));
	size_t n = 0, newest = l->count;

	while (newest > 0 && n < most) {
		newest--;
		goes[newest] = pick__free(p->q, l->tables[newest]) && !meets_one_that_stays(l, goes, newest);
		n += goes[newest];
	}
	for (size_t i = newest; i < l->count; i++)
		if (goes[i])
			pick__add(job, p->a, l->tables[i]);
	return n;
}

/* As many as may go at once, or half of them and so on until there is room for what they become: on a full disk level 0 may
 * hold more than there is room for, and nothing else would ever make any. */
static bool take_level0(struct picker *p, const struct level_list *l, unsigned output, struct pick_job *job)
{
	for (size_t most = PICK_LEVEL0_MOST; most > 0; most /= 2) {
		pick__begin(job, 0, output);
		most = add_level0(p, l, most, job);
		if (most == 0)
			return false;
		if (!pick__add_below(p->q, p->a, job)) {
			if (!pick__meets_resting(p->q, job))     /* a rest may be long: nobody waits for its end */
				p->level0_waits = output;
			return false;
		}
		pick__consider_move(p->q, job);
		if (pick__fits(p->q, job))
			return true;
	}
	return false;
}

/* Is there room for a job of all of level 0 and what it meets only once or twice? Then it is not waited for more (levels.h), and
 * nothing gathers. */
static bool level0_is_large_for_the_room(const struct picker *p)
{
	uint64_t bytes = levels_level0_meets(&p->levels, levels_level0_goes_to(&p->levels, true));

	return p->q->room_bytes > 0 && bytes > p->q->room_bytes / 2;
}

/* What has gathered goes along when it is enough, when there is no more to come, and where space is short. */
static unsigned level0_goes_to(const struct picker *p)
{
	bool at_once = p->q->at_rest || p->q->hurry || p->q->asked.v > 0 || level0_is_large_for_the_room(p);

	return levels_level0_goes_to(&p->levels, at_once);
}

static bool pick_level0(struct picker *p, struct pick_job *job)
{
	struct level_list l = version_level(p->q->version, 0);
	unsigned output = level0_goes_to(p);

	p->level0_waits = 0;
	if (l.count == 0 || any_is_busy(&l))
		return false;
	if (pick_lonely(p, &l, output, job) || take_level0(p, &l, output, job))
		return true;
	return output != p->levels.base && !p->level0_waits && take_level0(p, &l, p->levels.base, job);
}

/* ---- deeper levels ---- */

/* The tables [first, last] of the level that can go together with the first one chosen without meeting more below. */
static void widen(const struct picker *p, const struct level_list *l, const struct level_list *below,
		  const struct pick_span *s, size_t *firstp, size_t *lastp)
{
	uint64_t room = WIDEN_TARGETS * p->q->table_size_target, bytes = s->bytes + l->tables[*firstp]->facts.size_bytes;

	if (s->from == s->to)
		return;
	while (*firstp > 0 && pick__free(p->q, l->tables[*firstp - 1]) &&
	       slice_cmp(l->tables[*firstp - 1]->facts.min_key, below->tables[s->from]->facts.min_key) >= 0 &&
	       bytes + l->tables[*firstp - 1]->facts.size_bytes <= room)
		bytes += l->tables[--*firstp]->facts.size_bytes;
	while (*lastp + 1 < l->count && pick__free(p->q, l->tables[*lastp + 1]) &&
	       slice_cmp(l->tables[*lastp + 1]->facts.max_key, below->tables[s->to - 1]->facts.max_key) <= 0 &&
	       bytes + l->tables[*lastp + 1]->facts.size_bytes <= room)
		bytes += l->tables[++*lastp]->facts.size_bytes;
}

/* The job of the i-th table of a level; false: it cannot be done now. */
static bool take_table(struct picker *p, unsigned level, size_t i, struct pick_job *job)
{
	struct level_list l = version_level(p->q->version, level), below = version_level(p->q->version, level + 1);
	struct pick_span s = pick__span(p->q->version, level + 1, l.tables[i]->facts.min_key, l.tables[i]->facts.max_key);
	size_t first = i, last = i;

	widen(p, &l, &below, &s, &first, &last);
	pick__begin(job, level, level + 1);
	for (size_t t = first; t <= last; t++)
		pick__add(job, p->a, l.tables[t]);
	if (!pick__add_below(p->q, p->a, job))
		return false;
	pick__consider_move(p->q, job);
	return pick__fits(p->q, job);
}

/* A table of a level and how much is for taking it: the most comes first. */
struct candidate { size_t i; double merit; };

static int most_merit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->merit != y->merit)
		return x->merit > y->merit ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

static bool take_best(struct picker *p, unsigned level, struct candidate *c, size_t n, struct pick_job *job)
{
	qsort(c, n, sizeof(*c), most_merit);
	for (size_t i = 0; i < n; i++)
		if (take_table(p, level, c[i].i, job))
			return true;
	return false;
}

/* Own bytes, garbage counted twice, for each byte met below. */
static double merit_of(const struct picker *p, unsigned level, const struct live_table *t)
{
	struct pick_span s = pick__span(p->q->version, level + 1, t->facts.min_key, t->facts.max_key);

	return (double)t->facts.size_bytes * (1 + garbage_share(&t->facts, p->q->now_ms)) / ((double)s.bytes + 1);
}

/* One of the tables that hold something up to a sequence. */
static bool pick_deep(struct picker *p, unsigned level, uint64_t up_to, struct pick_job *job)
{
	struct level_list l = version_level(p->q->version, level);
	struct candidate *c = arena_alloc(p->a, (l.count + 1) * sizeof(*c));
	size_t n = 0;

	for (size_t i = 0; i < l.count; i++)
		if (l.tables[i]->facts.min_seq.v <= up_to && pick__free(p->q, l.tables[i]))
			c[n++] = (struct candidate){ i, merit_of(p, level, l.tables[i]) };
	return take_best(p, level, c, n, job);
}

/* Serves the levels in order of their scores, as long as these are at least 1. */
static bool pick_by_score(struct picker *p, double *scores, unsigned *levelp, double *scorep, struct pick_job *job)
{
	for (;;) {
		unsigned best = 0;

		for (unsigned n = 1; n < LEVEL_LAST; n++)
			if (scores[n] > scores[best])
				best = n;
		if (scores[best] < 1)
			return false;
		*levelp = best;
		*scorep = scores[best];
		if (best == 0 ? pick_level0(p, job) : pick_deep(p, best, UINT64_MAX, job))
			return true;
		scores[best] = 0;
		for (unsigned n = p->levels.base; n <= p->level0_waits && n < LEVEL_LAST; n++)
			scores[n] = 0;           /* or with several compactors its turn might never come */
	}
}

static bool pick_pressing(struct picker *p, struct pick_job *job)
{
	double scores[LEVEL_LAST], score;
	unsigned level;

	for (unsigned n = 0; n < LEVEL_LAST; n++)
		scores[n] = levels_score(&p->levels, n);
	if (level0_is_large_for_the_room(p))
		scores[0] = (double)p->levels.free_level0_tables / (double)p->q->levels.level0_trigger;
	if (p->q->hurry)
		scores[0] = (double)p->levels.free_level0_tables;
	if (!pick_by_score(p, scores, &level, &score, job))
		return false;
	if (level == 0)
		(void)snprintf(job->reason, sizeof(job->reason), "level 0 has %zu tables",
			       version_level(p->q->version, 0).count);
	else if (p->levels.target[level] == 0)
		(void)snprintf(job->reason, sizeof(job->reason), "level %u should be empty", level);
	else
		(void)snprintf(job->reason, sizeof(job->reason), "level %u is %.1f times its size", level, score);
	return true;
}

/* ---- garbage ---- */

/* Each tombstone or expired entry goes with what it hides, if that is below: the share of all that the job reads. */
static bool is_worth_it(const struct picker *p, unsigned level, const struct live_table *t)
{
	double own = garbage_share(&t->facts, p->q->now_ms), goes = 2 * own * (double)t->facts.entry_count;
	struct pick_span s;

	if (own == 0)
		return false;
	if (own >= GARBAGE_HALF && (p->q->at_rest || t->facts.size_bytes >= p->q->table_size_target / SMALL_PART))
		return true;
	s = pick__span(p->q->version, level + 1, t->facts.min_key, t->facts.max_key);
	return goes >= (p->q->at_rest ? GARBAGE_GAIN_AT_REST : GARBAGE_GAIN) *
			       (double)(t->facts.entry_count + s.entries);
}

static bool pick_garbage_above(struct picker *p, unsigned level, struct pick_job *job)
{
	struct level_list l = version_level(p->q->version, level);
	struct candidate *c = arena_alloc(p->a, (l.count + 1) * sizeof(*c));
	size_t n = 0;

	for (size_t i = 0; i < l.count; i++)
		if (pick__free(p->q, l.tables[i]) && is_worth_it(p, level, l.tables[i]))
			c[n++] = (struct candidate){ i, garbage_share(&l.tables[i]->facts, p->q->now_ms) };
	return take_best(p, level, c, n, job);
}

/* Where damage is on record expired entries stay, as they show that there is nothing newer (drop.c): to rewrite them would be
 * without end (5). */
static bool meets_damage(const struct picker *p, const struct live_table *t)
{
	const struct damages *d = version_damages(p->q->version);

	for (size_t i = 0; i < d->count; i++)
		if (pick__overlaps(t, d->list[i].min, d->list[i].max))
			return true;
	return false;
}

static bool pick_garbage_last(struct picker *p, struct pick_job *job)
{
	struct level_list l = version_level(p->q->version, LEVEL_LAST);

	for (size_t i = 0; i < l.count; i++) {
		if (!pick__free(p->q, l.tables[i]) || meets_damage(p, l.tables[i]) ||
		    !garbage_worth_rewriting(l.tables[i], p->q->now_ms,
					     p->q->at_rest ? GARBAGE_GAIN_AT_REST : GARBAGE_GAIN))
			continue;
		pick__begin(job, LEVEL_LAST, LEVEL_LAST);
		pick__add(job, p->a, l.tables[i]);
		if (pick__add_below(p->q, p->a, job) && pick__fits(p->q, job))
			return true;
	}
	return false;
}

static bool pick_garbage(struct picker *p, struct pick_job *job)
{
	bool found = false;

	for (unsigned n = 1; n < LEVEL_LAST && !found; n++)
		found = pick_garbage_above(p, n, job);
	if (!found)
		found = pick_garbage_last(p, job);
	if (found)
		(void)snprintf(job->reason, sizeof(job->reason), "of a table on level %u much is deleted or expired",
			       job->input_level);
	return found;
}

/* ---- asked ---- */

/* Does it take something deeper that was asked for? All of level 0 may be newer. */
static bool serves_asked(const struct picker *p, const struct pick_job *job)
{
	for (size_t i = 0; i < job->input_count; i++)
		if (job->inputs[i]->level < job->output_level && job->inputs[i]->facts.min_seq.v <= p->q->asked.v)
			return true;
	return false;
}

static bool pick_asked(struct picker *p, struct pick_job *job)
{
	unsigned level = 0;
	bool found = pick_level0(p, job) && serves_asked(p, job);

	while (!found && ++level < LEVEL_LAST)
		found = pick_deep(p, level, p->q->asked.v, job);
	if (found)
		(void)snprintf(job->reason, sizeof(job->reason), "asked for: level %u goes down", level);
	return found;
}

/* ---- at rest ---- */

/* What a level may hide on the last one, in bytes: its own, and for each tombstone and expired entry one more entry. */
static double may_hide(const struct picker *p, unsigned level, double bytes_per_entry)
{
	struct level_list l = version_level(p->q->version, level);
	double sum = 0;

	for (size_t i = 0; i < l.count; i++)
		if (pick__free(p->q, l.tables[i]))
			sum += (double)l.tables[i]->facts.size_bytes +
			       garbage_share(&l.tables[i]->facts, p->q->now_ms) *
				       (double)l.tables[i]->facts.entry_count * bytes_per_entry;
	return sum;
}

static double last_bytes_per_entry(const struct picker *p)
{
	struct level_list l = version_level(p->q->version, LEVEL_LAST);
	uint64_t entries = 0;

	for (size_t i = 0; i < l.count; i++)
		entries += l.tables[i]->facts.entry_count;
	return entries ? (double)l.bytes / (double)entries : 0;
}

/*
 * Levels that hide no more than their share of the last one are left alone; these shares sum up to less than
 * SETTLED_SHARE, so as long as there is more above, some level has more than its share.
 */
static bool pick_at_rest(struct picker *p, struct pick_job *job)
{
	double last = (double)p->levels.bytes[LEVEL_LAST], each = last_bytes_per_entry(p), share = REST_FANOUT, sum = 0;
	double scores[LEVEL_LAST], score;
	unsigned level;

	for (unsigned n = LEVEL_LAST; n-- > 0; share *= REST_FANOUT) {
		double allowed = last * (n == 0 ? REST_LEVEL0 : share), hides = may_hide(p, n, each);

		scores[n] = allowed > 0 ? hides / allowed : hides;
		sum += hides;
	}
	if (sum <= SETTLED_SHARE * last || !pick_by_score(p, scores, &level, &score, job))
		return false;
	(void)snprintf(job->reason, sizeof(job->reason), "at rest: above the last level lies %.0f %% of it",
		       last > 0 ? 100 * sum / last : 100);
	return true;
}

bool pick_next(const struct pick_question *q, struct arena *a, struct pick_job *jobp)
{
	struct picker p = { .q = q, .a = a };

	levels_measure(q->version, &q->levels, &p.levels);
	if (!pick_pressing(&p, jobp) && !pick_garbage(&p, jobp) && !(q->asked.v && pick_asked(&p, jobp)) &&
	    !(q->at_rest && pick_at_rest(&p, jobp)))
		return false;
	pick__finish(q, a, jobp);
	return true;
}
