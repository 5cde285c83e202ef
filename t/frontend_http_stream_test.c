/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers by streams. The handler of these tests: /count/N streams N bytes of a pattern, written on whenever it may;
 * /live is a stream without end that says "hello" and then does what the test's commands say ('w' writes "tick\n",
 * 'e' ends, 'a' aborts, 'b' breaks); /hold is kept until 's', which begins such a stream for it, or any other letter, which
 * answers it; all other paths are answered with the path, /never is counted.
 */
#include "frontend/http_stream.h"

#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "frontend/gzip.h"
#include "t/frontend_http_rig.h"

enum { PIECE = 1000 };

static struct http_stream *live;
static struct http_request *_Atomic kept;
static atomic_size_t written, seen, gone, never;

struct counter {
	size_t at, n;
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)('a' + i % 23 + i / 1009 % 3);
}

/* ---- the server's side ---- */

static void count_on(void *ctx, struct http_stream *s)
{
	struct counter *c = ctx;
	bool room = true;

	while (room && c->at < c->n) {
		uint8_t bytes[PIECE];
		size_t i, n = c->n - c->at < PIECE ? c->n - c->at : PIECE;

		for (i = 0; i < n; i++)
			bytes[i] = pattern(c->at + i);
		room = http_stream_write(s, slice_of(bytes, n));
		c->at += n;
		written = written + n;
	}
	if (c->at < c->n)
		return;
	http_stream_end(&s);
	mem_free(c);
}

static void count_gone(void *ctx)
{
	gone++;
	mem_free(ctx);
}

static void live_more(void *ctx, struct http_stream *s)
{
	(void)ctx, (void)s;
}

static void live_gone(void *ctx)
{
	(void)ctx;
	live = NULL;
	gone++;
}

static void live_finish(void *ctx, struct http_stream *s)
{
	(void)ctx;
	http_stream_write(s, slice_str("bye\n"));
	http_stream_end(&s);
	live = NULL;
}

static const struct http_stream_ops count_ops = { .more = count_on, .gone = count_gone };
static const struct http_stream_ops live_ops = { .more = live_more, .gone = live_gone, .finish = live_finish };
static const struct http_stream_head head = { .status = 200, .type = "text/plain", .fields = "X-Field: y\r\n", .compress = true };

static void begin_count(struct http_request *r)
{
	struct counter *c = mem_zalloc(sizeof *c);
	struct http_stream *s;
	size_t i;

	for (i = 7; i < r->path.n; i++)
		c->n = c->n * 10 + (size_t)(r->path.p[i] - '0');
	s = http_stream_begin(r, &head, &count_ops, c);
	if (s)
		count_on(c, s);
	else
		mem_free(c);
}

static bool handle(void *ctx, struct http_request *r)
{
	(void)ctx;
	seen++;
	if (r->path.n > 7 && memcmp(r->path.p, "/count/", 7) == 0) {
		begin_count(r);
	} else if (slice_eq(r->path, slice_str("/live"))) {
		live = http_stream_begin(r, &head, &live_ops, NULL);
		if (live)
			http_stream_write(live, slice_str("hello\n"));
	} else if (slice_eq(r->path, slice_str("/hold"))) {
		kept = r;
	} else if (slice_eq(r->path, slice_str("/never"))) {
		never++;
		http_answer_json(r, r->path);
	} else {
		http_answer_json(r, r->path);
	}
	return true;
}

static void command(char c)
{
	if (c == 'w')
		http_stream_write(live, slice_str("tick\n"));
	else if (c == 'e')
		http_stream_end(&live);
	else if (c == 'a')
		http_stream_abort(&live);
	else if (c == 'b')
		http_stream_break(&live);
	else if (c == 'x')
		http_server_cut_streams(rig.server);
	else if (c == 's')
		live = http_stream_begin(kept, &head, &live_ops, NULL);
	else
		http_answer_json(kept, kept->path);
}

static void start(void)
{
	rig_init(handle);
	rig.command = command;
	rig_start();
}

/* ---- the client's side ---- */

static void ask(int fd, const char *method, const char *path, const char *version)
{
	char text[200];

	snprintf(text, sizeof text, "%s %s HTTP/%s\r\nHost: a\r\n\r\n", method, path, version);
	say_text(fd, text);
}

