/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c's unpack behind a strict door (see unpack.h). The door is driven by the generated descriptors,
 * so it follows the .proto files by itself.
 */
#include "proto/unpack.h"

#include "proto/fields.h"
#include "proto/limits.h"

#define NESTING_MAX 8

/* ---- the door ---- */

/* The bytes of a string field. */
static const char *check_text(struct slice s)
{
	return fields_text_prefix(s).n == s.n ? NULL : "has text that is not UTF-8";
}

static const char *check_message(struct slice message, const ProtobufCMessageDescriptor *d, int depth);

/* A field's value. Packed lists of numbers do not occur in the messages of this room that are unpacked. */
static const char *check_value(const struct wire_field *f, const ProtobufCFieldDescriptor *fd, int depth)
{
	static const char *const wrong = "has a value of a wrong type or out of range";

	switch (fd->type) {
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		return f->type == WIRE_VARINT ? NULL : wrong;
	case PROTOBUF_C_TYPE_UINT32:
		return f->type == WIRE_VARINT && f->value <= UINT32_MAX ? NULL : wrong;
	case PROTOBUF_C_TYPE_INT32:
		return f->type == WIRE_VARINT && (int64_t)f->value == (int32_t)f->value ? NULL : wrong;
	case PROTOBUF_C_TYPE_BOOL:
		return f->type == WIRE_VARINT && f->value <= 1 ? NULL : wrong;
	case PROTOBUF_C_TYPE_ENUM:
		return f->type == WIRE_VARINT && f->value <= INT32_MAX &&
		    protobuf_c_enum_descriptor_get_value(fd->descriptor, (int)f->value) ? NULL : wrong;
	case PROTOBUF_C_TYPE_FIXED64:
		return f->type == WIRE_FIXED64 ? NULL : wrong;
	case PROTOBUF_C_TYPE_BYTES:
		return f->type == WIRE_BYTES ? NULL : wrong;
	case PROTOBUF_C_TYPE_STRING:
		return f->type == WIRE_BYTES ? check_text(f->bytes) : wrong;
	case PROTOBUF_C_TYPE_MESSAGE:
		return f->type == WIRE_BYTES ? check_message(f->bytes, fd->descriptor, depth + 1) : wrong;
	default:
		return wrong;
	}
}

/* A field after one of number `last`, of which `repeats` were seen. */
static const char *check_order(const struct wire_field *f, const ProtobufCFieldDescriptor *fd, uint32_t last,
			       size_t repeats)
{
	if (!fd)
		return "has an unknown field";
	if (f->number < last || (f->number == last && fd->label != PROTOBUF_C_LABEL_REPEATED))
		return "has fields twice or out of order";
	if (f->number == last && repeats >= LIST_MAX)
		return "has too long a list";
	return NULL;
}

static const char *check_message(struct slice message, const ProtobufCMessageDescriptor *d, int depth)
{
	struct wire_reader r = wire_reader(message);
	const ProtobufCFieldDescriptor *fd;
	struct wire_field f;
	uint32_t last = 0;
	size_t repeats = 0;
	const char *wrong;
	int got;

	if (depth > NESTING_MAX)
		return "is nested too deeply";
	while ((got = wire_next(&r, &f)) > 0) {
		fd = protobuf_c_message_descriptor_get_field(d, f.number);
		wrong = check_order(&f, fd, last, repeats);
		if (!wrong)
			wrong = check_value(&f, fd, depth);
		if (wrong)
			return wrong;
		repeats = f.number == last ? repeats + 1 : 1;
		last = f.number;
	}
	return got == 0 ? NULL : "is cut short or no protobuf message";
}

/* ---- behind it ---- */

static void *arena_give(void *ctx, size_t n)
{
	return arena_try(ctx, n);
}

/* Also called when unpacking gives up half way: the arena keeps what it gave. */
static void arena_keep(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

enum st unpack_strict(const ProtobufCMessageDescriptor *d, struct slice message, size_t max_bytes,
		      struct arena *a, ProtobufCMessage **mp)
{
	ProtobufCAllocator allocator = { arena_give, arena_keep, a };
	const char *wrong;

	*mp = NULL;
	if (message.n > max_bytes)
		return fail(ST_TOO_BIG, "%s of %zu bytes, at most %zu are allowed", d->short_name, message.n,
		    max_bytes);
	wrong = check_message(message, d, 1);
	if (wrong)
		return fail(ST_INVALID, "%s %s", d->short_name, wrong);
	*mp = protobuf_c_message_unpack(d, &allocator, message.n, message.p);
	return *mp ? ST_OK : fail(ST_INVALID, "%s cannot be unpacked", d->short_name);
}

void unpack_reverse(const ProtobufCMessage *m, struct buf *out)
{
	size_t n = protobuf_c_message_get_packed_size(m);

	if (n)
		out->n += protobuf_c_message_pack(m, buf_reserve(out, n));
}

char *unpack_text(struct arena *a, struct slice s)
{
	struct slice t = fields_text_prefix(s);
	char *text = arena_alloc(a, t.n + 1);

	if (t.n)
		memcpy(text, t.p, t.n);
	text[t.n] = '\0';
	return text;
}
