/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries as clients get and send many of them: a JSON object, or an lsm.LSMEntry with its length in front.
 *
 *	{"key":"user:1","value":"alice","version":17,"timestamp":1705932000,"expires_at":1705935600.25}
 *
 * Bytes that are no UTF-8 come as key_base64 and value_base64. Times are seconds since 1970; expires_at has milliseconds
 * when there are some, and is absent when there is none. Pure; any thread.
 */
#ifndef FRONTEND_ENTRY_TEXT_H
#define FRONTEND_ENTRY_TEXT_H

#include "common/base/buf.h"
#include "common/table/entry.h"

void entry_text_json(struct buf *out, const struct entry *e, bool key_only);

/* The length as a varint, then the message; timestamps in milliseconds. */
void entry_text_protobuf(struct buf *out, const struct entry *e);

/* Milliseconds as seconds, with as many decimals as needed. */
void entry_text_seconds(struct buf *out, int64_t ms);

#endif
