/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-decoding, by table. */
#include "frontend/urlcode.h"

#include "t/check_main.h"

static void decodes(const char *in, const void *out, size_t n)
{
	uint8_t got[64];
	size_t length;

	ck_assert_msg(urlcode_decode(slice_str(in), got, &length), "%s was refused", in);
	ck_assert_msg(slice_eq(slice_of(got, length), slice_of(out, n)), "%s was decoded to something else",
		      in);
}

START_TEST(decoding_gives_the_bytes_meant)
{
	decodes("", "", 0);
	decodes("user:1", "user:1", 6);
	decodes("a%2Fb%2fc/d", "a/b/c/d", 7);
	decodes("%20%25%7e", " %~", 3);
	decodes("%ff%01", "\xff\x01", 2);
	decodes("a+b", "a+b", 3);
	decodes("%C3%A4", "\xc3\xa4", 2);
}
END_TEST

START_TEST(what_could_mean_two_things_is_refused)
{
	static const char *const wrong[] = { "%",    "a%",   "%1",   "%zz", "%0g", "%00", "a%00b", " ",
					     "\x7f", "\x80", "a\tb", "\"",  "<",   ">",   "\\",    "^",
					     "`",    "{",    "|",    "}",   "#",   "%%20" };
	uint8_t out[64];
	size_t i, n;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!urlcode_decode(slice_str(wrong[i]), out, &n), "case %zu was accepted", i);
}
END_TEST

START_TEST(bytes_may_be_zero)
{
	uint8_t got[8];
	size_t n;

	ck_assert(urlcode_decode_bytes(slice_str("a%00b"), got, &n));
	ck_assert(slice_eq(slice_of(got, n), slice_of("a\0b", 3)));
	ck_assert(!urlcode_decode_bytes(slice_str("%0"), got, &n));
	ck_assert(!urlcode_decode_bytes(slice_str("a b"), got, &n));
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, bytes_may_be_zero);
	tcase_add_test(tc, decoding_gives_the_bytes_meant);
	tcase_add_test(tc, what_could_mean_two_things_is_refused);
}

CHECK_MAIN("frontend/urlcode", add)
