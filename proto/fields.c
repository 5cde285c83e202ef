/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of protobuf fields in place (see fields.h). */
#include "proto/fields.h"

const char *fields_read(struct wire_reader *r, uint32_t stop, fields_take_f *take, void *into)
{
	struct wire_field f;
	uint32_t last = 0;

	for (;;) {
		struct wire_reader before = *r;
		int got = wire_next(r, &f);

		if (got < 0)
			return "is cut short or no protobuf message";
		if (got == 0)
			return NULL;
		if (f.number >= stop) {
			*r = before;
			return NULL;
		}
		if (f.number <= last)
			return "has fields twice or out of order";
		if (!take(into, &f))
			return "has an unknown field or a value out of range";
		last = f.number;
	}
}

const char *fields_read_all(struct slice message, fields_take_f *take, void *into)
{
	struct wire_reader r = wire_reader(message);

	return fields_read(&r, UINT32_MAX, take, into);
}

struct slice fields_run(struct wire_reader *r, uint32_t number)
{
	const uint8_t *begin = r->at;
	struct wire_reader next = *r;
	struct wire_field f;

	while (wire_next(&next, &f) > 0 && f.number == number && f.type == WIRE_BYTES)
		*r = next;
	return slice_of(begin, (size_t)(r->at - begin));
}

bool fields_status_known(uint64_t number)
{
	switch (number) {
#define ST(name, code, text) case (code):
#include "common/base/status.def"
#undef ST
		return true;
	default:
		return false;
	}
}

bool fields_status(const struct wire_field *f, enum st *stp)
{
	*stp = (enum st)f->value;
	return f->type == WIRE_VARINT && fields_status_known(f->value);
}

/* Bytes of the UTF-8 sequence that begins at p (before end); 0: there is none, or it is a NUL. RFC 3629. */
static size_t utf8_length(const uint8_t *p, const uint8_t *end)
{
	uint8_t lowest = 0x80, highest = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if ((size_t)(end - p) < n)
		return 0;
	if (p[0] == 0xe0)
		lowest = 0xa0;           /* over-long */
	if (p[0] == 0xed)
		highest = 0x9f;          /* surrogates */
	if (p[0] == 0xf0)
		lowest = 0x90;           /* over-long */
	if (p[0] == 0xf4)
		highest = 0x8f;          /* above U+10FFFF */
	if (p[1] < lowest || p[1] > highest)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

struct slice fields_text_prefix(struct slice s)
{
	const uint8_t *p = s.p, *end = slice_end(s);
	size_t n;

	while (p < end && (n = utf8_length(p, end)) > 0)
		p += n;
	return slice_of(s.p, (size_t)(p - s.p));
}
