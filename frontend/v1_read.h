/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and HEAD /v1/kv/{key}: the bytes of a value as they were put.
 *
 *	ETag: "<version>"  Last-Modified
 *	Server-Timing: wait;dur=0.012, memory;dur=0.002, disk;dur=0.310      milliseconds; disk only when it was asked
 *
 * wait: from the request's last byte until the look-up began; memory: on the event loop; disk: with a reading thread.
 * If-None-Match (weak comparison) is answered 304, If-Match (strong) that does not hold 412.
 */
#ifndef FRONTEND_V1_READ_H
#define FRONTEND_V1_READ_H

#include "frontend/v1.h"

void v1_get(struct v1 *v, struct http_request *r, struct slice argument);

#endif
