/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports over a real HTTP server, with a write edge of our own in the engine's place: which batches are sent, how often,
 * and what the client is told.
 */
#include "frontend/import.h"

#include <poll.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "t/frontend_http_rig.h"

enum { LAST_MAX = 1 << 16 };

/* ---- the write edge ---- */

static struct imports *imports;
static atomic_uint sent, passing;        /* batches that came; so many are turned away */
static atomic_uint batches;              /* different ones */
static atomic_bool away;                 /* all are */
static atomic_uint followers;            /* GET /next that were taken */
static uint64_t patience_us;
static uint8_t last[LAST_MAX];           /* the batch before */
static size_t last_n;

/* Takes the place of pending.c's. */
void pending_submit_ask(struct pending *p, struct http_request *r, const struct pending_ask *ask)
{
	static const struct write_result done = { .status = ST_OK };

	(void)p;
	ck_assert_uint_le(ask->batch.n, LAST_MAX);
	if (!slice_eq(ask->batch, slice_of(last, last_n)))
		atomic_fetch_add(&batches, 1);
	memcpy(last, ask->batch.p, ask->batch.n);
	last_n = ask->batch.n;
	atomic_fetch_add(&sent, 1);
	if (atomic_load(&away) || atomic_load(&passing)) {
		if (!atomic_load(&away))
			atomic_fetch_sub(&passing, 1);
		r->written(r->written_ctx, r, NULL, PROBLEM_OVERLOADED);
	} else {
		r->written(r->written_ctx, r, &done, PROBLEM_NONE);
	}
}

/* ---- the server's side ---- */

static enum http_plan plan(void *ctx, const struct http_request *r)
{
	(void)ctx;
	return r->method == HTTP_M_POST ? HTTP_PIECES : HTTP_WHOLE;
}

static void flush(void *ctx)
{
	(void)ctx;
	http_server_flush(rig.server);
}

static bool handle(void *ctx, struct http_request *r)
{
	struct imports_setup setup = { .loop = rig.loop, .patience_us = patience_us, .flush = flush };
	bool protobuf = slice_eq(r->path, slice_str("/protobuf"));

	(void)ctx;
	if (http_request_is_behind_a_decision(r))
		return false;
	followers += slice_eq(r->path, slice_str("/next"));
	if (!imports)
		imports_new(&setup, &imports);
	if (r->method == HTTP_M_POST)
		imports_begin(imports, r, protobuf ? IMPORT_PROTOBUF : IMPORT_LINES, slice_eq(r->path, slice_str("/skip2")) ? 2 : 0);
	else
		http_answer_json(r, r->path);
	return true;
}

/* Nothing is under way: imports_free() insists. */
static void command(char c)
{
	(void)c;
	imports_free(&imports);
}

static void start(uint64_t patience)
{
	rig_init(handle);
	rig.plan = plan;
	rig.command = command;
	patience_us = patience;
	rig_start();
}

static void finish(void)
{
	tell('f');
	stop();
}

/* ---- the client's side ---- */

static int post(const char *path, size_t n)
{
	char text[200];
	int fd = dial();

	snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path, n);
	say_text(fd, text);
	return fd;
}

static void expect(int fd, unsigned status, const char *text)
{
	struct answer a = { 0 };

	ck_assert(hear(fd, &a, true));
	ck_assert_msg(a.status == status && strstr(a.body, text) != NULL, "%u %s", a.status, a.body);
	free(a.body);
	close(fd);
}

static void expect_of(const char *path, const char *body, size_t n, unsigned status, const char *text)
{
	int fd = post(path, n);

	say(fd, body, n);
	expect(fd, status, text);
}

static void wait_until_sent(unsigned n)
{
	while (atomic_load(&sent) < n)
		poll(NULL, 0, 1);
}

static const char three[] = "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"b\",\"value\":\"2\"}\r\n{\"key\":\"c\",\"value\":\"3\"}";

START_TEST(records_are_cut_wherever_the_pieces_end)
{
	static const char messages[] = "\x06\x0a\x01" "a\x12\x01" "1\x06\x0a\x01" "b\x12\x01" "2\x06\x0a\x01" "c\x12\x01" "3";
	static const struct { const char *path, *body; size_t n; const char *told; } cases[] = {
		{ "/lines", three, sizeof three - 1, "\"imported\":3,\"bytes\":73,\"line\":3}" },
		{ "/skip2", three, sizeof three - 1, "\"imported\":1,\"bytes\":73,\"line\":3}" },
		{ "/protobuf", messages, sizeof messages - 1, "\"imported\":3,\"bytes\":21,\"line\":3}" },
	};

	start(IMPORT_PATIENCE_US);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t cut = 0; cut < cases[i].n; cut++) {
			int fd = post(cases[i].path, cases[i].n);

			for (size_t at = 0; at < cases[i].n; at++)
				if (at % (cut + 1) == 0) {
					say(fd, cases[i].body + at, cut + 1 < cases[i].n - at ? cut + 1 : cases[i].n - at);
					new_canary();            /* a turn of the loop: the piece has come alone */
				}
			expect(fd, 200, cases[i].told);
		}
	finish();
}
END_TEST

