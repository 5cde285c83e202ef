/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as Server-Sent Events; see sse.h. */
#include "frontend/sse.h"

#include "frontend/entry_text.h"

static void put_number(struct buf *out, const char *before, uint64_t v)
{
	buf_append_str(out, before);
	buf_append_u64(out, v);
}

void sse_change(struct buf *out, const struct write_op *op, uint64_t version, int64_t timestamp_ms)
{
	struct entry e = { .key = op->key, .value = op->value, .seq = seq(version), .timestamp_ms = timestamp_ms,
			   .expires_at_ms = op->expires_at_ms };

	put_number(out, "id: ", version);
	buf_append_str(out, op->is_delete ? "\nevent: delete\ndata: " : "\nevent: put\ndata: ");
	entry_text_json(out, &e, op->is_delete);
	buf_append_str(out, "\n\n");
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
