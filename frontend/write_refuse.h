/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told whose write was not applied: the problem, when to come again, and of what was decided the reason.
 *
 *	412   "index":0,"version":17      which operation, and the version that its key has (0: it has no value)
 *	409   "index":0,"version":17,"reason":"not_a_number" | "overflow"
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_WRITE_REFUSE_H
#define FRONTEND_WRITE_REFUSE_H

#include "frontend/http_conn.h"
#include "proto/write.h"

/* Answers r; reply and p as pending_done_f has them. */
void write_refuse(struct http_request *r, const struct write_result *reply, enum problem p);

#endif