static void hear_head(int fd, struct answer *a)
{
	ck_assert(hear(fd, a, false));
	ck_assert_uint_eq(a->status, 200);
	ck_assert(strstr(a->head, "X-Field: y\r\n") != NULL && strstr(a->head, "Content-Type: text/plain\r\n") != NULL);
	ck_assert(strstr(a->head, "Content-Length") == NULL);
}

static void hear_chunked_head(int fd)
{
	struct answer a = { 0 };

	hear_head(fd, &a);
	ck_assert(strstr(a.head, "Transfer-Encoding: chunked\r\n") != NULL);
	free(a.body);
}

/* Reads one chunk behind what is in *b; false at the last one. */
static bool hear_chunk(int fd, struct buf *b)
{
	char line[20];
	size_t n = 0, size;

	do
		ck_assert(n < sizeof line - 1 && read_exactly(fd, line + n, 1));
	while (line[n++] != '\n');
	line[n] = '\0';
	ck_assert(n > 2 && line[n - 2] == '\r' && line[0] != '\r');
	size = strtoul(line, NULL, 16);
	ck_assert(read_exactly(fd, buf_reserve(b, size + 2), size + 2));
	ck_assert(memcmp(b->p + b->n + size, "\r\n", 2) == 0);
	b->n += size;
	return size > 0;
}

static void expect_pattern(const struct buf *b, size_t n)
{
	size_t i;

	ck_assert_uint_eq(b->n, n);
	for (i = 0; i < n; i++)
		if (b->p[i] != pattern(i))
			ck_abort_msg("byte %zu is wrong", i);
}

static void hear_pattern(int fd, size_t n)
{
	struct buf b = BUF_INIT;

	hear_chunked_head(fd);
	while (hear_chunk(fd, &b))
		;
	expect_pattern(&b, n);
	buf_fini(&b);
}

static void hear_text(int fd, const char *want)
{
	struct buf b = BUF_INIT;

	while (b.n < strlen(want))
		ck_assert(hear_chunk(fd, &b));
	ck_assert(slice_eq(buf_slice(&b), slice_str(want)));
	buf_fini(&b);
}

static void until_gone(size_t n)
{
	while (gone < n)
		new_canary();
}

START_TEST(a_stream_comes_in_chunks_and_the_connection_goes_on)
{
	static const size_t sizes[] = { 0, 1, 999, 65535, 65536, 65537, 1000000, 20000000 };
	size_t i;
	int fd;

	start();
	fd = dial();
	for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char path[40];

		snprintf(path, sizeof path, "/count/%zu", sizes[i]);
		ask(fd, "GET", path, "1.1");
		hear_pattern(fd, sizes[i]);
		ask_canary(fd);
	}
	close(fd);
	stop();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

