/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole frontend in one process, with an engine played by the test: it owns the board, hands out a
 * memtable, listens on the write edge and answers as it likes.
 *
 * Waiting is done by asking again until the answer is there; what never comes runs into the test's own limit.
 */
#include "frontend/front.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/proc.h"
#include "common/ipc/handoff.h"
#include "common/ipc/link.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/view/board.h"
#include "common/view/memtable.h"
#include "frontend/loop.h"
#include "proto/view_msg.h"
#include "proto/write.h"
#include "t/check_main.h"

struct rig {
	char dir[200];
	struct conf conf;
	int board_fd, listener, stop[2], link_wake;
	in_port_t port;
	pthread_t thread;
	struct loop *loop;
	struct front *front;

	/* the engine's side */
	struct board *board;
	struct handoff_server *handoff;
	struct memtable *memtable;
	struct link *link;
	struct link_msg *message;
	uint64_t last_seq;
};

static struct rig rig;

/* ---- the frontend ---- */

static void on_stop(void *ctx)
{
	(void)ctx;
	loop_stop(rig.loop);
}

static void *serve(void *arg)
{
	struct front_setup setup = { .conf = &rig.conf, .board_fd = rig.board_fd, .listener = rig.listener,
				     .max_connections = 100, .max_open_tables = 10, .snapshot_descriptors = 100 };

	rig.loop = setup.loop = loop_new();
	ck_assert_int_eq(front_new(&setup, &rig.front), ST_OK);
	(void)loop_watch(rig.loop, rig.stop[0], on_stop, NULL);
	loop_run(rig.loop);
	return arg;
}

