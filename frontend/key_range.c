/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds are narrowed one after the other. Pure. */
#include "frontend/key_range.h"

#include "proto/write.h"

static enum problem check_length(const struct query_param *p, struct buf *complaint)
{
	if (p->value.n <= KEY_MAX_BYTES)
		return PROBLEM_NONE;
	buf_reset(complaint);
	buf_printf(complaint, "Parameter \"%s\" is longer than a key can be, 1024 bytes.", p->name);
	return PROBLEM_PARAMETER_INVALID;
}

static void narrow_start(struct key_range *range, struct slice start)
{
	if (slice_cmp(start, range->start) > 0)
		range->start = start;
}

static void narrow_end(struct key_range *range, struct slice end)
{
	if (end.n && (range->end.n == 0 || slice_cmp(end, range->end) < 0))
		range->end = end;
}

enum problem key_range_read(const struct query_param *prefix, const struct query_param *start, const struct query_param *end,
			    struct arena *arena, struct key_range *range, struct buf *complaint)
{
	enum problem p = check_length(prefix, complaint);

	*range = (struct key_range){ .start = prefix->value };
	if (!p)
		p = check_length(start, complaint);
	if (!p)
		p = check_length(end, complaint);
	if (p)
		return p;
	if (end->given && end->value.n == 0) {
		buf_reset(complaint);
		buf_append_str(complaint, "Parameter \"end\" is empty: no key lies before it. Leave it out to read to the last key.");
		return PROBLEM_PARAMETER_INVALID;
	}
	if (prefix->value.n)
		range->end = write_prefix_end(prefix->value, arena_alloc(arena, prefix->value.n));
	narrow_start(range, start->value);
	narrow_end(range, end->value);
	return PROBLEM_NONE;
}

bool key_range_is_empty(const struct key_range *range)
{
	return range->end.n && slice_cmp(range->start, range->end) >= 0;
}
