/* SPDX-License-Identifier: Apache-2.0 */
/* The file of access tokens: what is taken, what is refused and where, and whose a presented token is. */
#include "frontend/tokens.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "t/check_main.h"

#define READER "reader-0123456789abcdef"
#define WRITER "writer-0123456789abcdef"
#define ADMIN  "admin-0123456789abcdef=="

static struct buf complaint;

static struct tokens *parse(const char *text)
{
	struct tokens *t;

	buf_reset(&complaint);
	if (tokens_parse("tokens.txt", slice_str(text), &t, &complaint) != ST_OK)
		ck_assert_ptr_null(t);
	return t;
}

static const struct token *find(const struct tokens *t, const char *presented)
{
	return tokens_find(t, slice_str(presented));
}

START_TEST(lines_comments_and_prefixes_are_taken)
{
	struct tokens *t = parse("# who may do what\n\n" READER " reader\n  \t" WRITER "\twriter  user%3A%2f  # the shop\r\n"
				 ADMIN " admin#\n" "\n");

	ck_assert_msg(t == NULL, "\"admin#\" is no role");
	t = parse("# who may do what\n\n" READER " reader\n  \t" WRITER "\twriter  user%3A%2f  # the shop\r\n" ADMIN " admin");
	ck_assert_msg(t != NULL, "%s", buf_cstr(&complaint));
	ck_assert_uint_eq(tokens_count(t), 3);
	ck_assert_int_eq(find(t, READER)->role, NEEDS_READER);
	ck_assert_uint_eq(find(t, READER)->line, 3);
	ck_assert_uint_eq(find(t, READER)->prefix.n, 0);
	ck_assert_int_eq(find(t, WRITER)->role, NEEDS_WRITER);
	ck_assert(slice_eq(find(t, WRITER)->prefix, slice_str("user:/")));
	ck_assert_int_eq(find(t, ADMIN)->role, NEEDS_ADMIN);
	tokens_free(&t);
	ck_assert_ptr_null(t);
	buf_fini(&complaint);
}
END_TEST

START_TEST(only_the_whole_token_fits)
{
	struct tokens *t = parse(READER " reader\n" WRITER " writer\n");
	char longer[TOKEN_MAX_BYTES + 40] = READER, almost[] = READER;

	ck_assert_ptr_null(find(t, ""));
	ck_assert_ptr_null(find(t, "reader"));
	ck_assert_ptr_null(find(t, READER "x"));
	ck_assert_ptr_null(find(t, READER WRITER));
	for (size_t i = 0; i < sizeof almost - 1; i++) {
		almost[i] ^= 1;
		ck_assert_ptr_null(find(t, almost));
		almost[i] ^= 1;
	}
	ck_assert_ptr_nonnull(find(t, almost));
	/* one whose first 128 bytes, padded, are the token */
	ck_assert_ptr_null(tokens_find(t, slice_of(longer, sizeof longer)));
	tokens_free(&t);
	buf_fini(&complaint);
}
END_TEST

START_TEST(the_longest_token_fits_and_the_last_of_many)
{
	struct buf text = BUF_INIT;
	char longest[TOKEN_MAX_BYTES + 1], name[40];
	struct tokens *t;

	memset(longest, 'L', TOKEN_MAX_BYTES);
	longest[TOKEN_MAX_BYTES] = '\0';
	for (unsigned i = 0; i < TOKENS_MAX - 1; i++)
		buf_printf(&text, "token-0123456789-%04u reader\n", i);
	buf_printf(&text, "%s writer", longest);
	t = parse(buf_cstr(&text));
	ck_assert_msg(t != NULL, "%s", buf_cstr(&complaint));
	ck_assert_uint_eq(tokens_count(t), TOKENS_MAX);
	for (unsigned i = 0; i < TOKENS_MAX - 1; i++) {
		snprintf(name, sizeof name, "token-0123456789-%04u", i);
		ck_assert_uint_eq(find(t, name)->line, i + 1);
	}
	ck_assert_int_eq(find(t, longest)->role, NEEDS_WRITER);
	tokens_free(&t);
	buf_append_str(&text, "\none-more-0123456789 reader\n");
	ck_assert_ptr_null(parse(buf_cstr(&text)));
	ck_assert_str_eq(buf_cstr(&complaint), "tokens.txt line 1025: more than 1024 tokens");
	buf_fini(&text);
	buf_fini(&complaint);
}
END_TEST

