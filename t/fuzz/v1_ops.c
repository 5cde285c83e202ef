/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a native batch in their three forms: what was taken are so many operations, each within the limits. */
#include "frontend/v1_ops.h"

#include "proto/limits.h"
#include "proto/write.h"
#include "t/fuzz/fuzz.h"

#define NOW_MS 1700000000123

FUZZ_SEEDS("v1_ops",
	FUZZ_SEED("{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"value\":\"1\",\"ttl\":60,\"if_version\":17}]}"),
	FUZZ_SEED("{\"operations\":[{\"type\":\"delete\",\"key_base64\":\"/wA=\",\"if_absent\":false},{\"type\":\"delete\",\"key\":\"b\"}]}"),
	FUZZ_SEED("{\"type\":\"write\",\"key\":\"a\",\"value_base64\":\"AA==\"}\n\n{\"type\":\"delete\",\"key\":\"\\u0000\"}\n"),
	FUZZ_SEED("\x0a\x0b\x08\x01\x12\x01" "a\x1a\x01" "1\x20\x01"), FUZZ_SEED("\x0a\x05\x12\x03" "abc"), FUZZ_SEED("\x0a\xff\xff\xff\xff\x0f"),
	FUZZ_SEED("\x0a\x06\x0a\x01" "a\x12\x01" "b\x0a\x06\x0a\x01" "c\x12\x01" "d"), FUZZ_SEED("{\"operations\":[]}"), FUZZ_SEED("{"),
	FUZZ_SEED("{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"key\":\"b\"}]}"), FUZZ_SEED("[1]"));

typedef enum problem reader_f(struct v1_ops *ops, struct slice body);

static size_t count_operations(struct slice batch)
{
	struct write_ask ask;
	size_t count = 0;

	while (write_asks_next(&batch, &ask)) {
		must(ask.op.key.n >= 1 && ask.op.key.n <= KEY_MAX_BYTES && ask.op.value.n <= VALUE_MAX_BYTES);
		count++;
	}
	must(batch.n == 0);
	return count;
}

static void is_taken_or_refused(reader_f *read, struct slice body)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	struct arena arena;
	struct v1_ops ops = { .arena = &arena, .batch = &batch, .complaint = &complaint, .now_ms = NOW_MS };
	enum problem p;

	arena_init(&arena);
	p = read(&ops, body);
	if (p == PROBLEM_NONE)
		must(count_operations(ops.bytes) == ops.count);
	else
		must(problem_status(p) >= 400 && problem_status(p) < 500);
	arena_fini(&arena);
	buf_fini(&batch);
	buf_fini(&complaint);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice body = slice_of(n ? bytes : (const uint8_t *)"", n);

	is_taken_or_refused(v1_ops_json, body);
	is_taken_or_refused(v1_ops_ndjson, body);
	is_taken_or_refused(v1_ops_protobuf, body);
	return 0;
}
