/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes: which method at which path is which call. Pure.
 *
 * Paths are compared as sent, still percent-encoded. A pattern that ends in '/' takes the rest of the path as
 * its argument, slashes included. HEAD is answered wherever GET is, OPTIONS everywhere; the path "*" is every path.
 */
#ifndef FRONTEND_ROUTES_H
#define FRONTEND_ROUTES_H

#include "common/base/buf.h"
#include "frontend/http_request.h"
#include "frontend/tokens.h"

enum route {
	ROUTE_NONE,                      /* no such path */
	ROUTE_WRONG_METHOD,              /* the path is there, the method is not */
	ROUTE_OPTIONS,                   /* what can be done with the path */
	ROUTE_WRITE, ROUTE_READ, ROUTE_DELETE, ROUTE_BATCH,
	ROUTE_STATS, ROUTE_HEALTH, ROUTE_METRICS, ROUTE_LIVE, ROUTE_READY, ROUTE_OPENAPI,
	ROUTE_V1_GET, ROUTE_V1_PUT, ROUTE_V1_DELETE, ROUTE_V1_INCREMENT, ROUTE_V1_BATCH, ROUTE_V1_MGET, ROUTE_WATCH,
	ROUTE_V1_LIST, ROUTE_V1_DELETE_RANGE, ROUTE_V1_EXPORT, ROUTE_V1_IMPORT, ROUTE_V1_SNAPSHOTS, ROUTE_V1_SNAPSHOT_DELETE
};

struct route_match {
	enum route route;
	struct slice argument;           /* behind the pattern; in path */
	unsigned methods;                /* that the path has: bit 1 << enum http_method */
};

struct route_match routes_find(enum http_method method, struct slice path);

/* What a call asks of who calls it. Every route has a row there: one that is forgotten is an admin's. */
struct access_need routes_need(enum route route);

/* Appends "GET, HEAD, OPTIONS". */
void routes_write_methods(unsigned methods, struct buf *out);

#endif
