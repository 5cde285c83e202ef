/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outline of a request head, looked at before llhttp reads it: where it ends, and what llhttp 8.1 lets
 * through although it must not. Found by trial against llhttp's strict mode, which accepts:
 *
 *   - LF without CR after the request line and as the empty line;
 *   - a field continued on the next line (obs-fold), and a field with an empty name;
 *   - several spaces in the request line, a fragment in the target, a request line without version;
 *   - the versions 0.9 and 2.0, the protocol ICE, any number of empty lines before a request.
 *
 * A scanner is fed the same growing bytes again and again and remembers how far it looked, so a head that
 * arrives byte by byte costs no more than one that arrives at once. Pure.
 */
#ifndef FRONTEND_HTTP_HEAD_H
#define FRONTEND_HTTP_HEAD_H

#include "common/base/slice.h"
#include "frontend/problem.h"

enum {
	HTTP_HEAD_MAX_BYTES = 8192,      /* request line and fields */
	HTTP_HEAD_MAX_FIELDS = 64
};

struct http_head {
	size_t line;                     /* where the line begins that is not complete yet */
	unsigned lines;                  /* complete lines so far, the request line included */
	struct slice method, target;     /* set with the request line; in the bytes scanned last */
	bool http10;
	size_t target_at;                /* offset of target, for when the bytes moved */
};

enum http_head_state { HTTP_HEAD_MORE, HTTP_HEAD_COMPLETE, HTTP_HEAD_BAD };

static inline void http_head_begin(struct http_head *h)
{
	*h = (struct http_head){ 0 };
}

/* Looks at bytes (all of the request since its first byte). COMPLETE: *lengthp bytes are the head, its empty
 * line included. BAD: *problemp says why. */
enum http_head_state http_head_scan(struct http_head *h, struct slice bytes, size_t *lengthp,
				    enum problem *problemp);

bool http_head_is_token_byte(uint8_t c);         /* RFC 9110 5.6.2 tchar */

/* Whether value may stand in a Host field: a name, address or bracketed IPv6 address, and a port (RFC
 * 3986 3.2). */
bool http_head_host_valid(struct slice value);

#endif