static void listen_anywhere(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	rig.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(bind(rig.listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(rig.listener, 64) == 0);
	ck_assert(getsockname(rig.listener, (struct sockaddr *)&a, &n) == 0 && pipe(rig.stop) == 0);
	rig.port = a.sin_port;
}

static void start_frontend(void)
{
	const char *tmp = getenv("TMPDIR");

	stats_begin_private();
	snprintf(rig.dir, sizeof rig.dir, "%s/lsm-front-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(rig.dir));
	conf_defaults(&rig.conf);
	snprintf(rig.conf.data_dir, sizeof rig.conf.data_dir, "%s", rig.dir);
	snprintf(rig.conf.run_dir, sizeof rig.conf.run_dir, "%s", rig.dir);
	rig.board_fd = board_create();
	ck_assert_int_ge(rig.board_fd, 0);
	ck_assert_int_eq(board_attach(rig.board_fd, true, &rig.board), ST_OK);
	listen_anywhere();
	rig.thread = proc_thread("frontend", serve, NULL);
}

static void stop_frontend(void)
{
	char *command = NULL;

	ck_assert(write(rig.stop[1], "x", 1) == 1);
	pthread_join(rig.thread, NULL);
	if (rig.message)
		link_msg_free(&rig.message);
	if (rig.memtable)
		memtable_unref(&rig.memtable);
	ck_assert_int_gt(asprintf(&command, "rm -r -- '%s'", rig.dir), 0);
	ck_assert_int_eq(system(command), 0);
	free(command);
}

/* ---- the engine ---- */

static void on_link(void *ctx)
{
	uint64_t one = 1;

	(void)ctx;
	(void)!write(rig.link_wake, &one, sizeof one);
}

static void publish_memtable(uint64_t id)
{
	struct file_id ids[1] = { file_id(id) };
	struct view_desc desc = { .incarnation = 1, .database = 9, .memtables = ids, .memtable_count = 1 };
	struct buf out = BUF_INIT;
	uint64_t generation;

	if (rig.memtable)
		memtable_unref(&rig.memtable);
	ck_assert_int_eq(memtable_new(ids[0], 1 << 20, &rig.memtable), ST_OK);
	handoff_push(rig.handoff, ids[0], memtable_fd(rig.memtable));
	desc.generation = board_next_generation(rig.board);
	view_desc_encode(&desc, &out);
	ck_assert_int_eq(board_publish(rig.board, buf_slice(&out), &generation), ST_OK);
	board_set_state(rig.board, BOARD_SERVING);
	buf_fini(&out);
}

static void start_readable(void)
{
	struct path handoff = path_handoff_socket(rig.dir);

	ck_assert_int_eq(handoff_listen(handoff.s, &rig.handoff), ST_OK);
	publish_memtable(1);
}

static void start_writable(void)
{
	struct path link = path_frontend_socket(rig.dir, 0);

	rig.link_wake = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(link_listen(link.s, WRITE_MESSAGE_MAX, on_link, NULL, &rig.link), ST_OK);
}

static void apply(struct slice key, struct slice value, bool tombstone)
{
	struct entry e = { .key = key,
			   .value = value,
			   .seq = seq(++rig.last_seq),
			   .timestamp_ms = 1705932000123,
			   .is_tombstone = tombstone };

	memtable_insert(rig.memtable, &e);
	board_set_visible(rig.board, e.seq);
}

static void put(const char *key, const char *value)
{
	apply(slice_str(key), slice_str(value), false);
}

/* Waits for what comes next on the link: a message (true), or the frontend (false). */
static bool link_next(void)
{
	uint64_t count;

	if (rig.message)
		link_msg_free(&rig.message);
	for (;;) {
		struct link_event e = link_receive(rig.link);

		if (e.kind == LINK_MESSAGE)
			rig.message = e.msg;
		if (e.kind == LINK_MESSAGE || e.kind == LINK_PEER_CAME)
			return e.kind == LINK_MESSAGE;
		if (e.kind == LINK_NOTHING)
			ck_assert(read(rig.link_wake, &count, sizeof count) == sizeof count);
	}
}

static void send_to_frontend(struct buf *b)
{
	struct link_msg *m = link_msg_new(b->n);

	memcpy(link_msg_body(m), b->p, b->n);
	ck_assert_int_eq(link_send(rig.link, 0, &m), ST_OK);
	buf_fini(b);
}

static void greet(uint64_t incarnation)
{
	struct buf b = BUF_INIT;

	engine_hello_encode(incarnation, 1, &b);
	send_to_frontend(&b);
}

static struct write_request next_request(struct write_counts *counts)
{
	struct write_request w;

	while (!link_next())
		;
	ck_assert_int_eq(write_request_decode(link_msg_slice(rig.message), &w, counts), ST_OK);
	return w;
}

static void reply(uint64_t request_id, enum st st, const char *detail)
{
	struct write_reply r = { .request_id = request_id, .status = st, .timestamp_ms = 1705932000999,
				 .first_sequence = seq(1), .retry_after_ms = 2500 };
	struct buf b = BUF_INIT;

	snprintf(r.detail, sizeof r.detail, "%s", detail);
	engine_replies_add(&b, &r);
	send_to_frontend(&b);
}

/* ---- the client ---- */

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = rig.port };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	return fd;
}

static void say(int fd, const char *method, const char *path, const char *body)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		   method, path, strlen(body), body);
	ck_assert(send(fd, b.p, b.n, MSG_NOSIGNAL) == (ssize_t)b.n);
	buf_fini(&b);
}

/* Reads the one answer to the end; its status. text holds all of it. */
static unsigned hear(int fd, struct buf *text)
{
	unsigned status;

	buf_reset(text);
	for (;;) {
		ssize_t n = read(fd, buf_reserve(text, 4096), 4096);

		if (n <= 0)
			break;
		text->n += (size_t)n;
	}
	close(fd);
	ck_assert_int_eq(sscanf(buf_cstr(text), "HTTP/1.1 %u", &status), 1);
	return status;
}

static unsigned ask(const char *method, const char *path, const char *body, struct buf *text)
{
	int fd = dial();

	say(fd, method, path, body);
	return hear(fd, text);
}

