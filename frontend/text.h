/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as JSON text: quoting with a UTF-8 check in the same pass, and base64 for what is not UTF-8. Pure. */
#ifndef FRONTEND_TEXT_H
#define FRONTEND_TEXT_H

#include "common/base/buf.h"

/* Appends s as a quoted JSON string. false, and out as it was, when s is not valid UTF-8 (RFC 3629). */
bool text_quote(struct buf *out, struct slice s);

/* The same for texts made for people: a byte that is no valid UTF-8 becomes U+FFFD. */
void text_quote_any(struct buf *out, struct slice s);

/* Appends "name":"text", or "name_base64":"..." when s is no text. */
void text_member(struct buf *out, const char *name, struct slice s);

void text_base64(struct buf *out, struct slice s);      /* RFC 4648 with padding, no quotes */

/* Writes the bytes that text stands for at out (room for text.n / 4 * 3), *np of them; false when it is not base64 as
 * text_base64() writes it. */
bool text_unbase64(struct slice text, uint8_t *out, size_t *np);

#endif
