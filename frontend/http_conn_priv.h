/* SPDX-License-Identifier: Apache-2.0 */
/* A connection from the inside, for the two files that run it: http_conn.c (bytes) and http_answer.c (order
 * of answers). */
#ifndef FRONTEND_HTTP_CONN_PRIV_H
#define FRONTEND_HTTP_CONN_PRIV_H

#include "frontend/http_conn.h"
#include "frontend/http_parse.h"

struct bufferevent;

#define HTTP_CONN_MAGIC 0x436f6e01u

struct http_conn {
	uint32_t magic;
	int fd;
	struct http_shared *shared;
	struct bufferevent *bev;
	struct http_conn *prev, *next, *dirty_next;
	struct http_parser parser;

	struct http_request *first, *last;      /* under way, in order */
	struct http_request *held;              /* the last of them, refused by the handler for the moment */
	unsigned waiting, changing, slow;
	size_t kept_bytes;                      /* of answers that wait for earlier ones */

	struct buf out;                         /* answers of this turn */
	bool dirty, reading, writing, no_more, eof, linger, broken, owes_continue;
	uint64_t since_s;                       /* when the present phase began, or last moved */
	size_t unsent;                          /* at the last tick */
};

void http_conn__mark_dirty(struct http_conn *c);         /* http_flush() will give it a turn */

/* The buffer for this turn's answers, from the shared spare ones and back. */
void http_conn__take_buffer(struct http_conn *c);
void http_conn__give_buffer(struct http_conn *c);

struct http_request *http_conn__pop_first(struct http_conn *c);
void http_conn__release_request(struct http_request **rp);

/* Moves the answers whose turn has come to the output. */
void http_conn__advance(struct http_conn *c);

#endif