static void contains(struct buf *text, const char *what)
{
	ck_assert_msg(strstr(buf_cstr(text), what) != NULL, "%s is not in %s", what, buf_cstr(text));
}

/* ---- reads ---- */

START_TEST(a_read_shows_what_is_visible_and_sends_nothing)
{
	struct buf text = BUF_INIT;

	start_frontend();
	start_readable();
	put("user:1", "al\"ice");
	ck_assert_uint_eq(ask("GET", "/api/read/user:1", "", &text), 200);
	contains(&text, "{\"key\":\"user:1\",\"value\":\"al\\\"ice\",\"timestamp\":1705932000}");
	put("user:1", "bob");
	ck_assert_uint_eq(ask("GET", "/api/read/user%3A1", "", &text), 200);
	contains(&text, "\"value\":\"bob\"");
	apply(slice_str("user:1"), slice_of(NULL, 0), true);
	ck_assert_uint_eq(ask("GET", "/api/read/user:1", "", &text), 404);
	contains(&text, "\"code\":\"not_found\"");
	ck_assert_uint_eq(stats_sum(M_read_operations), 3);
	ck_assert_uint_eq(stats_sum(M_engine_messages), 0);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(what_is_no_text_comes_as_base64)
{
	struct buf text = BUF_INIT;

	start_frontend();
	start_readable();
	apply(slice_str("\xff/k"), slice_str("\xfe"), false);
	ck_assert_uint_eq(ask("GET", "/api/read/%ff/k", "", &text), 200);
	contains(&text, "{\"key_base64\":\"/y9r\",\"value_base64\":\"/g==\",");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_read_follows_to_the_next_view)
{
	struct buf text = BUF_INIT;

	start_frontend();
	start_readable();
	put("a", "old");
	ck_assert_uint_eq(ask("GET", "/api/read/a", "", &text), 200);
	publish_memtable(2);
	ck_assert_uint_eq(ask("GET", "/api/read/a", "", &text), 404);
	put("a", "new");
	ck_assert_uint_eq(ask("GET", "/api/read/a", "", &text), 200);
	contains(&text, "\"value\":\"new\"");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_read_without_a_view_is_held_until_there_is_one)
{
	struct buf text = BUF_INIT;
	int fd;

	start_frontend();
	fd = dial();
	say(fd, "GET", "/api/read/a", "");
	start_readable();
	ck_assert_uint_eq(hear(fd, &text), 404);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_read_that_stays_without_a_view_is_told_so)
{
	struct buf text = BUF_INIT;

	start_frontend();
	ck_assert_uint_eq(ask("GET", "/api/read/a", "", &text), 503);
	contains(&text, "engine_unavailable");
	contains(&text, "Retry-After: 1");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(keys_in_the_path_are_checked)
{
	struct buf text = BUF_INIT;
	char path[2000] = "/api/read/";

	start_frontend();
	start_readable();
	ck_assert_uint_eq(ask("GET", "/api/read/", "", &text), 400);
	contains(&text, "key_empty");
	memset(path + 10, 'k', 1024);
	ck_assert_uint_eq(ask("GET", path, "", &text), 404);
	path[10 + 1024] = 'k';
	ck_assert_uint_eq(ask("GET", path, "", &text), 400);
	contains(&text, "key_too_long");
	ck_assert_uint_eq(ask("GET", "/api/read/a%00", "", &text), 400);
	contains(&text, "key_invalid");
	ck_assert_uint_eq(ask("DELETE", "/api/delete/%zz", "", &text), 400);
	contains(&text, "key_invalid");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

/* ---- writes ---- */

START_TEST(each_kind_of_write_is_answered_in_its_shape)
{
	struct buf text = BUF_INIT;
	struct write_counts counts;
	struct write_request w;
	int fd;

	start_frontend();
	start_readable();
	start_writable();
	ck_assert(!link_next());
	greet(5);
	fd = dial();
	say(fd, "POST", "/api/write", "{\"key\":\"a\",\"value\":\"1\"}");
	w = next_request(&counts);
	ck_assert_uint_eq(w.incarnation, 5);
	ck_assert_uint_eq(w.request_id, 1);
	ck_assert_uint_eq(counts.puts, 1);
	reply(1, ST_OK, "");
	ck_assert_uint_eq(hear(fd, &text), 200);
	contains(&text, "\r\n\r\n{\"success\":true,\"timestamp\":1705932000}");
	fd = dial();
	say(fd, "DELETE", "/api/delete/a", "");
	w = next_request(&counts);
	ck_assert_uint_eq(counts.deletes, 1);
	ck_assert_uint_eq(w.oldest_unanswered, 2);
	reply(2, ST_OK, "");
	ck_assert_uint_eq(hear(fd, &text), 200);
	contains(&text, "\r\n\r\n{\"success\":true}");
	fd = dial();
	say(fd, "POST", "/api/batch", "{\"operations\":[{\"type\":\"write\",\"key\":\"a\",\"value\":\"1\"},"
				      "{\"type\":\"delete\",\"key\":\"b\"}]}");
	next_request(&counts);
	ck_assert_uint_eq(counts.batches, 1);
	ck_assert_uint_eq(counts.entries, 2);
	reply(3, ST_OK, "");
	ck_assert_uint_eq(hear(fd, &text), 200);
	contains(&text, "\r\n\r\n{\"success\":true,\"operationsCompleted\":2}");
	ck_assert_uint_eq(stats_sum(M_write_operations), 2);
	ck_assert_uint_eq(stats_sum(M_batch_operations), 1);
	ck_assert_uint_eq(stats_sum(M_engine_messages), 3);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(what_arrives_while_two_messages_are_under_way_travels_together)
{
	struct buf text = BUF_INIT;
	struct write_counts counts;
	struct write_request w;
	int fds[12];
	unsigned i;

	start_frontend();
	start_readable();
	start_writable();
	ck_assert(!link_next());
	greet(5);
	for (i = 0; i < 12; i++) {
		fds[i] = dial();
		say(fds[i], "DELETE", "/api/delete/a", "");
		if (i < 2)
			ck_assert_uint_eq(next_request(&counts).request_id, i + 1);
	}
	ck_assert_uint_eq(ask("GET", "/livez", "", &text), 200); /* all that was sent before has been read */
	reply(1, ST_OK, "");
	w = next_request(&counts);
	ck_assert_uint_eq(w.request_id, 3);
	ck_assert_uint_eq(w.oldest_unanswered, 2);
	ck_assert_uint_eq(counts.batches, 10);
	reply(2, ST_OK, "");
	reply(3, ST_OK, "");
	for (i = 0; i < 12; i++)
		ck_assert_uint_eq(hear(fds[i], &text), 200);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_new_engine_gets_the_unanswered_request_under_the_same_id)
{
	struct buf text = BUF_INIT;
	struct write_counts counts;
	struct write_request w;
	uint64_t origin;
	int fd;

	start_frontend();
	start_readable();
	start_writable();
	ck_assert(!link_next());
	greet(5);
	fd = dial();
	say(fd, "DELETE", "/api/delete/a", "");
	w = next_request(&counts);
	origin = w.origin;
	greet(6);
	w = next_request(&counts);
	ck_assert_uint_eq(w.incarnation, 6);
	ck_assert_uint_eq(w.request_id, 1);
	ck_assert_uint_eq(w.origin, origin);
	reply(1, ST_OK, "");
	reply(1, ST_OK, "");     /* an answer to nobody */
	ck_assert_uint_eq(hear(fd, &text), 200);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_refusal_of_the_engine_reaches_the_client)
{
	struct buf text = BUF_INIT;
	struct write_counts counts;
	int fd;

	start_frontend();
	start_readable();
	start_writable();
	ck_assert(!link_next());
	greet(5);
	fd = dial();
	say(fd, "DELETE", "/api/delete/a", "");
	reply(next_request(&counts).request_id, ST_BUSY, "Flush is behind.");
	ck_assert_uint_eq(hear(fd, &text), 503);
	contains(&text, "Retry-After: 3\r\n");
	contains(&text, "Flush is behind.");
	fd = dial();
	say(fd, "DELETE", "/api/delete/a", "");
	reply(next_request(&counts).request_id, ST_FULL, "");
	ck_assert_uint_eq(hear(fd, &text), 507);
	fd = dial();
	say(fd, "DELETE", "/api/delete/a", "");
	reply(next_request(&counts).request_id, ST_IO, "");
	ck_assert_uint_eq(hear(fd, &text), 503);
	contains(&text, "outcome_unknown");
	ck_assert_uint_eq(stats_sum(M_write_operations), 0);
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(a_write_without_an_engine_is_held_and_then_refused)
{
	struct buf text = BUF_INIT;

	start_frontend();
	start_readable();
	ck_assert_uint_eq(ask("DELETE", "/api/delete/a", "", &text), 503);
	contains(&text, "engine_unavailable");
	contains(&text, "Retry-After: 1\r\n");
	ck_assert_uint_eq(ask("GET", "/api/read/a", "", &text), 404);
	ck_assert_uint_eq(ask("GET", "/api/health", "", &text), 200);
	contains(&text, "\"status\":\"degraded\"");
	contains(&text, "\"engine\":{\"status\":\"down\"");
	ck_assert_uint_eq(ask("GET", "/readyz", "", &text), 503);
	contains(&text, "not_ready");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

START_TEST(operators_are_answered)
{
	struct buf text = BUF_INIT;

	start_frontend();
	ck_assert_uint_eq(ask("GET", "/livez", "", &text), 200);
	ck_assert_uint_eq(ask("GET", "/api/health", "", &text), 503);
	contains(&text, "\"status\":\"unhealthy\"");
	start_readable();
	start_writable();
	ck_assert(!link_next());
	greet(5);
	while (ask("GET", "/readyz", "", &text) != 200)
		contains(&text, "not_ready");
	ck_assert_uint_eq(ask("GET", "/api/stats", "", &text), 200);
	contains(&text, "\"memTableSize\":");
	ck_assert_uint_eq(ask("GET", "/api/metrics", "", &text), 200);
	contains(&text, "Content-Type: text/plain; version=0.0.4");
	contains(&text, "lsm_read_operations_total 0");
	ck_assert_uint_eq(ask("POST", "/api/metrics", "", &text), 405);
	contains(&text, "Allow: GET, HEAD, OPTIONS\r\n");
	ck_assert_uint_eq(ask("GET", "/nothing", "", &text), 404);
	contains(&text, "route_not_found");
	buf_fini(&text);
	stop_frontend();
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_read_shows_what_is_visible_and_sends_nothing);
	tcase_add_test(tc, what_is_no_text_comes_as_base64);
	tcase_add_test(tc, a_read_follows_to_the_next_view);
	tcase_add_test(tc, a_read_without_a_view_is_held_until_there_is_one);
	tcase_add_test(tc, a_read_that_stays_without_a_view_is_told_so);
	tcase_add_test(tc, keys_in_the_path_are_checked);
	tcase_add_test(tc, each_kind_of_write_is_answered_in_its_shape);
	tcase_add_test(tc, what_arrives_while_two_messages_are_under_way_travels_together);
	tcase_add_test(tc, a_new_engine_gets_the_unanswered_request_under_the_same_id);
	tcase_add_test(tc, a_refusal_of_the_engine_reaches_the_client);
	tcase_add_test(tc, a_write_without_an_engine_is_held_and_then_refused);
	tcase_add_test(tc, operators_are_answered);
}

CHECK_MAIN("frontend/front", add)