static const struct { const char *text, *wanted; } bad[] = {
	{ "", "tokens.txt: there is no token in it" },
	{ "# nothing\n\n", "tokens.txt: there is no token in it" },
	{ "\n" READER "\n", "tokens.txt line 2: a role is missing behind the token" },
	{ READER " # reader\n", "tokens.txt line 1: a role is missing" },
	{ READER " root\n", "tokens.txt line 1: the role behind the token is reader, writer or admin" },
	{ READER " Reader\n", "the role behind the token" },
	{ "short reader\n", "tokens.txt line 1: the token is shorter than 16 characters" },
	{ "quote\"0123456789abcdef reader\n", "a token consists of letters" },
	{ READER " reader a b\n", "there is something behind the prefix" },
	{ READER " reader %zz\n", "the prefix is not validly percent-encoded" },
	{ READER " reader %\n", "the prefix is not validly percent-encoded" },
	{ ADMIN " admin x\n", "an admin has all keys" },
	{ READER " reader\n" WRITER " writer\n" READER " writer\n", "tokens.txt line 3: this token stands in an earlier line" },
};

START_TEST(a_mistake_refuses_the_file_and_names_the_line)
{
	ck_assert_ptr_null(parse(bad[_i].text));
	ck_assert_msg(strstr(buf_cstr(&complaint), bad[_i].wanted), "wanted \"%s\", got \"%s\"", bad[_i].wanted,
		      buf_cstr(&complaint));
	ck_assert_ptr_null(strstr(buf_cstr(&complaint), "0123456789abcdef"));    /* never the token */
	buf_fini(&complaint);
}
END_TEST

START_TEST(a_token_of_129_characters_is_refused)
{
	char line[TOKEN_MAX_BYTES + 20];

	memset(line, 'x', sizeof line);
	strcpy(line + TOKEN_MAX_BYTES + 1, " reader");
	ck_assert_ptr_null(parse(line));
	ck_assert_str_eq(buf_cstr(&complaint), "tokens.txt line 1: the token is longer than 128 characters");
	buf_fini(&complaint);
}
END_TEST

static enum st read_with_mode(const char *path, mode_t mode)
{
	struct tokens *t;
	enum st st;

	buf_reset(&complaint);
	ck_assert_int_eq(chmod(path, mode), 0);
	st = tokens_read(path, &t, &complaint);
	tokens_free(&t);
	return st;
}

START_TEST(a_file_that_others_can_reach_is_refused_with_what_helps)
{
	static const mode_t wrong[] = { 0644, 0640, 0604, 0620, 0602, 0601, 0610 };
	char path[] = "/tmp/lsm-tokens-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_eq((int)write(fd, READER " reader\n", strlen(READER " reader\n")), (int)strlen(READER " reader\n"));
	close(fd);
	ck_assert_int_eq(read_with_mode(path, 0600), ST_OK);
	ck_assert_int_eq(read_with_mode(path, 0400), ST_OK);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_int_eq(read_with_mode(path, wrong[i]), ST_INVALID);
		ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "chmod 600 /tmp/lsm-tokens-"));
	}
	unlink(path);
	buf_fini(&complaint);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	struct tokens *t;

	ck_assert_int_eq(tokens_read("/nonexistent/tokens", &t, &complaint), ST_INVALID);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "AUTH_TOKENS_FILE=/nonexistent/tokens: cannot be opened: No such file"));
	buf_reset(&complaint);
	ck_assert_int_eq(tokens_read("/tmp", &t, &complaint), ST_INVALID);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "not a file"));
	ck_assert_ptr_null(t);
	buf_fini(&complaint);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, lines_comments_and_prefixes_are_taken);
	tcase_add_test(tc, only_the_whole_token_fits);
	tcase_add_test(tc, the_longest_token_fits_and_the_last_of_many);
	tcase_add_loop_test(tc, a_mistake_refuses_the_file_and_names_the_line, 0, sizeof bad / sizeof *bad);
	tcase_add_test(tc, a_token_of_129_characters_is_refused);
	tcase_add_test(tc, a_file_that_others_can_reach_is_refused_with_what_helps);
	tcase_add_test(tc, what_is_no_file_is_refused);
}

CHECK_MAIN("frontend/tokens", add)
