/* SPDX-License-Identifier: Apache-2.0 */
/* The door: one question, one answer, and peers that misbehave. */
#include "common/base/door.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/check_main.h"

#define MAX_BYTES 4096u
#define PLACES 8

static char folder[] = "/tmp/lsm-door-XXXXXX";
static char path[64];

static void echo(void *ctx, struct slice question, struct buf *answer)
{
	++*(int *)ctx;
	buf_append_str(answer, "you said ");
	buf_append_slice(answer, question);
}

static struct door *begin(int *asked)
{
	struct door *d;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a.sock", folder);
	ck_assert_int_eq(door_open(path, MAX_BYTES, echo, asked, &d), ST_OK);
	return d;
}

static void end(struct door **dp)
{
	door_close(dp);
	ck_assert_ptr_null(*dp);
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

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Serves in another process until it is killed. */
static pid_t serve_aside(struct door *d)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct pollfd p = { .fd = door_fd(d), .events = POLLIN };

		while (poll(&p, 1, -1) >= 0)
			door_turn(d);
		_exit(1);
	}
	return pid;
}

static void end_aside(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

START_TEST(a_question_is_answered)
{
	struct buf answer = BUF_INIT;
	int asked = 0;
	struct door *d = begin(&asked);
	pid_t pid = serve_aside(d);

	ck_assert_int_eq(door_ask(path, slice_str("hello"), MAX_BYTES, 30, &answer), ST_OK);
	ck_assert_str_eq(buf_cstr(&answer), "you said hello");
	end_aside(pid);
	buf_fini(&answer);
	end(&d);
}
END_TEST

START_TEST(an_answer_beyond_what_the_asker_takes_is_not_taken)
{
	struct buf answer = BUF_INIT;
	int asked = 0;
	struct door *d = begin(&asked);
	pid_t pid = serve_aside(d);

	ck_assert_int_eq(door_ask(path, slice_str("hello"), 5, 30, &answer), ST_TOO_BIG);
	ck_assert_uint_eq(answer.n, 0);
	end_aside(pid);
	end(&d);
}
END_TEST

START_TEST(only_our_own_user_may_ask)
{
	int asked = 0;
	struct door *d = begin(&asked);
	struct stat sb;

	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_int_eq(sb.st_mode & 0777, 0600);
	end(&d);
}
END_TEST

START_TEST(nobody_there_is_told_from_no_answer)
{
	struct buf answer = BUF_INIT;
	int asked = 0;
	struct door *d = begin(&asked);

	ck_assert_int_eq(door_ask(path, slice_str("hello"), MAX_BYTES, 1, &answer), ST_TIMEOUT);     /* nobody takes turns */
	end(&d);
	ck_assert_int_eq(door_ask(path, slice_str("hello"), MAX_BYTES, 1, &answer), ST_UNAVAILABLE);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(answer.n, 0);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_invalid)
{
	char longest[200];
	struct buf answer = BUF_INIT;
	struct door *d;
	int asked = 0;

	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	ck_assert_int_eq(door_open(longest, MAX_BYTES, echo, &asked, &d), ST_INVALID);
	ck_assert_int_eq(door_ask(longest, slice_str(""), MAX_BYTES, 1, &answer), ST_INVALID);
}
END_TEST

START_TEST(a_peer_that_sends_too_much_is_dropped)
{
	int asked = 0, fd;
	struct door *d = begin(&asked);

	fd = dial();
	ck_assert_int_eq(send(fd, "\x01\x10\0\0", 4, 0), 4);     /* one byte more than the door takes */
	door_turn(d);
	ck_assert(is_closed(fd));
	ck_assert_int_eq(asked, 0);
	close(fd);
	end(&d);
}
END_TEST

START_TEST(half_a_question_waits_for_the_rest_and_holds_up_nobody)
{
	int asked = 0, slow, quick;
	struct door *d = begin(&asked);

	slow = dial();
	ck_assert_int_eq(send(slow, "\2\0", 2, 0), 2);
	door_turn(d);
	quick = dial();
	ck_assert_int_eq(send(quick, "\2\0\0\0ab", 6, 0), 6);
	door_turn(d);
	ck_assert_int_eq(asked, 1);
	ck_assert(!is_closed(slow));
	ck_assert_int_eq(send(slow, "\0\0a", 3, 0), 3);
	door_turn(d);
	ck_assert_int_eq(asked, 1);
	ck_assert_int_eq(send(slow, "b", 1, 0), 1);
	door_turn(d);
	ck_assert_int_eq(asked, 2);
	close(slow);
	close(quick);
	end(&d);
}
END_TEST

START_TEST(a_crowd_of_silent_peers_keeps_nobody_out)
{
	int asked = 0, silent[3 * PLACES], fd;
	struct door *d = begin(&asked);

	for (int i = 0; i < 3 * PLACES; i++) {
		silent[i] = dial();
		door_turn(d);
	}
	ck_assert(is_closed(silent[0]));         /* those who were there longest went first */
	ck_assert(!is_closed(silent[3 * PLACES - 1]));
	fd = dial();
	ck_assert_int_eq(send(fd, "\1\0\0\0a", 5, 0), 5);
	door_turn(d);
	ck_assert_int_eq(asked, 1);
	for (int i = 0; i < 3 * PLACES; i++)
		close(silent[i]);
	close(fd);
	end(&d);
}
END_TEST

START_TEST(a_peer_that_goes_before_its_answer_does_no_harm)
{
	int asked = 0, fd;
	struct door *d = begin(&asked);

	fd = dial();
	ck_assert_int_eq(send(fd, "\1\0\0\0a", 5, 0), 5);
	close(fd);
	door_turn(d);
	ck_assert_int_eq(asked, 1);
	end(&d);
}
END_TEST

START_TEST(a_socket_that_a_dead_process_left_is_replaced)
{
	struct buf answer = BUF_INIT;
	int asked = 0;
	struct door *d = begin(&asked), *again;
	pid_t pid = serve_aside(d);

	end_aside(pid);
	ck_assert_int_eq(door_open(path, MAX_BYTES, echo, &asked, &again), ST_OK);
	pid = serve_aside(again);
	ck_assert_int_eq(door_ask(path, slice_str("x"), MAX_BYTES, 30, &answer), ST_OK);
	end_aside(pid);
	buf_fini(&answer);
	door_close(&again);
	end(&d);
}
END_TEST

/* Otherwise its thread would turn and turn, for as long as somebody knocks. */
START_TEST(without_descriptors_the_door_rests_and_answers_when_there_are_some)
{
	int asked = 0, fd, taken = 0, fds[1024];
	struct door *d = begin(&asked);
	struct pollfd p = { .fd = door_fd(d), .events = POLLIN };
	struct rlimit limit = { 256, 256 };

	fd = dial();
	ck_assert_int_eq(send(fd, "\1\0\0\0a", 5, 0), 5);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (taken < 1024 && (fds[taken] = dup(fd)) >= 0)
		taken++;
	ck_assert(taken > 0 && taken < 1024);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	door_turn(d);
	ck_assert_int_eq(poll(&p, 1, 0), 0);     /* who knocks does not wake it */
	while (taken > 0)
		close(fds[--taken]);
	while (asked == 0) {
		ck_assert_int_eq(poll(&p, 1, -1), 1);
		door_turn(d);
	}
	ck_assert_int_eq(asked, 1);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	close(fd);
	fd = dial();                             /* and it goes on as before */
	ck_assert_int_eq(send(fd, "\1\0\0\0a", 5, 0), 5);
	ck_assert_int_eq(poll(&p, 1, -1), 1);
	door_turn(d);
	ck_assert_int_eq(asked, 2);
	close(fd);
	end(&d);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_question_is_answered);
	tcase_add_test(tc, an_answer_beyond_what_the_asker_takes_is_not_taken);
	tcase_add_test(tc, only_our_own_user_may_ask);
	tcase_add_test(tc, nobody_there_is_told_from_no_answer);
	tcase_add_test(tc, a_path_that_no_socket_can_have_is_invalid);
	tcase_add_test(tc, a_peer_that_sends_too_much_is_dropped);
	tcase_add_test(tc, half_a_question_waits_for_the_rest_and_holds_up_nobody);
	tcase_add_test(tc, a_crowd_of_silent_peers_keeps_nobody_out);
	tcase_add_test(tc, a_peer_that_goes_before_its_answer_does_no_harm);
	tcase_add_test(tc, a_socket_that_a_dead_process_left_is_replaced);
	tcase_add_test(tc, without_descriptors_the_door_rests_and_answers_when_there_are_some);
}

CHECK_MAIN("base/door", suite)
