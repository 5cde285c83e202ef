/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entity tags (RFC 9110 8.8.3). Ours is the version of an entry in quotes: "17". Pure.
 *
 *	If-Match, If-None-Match = "*" | tag ("," tag)*            tag = ["W/"] '"' bytes but '"' '"'
 *
 * Empty elements of a list mean nothing (RFC 9110 5.6.1); one of these alone is none.
 * A tag that is no version of ours is sound and matches nothing.
 */
#ifndef FRONTEND_ETAG_H
#define FRONTEND_ETAG_H

#include "common/base/buf.h"

enum etag_form { ETAG_MALFORMED, ETAG_ANY, ETAG_ONE, ETAG_LIST };

struct etag_set {
	enum etag_form form;
	uint64_t version;                /* ETAG_ONE: 0 when it can match nothing under a strong comparison */
	bool matches;                    /* with the version asked about; always with ETAG_ANY */
};

/* Reads the value of a field and compares with version. weak: W/ is no difference; else a weak tag never matches. */
struct etag_set etag_read(struct slice field, uint64_t version, bool weak);

void etag_append(struct buf *out, uint64_t version);     /* a field line: ETag: "17" CR LF */

#endif
