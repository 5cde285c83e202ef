/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: found by search what a plain walk finds; refused, one by one, every way in which a block can be
 * malformed. */
#include "common/table/block.h"

#include "common/base/hash.h"
#include "common/table/block_builder.h"
#include "t/check_main.h"
#include "t/table_help.h"

static struct block_cursor cursor_of(struct slice bytes)
{
	struct block_cursor c;

	block_cursor_init(&c);
	ck_assert(block_cursor_open(&c, bytes));
	return c;
}

static enum block_step find(const struct block *b, const char *key, struct entry *ep)
{
	return block_find(b, slice_str(key), hash64(slice_str(key)), SEQ_MAX, ep);
}

START_TEST(search_and_walk_agree)
{
	static const unsigned intervals[] = { 1, 2, 3, 16, 255 };
	struct rnd rnd = { (uint64_t)_i };
	struct help_set s = { NULL, 0, 0 };
	struct block_builder b;
	struct block block;
	struct slice bytes;
	struct block_cursor c;

	help_random(&s, &rnd, 700, 10);
	block_builder_init(&b, intervals[_i / 2], _i % 2);
	ck_assert(block_builder_empty(&b));
	for (size_t i = 0; i < s.n; i++)
		block_builder_add(&b, &s.e[i], hash64(s.e[i].key));
	bytes = block_builder_finish(&b);
	ck_assert(block_parse(bytes, &block));
	c = cursor_of(bytes);
	for (int i = 0; i < 20000; i++) {
		const struct entry *any = &s.e[rnd_below(&rnd, s.n)], *want;
		struct slice key =
			slice_of(any->key.p, any->key.n - (size_t)rnd_below(&rnd, 2) * (any->key.n > 1));
		uint64_t at = rnd_below(&rnd, s.n + 2);
		enum block_step step;
		struct entry e;

		want = help_find(&s, key, at);
		ck_quick(block_find(&block, key, hash64(key), seq(at), &e) == (want ? BLOCK_AT : BLOCK_END));
		ck_quick(!want || help_same(&e, want));
		step = block_cursor_seek(&c, key, seq(at));
		ck_quick(!want || (step == BLOCK_AT && help_same(&c.entry, want)));
		if (step == BLOCK_AT)
			ck_quick(entry_cmp(c.entry.key, c.entry.seq, key, seq(at)) >= 0);
		step = block_cursor_seek_last(&c, key, seq(at));
		if (step == BLOCK_AT)
			ck_quick(entry_cmp(c.entry.key, c.entry.seq, key, seq(at)) <= 0);
		else
			ck_quick(step == BLOCK_END && entry_cmp(s.e[0].key, s.e[0].seq, key, seq(at)) > 0);
	}
	block_cursor_fini(&c);
	block_builder_fini(&b);
	help_free(&s);
}
END_TEST

/* Forward and back without a plan; the keys of one interval are more than the cursor remembers. */
START_TEST(a_cursor_goes_back_as_it_came)
{
	static const unsigned intervals[] = { 1, 3, 16, 1000 };
	struct rnd rnd = { (uint64_t)_i + 1 };
	struct help_set s = { NULL, 0, 0 };
	struct block_builder b;
	struct block_cursor c;
	size_t at;

	help_random(&s, &rnd, _i == 3 ? 9000 : 700, 10);
	block_builder_init(&b, intervals[_i] * (_i == 3 ? 100 : 1), false);
	for (size_t i = 0; i < s.n; i++)
		block_builder_add(&b, &s.e[i], hash64(s.e[i].key));
	c = cursor_of(block_builder_finish(&b));
	ck_assert_int_eq(block_cursor_last(&c), BLOCK_AT);
	for (at = s.n - 1; at > 0; at--) {
		ck_quick(help_same(&c.entry, &s.e[at]));
		ck_quick(block_cursor_prev(&c) == BLOCK_AT);
	}
	for (size_t i = 0; i < 3000; i++) {
		bool back = rnd_below(&rnd, 2);
		size_t steps = (size_t)rnd_below(&rnd, 50);

		for (; steps > 0 && (back ? at > 0 : at + 1 < s.n); steps--) {
			ck_quick((back ? block_cursor_prev : block_cursor_next)(&c) == BLOCK_AT);
			at = back ? at - 1 : at + 1;
			ck_quick(help_same(&c.entry, &s.e[at]));
		}
	}
	ck_assert_int_eq(block_cursor_first(&c), BLOCK_AT);
	ck_assert_int_eq(block_cursor_prev(&c), BLOCK_END);
	block_cursor_fini(&c);
	block_builder_fini(&b);
	help_free(&s);
}
END_TEST

