/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes as Server-Sent Events (HTML Living Standard, 9.2):
 *
 *	id: 17
 *	event: put
 *	data: {"key":"a","value":"1","version":17,"timestamp":1700000000,"expires_at":1700000060.25}
 *
 * followed by an empty line; the data is an entry as anywhere (entry_text.h), without value when it was deleted. A
 * comment that carries an id moves the client's Last-Event-ID on and is no event to it. Pure.
 */
#ifndef FRONTEND_SSE_H
#define FRONTEND_SSE_H

#include "common/base/buf.h"
#include "proto/write.h"

void sse_change(struct buf *out, const struct write_op *op, uint64_t version, int64_t timestamp_ms);

/* Everything up to version has been told. */
void sse_comment(struct buf *out, const char *text, uint64_t version);

/* The changes behind what the client has seen are no longer kept. */
void sse_gone(struct buf *out, uint64_t oldest_version);

#endif
