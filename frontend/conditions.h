/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that would make another write of a request, where they cannot be heeded. Who sent one relies on it, so the write
 * is refused rather than done without. Event loop thread only.
 *
 *	If-Match, If-None-Match  where nothing has a version that could be compared
 *	If-Unmodified-Since      anywhere: several versions of a key may have the same second. Beside If-Match it means
 *	                         nothing (RFC 9110 13.1.4)
 *	Content-Range            a part of a value (RFC 9110 14.5)
 */
#ifndef FRONTEND_CONDITIONS_H
#define FRONTEND_CONDITIONS_H

#include "frontend/http_conn.h"

/* Each is false when the request was refused, and answered. */
bool conditions_take_none(struct http_request *r);       /* the call knows none */
bool conditions_take_no_date(struct http_request *r);    /* it knows entity tags */
bool conditions_take_no_part(struct http_request *r);

#endif
