/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query of a target: name=value&name=value, read strictly.
 *
 * 1. A handler names the parameters it knows; any other, and any that comes twice, is a problem that names it.
 * 2. Names and values are percent-decoded as a path is (urlcode.h) and may hold any byte; '+' is a space: that is how
 *    forms and the usual libraries write one, and a plus as %2B.
 * 3. "name" alone is "name=" with an empty value; "&&" and an empty query hold no parameter.
 *
 * Pure.
 */
#ifndef FRONTEND_QUERY_H
#define FRONTEND_QUERY_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "frontend/problem.h"

struct query_param {
	const char *name;
	struct slice value;              /* decoded, in the arena */
	bool given;
};

/* Fills the parameters of params (names set by the caller, the rest zero) from query. A problem other than NONE:
 * complaint says what is wrong. */
enum problem query_read(struct slice query, struct arena *arena, struct query_param *params, size_t count,
			struct buf *complaint);

/* The value of a parameter that is a whole number from min to max; *vp is left alone when it was not given. */
enum problem query_number(const struct query_param *p, uint64_t min, uint64_t max, uint64_t *vp,
			  struct buf *complaint);

/* The same for "true" or "1", "false" or "0". */
enum problem query_flag(const struct query_param *p, bool *vp, struct buf *complaint);

#endif
