/* SPDX-License-Identifier: Apache-2.0 */
/* Media types as clients name them (RFC 9110 8.3 and 12.5.1). Types in here are in lower case. Pure. */
#ifndef FRONTEND_MEDIA_H
#define FRONTEND_MEDIA_H

#include "common/base/slice.h"

#define MEDIA_JSON "application/json"
#define MEDIA_NDJSON "application/x-ndjson"
#define MEDIA_PROTOBUF "application/x-protobuf"

/* How far a client wants a type, by the value of Accept (p NULL: it was not sent). */
enum media_wish {
	MEDIA_REFUSED,                   /* not in it, or with q=0 */
	MEDIA_TAKEN,                     /* by a wildcard, or because nothing was said */
	MEDIA_NAMED
};
enum media_wish media_wish(struct slice accept, const char *type);

/* Is this type to be sent in place of the usual one? It is named, and weighs no less. */
bool media_is_preferred(struct slice accept, const char *type, const char *usual);

/* Is a Content-Type this one, whatever its parameters? */
bool media_is(struct slice content_type, const char *type);

#endif
