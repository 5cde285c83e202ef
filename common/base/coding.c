/* SPDX-License-Identifier: Apache-2.0 */
/* Varints and the protobuf wire walker (coding.h). Pure. */
#include "common/base/coding.h"

#define FIELD_MAX ((1u << 29) - 1)

bool get_varint_slow(const uint8_t **pp, const uint8_t *end, uint64_t *vp)
{
	const uint8_t *p = *pp;
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
		uint8_t c = *p++;

		if (shift == 63 && c > 1)
			return false;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*pp = p;
			*vp = v;
			return true;
		}
	}
	return false;
}

static bool take_fixed(struct wire_reader *r, size_t n, uint64_t *vp)
{
	if ((size_t)(r->end - r->at) < n)
		return false;
	*vp = n == 8 ? get_u64(r->at) : get_u32(r->at);
	r->at += n;
	return true;
}

static bool take_bytes(struct wire_reader *r, struct slice *sp)
{
	uint64_t n;

	if (!get_varint(&r->at, r->end, &n) || n > (uint64_t)(r->end - r->at))
		return false;
	*sp = slice_of(r->at, (size_t)n);
	r->at += n;
	return true;
}

int wire_next(struct wire_reader *r, struct wire_field *f)
{
	uint64_t tag;
	bool ok;

	if (r->at == r->end)
		return 0;
	if (!get_varint(&r->at, r->end, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		return -1;
	f->number = (uint32_t)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	f->value = 0;
	f->bytes = slice_of(NULL, 0);
	switch (tag & 7) {
	case WIRE_VARINT:
		ok = get_varint(&r->at, r->end, &f->value);
		break;
	case WIRE_FIXED64:
		ok = take_fixed(r, 8, &f->value);
		break;
	case WIRE_FIXED32:
		ok = take_fixed(r, 4, &f->value);
		break;
	case WIRE_BYTES:
		ok = take_bytes(r, &f->bytes);
		break;
	default:
		ok = false;
	}
	return ok ? 1 : -1;
}

static void put_tag(struct buf *b, uint32_t field, enum wire_type type)
{
	b->n = (size_t)(put_varint(buf_reserve(b, VARINT_MAX_BYTES), (uint64_t)field << 3 | type) - b->p);
}

static void put_number(struct buf *b, uint64_t v)
{
	b->n = (size_t)(put_varint(buf_reserve(b, VARINT_MAX_BYTES), v) - b->p);
}

void wire_put_varint(struct buf *b, uint32_t field, uint64_t v)
{
	if (v == 0)
		return;
	put_tag(b, field, WIRE_VARINT);
	put_number(b, v);
}

void wire_put_fixed64(struct buf *b, uint32_t field, uint64_t v)
{
	if (v == 0)
		return;
	put_tag(b, field, WIRE_FIXED64);
	put_u64(buf_reserve(b, 8), v);
	b->n += 8;
}

void wire_put_bytes(struct buf *b, uint32_t field, struct slice s)
{
	if (s.n)
		wire_put_message(b, field, s);
}

void wire_put_message(struct buf *b, uint32_t field, struct slice s)
{
	put_tag(b, field, WIRE_BYTES);
	put_number(b, s.n);
	buf_append_slice(b, s);
}
