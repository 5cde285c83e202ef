/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of protobuf fields in place, for the messages of this room that are not unpacked.
 *
 * 1. The fields of a message stand in rising order, each once: as every encoder writes them.
 * 2. An unknown field, or a known one of the wrong wire type, is refused.
 * 3. Takers store a field's value and answer whether it may be so; they log nothing.
 *
 * Seen only in this room. Any thread; nothing is kept.
 */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "common/base/coding.h"
#include "common/base/ids.h"
#include "common/base/status.h"

/* Stores one field; false: unknown here, wrong type or value. */
typedef bool fields_take_f(void *into, const struct wire_field *f);

/* Reads fields with numbers below `stop` and leaves the reader before the first other one (or at the end).
 * NULL, or what is wrong, as the end of a sentence. */
const char *fields_read(struct wire_reader *r, uint32_t stop, fields_take_f *take, void *into);

/* The same for a whole message: no field may be left over. */
const char *fields_read_all(struct slice message, fields_take_f *take, void *into);

/* Moves the reader over fields of this one number and type bytes; the slice covers them, tags included. */
struct slice fields_run(struct wire_reader *r, uint32_t number);

static inline bool fields_u64(const struct wire_field *f, uint64_t *vp)
{
	*vp = f->value;
	return f->type == WIRE_VARINT;
}

static inline bool fields_fixed64(const struct wire_field *f, uint64_t *vp)
{
	*vp = f->value;
	return f->type == WIRE_FIXED64;
}

static inline bool fields_i64(const struct wire_field *f, int64_t *vp)
{
	*vp = (int64_t)f->value;
	return f->type == WIRE_VARINT;
}

static inline bool fields_u32(const struct wire_field *f, uint32_t *vp)
{
	*vp = (uint32_t)f->value;
	return f->type == WIRE_VARINT && f->value <= UINT32_MAX;
}

static inline bool fields_bool(const struct wire_field *f, bool *vp)
{
	*vp = f->value == 1;
	return f->type == WIRE_VARINT && f->value <= 1;
}

static inline bool fields_bytes(const struct wire_field *f, struct slice *sp)
{
	*sp = f->bytes;
	return f->type == WIRE_BYTES;
}

static inline bool fields_seq(const struct wire_field *f, struct seq *sp)
{
	sp->v = f->value;
	return f->type == WIRE_VARINT && f->value <= SEQ_MAX.v;
}

static inline bool fields_file_id(const struct wire_field *f, struct file_id *ip)
{
	ip->v = f->value;
	return f->type == WIRE_VARINT;
}

/* A number that is one of status.def. */
bool fields_status_known(uint64_t number);
bool fields_status(const struct wire_field *f, enum st *stp);

/* The longest beginning of s that is UTF-8 without NUL: what a `string` field may hold. */
struct slice fields_text_prefix(struct slice s);

#endif
