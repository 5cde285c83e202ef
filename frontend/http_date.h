/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that every answer carries, formatted once a second. Event loop thread only. */
#ifndef FRONTEND_HTTP_DATE_H
#define FRONTEND_HTTP_DATE_H

#include "common/base/buf.h"

void http_date_refresh(void);            /* every second */
/* "Server: lsm-engine\r\nDate: ...\r\n"; good until the next refresh. read: it answers a GET or HEAD, and caches on the way, which
 * would make up for how long (RFC 9111 4.2.2), are told to ask again each time. */
struct slice http_date_fields(bool read);

/* Appends a moment, seconds since 1970, in the same form. Pure. */
void http_date_append(struct buf *out, int64_t seconds);

#endif
