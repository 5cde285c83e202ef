/* SPDX-License-Identifier: Apache-2.0 */
/* Problems: the table is complete, bodies are JSON with the promised members. */
#include "frontend/problem.h"

#include <jansson.h>

#include "frontend/http_status.h"
#include "t/check_main.h"

START_TEST(every_problem_is_a_json_object_with_all_members)
{
	enum problem p;

	for (p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
		struct buf out = BUF_INIT;
		const char *type, *title, *code, *detail;
		int success, status;
		json_t *o;

		problem_write(&out, p, NULL, slice_of(NULL, 0));
		o = json_loadb((const char *)out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
		ck_assert(o != NULL);
		ck_assert_int_eq(json_unpack(o, "{s:b,s:s,s:s,s:i,s:s,s:s!}", "success", &success, "type",
					     &type, "title", &title, "status", &status, "code", &code,
					     "detail", &detail),
				 0);
		ck_assert_int_eq(success, 0);
		ck_assert_uint_eq((unsigned)status, problem_status(p));
		ck_assert_str_eq(title, http_status_phrase(problem_status(p)));
		ck_assert_str_eq(code, problem_code(p));
		ck_assert_str_ne(title, "Unknown");
		ck_assert(status >= 400 && *detail);
		json_decref(o);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(every_failed_outcome_has_a_problem)
{
#define ST(name, number, text) \
	ck_assert_msg((problem_of(ST_##name) == PROBLEM_NONE) == (ST_##name == ST_OK), "outcome %s", text);
#include "common/base/status.def"
#undef ST
	ck_assert_uint_eq(problem_status(problem_of(ST_NOT_FOUND)), 404);
	ck_assert_uint_eq(problem_status(problem_of(ST_FULL)), 507);
	ck_assert_uint_eq(problem_status(problem_of((enum st)99)), 500);
}
END_TEST

START_TEST(a_detail_of_any_bytes_stays_json)
{
	struct buf out = BUF_INIT;
	json_t *o;

	problem_write(&out, PROBLEM_JSON_INVALID, "line \"1\"\n\xff\\", slice_str(",\"line\":1"));
	o = json_loadb((const char *)out.p, out.n, 0, NULL);
	ck_assert(o != NULL);
	ck_assert_str_eq(json_string_value(json_object_get(o, "detail")), "line \"1\"\n\xef\xbf\xbd\\");
	json_decref(o);
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, every_problem_is_a_json_object_with_all_members);
	tcase_add_test(tc, every_failed_outcome_has_a_problem);
	tcase_add_test(tc, a_detail_of_any_bytes_stays_json);
}

CHECK_MAIN("frontend/problem", add)
