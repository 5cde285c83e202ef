/* SPDX-License-Identifier: Apache-2.0 */
/* What Accept and Content-Type say, case by case. */
#include "frontend/media.h"

#include "t/check_main.h"

START_TEST(accept_says_how_far_a_type_is_wanted)
{
	static const struct { const char *accept; enum media_wish json, lines; } cases[] = {
		{ NULL, MEDIA_TAKEN, MEDIA_TAKEN },
		{ "", MEDIA_REFUSED, MEDIA_REFUSED },
		{ "*/*", MEDIA_TAKEN, MEDIA_TAKEN },
		{ "application/*;q=0.3", MEDIA_TAKEN, MEDIA_TAKEN },
		{ "text/*", MEDIA_REFUSED, MEDIA_REFUSED },
		{ "application/x-ndjson", MEDIA_REFUSED, MEDIA_NAMED },
		{ "text/html, Application/X-NDJSON ;q=0.5, */*;q=0.1", MEDIA_TAKEN, MEDIA_NAMED },
		{ "application/json;q=0, */*", MEDIA_REFUSED, MEDIA_TAKEN },
		{ "application/json;charset=utf-8;q=0.000", MEDIA_REFUSED, MEDIA_REFUSED },
		{ "application/json;q=0.001", MEDIA_NAMED, MEDIA_REFUSED },
		{ "application/jsonx,application/jso", MEDIA_REFUSED, MEDIA_REFUSED },
		{ ",,application/json", MEDIA_NAMED, MEDIA_REFUSED },
		{ "*/*;q=0, application/*", MEDIA_TAKEN, MEDIA_TAKEN },
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *a = cases[i].accept;
		struct slice s = a ? slice_str(a) : slice_of(NULL, 0);

		ck_assert_msg(media_wish(s, MEDIA_JSON) == cases[i].json, "json: %s", a);
		ck_assert_msg(media_wish(s, MEDIA_NDJSON) == cases[i].lines, "lines: %s", a);
	}
}
END_TEST

START_TEST(another_form_is_sent_to_who_names_it_and_likes_it_no_less)
{
	static const struct { const char *accept; bool lines; } cases[] = {
		{ NULL, false },
		{ "*/*", false },
		{ "application/x-ndjson", true },
		{ "application/x-ndjson;q=0", false },
		{ "application/x-ndjson, application/json", true },
		{ "application/json, application/x-ndjson;q=0.1", false },
		{ "application/x-ndjson;q=0.5, */*", false },
		{ "application/x-ndjson, */*;q=0.1", true },
		{ "application/x-ndjson;q=0.5, application/json;q=0.500", true },
		{ "application/x-ndjson;q=0.5, application/json;Q=0.501", false },
		{ "application/x-ndjson;q=0.5, application/json;q=0", true },
		{ "application/x-ndjson;q=0.25, application/*;q=0.3, */*;q=0.2", false },
		{ "application/x-ndjson;q=1.5, application/json", true },
		{ "application/x-ndjson;q=1.0, application/json;q=1", true },
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *a = cases[i].accept;
		struct slice s = a ? slice_str(a) : slice_of(NULL, 0);

		ck_assert_msg(media_is_preferred(s, MEDIA_NDJSON, MEDIA_JSON) == cases[i].lines, "%s", a);
	}
}
END_TEST

START_TEST(a_content_type_is_compared_without_its_parameters)
{
	ck_assert(media_is(slice_str("application/json"), MEDIA_JSON));
	ck_assert(media_is(slice_str("APPLICATION/json ; charset=utf-8"), MEDIA_JSON));
	ck_assert(!media_is(slice_str("application/json5"), MEDIA_JSON));
	ck_assert(!media_is(slice_str("application"), MEDIA_JSON));
	ck_assert(!media_is(slice_of(NULL, 0), MEDIA_JSON));
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, accept_says_how_far_a_type_is_wanted);
	tcase_add_test(tc, another_form_is_sent_to_who_names_it_and_likes_it_no_less);
	tcase_add_test(tc, a_content_type_is_compared_without_its_parameters);
}

CHECK_MAIN("frontend/media", add)
