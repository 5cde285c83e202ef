/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c's unpack behind a strict door: nothing is unpacked before its bytes were walked and found in
 * order. What the library lets through and this door refuses: fields we do not know, twice or out of order,
 * wrong wire types, numbers too large for their field, text that is not UTF-8 or holds a NUL, deep nesting,
 * endless lists.
 *
 * Everything unpacked lives in the arena. Seen only in this room. Any thread.
 */
#ifndef PROTO_UNPACK_H
#define PROTO_UNPACK_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/status.h"

/* The message d describes, at most max_bytes long. Never freed: it goes with the arena. */
enum st unpack_strict(const ProtobufCMessageDescriptor *d, struct slice message, size_t max_bytes, struct arena *a,
    ProtobufCMessage **mp) MUST_USE;

/* Appends the packed message. */
void unpack_reverse(const ProtobufCMessage *m, struct buf *out);

/* What a `string` field may hold of s (UTF-8, no NUL), as a C string in the arena; never NULL. */
char *unpack_text(struct arena *a, struct slice s);

#endif
