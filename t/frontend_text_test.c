/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as JSON text: every code point and every wrong sequence, and what the reader of JSON makes of it. */
#include "frontend/text.h"

#include <jansson.h>

#include "t/check_main.h"

static size_t encode(uint32_t c, uint8_t *o)
{
	if (c < 0x80) {
		o[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		o[0] = (uint8_t)(0xc0 | c >> 6);
		o[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		o[0] = (uint8_t)(0xe0 | c >> 12);
		o[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		o[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	o[0] = (uint8_t)(0xf0 | c >> 18);
	o[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	o[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	o[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

/* What jansson reads back of our quoting is what went in. */
static void survives(struct slice s)
{
	struct buf out = BUF_INIT;
	json_t *back;

	ck_assert(text_quote(&out, s));
	back = json_loadb((const char *)out.p, out.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	ck_assert_msg(back != NULL, "jansson refuses %.*s", (int)out.n, (const char *)out.p);
	ck_assert(slice_eq(s, slice_of(json_string_value(back), json_string_length(back))));
	json_decref(back);
	buf_fini(&out);
}

START_TEST(every_code_point_survives_quoting)
{
	uint8_t text[4 * 64];
	size_t n = 0;
	uint32_t c;

	for (c = 0; c <= 0x10ffff; c++) {
		if (c == 0xd800)
			c = 0xe000;
		n += encode(c, text + n);
		if (n > sizeof text - 8 || c == 0x10ffff) {
			survives(slice_of(text, n));
			n = 0;
		}
	}
}
END_TEST

START_TEST(special_bytes_are_found_at_every_place_of_a_word)
{
	static const char *const special[] = { "\"",   "\\", "\n", "\x1f", "\x01", "\xc3\xa4",
					       "\x7f", " ",  "!",  "#",    "[",    "]" };
	uint8_t text[40];
	size_t i, at;

	for (i = 0; i < sizeof special / sizeof *special; i++) {
		for (at = 0; at < 24; at++) {
			size_t n = strlen(special[i]);

			memset(text, 'a', sizeof text);
			memcpy(text + at, special[i], n);
			survives(slice_of(text, 32));
		}
	}
}
END_TEST

START_TEST(long_texts_survive_over_the_edge_of_a_piece)
{
	static uint8_t text[20000];
	size_t shift, i;

	for (shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (i = shift; i + 4 <= sizeof text; i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		survives(slice_of(text, i));
	}
}
END_TEST

START_TEST(what_is_no_utf8_is_refused_and_leaves_no_trace)
{
	static const char *const wrong[] = { "\x80",
					     "\xbf",
					     "\xc0\x80",
					     "\xc1\xbf",
					     "\xc3",
					     "\xc3(",
					     "\xe0\x80\x80",
					     "\xe0\x9f\xbf",
					     "\xed\xa0\x80",
					     "\xed\xbf\xbf",
					     "\xe2\x82",
					     "\xe2(\xa1",
					     "\xf0\x80\x80\x80",
					     "\xf0\x8f\xbf\xbf",
					     "\xf4\x90\x80\x80",
					     "\xf5\x80\x80\x80",
					     "\xff",
					     "\xfe",
					     "\xf0\x9f\x98",
					     "abcdefgh\xff" };
	struct buf out = BUF_INIT;
	size_t i;

	buf_append_str(&out, "before");
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_msg(!text_quote(&out, slice_str(wrong[i])), "case %zu was accepted", i);
		ck_assert(slice_eq(buf_slice(&out), slice_str("before")));
	}
	buf_fini(&out);
}
END_TEST

START_TEST(texts_for_people_show_wrong_bytes_as_replacement)
{
	struct buf out = BUF_INIT;

	text_quote_any(&out, slice_str("a\xff" "b\xe2\x82"));
	ck_assert(slice_eq(buf_slice(&out), slice_str("\"a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\"")));
	buf_fini(&out);
}
END_TEST

START_TEST(base64_is_that_of_the_rfc)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfd", "//79" }
	};
	size_t i;

	for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf out = BUF_INIT;

		text_base64(&out, slice_str(pairs[i][0]));
		ck_assert(slice_eq(buf_slice(&out), slice_str(pairs[i][1])));
		buf_fini(&out);
	}
}
END_TEST

START_TEST(base64_comes_back_as_it_was)
{
	struct buf out = BUF_INIT;
	uint8_t bytes[256], back[256];
	size_t n, got;

	for (n = 0; n < sizeof bytes; n++) {
		bytes[n] = (uint8_t)(n * 37);
		buf_reset(&out);
		text_base64(&out, slice_of(bytes, n));
		ck_assert(text_unbase64(buf_slice(&out), back, &got));
		ck_assert(slice_eq(slice_of(back, got), slice_of(bytes, n)));
	}
	buf_fini(&out);
}
END_TEST

START_TEST(what_is_not_base64_is_refused)
{
	static const char *const wrong[] = { "Y", "YQ", "YWI", "YQ=", "=", "====", "Y===", "YR==", "YWJ=", "YQ==YQ==", "YW-j", "YW_j",
					     "YW\nj", " YWJ", "Y=Q=" };
	uint8_t out[16];
	size_t i, n;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!text_unbase64(slice_str(wrong[i]), out, &n), "%s was accepted", wrong[i]);
}
END_TEST

START_TEST(a_member_is_text_where_it_can_be)
{
	struct buf out = BUF_INIT;

	text_member(&out, "key", slice_str("a\"b"));
	text_member(&out, "value", slice_of("\xff\x00", 2));
	ck_assert(slice_eq(buf_slice(&out), slice_str("\"key\":\"a\\\"b\"\"value_base64\":\"/wA=\"")));
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, base64_comes_back_as_it_was);
	tcase_add_test(tc, what_is_not_base64_is_refused);
	tcase_add_test(tc, a_member_is_text_where_it_can_be);
	tcase_add_test(tc, every_code_point_survives_quoting);
	tcase_add_test(tc, special_bytes_are_found_at_every_place_of_a_word);
	tcase_add_test(tc, long_texts_survive_over_the_edge_of_a_piece);
	tcase_add_test(tc, what_is_no_utf8_is_refused_and_leaves_no_trace);
	tcase_add_test(tc, texts_for_people_show_wrong_bytes_as_replacement);
	tcase_add_test(tc, base64_is_that_of_the_rfc);
}

CHECK_MAIN("frontend/text", add)
