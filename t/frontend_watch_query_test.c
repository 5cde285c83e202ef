/* SPDX-License-Identifier: Apache-2.0 */
/* What a watcher asks for. */
#include "frontend/watch_query.h"

#include "t/check_main.h"

static struct http_pool pool;
static struct buf complaint;

static enum problem ask(const char *query, const char *last_id, struct watch_query *q)
{
	struct http_request *r = http_request_new(&pool);
	enum problem p;

	r->query = slice_str(query);
	if (last_id)
		ck_assert(http_request_add_field(r, HTTP_FIELD_LAST_EVENT_ID, slice_str(last_id)));
	buf_reset(&complaint);
	p = watch_query_read(r, q, &complaint);
	http_request_free(&pool, &r);
	return p;
}

START_TEST(nothing_asked_is_everything_from_now_on)
{
	struct watch_query q;

	ck_assert_int_eq(ask("", NULL, &q), PROBLEM_NONE);
	ck_assert(!q.has_since);
	ck_assert_uint_eq(q.prefix.n, 0);
	ck_assert_uint_eq(q.heartbeat_s, WATCH_HEARTBEAT_S);
	ck_assert_int_eq(ask("", "", &q), PROBLEM_NONE);
	ck_assert(!q.has_since);
}
END_TEST

START_TEST(since_and_heartbeat_are_numbers_in_their_limits)
{
	struct watch_query q;

	ck_assert_int_eq(ask("since=0&heartbeat=3600", NULL, &q), PROBLEM_NONE);
	ck_assert(q.has_since && q.since.v == 0 && q.heartbeat_s == 3600);
	ck_assert_int_eq(ask("since=72057594037927935", NULL, &q), PROBLEM_NONE);
	ck_assert_uint_eq(q.since.v, SEQ_MAX.v);
	ck_assert_int_eq(ask("since=72057594037927936", NULL, &q), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(ask("since=", NULL, &q), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(ask("heartbeat=0", NULL, &q), PROBLEM_PARAMETER_INVALID);
	ck_assert_int_eq(ask("heartbeat=3601", NULL, &q), PROBLEM_PARAMETER_INVALID);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "heartbeat"));
	ck_assert_int_eq(ask("sinse=1", NULL, &q), PROBLEM_PARAMETER_UNKNOWN);
}
END_TEST

START_TEST(the_last_id_wins_and_must_be_a_version)
{
	struct watch_query q;

	ck_assert_int_eq(ask("since=3", "17", &q), PROBLEM_NONE);
	ck_assert(q.has_since && q.since.v == 17);
	ck_assert_int_eq(ask("", "17", &q), PROBLEM_NONE);
	ck_assert(q.has_since && q.since.v == 17);
	ck_assert_int_eq(ask("since=3", "17a", &q), PROBLEM_PARAMETER_INVALID);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "Last-Event-ID"));
}
END_TEST

START_TEST(a_prefix_is_decoded_and_no_longer_than_a_key)
{
	char query[1100] = "prefix=";
	struct watch_query q;

	ck_assert_int_eq(ask("prefix=a%2Fb", NULL, &q), PROBLEM_NONE);
	ck_assert_uint_eq(q.prefix.n, 3);
	memset(query + 7, 'p', 1024);
	ck_assert_int_eq(ask(query, NULL, &q), PROBLEM_NONE);
	ck_assert_uint_eq(q.prefix.n, 1024);
	query[7 + 1024] = 'p';
	ck_assert_int_eq(ask(query, NULL, &q), PROBLEM_PARAMETER_INVALID);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, nothing_asked_is_everything_from_now_on);
	tcase_add_test(tc, since_and_heartbeat_are_numbers_in_their_limits);
	tcase_add_test(tc, the_last_id_wins_and_must_be_a_version);
	tcase_add_test(tc, a_prefix_is_decoded_and_no_longer_than_a_key);
}

CHECK_MAIN("frontend/watch_query", suite)
