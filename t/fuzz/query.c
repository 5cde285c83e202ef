/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and percent-coding: every byte sequence survives being written with escapes, and what is taken is taken once. */
#include "frontend/query.h"

#include "frontend/urlcode.h"
#include "t/fuzz/fuzz.h"

FUZZ_SEEDS("query",
	FUZZ_SEED("prefix=a%2Fb&limit=10&reverse=true"), FUZZ_SEED("a=1&a=2"), FUZZ_SEED("limit=18446744073709551616&limit"),
	FUZZ_SEED("limit=-1"), FUZZ_SEED("prefix=%00%ff+%2b&&reverse"), FUZZ_SEED("unknown=1"), FUZZ_SEED("%6cimit=%31"),
	FUZZ_SEED("prefix=%4&=&=="), FUZZ_SEED("user%3A1"), FUZZ_SEED("reverse=false&prefix=\xc3\xa4"), FUZZ_SEED("a%zz"));

static void decodes_what_was_escaped(struct slice bytes)
{
	struct arena arena;
	uint8_t *out;
	struct buf escaped = BUF_INIT;
	size_t i, n;

	arena_init(&arena);
	out = arena_alloc(&arena, bytes.n + 1);
	for (i = 0; i < bytes.n; i++)
		buf_printf(&escaped, i & 1 ? "%%%02X" : "%%%02x", bytes.p[i]);
	if (memchr(bytes.p, 0, bytes.n))
		must(!urlcode_decode(buf_slice(&escaped), out, &n));
	else
		must(urlcode_decode(buf_slice(&escaped), out, &n) && slice_eq(slice_of(out, n), bytes));
	buf_fini(&escaped);
	arena_fini(&arena);
}

static void decodes_or_refuses(struct slice bytes)
{
	struct arena arena;
	uint8_t *out;
	size_t n;

	arena_init(&arena);
	out = arena_alloc(&arena, bytes.n + 1);
	if (urlcode_decode(bytes, out, &n))
		must(n <= bytes.n && !memchr(out, 0, n));
	arena_fini(&arena);
}

static void reads_or_refuses(struct slice bytes)
{
	struct query_param params[] = { { .name = "prefix" }, { .name = "limit" }, { .name = "reverse" } };
	struct buf complaint = BUF_INIT;
	struct arena arena;
	uint64_t limit = 7;
	bool reverse = false;
	enum problem p;

	arena_init(&arena);
	p = query_read(bytes, &arena, params, 3, &complaint);
	must((p == PROBLEM_NONE) == (complaint.n == 0));
	if (p == PROBLEM_NONE && query_number(&params[1], 1, 10000, &limit, &complaint) == PROBLEM_NONE)
		must(params[1].given ? limit >= 1 && limit <= 10000 : limit == 7);
	if (p == PROBLEM_NONE && query_flag(&params[2], &reverse, &complaint) == PROBLEM_NONE)
		must(params[2].given || !reverse);
	if (p == PROBLEM_NONE)
		must(params[0].value.n <= bytes.n);
	buf_fini(&complaint);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice all = slice_of(n ? bytes : (const uint8_t *)"", n);

	decodes_what_was_escaped(all);
	decodes_or_refuses(all);
	reads_or_refuses(all);
	return 0;
}
