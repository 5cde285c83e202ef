/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are written bit by bit, however long they become, in constant memory: chunked for HTTP/1.1, ended by
 * the end of the connection for HTTP/1.0.
 *
 *	begin ---> OPEN <---> FULL          full: a write said so; more() follows when the client has taken enough
 *	             |
 *	             |-- end    the answer is complete
 *	             |-- abort  it is not, and the client can tell: the connection is cut
 *	             |-- break  it is not, but what was written still reaches the client
 *	             `-- gone() the client went away, or did not read for too long
 *
 * 1. Whoever has begun a stream ends, aborts or breaks it, unless gone() was called. After any of the four neither the
 *    stream nor its request may be touched.
 * 2. What a write says is advice: its bytes are always taken. Who keeps to it has at most about HTTP_STREAM_HIGH
 *    bytes unsent.
 * 3. Requests behind a stream wait until it has ended. A stream behind other answers waits for them: it is full
 *    until its turn has come.
 *    One with finish() that is coded is decodable up to the last write of each turn of the event loop.
 * 4. more(), finish() and gone() are called from the event loop, never out of a function of this header.
 * 5. A drain waits for a stream to end. One with finish() is told to end soon; and as it could go on for ever, its
 *    client is taken for gone when it closes its side only.
 *
 * Event loop thread only. http_flush() follows what is written outside the HTTP layer's own calls.
 */
#ifndef FRONTEND_HTTP_STREAM_H
#define FRONTEND_HTTP_STREAM_H

#include "frontend/http_conn.h"

enum { HTTP_STREAM_HIGH = 256 << 10, HTTP_STREAM_LOW = 64 << 10 };

struct http_stream;

struct http_stream_ops {
	void (*more)(void *ctx, struct http_stream *s);          /* write on; after each write that said full */
	void (*gone)(void *ctx);
	void (*finish)(void *ctx, struct http_stream *s);        /* NULL: it ends by itself */
};

struct http_stream_head {
	unsigned status;
	const char *type, *fields;       /* as in struct http_answer */
	bool compress;                   /* may go as gzip, when the client prefers that */
};

/* Begins the answer of r. NULL when nothing is to be written, because r is a HEAD, its client is gone, or takes only
 * gzip when there is no memory for that: r is answered then, and no function of ops is called. */
struct http_stream *http_stream_begin(struct http_request *r, const struct http_stream_head *head,
				      const struct http_stream_ops *ops, void *ctx);

/* Takes all bytes. false: full, write no more until more(). */
bool http_stream_write(struct http_stream *s, struct slice bytes);

void http_stream_end(struct http_stream **sp);
void http_stream_abort(struct http_stream **sp);

/* Ends one that is not complete, when what was written is worth reading, a last word about the reason above all: it is
 * still sent. The last chunk is not, so that a client of HTTP/1.1 can tell. */
void http_stream_break(struct http_stream **sp);

#endif
