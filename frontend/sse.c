/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as Server-Sent Events; see sse.h. */
#include "frontend/sse.h"

#include "frontend/text.h"

/* "name":"text", or "name_base64":"..." */
static void put_bytes(struct buf *out, const char *name, struct slice bytes)
{
	size_t before = out->n;

	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append_str(out, "\":");
	if (text_quote(out, bytes))
		return;
	out->n = before;
	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append_str(out, "_base64\":\"");
	text_base64(out, bytes);
	buf_append_byte(out, '"');
}

static void put_number(struct buf *out, const char *before, uint64_t v)
{
	buf_append_str(out, before);
	buf_append_u64(out, v);
}

void sse_change(struct buf *out, const struct write_op *op, uint64_t version, int64_t timestamp_ms)
{
	put_number(out, "id: ", version);
	buf_append_str(out, op->is_delete ? "\nevent: delete\ndata: {" : "\nevent: put\ndata: {");
	put_bytes(out, "key", op->key);
	if (!op->is_delete) {
		buf_append_byte(out, ',');
		put_bytes(out, "value", op->value);
	}
	put_number(out, ",\"version\":", version);
	put_number(out, ",\"timestamp\":", (uint64_t)timestamp_ms);
	if (op->expires_at_ms)
		put_number(out, ",\"expires_at\":", (uint64_t)op->expires_at_ms);
	buf_append_str(out, "}\n\n");
}

void sse_comment(struct buf *out, const char *text, uint64_t version)
{
	buf_append_str(out, ": ");
	buf_append_str(out, text);
	put_number(out, "\nid: ", version);
	buf_append_str(out, "\n\n");
}

void sse_gone(struct buf *out, uint64_t oldest_version)
{
	put_number(out, "event: gone\ndata: {\"oldest_version\":", oldest_version);
	buf_append_str(out, "}\n\n");
}