START_TEST(a_batch_that_is_turned_away_is_sent_again_as_it_was)
{
	start(IMPORT_PATIENCE_US);
	atomic_store(&passing, 2);
	expect_of("/lines", three, sizeof three - 1, 200, "{\"done\":true,\"imported\":3,\"bytes\":73,\"line\":3}");
	ck_assert_uint_eq(atomic_load(&sent), 3);
	ck_assert_uint_eq(atomic_load(&batches), 1);
	finish();
}
END_TEST

START_TEST(patience_ends_and_what_was_written_is_told)
{
	start(0);
	atomic_store(&away, true);
	expect_of("/lines", three, sizeof three - 1, 503, "\"imported\":0,\"bytes\":0,\"line\":0");
	ck_assert_uint_eq(atomic_load(&sent), 1);
	finish();
}
END_TEST

/* A body that took longer than the patience to come: it begins with the batch, not with the request. */
START_TEST(patience_is_with_the_batch_and_not_with_the_client)
{
	int fd;

	start(200000);
	atomic_store(&passing, 1);
	fd = post("/lines", sizeof three - 1);
	say(fd, three, 10);
	poll(NULL, 0, 300);
	say(fd, three + 10, sizeof three - 11);
	expect(fd, 200, "\"imported\":3");
	finish();
}
END_TEST

START_TEST(for_a_client_that_is_gone_nothing_is_tried_again)
{
	struct linger at_once = { 1, 0 };
	int fd;

	start(IMPORT_PATIENCE_US);
	atomic_store(&away, true);
	fd = post("/lines", sizeof three - 1);
	say(fd, three, sizeof three - 1);
	wait_until_sent(1);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	close(fd);
	wait_until_sent(2);              /* the retry that was under way */
	new_canary();
	finish();
}
END_TEST

/* Neither while its batch waits, nor when it has begun to answer. */
START_TEST(what_is_asked_behind_it_waits_for_its_end)
{
	static const char next[] = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
	char told[4096] = "";
	struct answer a = { 0 };
	size_t n = 0;
	int fd;

	start(IMPORT_PATIENCE_US);
	atomic_store(&away, true);
	fd = post("/lines", sizeof three - 1);
	say(fd, three, sizeof three - 1);
	say_text(fd, next);
	wait_until_sent(1);
	new_canary();
	ck_assert_uint_eq(followers, 0);
	ck_assert(hear(fd, &a, false));          /* it tells its progress */
	ck_assert_ptr_nonnull(strstr(a.head, "chunked"));
	new_canary();
	ck_assert_uint_eq(followers, 0);
	atomic_store(&away, false);
	while (!strstr(told, "0\r\n\r\n")) {
		ck_assert(n + 1 < sizeof told && read_exactly(fd, told + n, 1));
		n++;
	}
	ck_assert_ptr_nonnull(strstr(told, "\"done\":true"));
	expect(fd, 200, "/next");
	finish();
}
END_TEST

START_TEST(a_bad_record_ends_it_behind_what_was_good)
{
	static const char bad[] = "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":7}\n{\"key\":\"c\",\"value\":\"3\"}\n";

	start(IMPORT_PATIENCE_US);
	expect_of("/lines", bad, sizeof bad - 1, 400, "\"imported\":1,\"bytes\":24,\"line\":1");
	ck_assert_uint_eq(atomic_load(&sent), 1);
	expect_of("/skip2", bad, sizeof bad - 1, 200, "\"imported\":1,\"bytes\":58,\"line\":3");
	expect_of("/protobuf", "\x05" "cut", 4, 400, "\"imported\":0,\"bytes\":0,\"line\":0");
	finish();
}
END_TEST

START_TEST(who_passes_over_more_than_there_is_is_told)
{
	static const char two[] = "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"b\",\"value\":\"2\"}\n";

	start(IMPORT_PATIENCE_US);
	expect_of("/skip2", two, sizeof two - 1, 200, "{\"done\":true,\"imported\":0,\"bytes\":49,\"line\":2}");
	expect_of("/skip2", two, 24, 400, "\"code\":\"parameter_invalid\"");
	expect_of("/skip2", two, 24, 400, "skip=2 passes over more records than the body has: 1.");
	expect_of("/skip2", two, 24, 400, "\"imported\":0,\"bytes\":24,\"line\":1");
	expect_of("/skip2", "", 0, 400, "\"imported\":0,\"bytes\":0,\"line\":0");
	ck_assert_uint_eq(atomic_load(&sent), 0);
	finish();
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, records_are_cut_wherever_the_pieces_end);
	tcase_add_test(tc, a_batch_that_is_turned_away_is_sent_again_as_it_was);
	tcase_add_test(tc, patience_ends_and_what_was_written_is_told);
	tcase_add_test(tc, patience_is_with_the_batch_and_not_with_the_client);
	tcase_add_test(tc, for_a_client_that_is_gone_nothing_is_tried_again);
	tcase_add_test(tc, what_is_asked_behind_it_waits_for_its_end);
	tcase_add_test(tc, a_bad_record_ends_it_behind_what_was_good);
	tcase_add_test(tc, who_passes_over_more_than_there_is_is_told);
}

CHECK_MAIN("frontend/import", add)
