/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes of single keys.
 *
 *	PUT /v1/kv/{key}?ttl=60&sync=true     the body is the value     204, ETag: "<version>"
 *	DELETE /v1/kv/{key}?sync=true                                   204
 *	POST /v1/increment/{key}?sync=true    {"by":5}, or nothing: 1   200, {"value":6,"version":18}
 *
 * Conditions: If-Match: "<version>" or *, If-None-Match: *. Every answer to an applied write says
 *
 *	Durability: synced                    it was on disk before the answer; buffered: it will be, as WAL_SYNC says
 *
 * Each is false when the request cannot be begun before earlier ones of its connection are answered (pending.h).
 */
#ifndef FRONTEND_V1_WRITE_H
#define FRONTEND_V1_WRITE_H

#include "frontend/v1.h"

bool v1_put(struct v1 *v, struct http_request *r, struct slice argument);
bool v1_delete(struct v1 *v, struct http_request *r, struct slice argument);
bool v1_increment(struct v1 *v, struct http_request *r, struct slice argument);

/* Sends what is to be written; written tells the client when it was applied, or why it was not. */
bool v1_submit(struct v1 *v, struct http_request *r, const struct pending_ask *ask, v1_written_f *written);

/* r was found out to depend on what is stored, and earlier ones are still not answered: nothing is read anew. */
bool v1_must_wait(const struct http_request *r);

/* At the beginning of a v1_written_f: counts r, and refuses it when it was not applied. false: it was answered. */
bool v1_was_written(struct http_request *r, const struct write_result *w, enum problem p);

/* Writes the field lines of an applied write: Durability, and ETag when it has one version (else 0). */
const char *v1_written_fields(struct buf *out, const struct write_result *w, uint64_t version);

#endif
