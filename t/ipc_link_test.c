/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: order, numbered connections, peers that die, lie or belong to others, and nng's deaf end points.
 * nng is opened inside test bodies only, after every fork of theirs.
 */
#include "t/check_main.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/ipc/link.h"
#include "t/ipc_raw_peer.h"

#define PATIENCE_MS 20000            /* the end of hope, not an expectation */
#define MAX_BYTES (1u << 20)

/* nng 1.5.2 itself loses memory: a message that is sent in the moment its pipe closes, and what belongs to an
 * end point that is closed with a peer half way in. Tests that bring this about say so; a sanitizer asks here
 * as it ends. */
static bool nng_leaks;

int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return nng_leaks;
}

/* One end of a link, with the event loop's eventfd. Ends are static: nng's threads outlive the test's body.
 */
struct end {
	struct link *link;
	int bell;
};

static char dir[64], path[80];

static void make_path(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/ipc-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/link", dir);
}

static void remove_path(void)
{
	unlink(path);
	rmdir(dir);
}

static void ring(void *ctx)
{
	struct end *e = ctx;
	uint64_t one = 1;

	if (write(e->bell, &one, sizeof one) != sizeof one)
		abort();
}

static void begin_end(struct end *e, bool listening, size_t max_bytes)
{
	e->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(listening ? link_listen(path, max_bytes, ring, e, &e->link)
	    : link_dial(path, max_bytes, ring, e, &e->link), ST_OK);
}

/* Sleeps until the bell rings or step_ms passed. */
static void wait_bell(struct end *e, int step_ms)
{
	struct pollfd p = { .fd = e->bell, .events = POLLIN };
	uint64_t rings;

	if (poll(&p, 1, step_ms) > 0)
		ck_assert_int_eq(read(e->bell, &rings, sizeof rings), sizeof rings);
}

/* The next event; the bell must ring when there was none. */
static struct link_event next_event(struct end *e)
{
	uint64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000ull;
	struct link_event event;

	while ((event = link_receive(e->link)).kind == LINK_NOTHING) {
		ck_assert_msg(clock_mono_us() < give_up_us, "no event came");
		wait_bell(e, PATIENCE_MS);
	}
	return event;
}

static void expect(struct end *e, enum link_event_kind kind, uint64_t connection)
{
	struct link_event event = next_event(e);

	ck_assert_int_eq(event.kind, kind);
	ck_assert_uint_eq(event.connection, connection);
}

/* A message of n bytes: number, its complement, then filling that depends on the number. */
static struct link_msg *numbered(uint64_t number, size_t n)
{
	struct link_msg *m = link_msg_new(n);

	memset(link_msg_body(m), (int)(number & 0xff), n);
	put_u64(link_msg_body(m), number);
	put_u64(link_msg_body(m) + 8, ~number);
	return m;
}

static void send_numbered(struct end *e, uint64_t connection, uint64_t number, size_t n)
{
	struct link_msg *m = numbered(number, n);

	ck_assert_int_eq(link_send(e->link, connection, &m), ST_OK);
	ck_assert_ptr_null(m);
}

static void expect_numbered(struct end *e, uint64_t connection, uint64_t number, size_t n)
{
	struct link_event event = next_event(e);
	struct link_msg *good = numbered(number, n);

	ck_assert_int_eq(event.kind, LINK_MESSAGE);
	ck_assert_uint_eq(event.connection, connection);
	ck_assert(slice_eq(link_msg_slice(event.msg), link_msg_slice(good)));
	link_msg_free(&event.msg);
	ck_assert_ptr_null(event.msg);
	link_msg_free(&good);
}

/* Both guard themselves, as their event loops would; `from` greets each peer that comes, until a greeting
 * gets to `to`. Connections that the listener never took (it was deaf, or had another peer) may come and go
 * meanwhile. */
static void expect_through(struct end *from, struct end *to, uint64_t number)
{
	uint64_t give_up_us = clock_mono_us() + PATIENCE_MS * 1000ull;
	struct link_event event;
	struct link_msg *m;

	do {
		ck_assert_msg(clock_mono_us() < give_up_us, "no message came through");
		link_guard(from->link);
		link_guard(to->link);
		while ((event = link_receive(from->link)).kind != LINK_NOTHING) {
			link_msg_free(&event.msg);
			m = numbered(number, 16);
			if (event.kind == LINK_PEER_CAME && link_send(from->link, event.connection, &m) != ST_OK)
				ck_assert_ptr_null(m);
			link_msg_free(&m);
		}
		wait_bell(from, 20);
		event = link_receive(to->link);
	} while (event.kind != LINK_MESSAGE || get_u64(link_msg_slice(event.msg).p) != number);
	link_msg_free(&event.msg);
}

