/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told about a request that was answered: a line of JSON for the access log, a sentence when it was slow. Pure.
 *
 *	{"time":"2026-01-22T10:00:00.000Z","client":"192.0.2.7","method":"GET","path":"/api/read/","argumentBytes":8,
 *	 "status":200,"bytes":47,"us":112,"tokenLine":3}
 *
 * 1. Without keys the path ends where the key begins; a path that is no call's is not told at all, nor is the query.
 * 2. Whatever bytes a client sent, the line is valid JSON and has no line break in it.
 */
#ifndef FRONTEND_REQUEST_LINE_H
#define FRONTEND_REQUEST_LINE_H

#include "frontend/http_request.h"

struct request_facts {
	int64_t wall_ms;                 /* when it was answered */
	const char *client;              /* its address; "-": gone */
	enum http_method method;
	struct slice path, query;        /* as sent */
	size_t argument_bytes;           /* of the path: the key */
	bool routed;                     /* the path is one of ours */
	bool with_keys;                  /* they may be told */
	unsigned status;
	uint64_t bytes;                  /* of the answer's body */
	uint64_t receive_us;             /* from the first byte of the request to the last */
	uint64_t hold_us;                /* then until a handler took it */
	uint64_t serve_us;               /* then until the answer was there */
	unsigned token_line;             /* 0: none was asked for, or none fitted */
};

void request_line_access(struct buf *out, const struct request_facts *f);        /* its line break included */
void request_line_slow(struct buf *out, const struct request_facts *f);

#endif
