/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as bytes: little-endian fixed width, protobuf varints, and a reader that walks protobuf wire format
 * in place (https://protobuf.dev/programming-guides/encoding/) for the hot paths that do not unpack.
 *
 * Readers never trust: each get returns false (and moves nothing) when the bytes do not suffice.
 */
#ifndef BASE_CODING_H
#define BASE_CODING_H

#include "common/base/buf.h"

#define VARINT_MAX_BYTES 10

static inline void put_u32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }   /* the house runs little-endian only */
static inline void put_u64(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }
static inline uint32_t get_u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t get_u64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }

/* Writes v at p (room for VARINT_MAX_BYTES) and returns the end. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static inline size_t varint_size(uint64_t v)
{
	return (size_t)(9 * (64 - (v ? __builtin_clzll(v) : 63)) + 64) / 64;
}

/* Reads a varint from *pp (before end) and moves *pp behind it; false when cut short or longer than 10 bytes. */
bool get_varint_slow(const uint8_t **pp, const uint8_t *end, uint64_t *vp);

static inline bool get_varint(const uint8_t **pp, const uint8_t *end, uint64_t *vp)
{
	if (*pp < end && **pp < 0x80) {
		*vp = *(*pp)++;
		return true;
	}
	return get_varint_slow(pp, end, vp);
}

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* One field of a message: number, type, and its value (number for varint and fixed, bytes for WIRE_BYTES). */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;
	struct slice bytes;      /* good as long as the message's bytes */
};

struct wire_reader {
	const uint8_t *at, *end;
};

static inline struct wire_reader wire_reader(struct slice message)
{
	return (struct wire_reader){ message.p, slice_end(message) };
}

/* The next field into *f: 1 = one was read, 0 = the message ended cleanly, -1 = it is no protobuf message
 * (cut short, field number 0 or above 2^29-1, a group). */
int wire_next(struct wire_reader *r, struct wire_field *f);

void wire_put_varint(struct buf *b, uint32_t field, uint64_t v);      /* omitted when v is 0, as proto3 does */
void wire_put_fixed64(struct buf *b, uint32_t field, uint64_t v);     /* omitted when v is 0 */
void wire_put_bytes(struct buf *b, uint32_t field, struct slice s);   /* omitted when empty */
void wire_put_message(struct buf *b, uint32_t field, struct slice s); /* written even when empty */

#endif
