/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: every request passes here before a handler sees it, and every key before it is read or changed.
 *
 *	Authorization: Bearer TOKEN --> AUTH_TOKENS_FILE --> role, prefix --> enough for the route? for the key?
 *
 * 1. Without AUTH_TOKENS_FILE everybody is an admin: who reaches the port is decided by HOST and LISTEN_PUBLIC.
 * 2. 401 says that no token came or a wrong one, 403 what it lacks. Which tokens there are is told to nobody.
 * 3. A token that is confined to a prefix reaches routes without keys and those that ask access_key() for each, and
 *    no others (a range of keys counts as each of them, access_range()): a new route is closed to it until its row says that it does.
 * 4. A reload that fails changes nothing.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_ACCESS_H
#define FRONTEND_ACCESS_H

#include "frontend/http_conn.h"
#include "frontend/tokens.h"

struct access;

/* path: the tokens' file; empty: there are none. A refusal is logged. */
enum st access_new(const char *path, struct access **ap) MUST_USE;
enum st access_reload(struct access *a) MUST_USE;
void access_free(struct access **ap);

/* Whether r may go to a handler; else it was answered. Asking twice does no harm. */
bool access_admit(struct access *a, struct http_request *r, struct access_need need);

/* The same without an answer, for a request whose body has not arrived. */
bool access_would_admit(const struct access *a, const struct http_request *r, struct access_need need);

/* Whether r would still be admitted and still reach the keys of the prefix, when tokens were read anew since it was admitted. */
bool access_still_admits(const struct access *a, const struct http_request *r, struct access_need need, struct slice prefix);

/* Whether r, which was admitted, may touch the key; else it was answered. */
bool access_key(struct http_request *r, struct slice key);
bool access_range(struct http_request *r, struct slice start, struct slice end);  /* end: not included; empty: no bound */
bool access_is_confined(const struct http_request *r);

#endif
