/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors and ranges of keys: read back as written, and anything that was changed refused. */
#include "frontend/cursor.h"

#include "proto/limits.h"
#include "t/check_main.h"

static struct cursor sample(void)
{
	return (struct cursor){ .lease = 0x1122334455667788, .taken_us = 77, .seq = seq(99), .reverse = true,
				.asked = 0xfedcba9876543210, .rest = { slice_of("a\0b", 3), slice_str("zz") } };
}

START_TEST(a_cursor_is_read_as_it_was_written)
{
	static const uint8_t longest[KEY_MAX_BYTES + 1];
	struct cursor c = sample(), back;
	struct buf text = BUF_INIT, bytes = BUF_INIT;

	cursor_write(&text, &c);
	ck_assert(cursor_read(buf_slice(&text), &bytes, &back));
	ck_assert(back.lease == c.lease && back.taken_us == 77 && back.seq.v == 99 && back.asked == c.asked);
	ck_assert(back.reverse && !back.keys_only);
	ck_assert(slice_eq(back.rest.start, c.rest.start) && slice_eq(back.rest.end, c.rest.end));
	c = (struct cursor){ .keys_only = true, .rest = { slice_of(longest, sizeof longest), slice_of(longest, sizeof longest) } };
	buf_reset(&text);
	cursor_write(&text, &c);
	ck_assert(cursor_read(buf_slice(&text), &bytes, &back));
	ck_assert(!back.reverse && back.keys_only && back.rest.start.n == sizeof longest && back.rest.end.n == sizeof longest);
	buf_fini(&text);
	buf_fini(&bytes);
}
END_TEST

START_TEST(a_cursor_that_was_changed_is_none)
{
	struct cursor c = sample(), back;
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	size_t i;

	cursor_write(&text, &c);
	for (i = 0; i < text.n; i++) {
		uint8_t was = text.p[i];

		text.p[i] = was == 'A' ? 'B' : 'A';
		ck_assert_msg(!cursor_read(buf_slice(&text), &bytes, &back), "digit %zu", i);
		text.p[i] = was;
		ck_assert_msg(!cursor_read(slice_of(text.p, i), &bytes, &back), "length %zu", i);
	}
	buf_append_byte(&text, 'A');
	ck_assert(!cursor_read(buf_slice(&text), &bytes, &back));
	buf_fini(&text);
	buf_fini(&bytes);
}
END_TEST

/* ---- ranges ---- */

static struct query_param param(const char *name, const char *value)
{
	return (struct query_param){ .name = name, .given = value != NULL, .value = slice_str(value ? value : "") };
}

static enum problem read_range(const char *prefix, const char *start, const char *end, struct key_range *range, struct arena *a)
{
	struct query_param p = param("prefix", prefix), s = param("start", start), e = param("end", end);
	struct buf complaint = BUF_INIT;
	enum problem got = key_range_read(&p, &s, &e, a, range, &complaint);

	ck_assert((got != PROBLEM_NONE) == (complaint.n > 0));
	buf_fini(&complaint);
	return got;
}

START_TEST(prefix_start_and_end_narrow_a_range)
{
	static const struct { const char *prefix, *start, *end, *from, *to; } cases[] = {
		{ NULL, NULL, NULL, "", "" },          { "ab", NULL, NULL, "ab", "ac" },
		{ "a\xff", NULL, NULL, "a\xff", "b" }, { "\xff\xff", NULL, NULL, "\xff\xff", "" },
		{ NULL, "c", "f", "c", "f" },          { "c", "ca", "cx", "ca", "cx" },
		{ "c", "a", "z", "c", "d" },           { "", "a", NULL, "a", "" },
	};
	struct key_range range;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(read_range(cases[i].prefix, cases[i].start, cases[i].end, &range, &a), PROBLEM_NONE);
		ck_assert_msg(slice_eq(range.start, slice_str(cases[i].from)), "start of case %zu", i);
		ck_assert_msg(slice_eq(range.end, slice_str(cases[i].to)), "end of case %zu", i);
		ck_assert(!key_range_is_empty(&range));
	}
	ck_assert_int_eq(read_range("b", NULL, "a", &range, &a), PROBLEM_NONE);
	ck_assert(key_range_is_empty(&range));
	ck_assert_int_eq(read_range(NULL, "a", "a", &range, &a), PROBLEM_NONE);
	ck_assert(key_range_is_empty(&range));
	arena_fini(&a);
}
END_TEST

START_TEST(a_bound_that_no_key_can_have_is_a_problem)
{
	char longest[KEY_MAX_BYTES + 2];
	struct key_range range;
	struct arena a;

	memset(longest, 'k', sizeof longest);
	longest[KEY_MAX_BYTES + 1] = '\0';
	arena_init(&a);
	ck_assert_int_eq(read_range(NULL, NULL, "", &range, &a), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(read_range(longest, NULL, NULL, &range, &a), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(read_range(NULL, longest, NULL, &range, &a), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(read_range(NULL, NULL, longest, &range, &a), PROBLEM_PARAMETER_INVALID);
	longest[KEY_MAX_BYTES] = '\0';
	ck_assert_int_eq(read_range(longest, longest, NULL, &range, &a), PROBLEM_NONE);
	arena_fini(&a);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_cursor_is_read_as_it_was_written);
	tcase_add_test(tc, a_cursor_that_was_changed_is_none);
	tcase_add_test(tc, prefix_start_and_end_narrow_a_range);
	tcase_add_test(tc, a_bound_that_no_key_can_have_is_a_problem);
}

CHECK_MAIN("frontend/cursor", add)
