/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: one question, one answer, and peers that misbehave. */
#include "supervisor/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/coding.h"
#include "t/check_main.h"

static char folder[] = "/tmp/lsm-control-XXXXXX";
static char path[64];
static int poll_fd;

static void echo_worker(void *ctx, const struct control_request *q, struct control_reply *r)
{
	++*(int *)ctx;
	*r = (struct control_reply){ .detail = q->worker, .listen = "x", .data_dir = "y", .version = "z" };
}

static struct control *begin(int *asked)
{
	struct control *c;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/control.sock", folder);
	poll_fd = epoll_create1(0);
	ck_assert_int_eq(control_open(path, poll_fd, echo_worker, asked, &c), ST_OK);
	return c;
}

static void end(struct control **cp)
{
	control_close(cp);
	ck_assert_int_ne(access(path, F_OK), 0);
	rmdir(folder);
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void send_framed(int fd, const char *worker, size_t in_pieces)
{
	struct control_request q = { .verb = CONTROL_RESTART, .worker = worker };
	struct buf b = BUF_INIT;

	buf_append(&b, "\0\0\0", 4);
	control_request_encode(&q, &b);
	put_u32(b.p, (uint32_t)(b.n - 4));
	for (size_t at = 0; at < b.n; at += in_pieces)
		ck_assert_int_gt(send(fd, b.p + at, b.n - at < in_pieces ? b.n - at : in_pieces, 0), 0);
	buf_fini(&b);
}

START_TEST(a_question_is_answered_and_the_connection_closed)
{
	int asked = 0, fd;
	struct control *c = begin(&asked);
	uint8_t in[256];
	struct arena a;
	struct control_reply r;
	ssize_t n;

	fd = dial();
	send_framed(fd, "frontend.3", 1000);
	control_turn(c);
	n = recv(fd, in, sizeof in, MSG_WAITALL);
	ck_assert_int_gt(n, 4);
	ck_assert_uint_eq(get_u32(in), (uint32_t)n - 4);
	arena_init(&a);
	ck_assert_int_eq(control_reply_decode(slice_of(in + 4, (size_t)n - 4), &a, &r), ST_OK);
	ck_assert_str_eq(r.detail, "frontend.3");
	ck_assert_int_eq(asked, 1);
	arena_fini(&a);
	close(fd);
	end(&c);
}
END_TEST

START_TEST(a_peer_that_sends_rubbish_or_too_much_is_dropped)
{
	static const char too_long[] = { 127, 127, 127, 127 };
	int asked = 0, fd;
	struct control *c = begin(&asked);
	char byte;

	fd = dial();
	ck_assert_int_eq(send(fd, too_long, 4, 0), 4);
	control_turn(c);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	ck_assert_int_eq(asked, 0);
	close(fd);
	end(&c);
}
END_TEST

START_TEST(half_a_question_waits_for_the_rest)
{
	int asked = 0, fd, other;
	struct control *c = begin(&asked);
	char byte;

	other = dial();
	ck_assert_int_eq(send(other, "\5\0", 2, 0), 2);
	fd = dial();
	send_framed(fd, "engine", 1);
	control_turn(c);
	control_turn(c);
	ck_assert_int_eq(asked, 1);
	ck_assert_int_eq(recv(other, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
	close(other);
	end(&c);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_question_is_answered_and_the_connection_closed);
	tcase_add_test(tc, a_peer_that_sends_rubbish_or_too_much_is_dropped);
	tcase_add_test(tc, half_a_question_waits_for_the_rest);
}

CHECK_MAIN("supervisor/control", suite)
