/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings as clients name them (RFC 9110 8.4.1 and 12.5.3): identity and gzip, nothing else. Pure. */
#ifndef FRONTEND_HTTP_CODING_H
#define FRONTEND_HTTP_CODING_H

#include "common/base/slice.h"

/* What a client takes; 0: neither. */
enum {
	HTTP_TAKES_IDENTITY = 1,
	HTTP_TAKES_GZIP = 2,
	HTTP_PREFERS_GZIP = 4            /* not less than identity */
};

/* The value of Accept-Encoding, p NULL when there is none. Members that are no "coding;q=value" are passed over. */
unsigned http_coding_accepted(struct slice accept_encoding);

enum http_coding { HTTP_CODING_IDENTITY, HTTP_CODING_GZIP, HTTP_CODING_OTHER };

/* The value of Content-Encoding, p NULL when there is none. */
enum http_coding http_coding_of(struct slice content_encoding);

#endif
