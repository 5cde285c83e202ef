/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of operators and of what watches over the server: health, readiness, liveness, metrics, statistics, the
 * description of the interface. Each is answered at once from the scoreboard, the board and the view; none waits for the
 * engine, so they answer when it does not.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_OPERATE_H
#define FRONTEND_OPERATE_H

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "frontend/attach.h"
#include "frontend/http_conn.h"
#include "frontend/pending.h"

/* Begins with the three on loan, all else 0. */
struct operate {
	const struct conf *conf;
	struct attach *attach;
	struct pending *pending;
	struct buf body, complaint;      /* scratch */
};

void operate_health(struct operate *o, struct http_request *r);
void operate_ready(struct operate *o, struct http_request *r);
void operate_live(struct http_request *r);
void operate_openapi(struct http_request *r);
void operate_metrics(struct operate *o, struct http_request *r);
void operate_stats(struct operate *o, struct http_request *r);

#endif
