/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that are about the methods of a path: to OPTIONS, a browser's preflight included, and to a method that
 * the path does not have. Event loop thread only. */
#ifndef FRONTEND_METHODS_H
#define FRONTEND_METHODS_H

#include "frontend/http_conn.h"
#include "frontend/routes.h"

void methods_answer_options(struct http_request *r, const struct route_match *m);        /* 204 with Allow */
void methods_answer_wrong(struct http_request *r, const struct route_match *m);          /* 405 with Allow */

#endif
