/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the engine: round trips, limits, hostile bytes, and the table of what there is. */
#include "t/check_main.h"

#include "proto/command.h"
#include "proto/limits.h"
#include "t/proto_hostile.h"

static char a_word[] = "w\xc3\xa4rter";

static enum st there_and_back(size_t count, struct command *back, struct arena *a)
{
	char *words[COMMAND_WORDS_MAX + 1];
	struct command c = { words, count };
	struct buf m = BUF_INIT;
	enum st st;

	for (size_t i = 0; i < count; i++)
		words[i] = a_word;
	command_encode(&c, &m);
	st = command_decode(buf_slice(&m), a, back);
	buf_fini(&m);
	return st;
}

START_TEST(words_come_out_as_they_went_in)
{
	struct command back;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(there_and_back(COMMAND_WORDS_MAX, &back, &a), ST_OK);
	ck_assert_uint_eq(back.count, COMMAND_WORDS_MAX);
	for (size_t i = 0; i < back.count; i++)
		ck_assert_str_eq(back.words[i], a_word);
	arena_fini(&a);
}
END_TEST

START_TEST(no_words_and_too_many_are_invalid)
{
	struct command back;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(there_and_back(0, &back, &a), ST_INVALID);
	ck_assert_int_eq(there_and_back(COMMAND_WORDS_MAX + 1, &back, &a), ST_INVALID);
	ck_assert_uint_eq(back.count, 0);
	arena_fini(&a);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut_at_a_line_and_says_so)
{
	struct buf text = BUF_INIT, m = BUF_INIT;
	struct command_reply r = { .status = ST_BUSY }, back;
	struct arena a;

	arena_init(&a);
	while (text.n <= COMMAND_TEXT_MAX)
		buf_append_str(&text, "a line\n");
	r.text = buf_cstr(&text);
	command_reply_encode(&r, &m);
	ck_assert_uint_le(m.n, CONTROL_MESSAGE_MAX);
	ck_assert_int_eq(command_reply_decode(buf_slice(&m), &a, &back), ST_OK);
	ck_assert_int_eq(back.status, ST_BUSY);
	ck_assert_uint_le(strlen(back.text), COMMAND_TEXT_MAX);
	ck_assert_ptr_nonnull(strstr(back.text, "a line\n... (cut"));
	arena_fini(&a);
	buf_fini(&text);
	buf_fini(&m);
}
END_TEST

START_TEST(a_reply_of_unknown_status_is_invalid)
{
	struct command_reply back;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(command_reply_decode(slice_of("\x08\x7f", 2), &a, &back), ST_INVALID);
	ck_assert_str_eq(back.text, "");
	arena_fini(&a);
}
END_TEST

static void try_both(struct slice message)
{
	struct command_reply reply;
	struct command c;
	struct arena a;

	arena_init(&a);
	if (command_decode(message, &a, &c) == ST_OK)
		ck_assert(c.count >= 1 && c.count <= COMMAND_WORDS_MAX);
	if (command_reply_decode(message, &a, &reply) == ST_OK)
		ck_assert_str_ne(st_text(reply.status), "unknown");
	arena_fini(&a);
}

START_TEST(hostile_messages_are_refused_or_sound)
{
	char *words[] = { (char[]){ "checkpoint" }, (char[]){ "/srv/copy" } };
	struct command c = { words, 2 };
	struct buf m = BUF_INIT;

	command_encode(&c, &m);
	hostile_all(try_both, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

START_TEST(every_row_can_be_found_by_its_name)
{
	ck_assert_uint_gt(command_row_count, 0);
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		ck_assert_ptr_eq(command_find(row->name), row);
		ck_assert_uint_le(row->least, row->most);
		ck_assert_uint_lt(row->most, COMMAND_WORDS_MAX);
		ck_assert_uint_gt(strlen(row->prose), 0);
	}
	ck_assert_ptr_null(command_find(""));
	ck_assert_ptr_null(command_find("flus"));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, words_come_out_as_they_went_in);
	tcase_add_test(tc, no_words_and_too_many_are_invalid);
	tcase_add_test(tc, a_text_that_is_too_long_is_cut_at_a_line_and_says_so);
	tcase_add_test(tc, a_reply_of_unknown_status_is_invalid);
	tcase_add_test(tc, hostile_messages_are_refused_or_sound);
	tcase_add_test(tc, every_row_can_be_found_by_its_name);
}

CHECK_MAIN("proto/command", suite)
