/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: accepts connections from an inherited listening socket, ticks once a second, drains on request.
 * Event loop thread only.
 *
 * At max_connections it stops accepting: further clients wait in the kernel's queue until one of ours ends.
 */
#ifndef FRONTEND_HTTP_SERVER_H
#define FRONTEND_HTTP_SERVER_H

#include "frontend/http_conn.h"

struct http_server;
struct loop;

/* listener: a listening socket, on loan, made non-blocking; -1: connections come by http_server_adopt() only.
 */
void http_server_new(struct loop *loop, int listener, size_t max_connections,
		     const struct http_limits *limits, http_handle_f *handle, void *ctx,
		     struct http_server **sp);
void http_server_plan(struct http_server *s, http_plan_f *plan);      /* before the loop runs */
void http_server_cors(struct http_server *s, const struct cors *cors);     /* on loan */
void http_server_done(struct http_server *s, http_done_f *done, void *ctx);        /* who is told of answers */

/* Connections that come from now on speak TLS; on loan until the next call. */
void http_server_tls(struct http_server *s, struct http_tls_context *tls);
void http_server_free(struct http_server **sp);

void http_server_adopt(struct http_server *s, int fd);       /* serves a connected socket, taken over */

/* Accepts no more, and ends each connection after its next answers. */
void http_server_drain(struct http_server *s);

/* Ends the connections that wait for a request, which would be lost if it were on its way: so some time after the drain
 * began. */
void http_server_close_idle(struct http_server *s);

/* Ends those that are in the middle of a stream, so that what they got is not taken for all of it. */
void http_server_cut_streams(struct http_server *s);
size_t http_server_connections(const struct http_server *s);
void http_server_flush(struct http_server *s);               /* http_flush() */

#endif
