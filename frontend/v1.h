/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native API on single keys and lists of keys: what its handlers share. Event loop thread only.
 *
 *	v1_read    GET and HEAD /v1/kv/{key}       v1_explain says how such a read went
 *	v1_write   PUT and DELETE /v1/kv/{key}, POST /v1/increment/{key}
 *	v1_batch   POST /v1/batch                  v1_ops reads its operations
 *	v1_mget    POST /v1/mget
 */
#ifndef FRONTEND_V1_H
#define FRONTEND_V1_H

#include "frontend/http_conn.h"
#include "frontend/pending.h"
#include "frontend/query.h"
#include "frontend/reads.h"

struct v1 {
	struct reads *reads;             /* on loan, as pending */
	struct pending *pending;
	struct buf batch, complaint;     /* scratch */
};

/* As http_request.written; ctx is the struct v1. */
typedef void v1_written_f(void *ctx, struct http_request *r, const struct write_result *w, enum problem p);

/* Each is false when the request was refused, and answered. */

/* Decodes the key of a path into r->key; it may hold any byte. The token of r reaches it. */
bool v1_take_key(struct http_request *r, struct slice argument);

/* Reads the query, as query_read(). */
bool v1_take_query(struct v1 *v, struct http_request *r, struct query_param *params, size_t count);
bool v1_take_number(struct v1 *v, struct http_request *r, const struct query_param *p, uint64_t min, uint64_t max, uint64_t *vp);
bool v1_take_flag(struct v1 *v, struct http_request *r, const struct query_param *p, bool *vp);

bool v1_is_type(struct slice content_type, const char *type);     /* whatever its parameters */
bool v1_takes_json(struct http_request *r);                       /* the body is JSON, or does not say */

#endif
