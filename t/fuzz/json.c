/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in JSON: a batch that was taken has the operations it was told to have, one that was refused is as it was. */
#include "frontend/json.h"

#include "proto/limits.h"
#include "proto/write.h"
#include "t/fuzz/fuzz.h"

#define NOW_MS 1700000000123

FUZZ_SEEDS("json",
	FUZZ_SEED("{\"key\":\"a\",\"value\":\"b\"}"), FUZZ_SEED("{\"value\":\"\\u0000\\ud834\\udd1e\",\"key\":\"k\",\"ttl\":60}"),
	FUZZ_SEED("{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"value\":\"1\",\"ttl\":1},{\"type\":\"delete\",\"key\":\"b\"}]}"),
	FUZZ_SEED("{\"operations\":[]}"), FUZZ_SEED("{\"key\":\"a\",\"key\":\"b\",\"value\":\"c\"}"), FUZZ_SEED("[]"), FUZZ_SEED("nul"),
	FUZZ_SEED("{\"key\":\"a\",\"value\":1e400,\"ttl\":-1}"), FUZZ_SEED("{\"key\":\"\xff\",\"value\":\"\\ud800\"}"),
	FUZZ_SEED("[[[[[[[[[[[[[[[[[[[["), FUZZ_SEED("{\"key\":\"a\",\"value\":\"b\"} x"), FUZZ_SEED("\xef\xbb\xbf{}"));

static size_t count_operations(const struct buf *batch)
{
	struct buf batches = BUF_INIT;
	struct write_op op;
	struct write_walk w;
	size_t count = 0;

	write_request_add_batch(&batches, buf_slice(batch));
	w = write_walk_begin(buf_slice(&batches));
	while (write_walk_next(&w, &op)) {
		must(op.key.n >= 1 && op.key.n <= KEY_MAX_BYTES);
		count++;
	}
	buf_fini(&batches);
	return count;
}

static void is_taken_or_refused(struct slice body, bool many)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	size_t count = 1;
	enum problem p;

	if (many)
		p = json_read_batch(body, NOW_MS, &batch, &count, &complaint);
	else
		p = json_read_write(body, NOW_MS, &batch, &complaint);
	if (p == PROBLEM_NONE)
		must(count_operations(&batch) == count);
	else
		must(batch.n == 0 && complaint.n > 0);
	buf_fini(&batch);
	buf_fini(&complaint);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice all = slice_of(n ? bytes : (const uint8_t *)"", n);

	is_taken_or_refused(all, false);
	is_taken_or_refused(all, true);
	return 0;
}
