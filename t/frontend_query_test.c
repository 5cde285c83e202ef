/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: what is read, and that everything else is refused by name. */
#include "frontend/query.h"

#include "t/check_main.h"

static struct arena arena;
static struct buf complaint;
static struct query_param params[3];

static enum problem read_query(const char *query)
{
	arena_reset(&arena);
	buf_reset(&complaint);
	memset(params, 0, sizeof params);
	params[0].name = "prefix";
	params[1].name = "limit";
	params[2].name = "reverse";
	return query_read(slice_str(query), &arena, params, 3, &complaint);
}

static void is_value(unsigned i, const char *want)
{
	ck_assert(params[i].given);
	ck_assert_msg(slice_eq(params[i].value, slice_str(want)), "%.*s", (int)params[i].value.n, params[i].value.p);
}

START_TEST(parameters_are_read_in_any_order)
{
	ck_assert_int_eq(read_query("limit=10&prefix=user%3A"), PROBLEM_NONE);
	is_value(0, "user:");
	is_value(1, "10");
	ck_assert(!params[2].given);
	ck_assert_int_eq(read_query("%70refix=a=b"), PROBLEM_NONE);
	is_value(0, "a=b");
}
END_TEST

START_TEST(a_plus_is_a_space_and_an_encoded_one_is_a_plus)
{
	ck_assert_int_eq(read_query("prefix=+a+%2b%20+"), PROBLEM_NONE);
	is_value(0, " a +  ");
}
END_TEST

START_TEST(nothing_between_ampersands_is_no_parameter)
{
	ck_assert_int_eq(read_query(""), PROBLEM_NONE);
	ck_assert_int_eq(read_query("&"), PROBLEM_NONE);
	ck_assert_int_eq(read_query("&&prefix&"), PROBLEM_NONE);
	is_value(0, "");
	ck_assert_int_eq(read_query("limit="), PROBLEM_NONE);
	is_value(1, "");
}
END_TEST

static void is_refused(const char *query, enum problem want, const char *name)
{
	ck_assert_msg(read_query(query) == want, "%s", query);
	ck_assert_msg(strstr(buf_cstr(&complaint), name) != NULL, "%s: %s", query, buf_cstr(&complaint));
}

START_TEST(unknown_repeated_and_badly_encoded_parameters_are_named)
{
	is_refused("prefix=a&colour=red", PROBLEM_PARAMETER_UNKNOWN, "colour");
	is_refused("Prefix=a", PROBLEM_PARAMETER_UNKNOWN, "Prefix");
	is_refused("=a", PROBLEM_PARAMETER_UNKNOWN, "\"\"");
	is_refused("prefix=a&limit=1&prefix=a", PROBLEM_PARAMETER_REPEATED, "prefix");
	is_refused("prefix=%", PROBLEM_PARAMETER_INVALID, "prefix");
	is_refused("limit=%zz", PROBLEM_PARAMETER_INVALID, "limit");
	ck_assert_int_eq(read_query("prefix=a%00b"), PROBLEM_NONE);      /* bounds are keys: any byte */
	ck_assert(slice_eq(params[0].value, slice_of("a\0b", 3)));
	is_refused("prefix=\"", PROBLEM_PARAMETER_INVALID, "prefix");
}
END_TEST

static enum problem number(const char *query, uint64_t min, uint64_t max, uint64_t *vp)
{
	ck_assert_int_eq(read_query(query), PROBLEM_NONE);
	*vp = 77;
	return query_number(&params[1], min, max, vp, &complaint);
}

START_TEST(numbers_are_whole_and_within_their_limits)
{
	static const char *const bad[] = { "limit=", "limit=-1", "limit=+1", "limit=1.5", "limit=0x1", "limit=11", "limit=0",
					   "limit=99999999999999999999999", "limit=1%20" };
	uint64_t v;
	size_t i;

	ck_assert_int_eq(number("", 1, 10, &v), PROBLEM_NONE);
	ck_assert_uint_eq(v, 77);
	ck_assert_int_eq(number("limit=10", 1, 10, &v), PROBLEM_NONE);
	ck_assert_uint_eq(v, 10);
	ck_assert_int_eq(number("limit=18446744073709551615", 0, UINT64_MAX, &v), PROBLEM_NONE);
	ck_assert_uint_eq(v, UINT64_MAX);
	ck_assert_int_eq(number("limit=18446744073709551616", 0, UINT64_MAX, &v), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(number("limit=3", 0, 2, &v), PROBLEM_PARAMETER_INVALID);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(number(bad[i], 1, 10, &v) == PROBLEM_PARAMETER_INVALID, "%s", bad[i]);
		ck_assert_uint_eq(v, 77);
		ck_assert(strstr(buf_cstr(&complaint), "\"limit\" must be a whole number from 1 to 10") != NULL);
	}
}
END_TEST

START_TEST(flags_are_true_or_false)
{
	bool v = true;

	ck_assert_int_eq(read_query("reverse=false"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_NONE);
	ck_assert(!v);
	ck_assert_int_eq(query_flag(&params[0], &v, &complaint), PROBLEM_NONE);
	ck_assert_int_eq(read_query("reverse=true"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_NONE);
	ck_assert(v);
	ck_assert_int_eq(read_query("reverse=0"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_NONE);
	ck_assert(!v);
	ck_assert_int_eq(read_query("reverse=1"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_NONE);
	ck_assert(v);
	ck_assert_int_eq(read_query("reverse=2"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(read_query("reverse"), PROBLEM_NONE);
	ck_assert_int_eq(query_flag(&params[2], &v, &complaint), PROBLEM_PARAMETER_INVALID);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, parameters_are_read_in_any_order);
	tcase_add_test(tc, a_plus_is_a_space_and_an_encoded_one_is_a_plus);
	tcase_add_test(tc, nothing_between_ampersands_is_no_parameter);
	tcase_add_test(tc, unknown_repeated_and_badly_encoded_parameters_are_named);
	tcase_add_test(tc, numbers_are_whole_and_within_their_limits);
	tcase_add_test(tc, flags_are_true_or_false);
}

CHECK_MAIN("frontend/query", add)