START_TEST(a_builder_starts_anew_after_finish)
{
	struct entry e = { .key = slice_str("key"), .value = slice_str("value"), .seq = seq(1) };
	struct block_builder b;
	struct slice block;
	uint8_t first[64];
	size_t n;

	block_builder_init(&b, 16, true);
	ck_assert_uint_eq(block_builder_finish(&b).n, 0);
	block_builder_add(&b, &e, 7);
	block = block_builder_finish(&b);
	n = block.n;
	memcpy(first, block.p, n);
	ck_assert(block_builder_empty(&b));
	block_builder_add(&b, &e, 7);
	block = block_builder_finish(&b);
	ck_assert_uint_eq(block.n, n);
	ck_assert_mem_eq(block.p, first, n);
	block_builder_fini(&b);
}
END_TEST

START_TEST(an_empty_block_holds_nothing)
{
	struct block_cursor c = cursor_of(slice_of(NULL, 0));
	struct block b;
	struct entry e;

	ck_assert(block_parse(slice_of(NULL, 0), &b));
	ck_assert_int_eq(find(&b, "k", &e), BLOCK_END);
	ck_assert_int_eq(block_cursor_first(&c), BLOCK_END);
	ck_assert_int_eq(block_cursor_seek(&c, slice_str("k"), SEQ_MAX), BLOCK_END);
	ck_assert_int_eq(block_cursor_last(&c), BLOCK_END);
	ck_assert_int_eq(block_cursor_seek_last(&c, slice_str("k"), SEQ_MAX), BLOCK_END);
	block_cursor_fini(&c);
}
END_TEST

/* Entries "ab" and "ac", value "v", sequence 9. */
#define AB "\x0a\x09\x12\x02" "ab" "\x1a\x01" "v" "\x20\x09"
#define AC "\x0a\x0a\x08\x01\x12\x01" "c" "\x1a\x01" "v" "\x20\x09"
#define ONE "\x12\x04\x06\0\0\0"

static const struct { const char *why, *bytes; size_t n; bool parses;
} bad[] = {
#define BAD(why, bytes, parses) { why, bytes, sizeof(bytes) - 1, parses }
	BAD("entries without restarts", AB, false),
	BAD("restarts without entries", ONE, false),
	BAD("restarts that are not whole", "\x12\x05\x07\0\0\0\0" AB, false),
	BAD("no restarts in the field", "\x12\x00" AB, false),
	BAD("restarts cut short", "\x12\x7f\x06\0\0\0", false),
	BAD("the first restart not at the first entry", "\x12\x04\x05\0\0\0" AB, false),
	BAD("the first restart behind the block", "\x12\x04\x77\0\0\0" AB, false),
	BAD("tags without an interval", "\x12\x04\x0b\0\0\0\x1a\x03\x00\x01\x02" AB, false),
	BAD("an interval without tags", "\x12\x04\x09\0\0\0\x1a\x01\x10" AB, false),
	BAD("tags cut short", "\x12\x04\x06\0\0\0\x1a\x77\x10\x01" AB, false),
	BAD("tags for more restarts than there are", "\x12\x04\x0b\0\0\0\x1a\x03\x01\x01\x02" AB AC, false),
	BAD("tags for fewer restarts than there are", "\x12\x08\x0e\0\0\0\x19\0\0\0\x1a\x02\x10\x01" AB AB, false),
	BAD("tags the first restart does not reckon with", "\x12\x04\x06\0\0\0\x1a\x02\x10\x01" AB, false),
	BAD("a restart among the restarts", "\x12\x0c\x0e\0\0\0\x02\0\0\0\x02\0\0\0" AB AC, true),
	BAD("a restart among the restarts that looks like an entry", "\x12\x08\x0a\0\0\0\x02\0\0\0" AB AC,
	    true),
	BAD("a restart behind the block", "\x12\x0c\x0e\0\0\0\x7f\0\0\0\x7f\0\0\0" AB AC, true),
	BAD("a restart at a shared key", "\x12\x0c\x0e\0\0\0\x19\0\0\0\x19\0\0\0" AB AC, true),
	BAD("a restart inside an entry", "\x12\x0c\x0e\0\0\0\x10\0\0\0\x10\0\0\0" AB AC, true),
	BAD("a first entry that shares",
	    ONE "\x0a\x0a\x08\x01\x12\x01"
		"c"
		"\x1a\x01"
		"v"
		"\x20\x09",
	    true),
	BAD("more shared than there is",
	    ONE AB "\x0a\x0a\x08\x03\x12\x01"
		   "c"
		   "\x1a\x01"
		   "v"
		   "\x20\x09",
	    true),
	BAD("an unknown tag between entries", ONE AB "\x1a\x00", true),
	BAD("an entry longer than the block",
	    ONE AB "\x0a\x0b\x12\x02"
		   "ac"
		   "\x1a\x01"
		   "v"
		   "\x20\x09",
	    true),
	BAD("an entry's length cut short", ONE AB "\x0a", true),
	BAD("a key longer than its entry",
	    ONE AB "\x0a\x06\x12\x10"
		   "ac",
	    true),
	BAD("a value longer than its entry",
	    ONE AB "\x0a\x07\x12\x02"
		   "ac"
		   "\x1a\x01",
	    true),
	BAD("fields out of order",
	    ONE AB "\x0a\x09\x12\x02"
		   "ac"
		   "\x20\x09\x1a\x01"
		   "v",
	    true),
	BAD("an unknown field",
	    ONE AB "\x0a\x06\x12\x02"
		   "ac"
		   "\x40\x01",
	    true),
	BAD("a tombstone that is neither",
	    ONE AB "\x0a\x06\x12\x02"
		   "ac"
		   "\x30\x02",
	    true),
	BAD("a number without its end",
	    ONE AB "\x0a\x06\x12\x02"
		   "ac"
		   "\x20\x80",
	    true),
#undef BAD
};

