/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of batches in their three forms, checked and turned into one encoded write batch. Pure.
 *
 *	JSON      {"operations":[{"type":"write","key":"a","value":"1","ttl":60,"if_version":17},
 *	                         {"type":"delete","key_base64":"/wA=","if_absent":false}]}
 *	NDJSON    the same objects, one a line; empty lines are passed over
 *	protobuf  lsm.WriteBatch (proto/lsm.proto): entries with operation PUT or DELETE, key, value, expires_at, and one of
 *	          if_version, if_absent, if_present; fields in rising order, as every encoder writes them. Its bytes are
 *	          passed on as they are.
 *
 * 1. Nothing is guessed: unknown, missing and repeated members, wrong types, both of "key" and "key_base64" are refused,
 *    and the complaint names the operation.
 * 2. if_version 0 means what if_absent means; if_absent false asks for nothing.
 * 3. What is accepted the engine accepts: it travels in one message with the batches of others.
 */
#ifndef FRONTEND_V1_OPS_H
#define FRONTEND_V1_OPS_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "frontend/problem.h"

struct v1_ops {
	/* set by the caller */
	struct arena *arena;
	struct buf *batch, *complaint;   /* both empty */
	int64_t now_ms;                  /* a ttl counts from here */
	bool basic;                      /* type, key, value and ttl are all that is known: /api/batch */

	/* what was read */
	struct slice bytes;              /* the inside of a WriteBatch: in batch, or the body itself */
	size_t count;
	bool decided;                    /* there are conditions */
};

enum problem v1_ops_json(struct v1_ops *ops, struct slice body);
enum problem v1_ops_ndjson(struct v1_ops *ops, struct slice body);
enum problem v1_ops_protobuf(struct v1_ops *ops, struct slice body);

/* The object of /api/write: key, value and ttl of one put, of nothing else. */
enum problem v1_ops_put(struct v1_ops *ops, struct slice body);

#endif
