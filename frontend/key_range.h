/* SPDX-License-Identifier: Apache-2.0 */
/* A range of keys, as queries name it by prefix, start and end. Pure. */
#ifndef FRONTEND_KEY_RANGE_H
#define FRONTEND_KEY_RANGE_H

#include "common/base/arena.h"
#include "frontend/query.h"

struct key_range {
	struct slice start;              /* included; empty: from the first key on */
	struct slice end;                /* not included; empty: to the last key */
};

/* The keys that all parameters given allow: those with the prefix, from start on, before end. The result may lie in the
 * parameters and in the arena. A parameter that is longer than a key can be, and an empty "end", is a problem. */
enum problem key_range_read(const struct query_param *prefix, const struct query_param *start, const struct query_param *end,
			    struct arena *arena, struct key_range *range, struct buf *complaint);

/* Can a key lie in it? */
bool key_range_is_empty(const struct key_range *range);

#endif
