/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as a filter between a connection and its socket: ciphertext in, plain bytes out, and the other way round. The only
 * file that knows OpenSSL.
 *
 *	socket --> cipher --> http_tls_open --> plain --> parser
 *	socket <-- wire   <-- http_tls_seal <-- plain <-- answers
 *	                  ^-- what the handshake has to say comes out of http_tls_open
 *
 * 1. It never touches the socket, so a connection reads, writes, waits and ends in one way, with TLS or without: what a
 *    turn answers leaves with one send(2), what comes is read once, however many records it is.
 * 2. TLS 1.2 with forward secrecy and TLS 1.3; no renegotiation, no compression, no early data. Sessions are resumed by
 *    tickets; nothing is stored.
 * 3. A context that was replaced lives on in the connections that began with it.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_HTTP_TLS_H
#define FRONTEND_HTTP_TLS_H

#include "common/base/buf.h"
#include "common/base/status.h"

struct evbuffer;
struct http_tls_context;
struct http_tls;

/* The certificate with its chain and the key, both PEM. ST_INVALID with a sentence in complaint. */
enum st http_tls_context_new(const char *cert_path, const char *key_path, struct http_tls_context **cp,
			     struct buf *complaint) MUST_USE;
/* Sessions that another context with the same secret began are resumed here, too: its bytes are the keys of the tickets. Without
 * it, or when it has not the length that OpenSSL wants, a context resumes its own ones only. */
void http_tls_share_sessions(struct http_tls_context *c, struct slice secret);
void http_tls_context_free(struct http_tls_context **cp);

struct http_tls *http_tls_new(struct http_tls_context *c);
void http_tls_free(struct http_tls **tp);

enum http_tls_got {
	HTTP_TLS_MORE,                   /* all was taken; more may come */
	HTTP_TLS_FULL,                   /* plain has a good piece; ask again when that was read */
	HTTP_TLS_END,                    /* the client said that nothing more comes */
	HTTP_TLS_BAD,                    /* the client speaks another protocol, or a wrong one; an alert is in wire */
	HTTP_TLS_PLAIN_HTTP              /* it speaks HTTP without TLS */
};

/* Takes from cipher, appends to plain, and to wire what must be sent. */
enum http_tls_got http_tls_open(struct http_tls *t, struct evbuffer *cipher, struct evbuffer *plain, struct buf *wire);

/* Appends plain, encrypted, to wire. The handshake is over. False: the session is broken. */
bool http_tls_seal(struct http_tls *t, struct slice plain, struct buf *wire);

/* Appends the end of the session (close_notify) to wire, once, if there is a session. */
void http_tls_finish(struct http_tls *t, struct buf *wire);

bool http_tls_is_open(const struct http_tls *t);         /* the handshake is over */

#endif
