/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a compaction into ranges; see parts.h. */
#include "engine/parts.h"

#include <stdlib.h>

static int by_min_key(const void *a, const void *b)
{
	return slice_cmp((*(const struct table_facts *const *)a)->min_key, (*(const struct table_facts *const *)b)->min_key);
}

/* The inputs below level 0, by their first keys; the sum of their bytes. */
static size_t sort_inputs(const struct pick_job *job, const struct table_facts **list, uint64_t *bytesp)
{
	size_t n = 0;

	*bytesp = 0;
	for (size_t i = 0; i < job->input_count; i++) {
		if (job->inputs[i]->level == 0)
			continue;
		list[n++] = &job->inputs[i]->facts;
		*bytesp += job->inputs[i]->facts.size_bytes;
	}
	if (n > 1)
		qsort(list, n, sizeof(*list), by_min_key);
	return n;
}

size_t parts_cut(const struct pick_job *job, size_t most, uint64_t least_bytes, struct arena *a,
		 struct part_range **partsp)
{
	const struct table_facts **list = arena_alloc(a, (job->input_count + 1) * sizeof(struct table_facts *));
	uint64_t bytes, passed = 0, begun = 0, wanted = job->input_bytes / (least_bytes ? least_bytes : 1);
	size_t n = sort_inputs(job, list, &bytes), parts = wanted < most ? (size_t)wanted : most, count = 1;
	struct part_range *r = arena_alloc(a, (most + 1) * sizeof(*r));
	double spread = bytes ? (double)job->input_bytes / (double)bytes : 1;

	r[0] = (struct part_range){ .bytes = job->input_bytes + 1 };
	for (size_t i = 0; i < n && count < parts; passed += list[i++]->size_bytes) {
		struct part_range *last = &r[count - 1];

		if ((double)passed < (double)bytes * (double)count / (double)parts ||
		    slice_cmp(list[i]->min_key, last->begin.n ? last->begin : job->min) <= 0)
			continue;
		last->end = arena_dup(a, list[i]->min_key);
		last->bytes = (uint64_t)((double)(passed - begun) * spread) + 1;
		r[count++] = (struct part_range){ .begin = last->end, .bytes = (uint64_t)((double)(bytes - passed) * spread) + 1 };
		begun = passed;
	}
	*partsp = r;
	return count;
}

bool parts_meet(const struct part_range *p, const struct table_facts *t)
{
	return (p->begin.n == 0 || slice_cmp(t->max_key, p->begin) >= 0) &&
	       (p->end.n == 0 || slice_cmp(t->min_key, p->end) < 0);
}
