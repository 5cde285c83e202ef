/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of any moment, against the C library. */
#include "frontend/http_date.h"

#include <time.h>

#include "t/check_main.h"

#define YEAR_10000 253402300800ll

static void agrees(int64_t s)
{
	struct buf out = BUF_INIT;
	time_t t = (time_t)s;
	char want[40];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	http_date_append(&out, s);
	ck_assert_msg(slice_eq(buf_slice(&out), slice_str(want)), "%s became %.*s", want, (int)out.n, (const char *)out.p);
	buf_fini(&out);
}

START_TEST(every_day_of_eight_centuries_agrees_with_the_c_library)
{
	int64_t day;

	for (day = 0; day < 365 * 800; day++)
		agrees(day * 86400 + day % 86400);
	agrees(YEAR_10000 - 1);
}
END_TEST

START_TEST(what_no_date_can_say_becomes_the_nearest_one)
{
	struct buf out = BUF_INIT;

	http_date_append(&out, -1);
	http_date_append(&out, INT64_MAX);
	ck_assert(slice_eq(buf_slice(&out), slice_str("Thu, 01 Jan 1970 00:00:00 GMTFri, 31 Dec 9999 23:59:59 GMT")));
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, every_day_of_eight_centuries_agrees_with_the_c_library);
	tcase_add_test(tc, what_no_date_can_say_becomes_the_nearest_one);
}

CHECK_MAIN("frontend/http_date", add)
