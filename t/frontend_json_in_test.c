/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of JSON: what texts mean, what is no JSON, and that no text makes it read outside of itself. */
#include "frontend/json_in.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "t/check_main.h"

static struct arena arena;
static struct json_in j;

static void on(const char *text)
{
	arena_fini(&arena);
	arena_init(&arena);
	json_in_begin(&j, slice_str(text), &arena);
}

static void string_is(const char *text, const char *want, size_t n)
{
	struct slice s;

	on(text);
	ck_assert_msg(json_in_string(&j, &s), "%s: %s", text, j.wrong);
	ck_assert_msg(slice_eq(s, slice_of(want, n)), "%s became something else", text);
	ck_assert(json_in_end(&j));
}

START_TEST(strings_mean_their_bytes)
{
	string_is("\"\"", "", 0);
	string_is(" \"abcdefghijklmnopqrstuvwxyz\" ", "abcdefghijklmnopqrstuvwxyz", 26);
	string_is("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz", 10);
	string_is("\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\\u0000.\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\0.", 12);
	string_is("\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80", 4);
	string_is("\"\xc3\xa4\xf0\x9f\x98\x80 \\n\xe2\x82\xac\"", "\xc3\xa4\xf0\x9f\x98\x80 \n\xe2\x82\xac", 11);
	string_is("\"0123456\\\\\"", "0123456\\", 8);
	string_is("\"\x7f\"", "\x7f", 1);
}
END_TEST

START_TEST(what_is_no_string_is_told)
{
	static const char *const wrong[] = { "", "\"", "\"a", "a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
					     "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud83d\\ud83d\"", "\"\n\"", "\"\x01\"", "\"\xff\"",
					     "\"\xc3\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"", "\"\\n\xff\"", "\"\\u" };
	struct slice s;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		on(wrong[i]);
		ck_assert_msg(!json_in_string(&j, &s) && j.wrong, "case %zu was accepted", i);
	}
}
END_TEST

static void integer_is(const char *text, bool is_whole, int64_t want)
{
	bool whole;
	int64_t v;

	on(text);
	ck_assert_msg(json_in_integer(&j, &v, &whole), "%s: %s", text, j.wrong);
	ck_assert_msg(whole == is_whole && (!whole || v == want), "%s became %lld", text, (long long)v);
	ck_assert_msg(json_in_end(&j), "%s: %s", text, j.wrong);
}

START_TEST(numbers_are_whole_or_not)
{
	integer_is("0", true, 0);
	integer_is("-0", true, 0);
	integer_is(" 17 ", true, 17);
	integer_is("9223372036854775807", true, INT64_MAX);
	integer_is("-9223372036854775808", true, INT64_MIN);
	integer_is("9223372036854775808", false, 0);
	integer_is("-9223372036854775809", false, 0);
	integer_is("99999999999999999999999", false, 0);
	integer_is("1.0", false, 0);
	integer_is("1e3", false, 0);
	integer_is("-2.50E-3", false, 0);
}
END_TEST

START_TEST(what_is_no_number_is_told)
{
	static const char *const wrong[] = { "", "-", "+1", "01", "-01", ".5", "1.", "1.e3", "1e", "1e+", "a" };
	bool whole;
	int64_t v;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		on(wrong[i]);
		ck_assert_msg(!json_in_integer(&j, &v, &whole) || !json_in_end(&j), "%s was accepted", wrong[i]);
	}
}
END_TEST

/* Reads an object of strings, numbers, booleans and arrays of strings, and writes down what it met. */
static const char *reading(const char *text)
{
	static char out[200];
	struct slice name, s;
	bool first = true, inner = true, b;
	size_t n = 0;
	int64_t v;

	on(text);
	(void)json_in_open(&j, '{');
	while (json_in_name(&j, &first, &name)) {
		n += (size_t)snprintf(out + n, sizeof out - n, "%.*s=", (int)name.n, (const char *)name.p);
		switch (json_in_next(&j)) {
		case '"':
			if (json_in_string(&j, &s))
				n += (size_t)snprintf(out + n, sizeof out - n, "%.*s;", (int)s.n, (const char *)s.p);
			break;
		case '0':
			if (json_in_integer(&j, &v, &b))
				n += (size_t)snprintf(out + n, sizeof out - n, "%lld;", (long long)v);
			break;
		case '[':
			(void)json_in_open(&j, '[');
			for (inner = true; json_in_element(&j, &inner) && json_in_string(&j, &s);)
				n += (size_t)snprintf(out + n, sizeof out - n, "%.*s,", (int)s.n, (const char *)s.p);
			break;
		default:
			if (json_in_bool(&j, &b))
				n += (size_t)snprintf(out + n, sizeof out - n, b ? "yes;" : "no;");
		}
	}
	return json_in_end(&j) ? out : j.wrong;
}

START_TEST(objects_and_arrays_are_walked_in_order)
{
	ck_assert_str_eq(reading("{\"a\":\"x\",\"b\" : 2 ,\n\"c\":[\"p\", \"q\"],\"d\":true,\"e\":false}"), "a=x;b=2;c=p,q,d=yes;e=no;");
	ck_assert_str_eq(reading("{\"c\":[]}"), "c=");
}
END_TEST

START_TEST(errors_stick_and_name_their_place)
{
	static const char *const wrong[] = { "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "[]",
					     "{\"a\":1 \"b\":2}", "{\"c\":[\"p\"", "{\"c\":[\"p\",]}", "{\"c\":[\"p\" \"q\"]}", "{\"d\":tru}",
					     "{\"d\":nul}", "{} {}", "{\"c\":[\"p\"}}", "" };
	struct buf complaint = BUF_INIT;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		(void)reading(wrong[i]);
		ck_assert_msg(j.wrong != NULL, "%s was accepted", wrong[i]);
		ck_assert(json_in_next(&j) == 0 && !json_in_end(&j));
	}
	(void)reading("{\"a\":1,\n \"b\" 2}");
	json_in_complain(&j, &complaint);
	ck_assert_str_eq(buf_cstr(&complaint), "Line 2, column 6: ':' is expected.");
	buf_fini(&complaint);
}
END_TEST

START_TEST(every_beginning_of_a_text_is_read_within_its_bounds)
{
	static const char text[] = "{\"a\":\"\\ud83d\\ude00\\n\xf0\x9f\x98\x80\",\"b\":-12.5e+3,\"c\":[\"pppppppppp\"],\"d\":false}";
	size_t n;

	for (n = 0; n < sizeof text - 1; n++) {
		char *copy = mem_alloc(n + 1);

		memcpy(copy, text, n);
		copy[n] = 0;
		(void)reading(copy);
		ck_assert_msg(j.wrong != NULL, "the first %zu bytes were accepted", n);
		mem_free(copy);
	}
	ck_assert_ptr_ne(reading(text), j.wrong);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, strings_mean_their_bytes);
	tcase_add_test(tc, what_is_no_string_is_told);
	tcase_add_test(tc, numbers_are_whole_or_not);
	tcase_add_test(tc, what_is_no_number_is_told);
	tcase_add_test(tc, objects_and_arrays_are_walked_in_order);
	tcase_add_test(tc, errors_stick_and_name_their_place);
	tcase_add_test(tc, every_beginning_of_a_text_is_read_within_its_bounds);
}

CHECK_MAIN("frontend/json_in", add)
