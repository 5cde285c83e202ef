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
 * 2. It holds at most HTTP_HEAD_MAX_BYTES of an unfinished head. Bytes of the body are appended to req->body,
 *    at most max_body of them; whoever takes some out of there meanwhile may set max_body higher.
 * 3. The answer is the same however the bytes were cut into pieces.
 * 4. What a chunked body brings beside its data is bounded: sizes and extensions by 8 KiB and 32 bytes a chunk, trailers by
 *    8 KiB and 64 lines.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_HTTP_PARSE_H
#define FRONTEND_HTTP_PARSE_H

#include <llhttp.h>

#include "frontend/http_head.h"
#include "frontend/http_request.h"
#include "frontend/http_trailer.h"

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_HEAD, HTTP_PARSE_DONE, HTTP_PARSE_BAD };

/* Looks at a request whose head was read: how many bytes its body may have. */
typedef uint64_t http_parse_plan_f(void *ctx, struct http_request *r);

struct http_parser {
	llhttp_t ll;
	struct http_head head;
	struct http_request *req;        /* being filled; on loan */
	uint64_t max_body, limit;        /* of any body, and of this request's */
	http_parse_plan_f *plan;         /* NULL: max_body it is */
	void *ctx;
	bool secure;                     /* what it reads came over TLS */
	bool in_head, in_body;           /* neither: between two requests */
	bool skipped_line, cr_seen;      /* the empty line before the request: was one, its CR was */

	/* what the fields said */
	enum http_field_id field;        /* being read */
	unsigned host_count, spans;
	struct slice host;
	bool expects, chunked, complete;
	bool says_close, says_keep_alive;        /* the Connection field */
	bool in_trailer;                 /* the last chunk was seen; llhttp is done */
	struct http_trailer trailer;
	uint64_t body_bytes;
	uint64_t fed_bytes, chunks;      /* of the body: read before piece, and chunks with data so far */
	const uint8_t *piece;            /* being read */

	struct buf partial;              /* the head so far, when it came in pieces */
	enum problem problem;
};

void http_parser_init(struct http_parser *p, uint64_t max_body);
void http_parser_fini(struct http_parser *p);

/* Gives the request that the next bytes fill. */
void http_parser_begin(struct http_parser *p, struct http_request *req);

/* Reads on. *usedp bytes were consumed. MORE: all of them. HEAD: a head is complete, its body is to come (the
 * client waits for 100 when expects is set). DONE: req is complete, call http_parser_begin() before the next. BAD:
 * problem says why. */
enum http_parse http_parser_feed(struct http_parser *p, struct slice bytes, size_t *usedp);

/* Lets go of a request that is not complete: the parser takes no more bytes. */
void http_parser_drop(struct http_parser *p);

/* Whether a request has begun and is not complete. */
static inline bool http_parser_busy(const struct http_parser *p)
{
	return p->in_head || p->in_body;
}

#endif