START_TEST(for_http10_the_connection_ends_with_the_stream)
{
	struct answer a = { 0 };
	struct buf b = BUF_INIT;
	ssize_t n;
	int fd;

	start();
	fd = dial();
	say_text(fd, "GET /count/3000000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	hear_head(fd, &a);
	ck_assert(strstr(a.head, "Transfer-Encoding") == NULL && strstr(a.head, "Connection: close\r\n") != NULL);
	while ((n = read(fd, buf_reserve(&b, 65536), 65536)) > 0)
		b.n += (size_t)n;
	ck_assert_int_eq(n, 0);
	expect_pattern(&b, 3000000);
	buf_fini(&b);
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(head_gets_the_head_of_a_stream_only)
{
	int fd;

	start();
	fd = dial();
	ask(fd, "HEAD", "/count/100000", "1.1");
	hear_chunked_head(fd);
	ask_canary(fd);
	ask(fd, "HEAD", "/live", "1.1");
	hear_chunked_head(fd);
	ask_canary(fd);
	close(fd);
	stop();
	ck_assert_uint_eq(written, 0);
}
END_TEST

START_TEST(who_does_not_read_is_not_written_to_and_gets_all_in_the_end)
{
	const size_t total = 60000000;
	size_t before;
	int fd;

	rig_init(handle);
	rig_start();
	fd = dial();
	ask(fd, "GET", "/count/60000000", "1.1");
	do {
		before = written;
		new_canary();
		clock_sleep_us(20000);
	} while (written != before || before == 0);
	ck_assert_uint_lt(before, total / 2);    /* what the kernel keeps, and less than a MiB */
	hear_pattern(fd, total);
	ask_canary(fd);
	close(fd);
	stop();
}
END_TEST

START_TEST(requests_behind_a_stream_wait_for_its_end)
{
	struct answer a = { 0 };
	struct buf b = BUF_INIT;
	size_t before;
	int fd;

	start();
	fd = dial();
	ask(fd, "GET", "/live", "1.1");
	hear_chunked_head(fd);
	hear_text(fd, "hello\n");
	before = seen;
	ask(fd, "GET", "/1", "1.1");
	ask(fd, "GET", "/count/100000", "1.1");
	ask(fd, "GET", "/2", "1.1");
	new_canary();
	tell('w');
	hear_text(fd, "tick\n");
	ck_assert_uint_eq(seen, before + 1);     /* the canary */
	tell('e');
	hear_text(fd, "");
	ck_assert(!hear_chunk(fd, &b));
	buf_fini(&b);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/1");
	hear_pattern(fd, 100000);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/2");
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_stream_waits_for_the_answers_before_it)
{
	struct answer a = { 0 };
	int fd;

	start();
	fd = dial();
	say_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /count/2000000 HTTP/1.1\r\nHost: a\r\n\r\n"
		     "GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
	while (written == 0)
		new_canary();
	ck_assert_uint_lt(written, 1000000);
	tell('r');
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/hold");
	hear_pattern(fd, 2000000);
	ck_assert(hear(fd, &a, true));
	ck_assert_str_eq(a.body, "/after");
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_broken_stream_is_read_to_its_last_word_and_seen_to_be_incomplete)
{
	static const char *const ends[] = { "tick\n\r\n", "tick\n" };
	static const char *const versions[] = { "1.1", "1.0" };
	char got[4096];
	size_t i;

	start();
	for (i = 0; i < 2; i++) {
		size_t n = 0, end = strlen(ends[i]);
		int fd = dial();
		ssize_t more;

		ask(fd, "GET", "/live", versions[i]);
		say_text(fd, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
		while (n < 6 || !memmem(got, n, "hello", 5)) {
			more = read(fd, got + n, sizeof got - n);
			ck_assert_int_gt(more, 0);
			n += (size_t)more;
		}
		tell('w');
		tell('b');
		while ((more = read(fd, got + n, sizeof got - n)) > 0)
			n += (size_t)more;
		ck_assert_int_eq(more, 0);
		ck_assert(n > end && memcmp(got + n - end, ends[i], end) == 0);
		close(fd);
	}
	new_canary();
	stop();
}
END_TEST

static int dial_narrow(void)
{
	int fd = dial(), bytes = 32768;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
	return fd;
}

/* All that comes until the end, behind n bytes that came before. */
static size_t hear_all(int fd, char *got, size_t room, size_t n)
{
	ssize_t more;

	while (n < room && (more = read(fd, got + n, room - n)) > 0)
		n += (size_t)more;
	return n;
}

/* Requests were taken that stand behind one whose answer, in the end, ends the connection. */
START_TEST(nothing_is_sent_behind_an_answer_that_ends_the_connection)
{
	static const struct { const char *version, *commands, *end; } cases[] = {
		{ "1.0", "swe", "tick\n" },             /* the body goes to the end of the connection */
		{ "1.0", "swb", "tick\n" },
		{ "1.1", "swb", "tick\n\r\n" },         /* it broke off */
	};

	start();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t before = never, gone_before = gone, n, end = strlen(cases[i].end);
		char got[4096], request[3][128];
		int fd = dial();

		for (size_t k = 0; k < 3; k++)
			snprintf(request[k], sizeof request[k], "GET %s HTTP/%s\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
				 ((const char *const[]){ "/hold", "/never", "/count/60000000" })[k], cases[i].version);
		say_text(fd, request[0]);
		say_text(fd, request[1]);
		if (strcmp(cases[i].version, "1.1") == 0)
			say_text(fd, request[2]);
		while (never == before)
			new_canary();
		for (const char *c = cases[i].commands; *c; c++)
			tell(*c);
		n = hear_all(fd, got, sizeof got, 0);
		ck_assert_msg(n > end && memcmp(got + n - end, cases[i].end, end) == 0, "%zu: %.*s", i, (int)n, got);
		if (strcmp(cases[i].version, "1.1") == 0)
			until_gone(gone_before + 1);     /* the other stream's writer is told */
		close(fd);
	}
	new_canary();
	stop();
}
END_TEST

START_TEST(in_a_drain_only_the_last_of_those_taken_says_that_it_is)
{
	size_t n;
	char got[4096], *close_at;
	int fd;

	start();
	fd = dial();
	say_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n");
	while (!live)
		new_canary();
	tell('d');
	tell('k');
	n = hear_all(fd, got, sizeof got - 1, 0);
	got[n] = '\0';
	ck_assert(strstr(got, "/hold") != NULL);
	close_at = strstr(got, "Connection: close");
	ck_assert(close_at == NULL || close_at > strstr(got, "/hold"));
	ck_assert(strstr(got, "bye") != NULL);
	close(fd);
	stop();
}
END_TEST

START_TEST(time_does_not_run_while_nobody_is_read_from)
{
	struct answer a = { 0 };
	size_t before, still = 0;
	int fd, greedy;

	rig_is_impatient = true;
	rig_init(handle);
	rig.limits.max_unsent = 100000;
	rig.limits.hurry_s = rig.limits.write_s = 1000;
	rig_start();
	fd = dial();
	say_text(fd, "GET /1 HTTP/1.1\r\nHost: a\r\n");
	greedy = dial_narrow();
	ask(greedy, "GET", "/count/60000000", "1.1");
	while (still < 20) {
		before = written;
		clock_sleep_us(2000);
		still = written && written == before ? still + 1 : 0;
	}
	say_text(fd, "\r\n");
	clock_sleep_us(2500000);                 /* head_s is 1 */
	close(greedy);
	ck_assert(hear(fd, &a, true));
	ck_assert_uint_eq(a.status, 200);
	ck_assert_str_eq(a.body, "/1");
	free(a.body);
	close(fd);
	stop();
}
END_TEST

START_TEST(an_aborted_stream_is_seen_to_be_incomplete)
{
	static const char *const versions[] = { "1.1", "1.0" };
	size_t i;

	start();
	for (i = 0; i < 2; i++) {
		struct answer a = { 0 };
		int fd = dial();
		char byte;
		ssize_t n;

		ask(fd, "GET", "/live", versions[i]);
		hear_head(fd, &a);
		tell('a');
		while ((n = read(fd, &byte, 1)) > 0)
			;
		ck_assert_int_lt(n, 0);          /* a reset: no end of file that could be taken for the end */
		ck_assert_int_eq(errno, ECONNRESET);
		free(a.body);
		close(fd);
		new_canary();
	}
	stop();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

START_TEST(streams_that_do_not_end_before_the_server_are_cut_off)
{
	struct answer a = { 0 };
	int fd, other;
	char byte;
	ssize_t n;

	start();
	other = dial();
	ask_canary(other);
	fd = dial();
	ask(fd, "GET", "/live", "1.0");
	hear_head(fd, &a);
	tell('x');
	while ((n = read(fd, &byte, 1)) > 0)
		;
	ck_assert_int_lt(n, 0);
	ck_assert_int_eq(errno, ECONNRESET);
	until_gone(1);
	ask_canary(other);
	free(a.body);
	close(fd);
	close(other);
	stop();
}
END_TEST

START_TEST(a_client_that_goes_away_is_told_at_once)
{
	int fd;

	start();
	fd = dial();                             /* an idle stream */
	ask(fd, "GET", "/live", "1.1");
	hear_chunked_head(fd);
	close(fd);
	until_gone(1);
	fd = dial();                             /* with requests behind it */
	ask(fd, "GET", "/live", "1.1");
	hear_chunked_head(fd);
	ask(fd, "GET", "/1", "1.1");
	close(fd);
	until_gone(2);
	fd = dial();                             /* a full one */
	ask(fd, "GET", "/count/60000000", "1.1");
	hear_chunked_head(fd);
	close(fd);
	until_gone(3);
	fd = dial();                             /* one that still waits for its turn */
	say_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n");
	while (!kept)
		new_canary();
	close(fd);
	until_gone(4);
	tell('r');
	stop();
	ck_assert_ptr_null(live);
}
END_TEST

START_TEST(a_client_that_closes_its_side_gets_a_stream_that_ends)
{
	int fd;

	start();
	fd = dial();
	ask(fd, "GET", "/count/5000000", "1.1");
	shutdown(fd, SHUT_WR);
	hear_pattern(fd, 5000000);
	ck_assert(at_end(fd));
	close(fd);
	stop();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

START_TEST(a_drain_lets_streams_end_and_tells_those_that_would_not)
{
	struct buf b = BUF_INIT;
	int fd, other;

	rig_is_impatient = true;         /* what is left idle goes */
	start();
	fd = dial();
	other = dial();
	ask(fd, "GET", "/count/40000000", "1.1");
	ask(other, "GET", "/live", "1.1");
	hear_chunked_head(other);
	hear_text(other, "hello\n");
	tell('d');
	hear_text(other, "bye\n");
	ck_assert(!hear_chunk(other, &b));
	ck_assert(at_end(other));
	hear_pattern(fd, 40000000);
	ck_assert(at_end(fd));
	buf_fini(&b);
	close(fd);
	close(other);
	stop();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

/* One that reads on later sees that it is not all, whatever its version; and its bytes do not stay in the system's memory. */
START_TEST(a_client_that_takes_nothing_for_too_long_is_cut_off)
{
	static const char *const versions[] = { "1.1", "1.0" };
	static char bytes[65536];
	ssize_t got;

	rig_init(handle);
	rig.limits.write_s = 1;
	rig_start();
	for (unsigned i = 0; i < 2; i++) {
		int fd = dial();

		ask(fd, "GET", "/count/60000000", versions[i]);
		until_gone(i + 1);
		while ((got = read(fd, bytes, sizeof bytes)) > 0)
			;
		ck_assert_int_eq(got, -1);
		ck_assert_int_eq(errno, ECONNRESET);
		close(fd);
	}
	stop();
}
END_TEST

START_TEST(it_is_cut_off_early_when_all_clients_take_too_little)
{
	int fd;

	rig_init(handle);
	rig.limits.max_unsent = 100000;
	rig.limits.hurry_s = 1;
	rig.limits.write_s = 1000;
	rig_start();
	fd = dial();
	ask(fd, "GET", "/count/60000000", "1.1");
	while (gone == 0)
		clock_sleep_us(10000);
	close(fd);
	stop();
}
END_TEST

static void ask_coded(int fd, const char *path, const char *accept)
{
	char text[200];

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n", path, accept);
	say_text(fd, text);
}

static void hear_coded_head(int fd)
{
	struct answer a = { 0 };

	hear_head(fd, &a);
	ck_assert(strstr(a.head, "Content-Encoding: gzip\r\n") != NULL && strstr(a.head, "Vary: Accept-Encoding\r\n") != NULL);
	free(a.body);
}

START_TEST(a_stream_is_coded_for_those_who_like_it)
{
	struct buf b = BUF_INIT, plain = BUF_INIT;
	struct gunzip *z = gunzip_new();
	struct slice in;
	int fd;

	start();
	fd = dial();
	ask_coded(fd, "/count/20000000", "gzip");
	hear_coded_head(fd);
	while (hear_chunk(fd, &b))
		;
	in = buf_slice(&b);
	ck_assert(gunzip_read(z, &in, 30000000, &plain) && gunzip_at_end(z));
	expect_pattern(&plain, 20000000);
	ck_assert_uint_lt(b.n, 10000000);
	ask_coded(fd, "/count/100000", "gzip;q=0");
	hear_pattern(fd, 100000);
	close(fd);
	stop();
	gunzip_free(&z);
	buf_fini(&b);
	buf_fini(&plain);
}
END_TEST

/* Reads chunks until they decode to want. */
static void hear_coded_text(int fd, struct gunzip *z, const char *want)
{
	struct buf plain = BUF_INIT;

	while (plain.n < strlen(want)) {
		struct buf b = BUF_INIT;
		struct slice in;

		ck_assert(hear_chunk(fd, &b));
		in = buf_slice(&b);
		ck_assert(gunzip_read(z, &in, 1000, &plain));
		buf_fini(&b);
	}
	ck_assert(slice_eq(buf_slice(&plain), slice_str(want)));
	buf_fini(&plain);
}

START_TEST(a_coded_stream_without_end_can_be_read_as_it_comes)
{
	struct gunzip *z = gunzip_new();
	struct buf b = BUF_INIT;
	int fd;

	start();
	fd = dial();
	ask_coded(fd, "/live", "gzip, identity;q=0");
	hear_coded_head(fd);
	hear_coded_text(fd, z, "hello\n");
	tell('w');
	hear_coded_text(fd, z, "tick\n");
	tell('w');
	hear_coded_text(fd, z, "tick\n");
	ck_assert(!gunzip_at_end(z));
	tell('e');
	while (hear_chunk(fd, &b)) {
		struct slice in = buf_slice(&b);
		struct buf plain = BUF_INIT;

		ck_assert(gunzip_read(z, &in, 1000, &plain));
		ck_assert_uint_eq(plain.n, 0);
		buf_fini(&plain);
		buf_reset(&b);
	}
	ck_assert(gunzip_at_end(z));
	ask_canary(fd);
	close(fd);
	stop();
	gunzip_free(&z);
	buf_fini(&b);
}
END_TEST

/* A stream that is not taken owes about 256 KiB. */
START_TEST(what_all_clients_do_not_take_is_bounded)
{
	enum { CLIENTS = 12, TOTAL = 12000000 };
	size_t before, i, still = 0, most = 0;
	int fd[CLIENTS];

	rig_init(handle);
	rig.limits.max_unsent = 300000;
	rig.limits.hurry_s = 60;
	rig_start();
	for (i = 0; i < CLIENTS; i++) {
		fd[i] = dial_narrow();
		ask(fd[i], "GET", "/count/12000000", "1.1");
	}
	while (still < 100) {
		size_t unsent = stats_sum(M_http_unsent);

		most = unsent > most ? unsent : most;
		before = written;
		clock_sleep_us(2000);
		still = written && written == before ? still + 1 : 0;
	}
	ck_assert_uint_gt(most, 300000);
	ck_assert_uint_lt(most, 1200000);        /* twice the limit, and one stream more */
	for (i = 0; i < CLIENTS; i++) {
		hear_pattern(fd[i], TOTAL);
		ask_canary(fd[i]);
		close(fd[i]);
	}
	stop();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_stream_comes_in_chunks_and_the_connection_goes_on);
	tcase_add_test(tc, for_http10_the_connection_ends_with_the_stream);
	tcase_add_test(tc, head_gets_the_head_of_a_stream_only);
	tcase_add_test(tc, who_does_not_read_is_not_written_to_and_gets_all_in_the_end);
	tcase_add_test(tc, requests_behind_a_stream_wait_for_its_end);
	tcase_add_test(tc, a_stream_waits_for_the_answers_before_it);
	tcase_add_test(tc, a_broken_stream_is_read_to_its_last_word_and_seen_to_be_incomplete);
	tcase_add_test(tc, nothing_is_sent_behind_an_answer_that_ends_the_connection);
	tcase_add_test(tc, in_a_drain_only_the_last_of_those_taken_says_that_it_is);
	tcase_add_test(tc, time_does_not_run_while_nobody_is_read_from);
	tcase_add_test(tc, an_aborted_stream_is_seen_to_be_incomplete);
	tcase_add_test(tc, streams_that_do_not_end_before_the_server_are_cut_off);
	tcase_add_test(tc, a_client_that_goes_away_is_told_at_once);
	tcase_add_test(tc, a_client_that_closes_its_side_gets_a_stream_that_ends);
	tcase_add_test(tc, a_drain_lets_streams_end_and_tells_those_that_would_not);
	tcase_add_test(tc, a_client_that_takes_nothing_for_too_long_is_cut_off);
	tcase_add_test(tc, it_is_cut_off_early_when_all_clients_take_too_little);
	tcase_add_test(tc, a_stream_is_coded_for_those_who_like_it);
	tcase_add_test(tc, a_coded_stream_without_end_can_be_read_as_it_comes);
	tcase_add_test(tc, what_all_clients_do_not_take_is_bounded);
}

CHECK_MAIN("frontend/http_stream", add)
