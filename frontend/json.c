/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for the bodies of /api/write and /api/batch: memory for texts, and a batch that is left as it was. */
#include "frontend/json.h"

#include "frontend/v1_ops.h"

typedef enum problem reader_f(struct v1_ops *ops, struct slice body);

static enum problem read_basic(reader_f *reader, struct v1_ops *ops, struct slice body)
{
	size_t before = ops->batch->n;
	struct arena arena;
	enum problem p;

	arena_init(&arena);
	ops->arena = &arena;
	ops->basic = true;
	p = reader(ops, body);
	if (p)
		ops->batch->n = before;
	arena_fini(&arena);
	return p;
}

enum problem json_read_write(struct slice body, int64_t now_ms, struct buf *batch, struct buf *complaint)
{
	struct v1_ops ops = { .batch = batch, .complaint = complaint, .now_ms = now_ms };

	return read_basic(v1_ops_put, &ops, body);
}

enum problem json_read_batch(struct slice body, int64_t now_ms, struct buf *batch, size_t *countp,
			     struct buf *complaint)
{
	struct v1_ops ops = { .batch = batch, .complaint = complaint, .now_ms = now_ms };
	enum problem p = read_basic(v1_ops_json, &ops, body);

	*countp = p ? 0 : ops.count;
	return p;
}
