/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to requests: the strict HTTP/1.x parser of one connection, without any input or output of its own.
 *
 *	          head scanned and read                body complete (or none)
 *	  START ------------------------> BODY ------------------------------> START (HTTP_PARSE_DONE)
 *	    |                               |
 *	    +--------- anything wrong ------+--> HTTP_PARSE_BAD; the parser takes no more bytes
 *
 * 1. What it accepts is one request to every reader: exactly one valid Host (HTTP/1.1), one Content-Length or
 *    Transfer-Encoding: chunked, never both; no folded fields, no bare CR or LF, no control bytes.
 * 2. It holds at most HTTP_HEAD_MAX_BYTES of an unfinished head, and max_body bytes of a body.
 * 3. The answer is the same however the bytes were cut into pieces.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_HTTP_PARSE_H
#define FRONTEND_HTTP_PARSE_H

#include <llhttp.h>

#include "frontend/http_head.h"
#include "frontend/http_request.h"

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_CONTINUE, HTTP_PARSE_DONE, HTTP_PARSE_BAD };

struct http_parser {
	llhttp_t ll;
	struct http_head head;
	struct http_request *req;        /* being filled; on loan */
	uint64_t max_body;
	bool in_head, in_body;           /* neither: between two requests */
	bool skipped_line, cr_seen;      /* the empty line before the request: was one, its CR was */

	/* what the fields said */
	unsigned field;                  /* which of the fields we read ourselves is being read */
	unsigned host_count, spans;
	struct slice host;
	bool expects, chunked, complete;
	uint64_t trailer_bytes;
	uint8_t last;                    /* the last byte of the body that was consumed */

	struct buf partial;              /* the head so far, when it came in pieces */
	enum problem problem;
};

void http_parser_init(struct http_parser *p, uint64_t max_body);
void http_parser_fini(struct http_parser *p);

/* Gives the request that the next bytes fill. */
void http_parser_begin(struct http_parser *p, struct http_request *req);

/* Reads on. *usedp bytes were consumed. MORE: all of them. CONTINUE: a head is complete and its client waits
 * for 100. DONE: req is complete, call http_parser_begin() before the next. BAD: problem says why. */
enum http_parse http_parser_feed(struct http_parser *p, struct slice bytes, size_t *usedp);

/* Whether a request has begun and is not complete. */
static inline bool http_parser_busy(const struct http_parser *p)
{
	return p->in_head || p->in_body;
}

#endif