static void join_ends(struct end *a, struct end *b)
{
	make_path();
	begin_end(a, true, MAX_BYTES);
	begin_end(b, false, MAX_BYTES);
	expect(a, LINK_PEER_CAME, 1);
	expect(b, LINK_PEER_CAME, 1);
}

START_TEST(messages_arrive_whole_and_in_order_both_ways)
{
	static struct end a, b;

	join_ends(&a, &b);
	for (uint64_t i = 0; i < 2000; i++) {
		send_numbered(&a, 1, i, 16 + i % 5000);
		send_numbered(&b, 0, i, 16 + i * 31 % 5000);
	}
	for (uint64_t i = 0; i < 2000; i++) {
		expect_numbered(&b, 1, i, 16 + i % 5000);
		expect_numbered(&a, 1, i, 16 + i * 31 % 5000);
	}
	remove_path();
}
END_TEST

START_TEST(largest_and_empty_messages_pass)
{
	static struct end a, b;
	struct link_msg *none;
	struct link_event event;

	join_ends(&a, &b);
	none = link_msg_new(0);
	ck_assert_int_eq(link_send(a.link, 0, &none), ST_OK);
	send_numbered(&a, 0, 7, MAX_BYTES);
	event = next_event(&b);
	ck_assert_int_eq(event.kind, LINK_MESSAGE);
	ck_assert_uint_eq(link_msg_slice(event.msg).n, 0);
	link_msg_free(&event.msg);
	expect_numbered(&b, 1, 7, MAX_BYTES);
	remove_path();
}
END_TEST

START_TEST(bell_rings_when_everything_is_sent)
{
	static struct end a, b;

	join_ends(&a, &b);
	for (uint64_t i = 0; i < 100; i++)
		send_numbered(&a, 0, i, 1000);
	while (link_unsent(a.link) > 0)
		wait_bell(&a, PATIENCE_MS);
	for (uint64_t i = 0; i < 100; i++)
		expect_numbered(&b, 1, i, 1000);
	remove_path();
}
END_TEST

START_TEST(dialling_before_anybody_listens_succeeds_later)
{
	static struct end a, b;

	make_path();
	begin_end(&b, false, MAX_BYTES);
	clock_sleep_us(300000);
	begin_end(&a, true, MAX_BYTES);
	expect(&b, LINK_PEER_CAME, 1);
	expect(&a, LINK_PEER_CAME, 1);
	remove_path();
}
END_TEST

START_TEST(send_without_a_peer_is_unavailable)
{
	static struct end a;
	struct link_msg *m = link_msg_new(10);

	make_path();
	begin_end(&a, true, MAX_BYTES);
	ck_assert_int_eq(link_send(a.link, 0, &m), ST_UNAVAILABLE);
	ck_assert_ptr_null(m);
	ck_assert_uint_eq(link_unsent(a.link), 0);
	remove_path();
}
END_TEST

/* Connects a raw peer as connection n. Refused as long as the one before is not quite gone. */
static int join_raw(struct end *e, uint64_t n)
{
	struct link_event event = { LINK_NOTHING, NULL, 0 };
	char c;

	for (;;) {
		int fd = raw_connect(path);

		ck_assert(raw_handshake(fd));
		while (recv(fd, &c, 1, MSG_DONTWAIT) < 0) {          /* 0: turned away */
			event = link_receive(e->link);
			if (event.kind == LINK_PEER_CAME) {
				ck_assert_uint_eq(event.connection, n);
				return fd;
			}
			if (event.kind == LINK_NOTHING)
				wait_bell(e, 1);
			else
				ck_assert(event.kind == LINK_PEER_WENT && event.connection == n - 1);
		}
		close(fd);
	}
}

START_TEST(send_to_an_earlier_or_later_connection_is_unavailable)
{
	static struct end a;
	struct link_msg *m;
	int fd;

	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (uint64_t n = 1; n <= 3; n++) {
		fd = join_raw(&a, n);
		m = link_msg_new(10);
		ck_assert_int_eq(link_send(a.link, n - 1, &m), n == 1 ? ST_OK : ST_UNAVAILABLE);
		m = link_msg_new(10);
		ck_assert_int_eq(link_send(a.link, n + 1, &m), ST_UNAVAILABLE);
		m = link_msg_new(10);
		ck_assert_int_eq(link_send(a.link, n, &m), ST_OK);
		close(fd);
		expect(&a, LINK_PEER_WENT, n);
	}
	remove_path();
}
END_TEST

