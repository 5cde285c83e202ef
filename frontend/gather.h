/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering: the writes that wait to be sent, in groups; a group becomes one WriteRequest, each HTTP request
 * in it one batch. Pure data; event loop thread only.
 *
 * 1. Groups and the requests in them keep the order of arrival.
 * 2. While the engine accepts deletes only, those are not gathered with what it would refuse.
 * 3. A group is closed at WRITE_GATHER_BYTES or most batches, and when its oldest request is
 *    GATHER_SPAN_US older than the next: then all of a group grow too old at about the same time.
 */
#ifndef FRONTEND_GATHER_H
#define FRONTEND_GATHER_H

#include "frontend/http_request.h"

enum { GATHER_SPAN_US = 50000 };

enum gather_kind { GATHER_ALL, GATHER_PUTS, GATHER_DELETES };

struct write_group {
	struct write_group *next;
	struct http_request *first, *last;       /* by link */
	struct buf batches;
	enum gather_kind kind;
	bool sync;                               /* one of them asks for a sync: all are answered after it */
	size_t count;
	uint64_t oldest_us;

	/* once it is sent */
	uint64_t request_id, connection;
};

struct gather {
	struct write_group *first, *last, *spare;
	size_t count, bytes;                     /* of all groups that wait */
	size_t most;                             /* batches of a group; 0: WRITE_GATHER_BATCHES */
};

void gather_fini(struct gather *g);                      /* groups must have been taken */

/* Adds a request with its operations (the inside of a WriteBatch) to a group of that kind. */
void gather_add(struct gather *g, struct http_request *r, struct slice batch, enum gather_kind kind, bool sync);

struct write_group *gather_take(struct gather *g); /* the oldest group, now the caller's; NULL when none */
void gather_release(struct gather *g, struct write_group **groupp);      /* its requests were taken out */

struct http_request *write_group_pop(struct write_group *group); /* the next request; NULL at the end */

#endif