START_TEST(a_malformed_block_is_damaged)
{
	uint8_t *bytes = mem_dup(bad[_i].bytes, bad[_i].n);     /* to the byte, for the address sanitizer */
	struct slice s = slice_of(bytes, bad[_i].n);
	enum block_step step, seek, back;
	struct block_cursor c;
	struct block b;
	struct entry e;

	block_cursor_init(&c);
	ck_assert_msg(block_parse(s, &b) == bad[_i].parses, "%s", bad[_i].why);
	if (block_cursor_open(&c, s)) {
		for (step = block_cursor_first(&c); step == BLOCK_AT; )
			step = block_cursor_next(&c);
		seek = block_cursor_seek(&c, slice_str("ac"), SEQ_MAX);
		/* A walk meets bad entries, a search bad restarts too; going back meets all bad entries. */
		for (back = block_cursor_last(&c); back == BLOCK_AT; )
			back = block_cursor_prev(&c);
		ck_assert_msg(back == BLOCK_DAMAGED || step != BLOCK_DAMAGED, "%s", bad[_i].why);
		ck_assert_msg(step == BLOCK_DAMAGED || seek == BLOCK_DAMAGED, "%s", bad[_i].why);
		ck_assert_msg(find(&b, "ac", &e) == BLOCK_DAMAGED, "%s",
			      bad[_i].why);
	}
	block_cursor_fini(&c);
	mem_free(bytes);
}
END_TEST

START_TEST(the_sound_pieces_of_the_malformed_blocks_are_sound)
{
	static const char bytes[] = ONE AB AC;
	struct block_cursor c = cursor_of(slice_of(bytes, sizeof(bytes) - 1));
	struct entry e;

	ck_assert_int_eq(find(&c.block, "ac", &e), BLOCK_AT);
	ck_assert_uint_eq(e.seq.v, 9);
	ck_assert(slice_eq(e.value, slice_str("v")));
	ck_assert_int_eq(block_cursor_first(&c), BLOCK_AT);
	ck_assert_int_eq(block_cursor_next(&c), BLOCK_AT);
	ck_assert(slice_eq(c.entry.key, slice_str("ac")));
	ck_assert_int_eq(block_cursor_next(&c), BLOCK_END);
	block_cursor_fini(&c);
}
END_TEST

/* Of two intervals only the one with the key's tag is looked at: the other's first entry is damaged. */
START_TEST(the_hash_index_leads_to_the_interval_of_the_key)
{
	static const char *const keys[] = { "ab", "ac", "ad", "ae" };
	struct block_builder b;
	struct block block;
	struct slice bytes;
	struct entry e;

	block_builder_init(&b, 2, true);
	for (size_t i = 0; i < 4; i++)
		block_builder_add(&b, &(struct entry){ .key = slice_str(keys[i]), .seq = seq(9) },
				  hash64(slice_str(keys[i])));
	bytes = block_builder_finish(&b);
	ck_assert(block_parse(bytes, &block));
	ck_assert_uint_eq(block.tag_count, 4);
	memset((uint8_t *)(uintptr_t)block.entries, 0xff, 2);
	ck_assert_int_eq(find(&block, "ad", &e), BLOCK_AT);
	ck_assert_int_eq(find(&block, "ae", &e), BLOCK_AT);
	ck_assert_int_eq(find(&block, "ab", &e), BLOCK_DAMAGED);
	/* No entry has its tag: nothing is looked at. */
	ck_assert_ptr_null(memchr(block.tags, (int)(hash64(slice_str("aa")) >> 32 & 0xff), 4));
	ck_assert_int_eq(find(&block, "aa", &e), BLOCK_END);
	block_builder_fini(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, search_and_walk_agree, 0, 10);
	tcase_add_loop_test(tc, a_cursor_goes_back_as_it_came, 0, 4);
	tcase_add_test(tc, a_builder_starts_anew_after_finish);
	tcase_add_test(tc, an_empty_block_holds_nothing);
	tcase_add_loop_test(tc, a_malformed_block_is_damaged, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, the_hash_index_leads_to_the_interval_of_the_key);
	tcase_add_test(tc, the_sound_pieces_of_the_malformed_blocks_are_sound);
}

CHECK_MAIN("table/block", suite)
