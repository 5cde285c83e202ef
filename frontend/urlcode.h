/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-coding of URLs (RFC 3986): what a path says as bytes, and nothing that could mean two things. */
#ifndef FRONTEND_URLCODE_H
#define FRONTEND_URLCODE_H

#include "common/base/slice.h"

/* Writes the decoded bytes of in at out (room for in.n); false for a lone or wrong %, %00, or a byte that a
 * URL may not carry unescaped (space, control, 8-bit, quotes and brackets of RFC 3986's excluded set). '+'
 * stays '+'. */
bool urlcode_decode(struct slice in, uint8_t *out, size_t *np);

/* The same for keys, which may hold any byte: %00 is one. */
bool urlcode_decode_bytes(struct slice in, uint8_t *out, size_t *np);

#endif
