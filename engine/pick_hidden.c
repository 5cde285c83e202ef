/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a table of the last level to be rewritten without what is hidden; see pick_hidden.h. */
#include "engine/pick_hidden.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/garbage.h"

#define WORTH_SHARE 0.25

/* What speaks for a table: entries that may be hidden in it, at most, and if those above are spread evenly. */
struct hidden { double most, even; };

/* The tables of a level above that a table meets: of level 0, those among them. */
static struct pick_span span_above(const struct version *v, unsigned level, const struct live_table *t)
{
	if (level == 0)
		return (struct pick_span){ 0, version_level(v, 0).count, 0, 0 };
	return pick__span(v, level, t->facts.min_key, t->facts.max_key);
}

/* The share of a table's entries that is newer than a sequence, as if these were spread evenly. */
static double newer_share(const struct table_facts *f, struct seq than)
{
	if (than.v >= f->max_seq.v)
		return 0;
	if (than.v < f->min_seq.v)
		return 1;
	return (double)(f->max_seq.v - than.v) / (double)(f->max_seq.v - f->min_seq.v + 1);
}

/* What one table above says for all that it meets on the last level. */
static void count_cover(const struct pick_question *q, const struct live_table *cover, struct hidden *h)
{
	const struct table_facts *f = &cover->facts;
	double hides = (double)(f->tombstone_count + garbage_expired(f, q->now_ms));
	struct level_list last = version_level(q->version, LEVEL_LAST);
	struct pick_span s;

	if (hides == 0 || !pick__free(q, cover))
		return;
	s = pick__span(q->version, LEVEL_LAST, f->min_key, f->max_key);
	for (size_t i = s.from; i < s.to; i++) {
		double newer = hides * newer_share(f, last.tables[i]->filtered);

		h[i].most += newer;
		h[i].even += newer * (double)last.tables[i]->facts.entry_count / (double)s.entries;
	}
}

static struct hidden *count_hidden(const struct pick_question *q, struct arena *a)
{
	size_t count = version_level(q->version, LEVEL_LAST).count;
	struct hidden *h = arena_alloc(a, (count + 1) * sizeof(*h));

	for (size_t i = 0; i < count; i++)
		h[i] = (struct hidden){ 0, 0 };
	for (unsigned n = 0; n < LEVEL_LAST; n++) {
		struct level_list l = version_level(q->version, n);

		for (size_t i = 0; i < l.count; i++)
			count_cover(q, l.tables[i], h);
	}
	return h;
}

/* The share of the table that is expected to go. */
static double expected_share(const struct live_table *t, const struct hidden *h)
{
	double share = h->even / (double)t->facts.entry_count;

	return share < 1 ? share : 1;
}

/* Its output is no larger than the table. */
static bool fits(const struct pick_question *q, const struct live_table *t, const struct hidden *h)
{
	double bytes = (double)t->facts.size_bytes;

	if (q->hopeful)
		bytes *= 2 * (1 - expected_share(t, h));
	return q->room_bytes == 0 || bytes <= (double)q->room_bytes;
}

/* The table of which most bytes are expected to go; NULL: none. */
static const struct live_table *choose(const struct pick_question *q, const struct hidden *h)
{
	struct level_list last = version_level(q->version, LEVEL_LAST);
	const struct live_table *best = NULL;
	double best_bytes = 0;

	for (size_t i = 0; i < last.count; i++) {
		const struct live_table *t = last.tables[i];
		double bytes = expected_share(t, &h[i]) * (double)t->facts.size_bytes;

		if (bytes > best_bytes && h[i].most >= WORTH_SHARE * (double)t->facts.entry_count && pick__free(q, t) &&
		    fits(q, t, &h[i])) {
			best = t;
			best_bytes = bytes;
		}
	}
	return best;
}

static bool covers(const struct pick_question *q, const struct live_table *cover, const struct live_table *t)
{
	return cover->facts.max_seq.v > t->filtered.v && pick__free(q, cover) &&
	       pick__overlaps(cover, t->facts.min_key, t->facts.max_key);
}

static int seq_order(const void *a, const void *b)
{
	uint64_t x = ((const struct seq *)a)->v, y = ((const struct seq *)b)->v;

	return (x > y) - (x < y);
}

/* Up to which sequence its covers are to be taken, so that these are not too many, and none that is older is left out. */
static struct seq limit_of(const struct pick_question *q, struct arena *a, const struct live_table *t)
{
	size_t n = 0, room = 1;
	struct seq *newest;

	for (unsigned level = 0; level < LEVEL_LAST; level++)
		room += version_level(q->version, level).count;
	newest = arena_alloc(a, room * sizeof(*newest));
	for (unsigned level = 0; level < LEVEL_LAST; level++) {
		struct level_list l = version_level(q->version, level);
		struct pick_span s = span_above(q->version, level, t);

		for (size_t i = s.from; i < s.to; i++)
			if (covers(q, l.tables[i], t))
				newest[n++] = l.tables[i]->facts.max_seq;
	}
	if (n <= PICK_COVERS_MOST)
		return SEQ_MAX;
	qsort(newest, n, sizeof(*newest), seq_order);
	return newest[PICK_COVERS_MOST - 1];
}

static void take(const struct pick_question *q, struct arena *a, const struct live_table *t, struct pick_job *job)
{
	struct seq limit = limit_of(q, a, t);

	pick__begin(job, LEVEL_LAST, LEVEL_LAST);
	for (unsigned level = 0; level < LEVEL_LAST; level++) {
		struct level_list l = version_level(q->version, level);
		struct pick_span s = span_above(q->version, level, t);

		for (size_t i = s.from; i < s.to; i++)
			if (l.tables[i]->facts.max_seq.v <= limit.v && covers(q, l.tables[i], t))
				pick__add_cover(job, a, l.tables[i]);
	}
	pick__add(job, a, t);
}

bool pick_hidden(const struct pick_question *q, struct arena *a, struct pick_job *jobp)
{
	const struct live_table *t = choose(q, count_hidden(q, a));

	if (!t)
		return false;
	take(q, a, t, jobp);
	if (jobp->cover_count == 0 || !pick__add_below(q, a, jobp))
		return false;
	(void)snprintf(jobp->reason, sizeof(jobp->reason), "no room for more: a table of level %u loses what is deleted above it",
		       LEVEL_LAST);
	pick__finish(q, a, jobp);
	return true;
}
