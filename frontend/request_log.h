/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request that was answered: counted by its status, told to the access log, and to the log when it was slow.
 *
 * How slow is slow stands on the scoreboard, where the supervisor puts it (SLOW_REQUEST_MS, lsmctl set): it is looked
 * up at every tick. At most SLOW_PER_SECOND slow requests a second are told, the others counted.
 *
 * Event loop thread only; the access log has a thread of its own.
 */
#ifndef FRONTEND_REQUEST_LOG_H
#define FRONTEND_REQUEST_LOG_H

#include "common/base/conf.h"
#include "frontend/http_conn.h"

struct request_log;

/* Opens ACCESS_LOG; a refusal is logged. */
enum st request_log_new(const struct conf *c, struct request_log **lp) MUST_USE;
void request_log_free(struct request_log **lp);          /* writes what is left */

void request_log_reopen(struct request_log *l);
void request_log_tick(struct request_log *l);            /* every 50 ms or so */

/* An http_done_f; ctx is the request_log. */
void request_log_done(void *ctx, const struct http_request *r, const struct http_done *d);

#endif
