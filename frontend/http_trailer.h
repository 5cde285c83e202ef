/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trailer section of a chunked body, from behind the line of the last chunk to its empty line. llhttp 8.1 would read
 * it, and let pass folded lines, empty names, LF without CR and a Content-Length.
 *
 *	trailers = *( name ":" value CR LF ) CR LF
 *
 * 1. Fields are checked for their form and forgotten; those that frame a message are refused (RFC 9110 6.5.1).
 * 2. At most HTTP_TRAILERS_MAX_BYTES and HTTP_HEAD_MAX_FIELDS lines.
 * 3. Byte by byte: nothing depends on how the bytes were cut, and nothing is kept of them but the name under way.
 *
 * Pure.
 */
#ifndef FRONTEND_HTTP_TRAILER_H
#define FRONTEND_HTTP_TRAILER_H

#include "frontend/http_head.h"

enum { HTTP_TRAILERS_MAX_BYTES = 8192, HTTP_TRAILER_NAME_BYTES = 20 };

enum http_trailer_state {
	HTTP_TRAILER_LINE,               /* at the begin of a line */
	HTTP_TRAILER_NAME,
	HTTP_TRAILER_VALUE,
	HTTP_TRAILER_CR,                 /* its CR was seen */
	HTTP_TRAILER_END,                /* the CR of the empty line was seen */
	HTTP_TRAILER_DONE
};

struct http_trailer {
	enum http_trailer_state state;
	unsigned lines;
	size_t bytes;
	size_t name_n;                   /* of the name, as far as it fits */
	uint8_t name[HTTP_TRAILER_NAME_BYTES];
};

static inline void http_trailer_begin(struct http_trailer *t)
{
	t->state = HTTP_TRAILER_LINE;
	t->lines = 0;
	t->bytes = 0;
}

/* Reads on; *usedp bytes belong to the section, which is complete when state is DONE. */
enum problem http_trailer_feed(struct http_trailer *t, struct slice bytes, size_t *usedp);

#endif