START_TEST(messages_lie_between_came_and_went_of_their_connection)
{
	static struct end a;
	struct link_event event;
	uint64_t number;

	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (uint64_t n = 1; n <= 100; n++) {
		int fd = join_raw(&a, n);

		for (uint64_t i = 0; i < n; i++) {
			number = n << 32 | i;
			ck_assert(raw_send(fd, &number, sizeof number));
		}
		close(fd);
		for (uint64_t i = 0; (event = next_event(&a)).kind == LINK_MESSAGE; i++) {
			ck_assert_uint_eq(event.connection, n);
			ck_assert_uint_eq(get_u64(link_msg_slice(event.msg).p), n << 32 | i);
			link_msg_free(&event.msg);
		}
		ck_assert_int_eq(event.kind, LINK_PEER_WENT);
		ck_assert_uint_eq(event.connection, n);
	}
	remove_path();
}
END_TEST

/* The peer reads nothing, so that messages pile up in our queue, in pair0 and in the kernel; then it dies, at
 * a moment that differs from round to round, while more is sent. The next one must see its own message only.
 */
START_TEST(message_for_a_dying_peer_never_reaches_the_next)
{
	static struct end a;

	nng_leaks = true;
	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (uint64_t round = 1; round <= 200; round += 2) {
		int deaf = join_raw(&a, round), next;
		uint64_t n, body[2];

		for (uint64_t i = 0; i < 1 + round % 40; i++)
			send_numbered(&a, round, round << 32 | i, round % 3 ? 100000 : 100);
		if (round % 4 == 1)
			clock_sleep_us(round * 10);
		close(deaf);
		for (enum st st = ST_OK; st == ST_OK;) {
			struct link_msg *m = numbered(round << 32, 50000);

			st = link_send(a.link, round, &m);
		}
		next = join_raw(&a, round + 1);
		send_numbered(&a, 0, (round + 1) << 32, sizeof body);
		ck_assert(raw_receive_head(next, &n));
		ck_assert_uint_eq(n, sizeof body);
		ck_assert_uint_eq(raw_read(next, body, sizeof body), sizeof body);
		ck_assert_uint_eq(body[0], (round + 1) << 32);
		while (link_unsent(a.link) > 0)
			wait_bell(&a, 10);
		close(next);
	}
	remove_path();
}
END_TEST

/* A process that sends back what it gets, once told to begin. */
static pid_t begin_echo(int go)
{
	static struct end b;
	struct link_event event;
	pid_t child = fork();
	char c;

	if (child != 0)
		return child;
	if (read(go, &c, 1) != 1)
		_exit(1);
	begin_end(&b, false, MAX_BYTES);
	for (;;) {
		event = link_receive(b.link);
		if (event.kind == LINK_NOTHING)
			wait_bell(&b, PATIENCE_MS);
		if (event.kind == LINK_MESSAGE && link_send(b.link, event.connection, &event.msg) != ST_OK)
			_exit(1);
	}
}

START_TEST(killed_peer_is_told_and_its_successor_served)
{
	enum { CHILDREN = 3 };
	static struct end a;
	struct link_event event;
	pid_t child[CHILDREN];
	int go[CHILDREN][2];

	nng_leaks = true;
	make_path();
	for (int i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(pipe(go[i]), 0);
		child[i] = begin_echo(go[i][0]);
	}
	begin_end(&a, true, MAX_BYTES);
	for (uint64_t i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(write(go[i][1], "", 1), 1);
		expect(&a, LINK_PEER_CAME, i + 1);
		for (uint64_t k = 0; k < 200; k++)
			send_numbered(&a, i + 1, k, 64);
		for (uint64_t k = 0; k < 100; k++)
			expect_numbered(&a, i + 1, k, 64);
		ck_assert_int_eq(kill(child[i], SIGKILL), 0);
		ck_assert_int_eq(waitpid(child[i], NULL, 0), child[i]);
		while ((event = next_event(&a)).kind == LINK_MESSAGE)
			link_msg_free(&event.msg);
		ck_assert_int_eq(event.kind, LINK_PEER_WENT);
		ck_assert_uint_eq(event.connection, i + 1);
	}
	remove_path();
}
END_TEST

