/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say about codings, by table. */
#include "frontend/http_coding.h"

#include "t/check_main.h"

enum { IDENTITY = HTTP_TAKES_IDENTITY, GZIP = HTTP_TAKES_GZIP, BOTH = IDENTITY | GZIP, BEST = HTTP_PREFERS_GZIP };

static const struct {
	const char *field;
	unsigned takes;
} accepted[] = {
	{ "", IDENTITY },
	{ "gzip", BOTH | BEST },
	{ "GZip", BOTH | BEST },
	{ "x-gzip", BOTH | BEST },
	{ "gzip, deflate, br", BOTH | BEST },
	{ "deflate, br", IDENTITY },
	{ "identity", IDENTITY },
	{ "*", BOTH | BEST },
	{ "*;q=0", 0 },
	{ "identity;q=0", 0 },
	{ "identity;q=0, gzip", GZIP | BEST },
	{ "identity;q=0, gzip;q=0.001", GZIP | BEST },
	{ "*;q=0, gzip", GZIP | BEST },
	{ "*;q=0, identity", IDENTITY },
	{ "gzip;q=0", IDENTITY },
	{ "gzip;q=0, *", IDENTITY },
	{ "gzip;q=0.5, identity", BOTH },
	{ "gzip;q=0.5, identity;q=0.4", BOTH | BEST },
	{ "gzip;q=0.500,identity;q=0.5", BOTH | BEST },
	{ " \tgzip ; Q=0.3 ,, identity ;q=0.31", BOTH },
	{ "gzip;q=1.000", BOTH | BEST },
	{ "gzip;q=1.001", IDENTITY },
	{ "gzip;q=2", IDENTITY },
	{ "gzip;q=0.1234", IDENTITY },
	{ "gzip;q=", IDENTITY },
	{ "gzip;q=-1", IDENTITY },
	{ "gzip;quality=1", IDENTITY },
	{ "gzippy", IDENTITY },
};

START_TEST(what_a_client_accepts_follows_from_the_weights)
{
	size_t i;

	for (i = 0; i < sizeof accepted / sizeof *accepted; i++)
		ck_assert_msg(http_coding_accepted(slice_str(accepted[i].field)) == accepted[i].takes, "%s: %u",
			      accepted[i].field, http_coding_accepted(slice_str(accepted[i].field)));
}
END_TEST

START_TEST(the_coding_of_a_body_is_one_of_two)
{
	ck_assert_int_eq(http_coding_of(slice_of(NULL, 0)), HTTP_CODING_IDENTITY);
	ck_assert_int_eq(http_coding_of(slice_str("Identity")), HTTP_CODING_IDENTITY);
	ck_assert_int_eq(http_coding_of(slice_str("gzip")), HTTP_CODING_GZIP);
	ck_assert_int_eq(http_coding_of(slice_str("X-GZIP")), HTTP_CODING_GZIP);
	ck_assert_int_eq(http_coding_of(slice_str("gzip, gzip")), HTTP_CODING_OTHER);
	ck_assert_int_eq(http_coding_of(slice_str("br")), HTTP_CODING_OTHER);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_a_client_accepts_follows_from_the_weights);
	tcase_add_test(tc, the_coding_of_a_body_is_one_of_two);
}

CHECK_MAIN("frontend/http_coding", add)
