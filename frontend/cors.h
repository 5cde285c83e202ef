/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests of browsers, as the Fetch standard has them: which origins may read the answers, and the
 * fields that say so. Pure.
 *
 *	CORS_ALLOW_ORIGIN=                              nobody: no fields at all
 *	CORS_ALLOW_ORIGIN=*                             any origin
 *	CORS_ALLOW_ORIGIN=https://a.example https://b.example:8443
 */
#ifndef FRONTEND_CORS_H
#define FRONTEND_CORS_H

#include "common/base/buf.h"

struct cors {
	struct slice origins;            /* the setting, on loan */
	bool any;
};

void cors_init(struct cors *c, const char *setting);

static inline bool cors_is_on(const struct cors *c)
{
	return c->origins.n > 0;
}

/* What goes into every answer to a request from origin (p NULL when it named none). */
void cors_fields(const struct cors *c, struct slice origin, struct buf *out);

/* What goes beside that into the answer to a preflight; methods is the list of the path's. */
void cors_preflight_fields(const struct cors *c, struct slice origin, const char *methods, struct buf *out);

#endif