START_TEST(second_dialler_waits_until_the_first_is_gone)
{
	static struct end a;
	uint64_t n;
	int first, second;
	char c;

	make_path();
	begin_end(&a, true, MAX_BYTES);
	first = raw_connect(path);
	ck_assert(raw_handshake(first));
	expect(&a, LINK_PEER_CAME, 1);
	second = raw_connect(path);
	raw_handshake(second);
	ck_assert_uint_eq(raw_read(second, &c, 1), 0);       /* turned away */
	close(second);
	send_numbered(&a, 1, 1, 16);
	ck_assert(raw_receive_head(first, &n));
	ck_assert_int_eq(link_receive(a.link).kind, LINK_NOTHING);
	close(first);
	expect(&a, LINK_PEER_WENT, 1);
	second = raw_connect(path);
	ck_assert(raw_handshake(second));
	expect(&a, LINK_PEER_CAME, 2);
	close(second);
	remove_path();
}
END_TEST

START_TEST(message_beyond_the_limit_ends_the_connection)
{
	static struct end a;
	uint8_t head[9];
	int fd;

	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (uint64_t n = 1; n <= 3; n++) {
		static const uint64_t sizes[] = { 0, MAX_BYTES + 1, 1ull << 40, UINT64_MAX };

		fd = join_raw(&a, n);
		raw_head(head, sizes[n]);
		ck_assert(raw_write(fd, head, sizeof head));
		expect(&a, LINK_PEER_WENT, n);
		close(fd);
	}
	remove_path();
}
END_TEST

START_TEST(lying_peers_disturb_nobody)
{
	static const struct { const char *bytes; size_t n; } lies[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "\0SP\0\0\x11\0\0", 8 },                                /* another protocol */
		{ "\0SP\1\0\x10\0\0", 8 },                                /* another version */
		{ "\0SP\0\0\x10\0\0\2\0\0\0\0\0\0\0\0", 17 },             /* not a message */
		{ "\0SP\0\0\x10\0\0\1\0\0\0\0\0\0\0\x40half", 21 },       /* a message cut short */
		{ "\0SP\0\0\x10", 6 },                                    /* half a handshake */
	};
	static struct end a, b;

	nng_leaks = true;
	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		uint8_t theirs[8];
		int fd = raw_connect(path);

		ck_assert_int_ge(fd, 0);
		raw_read(fd, theirs, sizeof theirs);       /* so that it is no peer that dies within the handshake */
		raw_write(fd, lies[i].bytes, lies[i].n);
		close(fd);
	}
	begin_end(&b, false, MAX_BYTES);
	expect_through(&b, &a, 5);
	remove_path();
}
END_TEST

/* nng 1.5.2's listener goes deaf when a peer dies within the handshake. */
START_TEST(guard_heals_a_deaf_listener)
{
	static struct end a, b;

	nng_leaks = true;
	make_path();
	begin_end(&a, true, MAX_BYTES);
	for (int i = 0; i < 5; i++)
		close(raw_connect(path));
	begin_end(&b, false, MAX_BYTES);
	expect_through(&a, &b, 9);
	remove_path();
}
END_TEST

/* nng 1.5.2's dialler gives up for ever when its peer dies within the handshake. */
START_TEST(guard_heals_a_dialler_that_gave_up)
{
	static struct end a, b;
	int listener;

	nng_leaks = true;
	make_path();
	listener = raw_listen(path);
	begin_end(&b, false, MAX_BYTES);
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { .fd = listener, .events = POLLIN };

		if (poll(&p, 1, 500) > 0)
			close(accept(listener, NULL, NULL));
	}
	close(listener);
	begin_end(&a, true, MAX_BYTES);
	expect_through(&a, &b, 11);
	remove_path();
}
END_TEST

START_TEST(guard_leaves_a_connection_alone)
{
	static struct end a, b;

	join_ends(&a, &b);
	clock_sleep_us(1200000);
	for (int i = 0; i < 3; i++) {
		link_guard(a.link);
		link_guard(b.link);
	}
	send_numbered(&a, 1, 3, 16);
	send_numbered(&b, 1, 4, 16);
	expect_numbered(&b, 1, 3, 16);
	expect_numbered(&a, 1, 4, 16);
	remove_path();
}
END_TEST

