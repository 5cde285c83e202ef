/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: every role against every need, keys and prefixes, and reloads. */
#include "frontend/access.h"

#include <stdio.h>
#include <unistd.h>

#include "common/stats/stats.h"
#include "t/check_main.h"

static const char tokens[] = "reader-0123456789abcdef reader\nwriter-0123456789abcdef writer\nadmin-0123456789abcdef admin\n"
			     "confined-0123456789abcdef writer a%2Fb\n";
static char path[] = "/tmp/lsm-access-XXXXXX";
static struct http_pool pool;
static struct access *access_control;

static void put_file(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void begin(void)
{
	stats_begin_private();
	close(mkstemp(path));
	put_file(tokens);
	ck_assert_int_eq(access_new(path, &access_control), ST_OK);
}

static void end(void)
{
	access_free(&access_control);
	http_pool_fini(&pool);
	unlink(path);
}

/* A request with this Authorization field; NULL: without. */
static struct http_request *request(const char *authorization)
{
	struct http_request *r = http_request_new(&pool);

	if (authorization)
		ck_assert(http_request_add_field(r, HTTP_FIELD_AUTHORIZATION, slice_str(authorization)));
	return r;
}

static bool would_admit(const char *authorization, struct access_need need)
{
	struct http_request *r = request(authorization);
	bool would = access_would_admit(access_control, r, need);

	http_request_free(&pool, &r);
	return would;
}

START_TEST(each_role_may_what_those_before_it_may)
{
	static const char *const who[] = { NULL, "Bearer reader-0123456789abcdef", "Bearer writer-0123456789abcdef",
					   "Bearer admin-0123456789abcdef" };

	begin();
	for (enum role_needed role = NEEDS_NOTHING; role <= NEEDS_ADMIN; role++)
		for (unsigned i = 0; i < 4; i++)
			for (unsigned keys = 0; keys < 3; keys++) {
				struct access_need need = { role, keys > 0, keys > 1 };

				ck_assert_msg(would_admit(who[i], need) == (i >= (unsigned)role), "%s, role %d", who[i], role);
			}
	end();
}
END_TEST

START_TEST(a_confined_token_reaches_only_what_checks_its_keys)
{
	static const char who[] = "Bearer confined-0123456789abcdef";

	begin();
	ck_assert(would_admit(who, (struct access_need){ NEEDS_READER, false, false }));
	ck_assert(would_admit(who, (struct access_need){ NEEDS_WRITER, true, true }));
	ck_assert(!would_admit(who, (struct access_need){ NEEDS_READER, true, false }));
	ck_assert(!would_admit(who, (struct access_need){ NEEDS_ADMIN, false, false }));
	end();
}
END_TEST

START_TEST(what_is_no_bearer_token_is_none)
{
	static const struct { const char *field; bool good; } fields[] = {
		{ "Bearer reader-0123456789abcdef", true }, { "bEaReR  reader-0123456789abcdef", true },
		{ "Bearer reader-0123456789abcde", false }, { "Bearer reader-0123456789abcdef x", false },
		{ "reader-0123456789abcdef", false }, { "Basic reader-0123456789abcdef", false },
		{ "Bearerreader-0123456789abcdef", false }, { "Bearer", false }, { "Bearer ", false }, { "", false },
	};

	begin();
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		ck_assert_msg(would_admit(fields[i].field, (struct access_need){ NEEDS_READER, true, true }) == fields[i].good,
			      "%s", fields[i].field);
	end();
}
END_TEST

START_TEST(admission_leaves_the_prefix_with_the_request)
{
	struct access_need need = { NEEDS_READER, true, true };
	struct http_request *r;

	begin();
	r = request("Bearer confined-0123456789abcdef");
	ck_assert(access_admit(access_control, r, need));
	put_file("other-0123456789abcdef reader\n");
	ck_assert_int_eq(access_reload(access_control), ST_OK);          /* takes nothing from under it */
	ck_assert(access_is_confined(r) && slice_eq(r->prefix, slice_str("a/b")));
	ck_assert_uint_eq(r->token_line, 4);
	ck_assert(access_key(r, slice_str("a/b")) && access_key(r, slice_str("a/bc")));
	http_request_free(&pool, &r);
	r = request("Bearer other-0123456789abcdef");
	ck_assert(access_admit(access_control, r, need));
	ck_assert(!access_is_confined(r) && access_key(r, slice_str("anything")) && access_key(r, slice_of("", 0)));
	http_request_free(&pool, &r);
	end();
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing)
{
	struct access_need need = { NEEDS_READER, false, false };

	begin();
	put_file("reader-0123456789abcdef reader\nnonsense\n");
	ck_assert_int_eq(access_reload(access_control), ST_INVALID);
	ck_assert(would_admit("Bearer admin-0123456789abcdef", need));
	put_file("");
	ck_assert_int_eq(access_reload(access_control), ST_INVALID);
	ck_assert(would_admit("Bearer admin-0123456789abcdef", need));
	put_file("new-0123456789abcdef reader\n");
	ck_assert_int_eq(access_reload(access_control), ST_OK);
	ck_assert(!would_admit("Bearer admin-0123456789abcdef", need));
	ck_assert(would_admit("Bearer new-0123456789abcdef", need));
	end();
}
END_TEST

START_TEST(without_a_file_everybody_may_everything)
{
	ck_assert_int_eq(access_new("", &access_control), ST_OK);
	ck_assert(would_admit(NULL, (struct access_need){ NEEDS_ADMIN, true, false }));
	ck_assert(would_admit("Bearer whatever", (struct access_need){ NEEDS_ADMIN, true, false }));
	ck_assert_int_eq(access_reload(access_control), ST_OK);
	access_free(&access_control);
	http_pool_fini(&pool);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, each_role_may_what_those_before_it_may);
	tcase_add_test(tc, a_confined_token_reaches_only_what_checks_its_keys);
	tcase_add_test(tc, what_is_no_bearer_token_is_none);
	tcase_add_test(tc, admission_leaves_the_prefix_with_the_request);
	tcase_add_test(tc, a_reload_that_fails_changes_nothing);
	tcase_add_test(tc, without_a_file_everybody_may_everything);
}

CHECK_MAIN("frontend/access", add)
