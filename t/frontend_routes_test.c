/* SPDX-License-Identifier: Apache-2.0 */
/* The route table. */
#include "frontend/routes.h"

#include "t/check_main.h"

static enum route find(enum http_method method, const char *path)
{
	return routes_find(method, slice_str(path)).route;
}

START_TEST(each_call_is_found_by_method_and_path)
{
	ck_assert_int_eq(find(HTTP_M_POST, "/api/write"), ROUTE_WRITE);
	ck_assert_int_eq(find(HTTP_M_POST, "/api/batch"), ROUTE_BATCH);
	ck_assert_int_eq(find(HTTP_M_GET, "/api/read/k"), ROUTE_READ);
	ck_assert_int_eq(find(HTTP_M_DELETE, "/api/delete/k"), ROUTE_DELETE);
	ck_assert_int_eq(find(HTTP_M_GET, "/api/stats"), ROUTE_STATS);
	ck_assert_int_eq(find(HTTP_M_GET, "/api/health"), ROUTE_HEALTH);
	ck_assert_int_eq(find(HTTP_M_GET, "/api/metrics"), ROUTE_METRICS);
	ck_assert_int_eq(find(HTTP_M_GET, "/metrics"), ROUTE_METRICS);
	ck_assert_int_eq(find(HTTP_M_GET, "/v1/watch"), ROUTE_WATCH);
	ck_assert_int_eq(find(HTTP_M_GET, "/livez"), ROUTE_LIVE);
	ck_assert_int_eq(find(HTTP_M_GET, "/openapi.json"), ROUTE_OPENAPI);
	ck_assert_int_eq(find(HTTP_M_GET, "/readyz"), ROUTE_READY);
}
END_TEST

START_TEST(head_goes_where_get_goes)
{
	ck_assert_int_eq(find(HTTP_M_HEAD, "/api/read/k"), ROUTE_READ);
	ck_assert_int_eq(find(HTTP_M_HEAD, "/livez"), ROUTE_LIVE);
	ck_assert_int_eq(find(HTTP_M_HEAD, "/api/write"), ROUTE_WRONG_METHOD);
}
END_TEST

START_TEST(the_argument_is_the_rest_of_the_path_with_its_slashes)
{
	struct route_match m = routes_find(HTTP_M_GET, slice_str("/api/read/a/b%2Fc/"));

	ck_assert_int_eq(m.route, ROUTE_READ);
	ck_assert(slice_eq(m.argument, slice_str("a/b%2Fc/")));
	ck_assert_uint_eq(routes_find(HTTP_M_GET, slice_str("/api/read/")).argument.n, 0);
}
END_TEST

static const char *methods(enum http_method method, const char *path, enum route want)
{
	static struct buf out;
	struct route_match m = routes_find(method, slice_str(path));

	ck_assert_int_eq(m.route, want);
	buf_reset(&out);
	routes_write_methods(m.methods, &out);
	return buf_cstr(&out);
}

START_TEST(a_wrong_method_is_told_the_right_ones)
{
	ck_assert_str_eq(methods(HTTP_M_GET, "/api/write", ROUTE_WRONG_METHOD), "POST, OPTIONS");
	ck_assert_str_eq(methods(HTTP_M_OTHER, "/api/read/x", ROUTE_WRONG_METHOD), "GET, HEAD, OPTIONS");
	ck_assert_str_eq(methods(HTTP_M_PUT, "/api/read/x", ROUTE_WRONG_METHOD), "GET, HEAD, OPTIONS");
}
END_TEST

START_TEST(options_are_told_for_each_path_and_for_all)
{
	ck_assert_str_eq(methods(HTTP_M_OPTIONS, "/api/delete/x", ROUTE_OPTIONS), "DELETE, OPTIONS");
	ck_assert_str_eq(methods(HTTP_M_OPTIONS, "/livez", ROUTE_OPTIONS), "GET, HEAD, OPTIONS");
	ck_assert_ptr_nonnull(strstr(methods(HTTP_M_OPTIONS, "*", ROUTE_OPTIONS), "GET, HEAD, POST, "));
	ck_assert_int_eq(find(HTTP_M_OPTIONS, "/nothing"), ROUTE_NONE);
}
END_TEST

START_TEST(anything_else_is_not_there)
{
	static const char *const paths[] = {
		"/",           "",        "/api",    "/api/", "/api/writes", "/api/write/", "/api/read",
		"/API/read/x", "/livez/", "//livez", "*"
	};
	size_t i;

	for (i = 0; i < sizeof paths / sizeof *paths; i++)
		ck_assert_msg(find(HTTP_M_GET, paths[i]) == ROUTE_NONE, "%s", paths[i]);
}
END_TEST

/* Every route once; what is not listed would be an admin's. */
START_TEST(each_call_says_what_it_asks_of_its_caller)
{
	static const struct { enum route route; struct access_need need; } wanted[] = {
		{ ROUTE_NONE, { NEEDS_READER, false, false } },     { ROUTE_WRONG_METHOD, { NEEDS_READER, false, false } },
		{ ROUTE_OPTIONS, { NEEDS_NOTHING, false, false } }, { ROUTE_LIVE, { NEEDS_NOTHING, false, false } },
		{ ROUTE_OPENAPI, { NEEDS_NOTHING, false, false } },
		{ ROUTE_READY, { NEEDS_NOTHING, false, false } },   { ROUTE_STATS, { NEEDS_READER, false, false } },
		{ ROUTE_HEALTH, { NEEDS_READER, false, false } },   { ROUTE_METRICS, { NEEDS_READER, false, false } },
		{ ROUTE_READ, { NEEDS_READER, true, true } },       { ROUTE_WRITE, { NEEDS_WRITER, true, true } },
		{ ROUTE_DELETE, { NEEDS_WRITER, true, true } },     { ROUTE_BATCH, { NEEDS_WRITER, true, true } },
		{ ROUTE_V1_GET, { NEEDS_READER, true, true } },
		{ ROUTE_V1_MGET, { NEEDS_READER, true, true } },
		{ ROUTE_V1_PUT, { NEEDS_WRITER, true, true } },
		{ ROUTE_V1_DELETE, { NEEDS_WRITER, true, true } },
		{ ROUTE_V1_INCREMENT, { NEEDS_WRITER, true, true } },
		{ ROUTE_V1_BATCH, { NEEDS_WRITER, true, true } },
		{ (enum route)99, { NEEDS_ADMIN, true, false } },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct access_need need = routes_need(wanted[i].route);

		ck_assert_msg(need.role == wanted[i].need.role && need.holds_keys == wanted[i].need.holds_keys &&
			      need.checks_keys == wanted[i].need.checks_keys, "route %d", wanted[i].route);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, each_call_says_what_it_asks_of_its_caller);
	tcase_add_test(tc, each_call_is_found_by_method_and_path);
	tcase_add_test(tc, head_goes_where_get_goes);
	tcase_add_test(tc, the_argument_is_the_rest_of_the_path_with_its_slashes);
	tcase_add_test(tc, a_wrong_method_is_told_the_right_ones);
	tcase_add_test(tc, options_are_told_for_each_path_and_for_all);
	tcase_add_test(tc, anything_else_is_not_there);
}

CHECK_MAIN("frontend/routes", add)