/* 64 MiB are offered; who never receives holds no more than the kernel and a few messages. */
START_TEST(peer_waits_while_nobody_receives)
{
	enum { BODY = 16384, MESSAGES = 4096 };
	struct timeval patience = { .tv_sec = 1 };
	static uint8_t frame[9 + BODY];
	static struct end a;
	size_t whole = 0, rest = 0;
	ssize_t n = 0;
	int fd;

	make_path();
	begin_end(&a, true, BODY);
	fd = raw_connect(path);
	ck_assert(raw_handshake(fd));
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
	raw_head(frame, BODY);
	for (; whole < MESSAGES; whole++) {
		n = send(fd, frame, sizeof frame, MSG_NOSIGNAL);
		if (n != sizeof frame)
			break;
	}
	ck_assert_uint_lt(whole, MESSAGES);
	expect(&a, LINK_PEER_CAME, 1);
	for (size_t i = 0; i < whole; i++) {
		struct link_event event = next_event(&a);

		ck_assert_int_eq(event.kind, LINK_MESSAGE);
		ck_assert_uint_eq(link_msg_slice(event.msg).n, BODY);
		link_msg_free(&event.msg);
	}
	if (n > 0)
		rest = sizeof frame - (size_t)n;
	ck_assert(rest == 0 || raw_write(fd, frame + n, rest));
	ck_assert(raw_send(fd, frame, 16));
	if (rest) {
		struct link_event event = next_event(&a);

		ck_assert_uint_eq(link_msg_slice(event.msg).n, BODY);
		link_msg_free(&event.msg);
	}
	ck_assert_int_eq(next_event(&a).kind, LINK_MESSAGE);
	close(fd);
	remove_path();
}
END_TEST

START_TEST(socket_file_is_for_its_owner_only)
{
	static struct end a;
	struct stat sb;

	make_path();
	begin_end(&a, true, MAX_BYTES);
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	remove_path();
}
END_TEST

/* Only root can be two users. */
START_TEST(peer_of_another_user_is_turned_away)
{
	static struct end a;
	pid_t child;
	int go[2], status;
	char c = 0;

	if (geteuid() != 0)
		return;
	make_path();
	ck_assert_int_eq(pipe(go), 0);
	child = fork();
	if (child == 0) {
		int fd;

		if (read(go[0], &c, 1) != 1 || setuid(65534) != 0)
			_exit(2);
		fd = raw_connect(path);
		if (fd < 0)
			_exit(3);
		raw_handshake(fd);
		_exit(raw_read(fd, &c, 1) == 0 ? 0 : 4);
	}
	begin_end(&a, true, MAX_BYTES);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(write(go[1], &c, 1), 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(link_receive(a.link).kind, LINK_NOTHING);
	remove_path();
}
END_TEST

START_TEST(path_too_long_for_a_socket_is_invalid)
{
	char longer[200] = "/tmp/";
	struct link *l;

	memset(longer + 5, 'x', 150);
	ck_assert_int_eq(link_listen(longer, MAX_BYTES, ring, NULL, &l), ST_INVALID);
	ck_assert_ptr_null(l);
	ck_assert_int_eq(link_dial(longer, MAX_BYTES, ring, NULL, &l), ST_INVALID);
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(listening_where_no_file_can_be_made_fails)
{
	struct link *l;

	make_path();
	rmdir(dir);
	ck_assert_int_eq(link_listen(path, MAX_BYTES, ring, NULL, &l), ST_IO);
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(socket_file_of_a_killed_process_is_replaced)
{
	static struct end a, b;

	make_path();
	close(raw_listen(path));
	begin_end(&a, true, MAX_BYTES);
	begin_end(&b, false, MAX_BYTES);
	expect(&a, LINK_PEER_CAME, 1);
	remove_path();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, messages_arrive_whole_and_in_order_both_ways);
	tcase_add_test(tc, largest_and_empty_messages_pass);
	tcase_add_test(tc, bell_rings_when_everything_is_sent);
	tcase_add_test(tc, dialling_before_anybody_listens_succeeds_later);
	tcase_add_test(tc, send_without_a_peer_is_unavailable);
	tcase_add_test(tc, send_to_an_earlier_or_later_connection_is_unavailable);
	tcase_add_test(tc, messages_lie_between_came_and_went_of_their_connection);
	tcase_add_test(tc, message_for_a_dying_peer_never_reaches_the_next);
	tcase_add_test(tc, killed_peer_is_told_and_its_successor_served);
	tcase_add_test(tc, second_dialler_waits_until_the_first_is_gone);
	tcase_add_test(tc, message_beyond_the_limit_ends_the_connection);
	tcase_add_test(tc, lying_peers_disturb_nobody);
	tcase_add_test(tc, guard_heals_a_deaf_listener);
	tcase_add_test(tc, guard_heals_a_dialler_that_gave_up);
	tcase_add_test(tc, guard_leaves_a_connection_alone);
	tcase_add_test(tc, peer_waits_while_nobody_receives);
	tcase_add_test(tc, socket_file_is_for_its_owner_only);
	tcase_add_test(tc, peer_of_another_user_is_turned_away);
	tcase_add_test(tc, path_too_long_for_a_socket_is_invalid);
	tcase_add_test(tc, listening_where_no_file_can_be_made_fails);
	tcase_add_test(tc, socket_file_of_a_killed_process_is_replaced);
}

CHECK_MAIN("ipc/link", suite)
