/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of /api/write and /api/batch: JSON in, an encoded write batch out. Pure; any thread.
 *
 *	{"key":"user:1","value":"alice"}                                     and, if wanted, "ttl":60
 *	{"operations":[{"type":"write","key":"a","value":"1","ttl":60},{"type":"delete","key":"b"}]}
 *
 * 1. Nothing is guessed: duplicate, missing and unknown members, wrong types and wrong UTF-8 are refused, and
 *    the complaint names the place.
 * 2. Keys and values may hold zero bytes ("\u0000").
 * 3. A refused body leaves the batch as it was.
 * 4. "ttl" is in seconds, 1 to TTL_MAX_SECONDS, and becomes a moment of expiry: now_ms, when the request was
 *    received (wall clock), and so many seconds.
 */
#ifndef FRONTEND_JSON_H
#define FRONTEND_JSON_H

#include "common/base/buf.h"
#include "frontend/problem.h"

/* Appends the one put of a write body to batch. PROBLEM_NONE, or a problem with its sentence in complaint. */
enum problem json_read_write(struct slice body, int64_t now_ms, struct buf *batch, struct buf *complaint);

/* The same for a batch body; *countp operations. */
enum problem json_read_batch(struct slice body, int64_t now_ms, struct buf *batch, size_t *countp,
			     struct buf *complaint);

#endif
