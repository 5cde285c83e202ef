/* SPDX-License-Identifier: Apache-2.0 */
/* base64 that may stand in a URL as it is: the second alphabet of RFC 4648, no padding. Pure. */
#ifndef FRONTEND_BASE64URL_H
#define FRONTEND_BASE64URL_H

#include "common/base/buf.h"

void base64url_write(struct buf *out, struct slice s);

/* Appends the bytes that text stands for. false, and out as it was: no base64url_write() has written it. */
bool base64url_read(struct slice text, struct buf *out);

#endif
