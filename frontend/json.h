/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request bodies: JSON in, an encoded write batch out. The only file that knows jansson. Pure; any thread.
 *
 *	{"key":"user:1","value":"alice"}
 *	{"operations":[{"type":"write","key":"a","value":"1"},{"type":"delete","key":"b"}]}
 *
 * 1. Nothing is guessed: duplicate, missing and unknown members, wrong types and wrong UTF-8 are refused, and
 *    the complaint names the place.
 * 2. Keys and values may hold zero bytes ("\u0000").
 * 3. A refused body leaves the batch as it was.
 */
#ifndef FRONTEND_JSON_H
#define FRONTEND_JSON_H

#include "common/base/buf.h"
#include "frontend/problem.h"

/* Appends the one put of a write body to batch. PROBLEM_NONE, or a problem with its sentence in complaint. */
enum problem json_read_write(struct slice body, struct buf *batch, struct buf *complaint);

/* The same for a batch body; *countp operations. */
enum problem json_read_batch(struct slice body, struct buf *batch, size_t *countp, struct buf *complaint);

#endif
