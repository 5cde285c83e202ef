/* SPDX-License-Identifier: Apache-2.0 */
/* Entries written, one after the other into the same buffer. Pure; any thread. */
#include "frontend/entry_text.h"

#include "common/base/coding.h"
#include "frontend/text.h"

void entry_text_seconds(struct buf *out, int64_t ms)
{
	uint64_t v = ms > 0 ? (uint64_t)ms : 0, rest = v % 1000;

	buf_append_u64(out, v / 1000);
	if (rest == 0)
		return;
	buf_append_byte(out, '.');
	buf_append_byte(out, (uint8_t)('0' + rest / 100));
	if (rest % 100)
		buf_append_byte(out, (uint8_t)('0' + rest / 10 % 10));
	if (rest % 10)
		buf_append_byte(out, (uint8_t)('0' + rest % 10));
}

void entry_text_json(struct buf *out, const struct entry *e, bool key_only)
{
	buf_append_byte(out, '{');
	text_member(out, "key", e->key);
	if (!key_only) {
		buf_append_byte(out, ',');
		text_member(out, "value", e->value);
	}
	buf_append_str(out, ",\"version\":");
	buf_append_u64(out, e->seq.v);
	buf_append_str(out, ",\"timestamp\":");
	buf_append_u64(out, e->timestamp_ms > 0 ? (uint64_t)e->timestamp_ms / 1000 : 0);
	if (e->expires_at_ms) {
		buf_append_str(out, ",\"expires_at\":");
		entry_text_seconds(out, e->expires_at_ms);
	}
	buf_append_byte(out, '}');
}

enum { F_KEY = 1, F_VALUE = 2, F_TIMESTAMP = 3, F_SEQUENCE = 5, F_EXPIRES_AT = 6 };     /* of LSMEntry */

static size_t number_size(uint64_t v)
{
	return v ? 1 + varint_size(v) : 0;
}

static size_t bytes_size(struct slice s)
{
	return s.n ? 1 + varint_size(s.n) + s.n : 0;
}

void entry_text_protobuf(struct buf *out, const struct entry *e)
{
	uint64_t timestamp = (uint64_t)e->timestamp_ms, expires = (uint64_t)e->expires_at_ms;
	size_t n = bytes_size(e->key) + bytes_size(e->value) + number_size(timestamp) + number_size(e->seq.v) +
		   number_size(expires);
	uint8_t *p = buf_reserve(out, n + VARINT_MAX_BYTES);

	out->n += (size_t)(put_varint(p, n) - p);
	wire_put_bytes(out, F_KEY, e->key);
	wire_put_bytes(out, F_VALUE, e->value);
	wire_put_varint(out, F_TIMESTAMP, timestamp);
	wire_put_varint(out, F_SEQUENCE, e->seq.v);
	wire_put_varint(out, F_EXPIRES_AT, expires);
}
