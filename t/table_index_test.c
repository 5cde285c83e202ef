/* SPDX-License-Identifier: Apache-2.0 */
/* The index in memory: finds the block that a plain search finds, and takes nothing that leaves a gap. */
#include "common/table/block_builder.h"
#include "common/table/table_index.h"
#include "t/check_main.h"
#include "t/table_help.h"

static void add(struct block_builder *b, struct slice key, uint64_t number, uint64_t offset, uint64_t size)
{
	uint8_t handle[HANDLE_MAX_BYTES];
	struct entry e = { .key = key, .seq = seq(number) };

	e.value = slice_of(handle, format_put_handle(handle, (struct block_handle){ offset, size }));
	block_builder_add(b, &e, 0);
}

/* An index of one block of 10 bytes per entry of s. */
static struct table_index index_of(const struct help_set *s)
{
	struct block_builder b;
	struct table_index x;

	block_builder_init(&b, 16, false);
	for (size_t i = 0; i < s->n; i++)
		add(&b, s->e[i].key, s->e[i].seq.v, i * 20, 10);
	ck_assert(table_index_load(&x, block_builder_finish(&b), 0, s->n * 20));
	ck_assert_uint_eq(x.count, s->n);
	block_builder_fini(&b);
	return x;
}

static void expect_find(const struct table_index *x, const struct help_set *s, struct slice key, uint64_t at)
{
	size_t want = 0, got = table_index_find(x, key, seq(at));

	while (want < s->n && entry_cmp(s->e[want].key, s->e[want].seq, key, seq(at)) < 0)
		want++;
	ck_assert_msg(got == want, "block %zu, not %zu", got, want);
}

/* Keys over few bytes, the extreme ones among them, with and without a long common prefix. */
START_TEST(find_gives_the_first_block_that_is_not_before)
{
	static const uint8_t letters[] = { 0, 1, 'a', 0xfe, 0xff };
	const size_t prefix = (size_t[]){ 0, 1, 7, 8, 30 }[_i];
	struct help_set s = { NULL, 0, 0 }, once = { NULL, 0, 0 };
	struct rnd rnd = { (uint64_t)_i };
	struct table_index x;
	uint8_t key[64];

	memset(key, 'p', sizeof(key));
	for (uint64_t i = 1; i <= 300; i++) {
		size_t n = prefix + (size_t)rnd_below(&rnd, 12) + (prefix == 0);

		for (size_t j = prefix; j < n; j++)
			key[j] = letters[rnd_below(&rnd, sizeof(letters))];
		help_add(&s, slice_of(key, n), slice_of(NULL, 0), i, false, 0, 0);
	}
	/* Heads of eight times 0xff, the largest number. */
	for (size_t n = prefix + 6; n < prefix + 12; n++) {
		memset(key + prefix, 0xff, n - prefix);
		help_add(&s, slice_of(key, n), slice_of(NULL, 0), 301, false, 0, 0);
	}
	help_sort(&s);
	x = index_of(&s);
	for (int i = 0; i < 6000; i++) {
		size_t n = (size_t)rnd_below(&rnd, prefix + 14);

		memset(key, rnd_below(&rnd, 8) ? 'p' : 'p' + 1 - (int)rnd_below(&rnd, 3), prefix);
		for (size_t j = prefix; j < n; j++)
			key[j] = letters[rnd_below(&rnd, sizeof(letters))];
		expect_find(&x, &s, slice_of(key, n), rnd_below(&rnd, 303));
	}
	for (size_t i = 0; i < s.n; i++)
		for (uint64_t at = s.e[i].seq.v - 1; at <= s.e[i].seq.v + 1; at++)
			expect_find(&x, &s, s.e[i].key, at);
	ck_assert_uint_gt(table_index_memory(&x), 300 * 8);
	table_index_fini(&x);
	help_add(&once, slice_str("only"), slice_of(NULL, 0), 5, false, 0, 0);
	x = index_of(&once);
	expect_find(&x, &once, slice_str("onl"), 1);
	expect_find(&x, &once, slice_str("only"), 5);
	expect_find(&x, &once, slice_str("only"), 4);
	expect_find(&x, &once, slice_str("onlyy"), 1);
	table_index_fini(&x);
	help_free(&s);
	help_free(&once);
}
END_TEST

static const struct {
	const char *why;
	struct {
		const char *key;
		uint64_t number, offset, size;
	} e[2];
	bool fine;
} sets[] = {
	{ "sound", { { "a", 5, 0, 10 }, { "b", 5, 20, 10 } }, true },
	{ "sound, one key", { { "a", 5, 0, 10 }, { "a", 4, 20, 10 } }, true },
	{ "keys out of order", { { "b", 5, 0, 10 }, { "a", 5, 20, 10 } }, false },
	{ "sequences out of order", { { "a", 4, 0, 10 }, { "a", 5, 20, 10 } }, false },
	{ "one entry twice", { { "a", 5, 0, 10 }, { "a", 5, 20, 10 } }, false },
	{ "not from the beginning", { { "a", 5, 1, 9 }, { "b", 5, 20, 10 } }, false },
	{ "sizes right, an offset not", { { "a", 5, 0, 10 }, { "b", 5, 0, 10 } }, false },
	{ "a gap", { { "a", 5, 0, 9 }, { "b", 5, 20, 10 } }, false },
	{ "an overlap", { { "a", 5, 0, 11 }, { "b", 5, 20, 10 } }, false },
	{ "a gap at the end", { { "a", 5, 0, 10 }, { "b", 5, 20, 9 } }, false },
	{ "beyond the end", { { "a", 5, 0, 10 }, { "b", 5, 20, 11 } }, false },
	{ "no room for a trailer", { { "a", 5, 0, 10 }, { "b", 5, 20, 20 } }, false },
	{ "an offset that wraps", { { "a", 5, 0, UINT64_MAX - 9 }, { "b", 5, 0, 30 } }, false },
};

START_TEST(an_index_that_does_not_cover_the_data_is_refused)
{
	struct block_builder b;
	struct table_index x;

	block_builder_init(&b, 16, false);
	for (int i = 0; i < 2; i++)
		add(&b, slice_str(sets[_i].e[i].key), sets[_i].e[i].number, sets[_i].e[i].offset,
		    sets[_i].e[i].size);
	ck_assert_msg(table_index_load(&x, block_builder_finish(&b), 0, 40) == sets[_i].fine, "%s",
		      sets[_i].why);
	table_index_fini(&x);
	block_builder_fini(&b);
}
END_TEST

START_TEST(an_index_entry_that_holds_no_handle_is_refused)
{
	static const char *const values[] = { "\x0a", "\x18\x01", "\x12\x01x", "\x10\x80" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct entry e = { .key = slice_str("a"), .value = slice_str(values[i]) };
		struct block_builder b;
		struct table_index x;

		block_builder_init(&b, 16, false);
		block_builder_add(&b, &e, 0);
		ck_assert(!table_index_load(&x, block_builder_finish(&b), 0, 20));
		block_builder_fini(&b);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, find_gives_the_first_block_that_is_not_before, 0, 5);
	tcase_add_loop_test(tc, an_index_that_does_not_cover_the_data_is_refused, 0,
			    (int)(sizeof(sets) / sizeof(sets[0])));
	tcase_add_test(tc, an_index_entry_that_holds_no_handle_is_refused);
}

CHECK_MAIN("table/index", suite)
