/* SPDX-License-Identifier: Apache-2.0 */
/* Which origins get which fields. */
#include "frontend/cors.h"

#include "t/check_main.h"

static struct buf out;

static const char *fields(const char *setting, const char *origin)
{
	struct cors c;

	buf_reset(&out);
	cors_init(&c, setting);
	cors_fields(&c, origin ? slice_str(origin) : slice_of(NULL, 0), &out);
	return buf_cstr(&out);
}

static const char *preflight(const char *setting, const char *origin)
{
	struct cors c;

	buf_reset(&out);
	cors_init(&c, setting);
	cors_preflight_fields(&c, slice_str(origin), "GET, HEAD", &out);
	return buf_cstr(&out);
}

START_TEST(without_the_setting_there_are_no_fields)
{
	struct cors c;

	ck_assert_str_eq(fields("", "https://a"), "");
	ck_assert_str_eq(fields(" , ", "https://a"), "");
	ck_assert_str_eq(preflight("", "https://a"), "");
	cors_init(&c, "");
	ck_assert(!cors_is_on(&c));
}
END_TEST

START_TEST(a_star_is_any_origin)
{
	ck_assert_ptr_nonnull(strstr(fields("*", "https://a"), "Access-Control-Allow-Origin: *\r\n"));
	ck_assert_ptr_nonnull(strstr(fields("*", "https://a"), "Access-Control-Expose-Headers: ETag, "));
	ck_assert_ptr_null(strstr(fields("*", "https://a"), "Vary"));
	ck_assert_str_eq(fields("*", NULL), "");
}
END_TEST

START_TEST(an_origin_is_allowed_when_it_is_named)
{
	static const char setting[] = "https://a.example, http://b:81\thttps://c";
	static const char *const strangers[] = { "https://a.exampl", "https://a.example2", "HTTPS://a.example", "http://b",
						 "http://b:811", "null", "https://a.example, http://b:81", "" };
	size_t i;

	ck_assert_ptr_nonnull(strstr(fields(setting, "https://a.example"), "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
	ck_assert_ptr_nonnull(strstr(fields(setting, "http://b:81"), "Allow-Origin: http://b:81\r\n"));
	ck_assert_ptr_nonnull(strstr(fields(setting, "https://c"), "Allow-Origin: https://c\r\n"));
	for (i = 0; i < sizeof strangers / sizeof *strangers; i++)
		ck_assert_msg(strcmp(fields(setting, strangers[i]), "Vary: Origin\r\n") == 0, "%s", strangers[i]);
}
END_TEST

START_TEST(a_preflight_is_told_methods_and_fields)
{
	const char *text = preflight("https://a", "https://a");

	ck_assert_ptr_nonnull(strstr(text, "Access-Control-Allow-Methods: GET, HEAD\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "If-None-Match"));
	ck_assert_ptr_nonnull(strstr(text, "Access-Control-Max-Age: "));
	ck_assert_str_eq(preflight("https://a", "https://b"), "");
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, without_the_setting_there_are_no_fields);
	tcase_add_test(tc, a_star_is_any_origin);
	tcase_add_test(tc, an_origin_is_allowed_when_it_is_named);
	tcase_add_test(tc, a_preflight_is_told_methods_and_fields);
}

CHECK_MAIN("frontend/cors", add)
