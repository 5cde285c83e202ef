/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting and reading records. Pure. */
#include "frontend/import_record.h"

#include "common/base/coding.h"
#include "frontend/json_entry.h"
#include "proto/write.h"

static bool is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

static enum import_cut cut_line(struct slice bytes, bool at_end, struct slice *inside, size_t *usedp)
{
	const uint8_t *end = bytes.n ? memchr(bytes.p, '\n', bytes.n) : NULL;

	if (!end && bytes.n > IMPORT_RECORD_MAX)
		return IMPORT_BAD;
	if (!end && (!at_end || bytes.n == 0))
		return IMPORT_MORE;
	*inside = slice_of(bytes.p, end ? (size_t)(end - bytes.p) : bytes.n);
	*usedp = inside->n + (end != NULL);
	return is_blank(*inside) ? IMPORT_BLANK : IMPORT_RECORD;
}

static enum import_cut cut_message(struct slice bytes, bool at_end, struct slice *inside, size_t *usedp)
{
	const uint8_t *p = bytes.p, *end = slice_end(bytes);
	uint64_t n;

	if (bytes.n == 0)
		return IMPORT_MORE;
	if (!get_varint(&p, end, &n))
		return at_end || bytes.n >= VARINT_MAX_BYTES ? IMPORT_BAD : IMPORT_MORE;
	if (n > IMPORT_RECORD_MAX)
		return IMPORT_BAD;
	if ((size_t)(end - p) < n)
		return at_end ? IMPORT_BAD : IMPORT_MORE;
	*inside = slice_of(p, n);
	*usedp = (size_t)(p - bytes.p) + n;
	return IMPORT_RECORD;
}

enum import_cut import_cut(enum import_form form, struct slice bytes, bool at_end, struct slice *inside, size_t *usedp)
{
	return form == IMPORT_LINES ? cut_line(bytes, at_end, inside, usedp) : cut_message(bytes, at_end, inside, usedp);
}

/* ---- LSMEntry ---- */

static bool take_number(const struct wire_field *f, int64_t *vp)
{
	*vp = (int64_t)f->value;
	return f->type == WIRE_VARINT && *vp >= 0;
}

static bool take_bytes(const struct wire_field *f, struct slice *sp)
{
	*sp = f->bytes;
	return f->type == WIRE_BYTES;
}

/* timestamp and sequence are given anew. */
static bool take_field(const struct wire_field *f, struct write_op *op)
{
	int64_t number;

	switch (f->number) {
	case 1:  return take_bytes(f, &op->key);
	case 2:  return take_bytes(f, &op->value);
	case 3:
	case 5:  return take_number(f, &number);
	case 4:  return take_number(f, &number) && number == 0;
	case 6:  return take_number(f, &op->expires_at_ms);
	default: return false;
	}
}

static enum problem refuse(struct buf *complaint, enum problem p, const char *sentence)
{
	buf_append_str(complaint, sentence);
	return p;
}

static enum problem read_message(struct slice message, struct buf *batch, struct buf *complaint)
{
	struct wire_reader r = wire_reader(message);
	struct write_op op = { .is_delete = false };
	struct wire_field f;
	int got;

	while ((got = wire_next(&r, &f)) > 0)
		if (!take_field(&f, &op))
			return refuse(complaint, PROBLEM_FIELD_VALUE, "A field is no field of an LSMEntry, or it is a tombstone.");
	if (got < 0)
		return refuse(complaint, PROBLEM_INVALID, "This is no protobuf message.");
	if (op.key.n == 0)
		return refuse(complaint, PROBLEM_KEY_EMPTY, "The key is empty; a key is 1 to 1024 bytes.");
	if (op.key.n > KEY_MAX_BYTES)
		return refuse(complaint, PROBLEM_KEY_TOO_LONG, "The key is longer than 1024 bytes.");
	if (op.value.n > VALUE_MAX_BYTES)
		return refuse(complaint, PROBLEM_VALUE_TOO_LARGE, "The value is larger than 8 MiB.");
	write_batch_add(batch, &op);
	return PROBLEM_NONE;
}

enum problem import_record_read(enum import_form form, struct slice inside, struct buf *batch, struct buf *complaint)
{
	return form == IMPORT_LINES ? json_read_entry(inside, batch, complaint) : read_message(inside, batch, complaint);
}
