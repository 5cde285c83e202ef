/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting at '&' and '=', decoding, and the complaints. Pure. */
#include "frontend/query.h"

#include <inttypes.h>

#include "frontend/urlcode.h"

/* What comes before the first `end` in *s, which moves behind it. */
static struct slice cut(struct slice *s, char end)
{
	const uint8_t *at = s->n ? memchr(s->p, end, s->n) : NULL;
	struct slice head = slice_of(s->p, at ? (size_t)(at - s->p) : s->n);

	*s = slice_of(s->p + head.n + (at != NULL), s->n - head.n - (at != NULL));
	return head;
}

/* Every '+' becomes %20, and all is decoded in place: what is written never overtakes what is read. false: badly
 * encoded. */
static bool decode(struct slice in, struct arena *arena, struct slice *outp)
{
	uint8_t *out = arena_alloc(arena, 3 * in.n);
	size_t i, n = 0;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] != '+') {
			out[n++] = in.p[i];
			continue;
		}
		memcpy(out + n, "%20", 3);
		n += 3;
	}
	*outp = slice_of(out, 0);
	if (!urlcode_decode_bytes(slice_of(out, n), out, &n))
		return false;
	*outp = slice_of(out, n);
	return true;
}

static void complain(struct buf *complaint, struct slice name, const char *what)
{
	buf_reset(complaint);
	buf_append_str(complaint, "Parameter \"");
	buf_append_slice(complaint, name);
	buf_append_str(complaint, "\" ");
	buf_append_str(complaint, what);
}

static enum problem take(struct slice name, struct slice value, struct query_param *params, size_t count,
			 struct buf *complaint)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!slice_eq(name, slice_str(params[i].name)))
			continue;
		if (params[i].given) {
			complain(complaint, name, "is given twice.");
			return PROBLEM_PARAMETER_REPEATED;
		}
		params[i].given = true;
		params[i].value = value;
		return PROBLEM_NONE;
	}
	complain(complaint, name, "is not known here.");
	return PROBLEM_PARAMETER_UNKNOWN;
}

enum problem query_read(struct slice query, struct arena *arena, struct query_param *params, size_t count,
			struct buf *complaint)
{
	while (query.n) {
		struct slice value = cut(&query, '&'), raw, name;
		enum problem p;

		if (value.n == 0)
			continue;
		raw = cut(&value, '=');
		if (!decode(raw, arena, &name) || !decode(value, arena, &value)) {
			complain(complaint, raw, "is not validly percent-encoded.");
			return PROBLEM_PARAMETER_INVALID;
		}
		p = take(name, value, params, count, complaint);
		if (p)
			return p;
	}
	return PROBLEM_NONE;
}

/* false: no number, or beyond max. */
static bool read_number(struct slice s, uint64_t max, uint64_t *vp)
{
	size_t i;

	*vp = 0;
	for (i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)s.p[i] - '0';

		if (digit > 9 || *vp > (max - digit) / 10 || digit > max)
			return false;
		*vp = *vp * 10 + digit;
	}
	return s.n > 0;
}

enum problem query_number(const struct query_param *p, uint64_t min, uint64_t max, uint64_t *vp,
			  struct buf *complaint)
{
	uint64_t v;

	if (!p->given)
		return PROBLEM_NONE;
	if (!read_number(p->value, max, &v) || v < min) {
		complain(complaint, slice_str(p->name), "must be a whole number");
		buf_printf(complaint, " from %" PRIu64 " to %" PRIu64 ".", min, max);
		return PROBLEM_PARAMETER_INVALID;
	}
	*vp = v;
	return PROBLEM_NONE;
}

enum problem query_flag(const struct query_param *p, bool *vp, struct buf *complaint)
{
	bool yes = slice_eq(p->value, slice_str("true")) || slice_eq(p->value, slice_str("1"));

	if (!p->given)
		return PROBLEM_NONE;
	if (!yes && !slice_eq(p->value, slice_str("false")) && !slice_eq(p->value, slice_str("0"))) {
		complain(complaint, slice_str(p->name), "must be true or false (1 or 0).");
		return PROBLEM_PARAMETER_INVALID;
	}
	*vp = yes;
	return PROBLEM_NONE;
}
