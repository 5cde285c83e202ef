/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of an import, from the first byte as the form and the rest as a body: each is cut alike whether the rest of the
 * body is there or not, and what is taken is one put.
 */
#include "frontend/import_record.h"

#include "proto/limits.h"
#include "proto/write.h"
#include "t/fuzz/fuzz.h"

FUZZ_SEEDS("import",
	FUZZ_SEED("0{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key_base64\":\"/wA=\",\"value_base64\":\"\",\"version\":7,\"timestamp\":1,\"expires_at\":1705935600.25}"),
	FUZZ_SEED("0{\"error\":{\"code\":\"corrupt\"}}\n"), FUZZ_SEED("0\n\n\n"), FUZZ_SEED("0{\"key\":\"\",\"value\":\"\"}\n"),
	FUZZ_SEED("1\x08\x0a\x01" "a\x12\x01" "1\x18\x07" "\x00"), FUZZ_SEED("1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "a"),
	FUZZ_SEED("1\x06\x0a\x01" "a\x12\x01" "b"), FUZZ_SEED("1\x00"), FUZZ_SEED("1\x80"));

static void read_record(enum import_form form, struct slice inside)
{
	struct buf batch = BUF_INIT, complaint = BUF_INIT;
	enum problem p = import_record_read(form, inside, &batch, &complaint);
	struct write_ask ask;
	struct slice rest;

	if (p == PROBLEM_NONE) {
		rest = buf_slice(&batch);
		must(write_asks_next(&rest, &ask) && rest.n == 0 && !ask.op.is_delete);
		must(ask.op.key.n >= 1 && ask.op.key.n <= KEY_MAX_BYTES && ask.op.value.n <= VALUE_MAX_BYTES);
	} else {
		must(batch.n == 0 && complaint.n > 0);
	}
	buf_fini(&batch);
	buf_fini(&complaint);
}

/* A record that ends in the bytes is the same when they are all that has come. */
static void is_cut_alike(enum import_form form, struct slice bytes, struct slice inside, size_t used)
{
	struct slice again;
	size_t n;

	if (import_cut(form, slice_of(bytes.p, used), false, &again, &n) == IMPORT_MORE)
		must(import_cut(form, slice_of(bytes.p, used), true, &again, &n) == IMPORT_RECORD && used == bytes.n);
	must(n == used && slice_eq(inside, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	enum import_form form = n && bytes[0] & 1 ? IMPORT_PROTOBUF : IMPORT_LINES;
	struct slice rest = slice_of(n ? bytes + 1 : (const uint8_t *)"", n ? n - 1 : 0), inside;
	enum import_cut cut;
	size_t used;

	while (rest.n) {
		cut = import_cut(form, rest, true, &inside, &used);
		if (cut != IMPORT_RECORD && cut != IMPORT_BLANK)
			break;
		must(used > 0 && used <= rest.n && inside.n <= used);
		if (cut == IMPORT_RECORD) {
			is_cut_alike(form, rest, inside, used);
			read_record(form, inside);
		}
		rest = slice_of(rest.p + used, rest.n - used);
	}
	return 0;
}
