/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/mget: the values of many keys, in the order asked, at one snapshot.
 *
 *	{"keys":["a","b"]} or {"keys_base64":["/wA=", ...]}          at most 10000 keys
 *	-> {"items":[{"key":"a","found":true,"value":"1","version":17,"timestamp":1705932000},
 *	             {"key":"b","found":false}],"version":18}
 *
 * version: the snapshot's; no item has a higher one. A key whose stored data is damaged has "error":"corrupt" in place of
 * "found". When the items of all keys but the last come to MGET_MAX_BYTES the answer is 413 answer_too_large with the
 * index of the first key that was not reached.
 */
#ifndef FRONTEND_V1_MGET_H
#define FRONTEND_V1_MGET_H

#include "frontend/v1.h"

enum { MGET_MAX_BYTES = 16 << 20 };

void v1_mget(struct v1 *v, struct http_request *r);

#endif
