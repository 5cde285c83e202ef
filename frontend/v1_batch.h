/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/batch?sync=true: operations that are applied all or not at all.
 *
 * Content-Type application/json (or none), application/x-ndjson or application/x-protobuf says the form (v1_ops.h).
 * Answers {"versions":[17,18,...]}, one for each operation in order.
 */
#ifndef FRONTEND_V1_BATCH_H
#define FRONTEND_V1_BATCH_H

#include "frontend/v1_write.h"

bool v1_batch(struct v1 *v, struct http_request *r);     /* false: not yet, as in v1_write.h */

#endif
