/* SPDX-License-Identifier: Apache-2.0 */
/* The parser alone: every case of http_cases.def, whole and in pieces; the limits; what a request holds. */
#include "frontend/http_parse.h"

#include <ctype.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "t/check_main.h"

enum { MAX_BODY = 1000 };

static const struct test_case {
	const char *name, *bytes;
	size_t n;
	unsigned status;
} cases[] = {
#define HTTP_CASE(name, status, keeps, bytes) { #name, bytes, sizeof (bytes) - 1, status },
#include "t/http_cases.def"
#undef HTTP_CASE
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

struct rig {
	struct http_pool pool;
	struct http_parser parser;
	struct http_request *req;
};

static void rig_begin(struct rig *rig)
{
	memset(rig, 0, sizeof *rig);
	rig->req = http_request_new(&rig->pool);
	http_parser_init(&rig->parser, MAX_BODY);
	http_parser_begin(&rig->parser, rig->req);
}

static void rig_end(struct rig *rig)
{
	http_parser_fini(&rig->parser);
	http_request_free(&rig->pool, &rig->req);
	http_pool_fini(&rig->pool);
}

/* Feeds bytes from heap memory of exactly their size, so that a sanitizer sees any step outside. */
static enum http_parse feed(struct rig *rig, const void *bytes, size_t n)
{
	enum http_parse got = HTTP_PARSE_MORE;
	uint8_t *copy = mem_dup(bytes, n ? n : 1);
	size_t at = 0;

	while (at < n && (got == HTTP_PARSE_MORE || got == HTTP_PARSE_HEAD)) {
		size_t used;

		got = http_parser_feed(&rig->parser, slice_of(copy + at, n - at), &used);
		ck_assert(used <= n - at);
		at += used;
	}
	if (got == HTTP_PARSE_DONE)
		ck_assert_uint_eq(at, n);
	mem_free(copy);
	return got;
}

static unsigned status_of(struct rig *rig, enum http_parse got)
{
	return got == HTTP_PARSE_DONE ? 200 : got == HTTP_PARSE_BAD ? problem_status(rig->parser.problem) : 0;
}

static unsigned run_cut(const struct test_case *c, size_t cut)
{
	struct rig rig;
	enum http_parse got;
	unsigned status;

	rig_begin(&rig);
	got = feed(&rig, c->bytes, cut);
	if (got == HTTP_PARSE_MORE || got == HTTP_PARSE_HEAD)
		got = feed(&rig, c->bytes + cut, c->n - cut);
	status = status_of(&rig, got);
	rig_end(&rig);
	return status;
}

START_TEST(every_case_has_its_status_wherever_it_is_cut)
{
	size_t i, cut;

	for (i = 0; i < CASE_COUNT; i++)
		for (cut = 0; cut < cases[i].n; cut++)
			ck_assert_msg(run_cut(&cases[i], cut) == cases[i].status, "%s cut at %zu: %u",
				      cases[i].name, cut, run_cut(&cases[i], cut));
}
END_TEST

START_TEST(every_case_has_its_status_byte_by_byte)
{
	size_t i, at;

	for (i = 0; i < CASE_COUNT; i++) {
		enum http_parse got = HTTP_PARSE_MORE;
		struct rig rig;

		rig_begin(&rig);
		for (at = 0; at < cases[i].n && got != HTTP_PARSE_BAD && got != HTTP_PARSE_DONE; at++)
			got = feed(&rig, cases[i].bytes + at, 1);
		ck_assert_msg(status_of(&rig, got) == cases[i].status, "%s: %u", cases[i].name,
			      status_of(&rig, got));
		rig_end(&rig);
	}
}
END_TEST

START_TEST(a_request_is_told_in_full)
{
	static const char text[] =
		"POST /api/x%20y?a=b&c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
	struct rig rig;

	rig_begin(&rig);
	ck_assert_int_eq(feed(&rig, text, sizeof text - 1), HTTP_PARSE_DONE);
	ck_assert_int_eq(rig.req->method, HTTP_M_POST);
	ck_assert(slice_eq(rig.req->path, slice_str("/api/x%20y")));
	ck_assert(slice_eq(rig.req->query, slice_str("a=b&c")));
	ck_assert(slice_eq(buf_slice(&rig.req->body), slice_str("hello")));
	ck_assert(rig.req->keep_alive && !rig.req->http10);
	rig_end(&rig);
}
END_TEST

START_TEST(known_fields_are_kept_and_lists_are_joined)
{
	static const char text[] = "PUT /k HTTP/1.1\r\nHost: a\r\nif-match: \"1\"\r\nX: y\r\nIF-MATCH:  \"2\", \"3\" \r\n"
				   "Content-Type: text/plain\r\nOrigin:\r\n\r\n";
	struct rig rig;

	rig_begin(&rig);
	ck_assert_int_eq(feed(&rig, text, sizeof text - 1), HTTP_PARSE_DONE);
	ck_assert_int_eq(rig.req->method, HTTP_M_PUT);
	ck_assert(slice_eq(http_request_field(rig.req, HTTP_FIELD_IF_MATCH), slice_str("\"1\", \"2\", \"3\"")));
	ck_assert(slice_eq(http_request_field(rig.req, HTTP_FIELD_CONTENT_TYPE), slice_str("text/plain")));
	ck_assert_ptr_null(http_request_field(rig.req, HTTP_FIELD_IF_NONE_MATCH).p);
	ck_assert_ptr_nonnull(http_request_field(rig.req, HTTP_FIELD_ORIGIN).p);
	ck_assert_uint_eq(http_request_field(rig.req, HTTP_FIELD_ORIGIN).n, 0);
	rig_end(&rig);
}
END_TEST

static enum http_parse ask_for(const char *target, bool secure)
{
	char text[100];
	enum http_parse got;
	struct rig rig;

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
	rig_begin(&rig);
	rig.parser.secure = secure;
	got = feed(&rig, text, strlen(text));
	ck_assert(got == HTTP_PARSE_DONE ? slice_eq(rig.req->path, slice_str("/k")) : rig.parser.problem == PROBLEM_TARGET);
	rig_end(&rig);
	return got;
}

START_TEST(https_is_a_target_where_it_is_spoken)
{
	ck_assert_int_eq(ask_for("https://a/k", true), HTTP_PARSE_DONE);
	ck_assert_int_eq(ask_for("Https://A/k?q", true), HTTP_PARSE_DONE);
	ck_assert_int_eq(ask_for("http://a/k", true), HTTP_PARSE_DONE);
	ck_assert_int_eq(ask_for("http://a/k", false), HTTP_PARSE_DONE);
	ck_assert_int_eq(ask_for("https://a/k", false), HTTP_PARSE_BAD);
	ck_assert_int_eq(ask_for("https://b/k", true), HTTP_PARSE_BAD);
	ck_assert_int_eq(ask_for("https://", true), HTTP_PARSE_BAD);
	ck_assert_int_eq(ask_for("https:a/k", true), HTTP_PARSE_BAD);
}
END_TEST

/* Every name of the table, in capitals, with a value of its own. */
START_TEST(every_field_of_the_table_is_found)
{
	unsigned id;

	for (id = HTTP_FIELD_OTHER + 1; id < HTTP_FIELD_COUNT; id++) {
		char name[40] = "";
		size_t i;

		for (i = 0; http_field_name(id)[i]; i++)
			name[i] = (char)toupper(http_field_name(id)[i]);
		ck_assert_uint_eq(http_field_find(slice_str(name)), id);
		name[0] = 'Z';
		ck_assert_uint_eq(http_field_find(slice_str(name)), HTTP_FIELD_OTHER);
	}
}
END_TEST

START_TEST(chunks_become_one_body)
{
	static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nT: u\r\n\r\n";
	struct rig rig;

	rig_begin(&rig);
	ck_assert_int_eq(feed(&rig, text, sizeof text - 1), HTTP_PARSE_DONE);
	ck_assert(slice_eq(buf_slice(&rig.req->body), slice_str("abcdefgh")));
	rig_end(&rig);
}
END_TEST

START_TEST(a_request_ends_where_the_next_begins)
{
	static const char text[] = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /2 "
				   "HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig rig;
	size_t used;

	rig_begin(&rig);
	ck_assert_int_eq(http_parser_feed(&rig.parser, slice_str(text), &used), HTTP_PARSE_HEAD);
	ck_assert(!rig.parser.expects);
	ck_assert_int_eq(http_parser_feed(&rig.parser, slice_str(text + used), &used), HTTP_PARSE_DONE);
	ck_assert_uint_eq(used, 2);
	ck_assert(!http_parser_busy(&rig.parser));
	http_request_free(&rig.pool, &rig.req);
	rig.req = http_request_new(&rig.pool);
	http_parser_begin(&rig.parser, rig.req);
	ck_assert_int_eq(http_parser_feed(&rig.parser, slice_str(strstr(text, "GET")), &used),
			 HTTP_PARSE_DONE);
	ck_assert(slice_eq(rig.req->path, slice_str("/2")));
	ck_assert_uint_eq(rig.req->body.n, 0);
	rig_end(&rig);
}
END_TEST

START_TEST(a_client_that_waits_is_told_to_continue_once)
{
	static const char head[] =
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
	struct rig rig;
	size_t used;

	rig_begin(&rig);
	ck_assert_int_eq(http_parser_feed(&rig.parser, slice_str(head), &used), HTTP_PARSE_HEAD);
	ck_assert_uint_eq(used, sizeof head - 1);
	ck_assert(rig.parser.expects);
	ck_assert_int_eq(http_parser_feed(&rig.parser, slice_str("ab"), &used), HTTP_PARSE_DONE);
	rig_end(&rig);
}
END_TEST

/* The status for a head of `fields` fields of `field_bytes` each behind a target of target_bytes. */
static unsigned big_head(size_t target_bytes, unsigned fields, size_t field_bytes)
{
	struct buf b = BUF_INIT;
	struct rig rig;
	unsigned status, i;
	size_t k;

	buf_append_str(&b, "GET /");
	for (k = 0; k < target_bytes; k++)
		buf_append_byte(&b, 'a');
	buf_append_str(&b, " HTTP/1.1\r\nHost: a\r\n");
	for (i = 1; i < fields; i++) {
		buf_append_str(&b, "X: ");
		for (k = 0; k < field_bytes; k++)
			buf_append_byte(&b, 'b');
		buf_append_str(&b, "\r\n");
	}
	buf_append_str(&b, "\r\n");
	rig_begin(&rig);
	status = status_of(&rig, feed(&rig, b.p, b.n));
	rig_end(&rig);
	buf_fini(&b);
	return status;
}

START_TEST(heads_are_bounded)
{
	ck_assert_uint_eq(big_head(4000, 1, 0), 200);
	ck_assert_uint_eq(big_head(8192, 1, 0), 414);
	ck_assert_uint_eq(big_head(70000, 1, 0), 414);
	ck_assert_uint_eq(big_head(10, 64, 1), 200);
	ck_assert_uint_eq(big_head(10, 65, 1), 431);
	ck_assert_uint_eq(big_head(10, 2, 8000), 200);
	ck_assert_uint_eq(big_head(10, 2, 8192), 431);
	ck_assert_uint_eq(big_head(10, 2000, 0), 431);
}
END_TEST

/* The status for a body of n bytes, by length or in chunks of 7. */
static unsigned big_body(size_t n, bool chunked)
{
	struct buf b = BUF_INIT;
	struct rig rig;
	unsigned status;
	size_t k;

	buf_append_str(&b, "POST / HTTP/1.1\r\nHost: a\r\n");
	if (chunked)
		buf_append_str(&b, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_printf(&b, "Content-Length: %zu\r\n\r\n", n);
	for (k = 0; k < n; k += 7)
		buf_append_str(&b, chunked ? "7\r\n1234567\r\n" : "1234567");
	buf_append_str(&b, chunked ? "0\r\n\r\n" : "");
	rig_begin(&rig);
	status = status_of(&rig, feed(&rig, b.p, b.n));
	rig_end(&rig);
	buf_fini(&b);
	return status;
}

START_TEST(bodies_are_bounded)
{
	ck_assert_uint_eq(big_body(994, false), 200);
	ck_assert_uint_eq(big_body(994, true), 200);
	ck_assert_uint_eq(big_body(1001, false), 413);
	ck_assert_uint_eq(big_body(1001, true), 413);
}
END_TEST

START_TEST(trailers_are_bounded)
{
	struct buf b = BUF_INIT;
	struct rig rig;
	unsigned i;

	buf_append_str(&b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	for (i = 0; i < 1500; i++)
		buf_append_str(&b, "X: y\r\n");
	buf_append_str(&b, "\r\n");
	rig_begin(&rig);
	ck_assert_uint_eq(status_of(&rig, feed(&rig, b.p, b.n)), 431);
	rig_end(&rig);
	buf_fini(&b);
}
END_TEST

/* The status for `chunks` chunks of one byte, each with an extension of so many bytes, fed in pieces of `cut` bytes. */
static unsigned extended(unsigned chunks, size_t extension_bytes, size_t cut)
{
	struct buf b = BUF_INIT;
	enum http_parse got = HTTP_PARSE_MORE;
	struct rig rig;
	unsigned status, i;
	size_t at, k;

	buf_append_str(&b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i < chunks; i++) {
		buf_append_str(&b, "1;");
		for (k = 0; k < extension_bytes; k++)
			buf_append_byte(&b, 'e');
		buf_append_str(&b, "\r\nx\r\n");
	}
	buf_append_str(&b, "0\r\n\r\n");
	rig_begin(&rig);
	for (at = 0; at < b.n && got != HTTP_PARSE_BAD; at += cut)
		got = feed(&rig, b.p + at, b.n - at < cut ? b.n - at : cut);
	status = status_of(&rig, got);
	rig_end(&rig);
	buf_fini(&b);
	return status;
}

START_TEST(what_chunks_bring_beside_data_is_bounded_however_it_is_cut)
{
	static const size_t cuts[] = { 1, 31, 4096, 1 << 20 };
	size_t i;

	for (i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		ck_assert_uint_eq(extended(900, 25, cuts[i]), 200);
		ck_assert_uint_eq(extended(900, 40, cuts[i]), 400);
		ck_assert_uint_eq(extended(1, 8000, cuts[i]), 200);
		ck_assert_uint_eq(extended(1, 8300, cuts[i]), 400);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, every_case_has_its_status_wherever_it_is_cut);
	tcase_add_test(tc, every_case_has_its_status_byte_by_byte);
	tcase_add_test(tc, a_request_is_told_in_full);
	tcase_add_test(tc, known_fields_are_kept_and_lists_are_joined);
	tcase_add_test(tc, every_field_of_the_table_is_found);
	tcase_add_test(tc, https_is_a_target_where_it_is_spoken);
	tcase_add_test(tc, chunks_become_one_body);
	tcase_add_test(tc, a_request_ends_where_the_next_begins);
	tcase_add_test(tc, a_client_that_waits_is_told_to_continue_once);
	tcase_add_test(tc, heads_are_bounded);
	tcase_add_test(tc, bodies_are_bounded);
	tcase_add_test(tc, trailers_are_bounded);
	tcase_add_test(tc, what_chunks_bring_beside_data_is_bounded_however_it_is_cut);
}

CHECK_MAIN("frontend/http_parse", add)
