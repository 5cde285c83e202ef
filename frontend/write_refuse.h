/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told whose write was not applied. Event loop thread only. */
#ifndef FRONTEND_WRITE_REFUSE_H
#define FRONTEND_WRITE_REFUSE_H

#include "frontend/http_conn.h"
#include "proto/write.h"

/* Answers r; reply and p as pending_done_f has them. */
void write_refuse(struct http_request *r, const struct write_result *reply, enum problem p);

#endif
