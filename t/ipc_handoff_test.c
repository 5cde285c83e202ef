/* SPDX-License-Identifier: Apache-2.0 */
/* Handing out memtables: who is sent what, and when; engines that die; readers that do not read. */
#include "t/check_main.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/ipc/handoff.h"

#define PATIENCE_MS 20000            /* the end of hope, not an expectation */

static char dir[64], path[80];

static void make_path(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/ipc-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/handoff", dir);
}

static void remove_path(void)
{
	unlink(path);
	rmdir(dir);
}

/* A memory file that holds its number. */
static int memory_file(uint64_t number)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	if (pwrite(fd, &number, sizeof number, 0) != sizeof number)
		abort();
	return fd;
}

static void push(struct handoff_server *h, uint64_t id)
{
	handoff_push(h, file_id(id), memory_file(id));       /* the descriptor is on loan and goes with the process */
}

static struct handoff_client *connected(void)
{
	struct handoff_client *c;

	handoff_client_new(path, &c);
	ck_assert_int_eq(handoff_connect(c), ST_OK);
	ck_assert_int_ge(handoff_fd(c), 0);
	return c;
}

/* The next memtable is this one, and its descriptor really leads to it. */
static void expect(struct handoff_client *c, uint64_t id)
{
	struct file_id got;
	uint64_t number = 0;
	int fd;

	ck_assert_int_eq(handoff_take(c, PATIENCE_MS, &got, &fd), ST_OK);
	ck_assert_uint_eq(got.v, id);
	ck_assert_int_eq(pread(fd, &number, sizeof number, 0), sizeof number);
	ck_assert_uint_eq(number, id);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void expect_status(struct handoff_client *c, int wait_ms, enum st st)
{
	struct file_id id;
	int fd;

	ck_assert_int_eq(handoff_take(c, wait_ms, &id, &fd), st);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(id.v, 0);
}

START_TEST(reader_gets_what_was_pushed_before_and_after_it_came)
{
	struct handoff_server *h;
	struct handoff_client *c;

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	push(h, 2);
	c = connected();
	expect(c, 1);
	expect(c, 2);
	push(h, 3);
	expect(c, 3);
	expect_status(c, 0, ST_NOT_FOUND);
	expect_status(c, 1, ST_NOT_FOUND);
	handoff_client_free(&c);
	ck_assert_ptr_null(c);
	remove_path();
}
END_TEST

START_TEST(every_reader_gets_everything_in_order)
{
	struct handoff_server *h;
	struct handoff_client *c[3];

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	for (int i = 0; i < 3; i++)
		c[i] = connected();
	for (uint64_t id = 2; id <= 50; id++)
		push(h, id);
	for (int i = 0; i < 3; i++) {
		for (uint64_t id = 1; id <= 50; id++)
			expect(c[i], id);
		expect_status(c[i], 0, ST_NOT_FOUND);
		handoff_client_free(&c[i]);
	}
	remove_path();
}
END_TEST

START_TEST(socket_becomes_readable_with_a_push)
{
	struct handoff_server *h;
	struct handoff_client *c;
	struct pollfd p = { .events = POLLIN };

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	c = connected();
	expect(c, 1);
	push(h, 2);
	p.fd = handoff_fd(c);
	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	expect(c, 2);
	handoff_client_free(&c);
	remove_path();
}
END_TEST

START_TEST(retired_memtable_is_not_sent_to_later_readers)
{
	struct handoff_server *h;
	struct handoff_client *early, *late;

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	push(h, 2);
	push(h, 3);
	early = connected();
	expect(early, 1);
	handoff_retire(h, file_id(2));
	handoff_retire(h, file_id(99));
	late = connected();
	expect(late, 1);
	expect(late, 3);
	expect_status(late, 0, ST_NOT_FOUND);
	expect(early, 2);
	expect(early, 3);
	handoff_client_free(&early);
	handoff_client_free(&late);
	remove_path();
}
END_TEST

/* The engine as a process: pushes 1, and when told 2, and is killed in the moment after. */
static pid_t begin_engine(int ready, int go)
{
	struct handoff_server *h;
	pid_t child = fork();
	char c = 0;

	if (child != 0)
		return child;
	if (handoff_listen(path, &h) != ST_OK)
		_exit(1);
	push(h, 1);
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	push(h, 2);
	kill(getpid(), SIGKILL);
	return 0;
}

START_TEST(what_was_pushed_can_be_taken_from_a_killed_engine)
{
	struct handoff_client *c;
	int ready[2], go[2], fd;
	pid_t engine;
	char byte = 0;

	make_path();
	ck_assert_int_eq(pipe(ready) + pipe(go), 0);
	for (int round = 0; round < 10; round++) {
		engine = begin_engine(ready[1], go[0]);
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		c = connected();
		expect(c, 1);
		ck_assert_int_eq(write(go[1], &byte, 1), 1);
		ck_assert_int_eq(waitpid(engine, NULL, 0), engine);
		expect(c, 2);
		expect_status(c, PATIENCE_MS, ST_UNAVAILABLE);
		expect_status(c, 0, ST_UNAVAILABLE);
		fd = handoff_fd(c);
		ck_assert(fd >= 0 && fcntl(fd, F_GETFD) >= 0);   /* for whoever watches it, to stop that */
		ck_assert_int_eq(handoff_connect(c), ST_UNAVAILABLE);
		ck_assert_int_eq(handoff_fd(c), -1);
		ck_assert(fcntl(fd, F_GETFD) < 0);
		handoff_client_free(&c);
	}
	remove_path();
}
END_TEST

START_TEST(reader_follows_to_the_next_engine)
{
	struct handoff_client *c;
	int ready[2], go[2];
	pid_t engine;
	char byte = 0;

	make_path();
	ck_assert_int_eq(pipe(ready) + pipe(go), 0);
	handoff_client_new(path, &c);
	ck_assert_int_eq(handoff_connect(c), ST_UNAVAILABLE);
	expect_status(c, 0, ST_UNAVAILABLE);
	for (int round = 0; round < 5; round++) {
		engine = begin_engine(ready[1], go[0]);
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		ck_assert_int_eq(handoff_connect(c), ST_OK);
		ck_assert_int_eq(handoff_connect(c), ST_OK);
		expect(c, 1);
		ck_assert_int_eq(kill(engine, SIGKILL), 0);
		ck_assert_int_eq(waitpid(engine, NULL, 0), engine);
		expect_status(c, PATIENCE_MS, ST_UNAVAILABLE);
	}
	handoff_client_free(&c);
	remove_path();
}
END_TEST

START_TEST(reader_that_does_not_read_is_cut_off_and_gets_the_living_anew)
{
	enum { MANY = 5000 };
	struct handoff_server *h;
	struct handoff_client *slow, *quick;
	int fd = memory_file(7);
	struct file_id id;
	uint64_t taken = 0;
	enum st st;
	int got;

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	slow = connected();
	quick = connected();
	expect(slow, 1);
	expect(quick, 1);
	for (uint64_t i = 2; i < MANY; i++) {
		handoff_push(h, file_id(i), fd);
		if (i + 3 < MANY)
			handoff_retire(h, file_id(i));
		ck_assert_int_eq(handoff_take(quick, PATIENCE_MS, &id, &got), ST_OK);
		ck_assert_uint_eq(id.v, i);
		close(got);
	}
	while ((st = handoff_take(slow, PATIENCE_MS, &id, &got)) == ST_OK) {
		ck_assert_uint_eq(id.v, 2 + taken++);
		close(got);
	}
	ck_assert_int_eq(st, ST_UNAVAILABLE);
	ck_assert_uint_gt(taken, 10);
	ck_assert_uint_lt(taken, MANY - 2);
	ck_assert_int_eq(handoff_connect(slow), ST_OK);
	expect(slow, 1);
	for (uint64_t i = MANY - 3; i < MANY; i++) {
		ck_assert_int_eq(handoff_take(slow, PATIENCE_MS, &id, &got), ST_OK);
		ck_assert_uint_eq(id.v, i);
		close(got);
	}
	handoff_client_free(&slow);
	handoff_client_free(&quick);
	remove_path();
}
END_TEST

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(readers_that_come_and_go_leave_no_descriptor_behind)
{
	struct handoff_server *h;
	struct handoff_client *c;
	size_t before;

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	before = open_descriptors();
	for (int i = 0; i < 300; i++) {
		c = connected();
		expect(c, 1);
		handoff_client_free(&c);
	}
	ck_assert_uint_le(open_descriptors(), before + 4);
	remove_path();
}
END_TEST

START_TEST(old_socket_file_is_replaced_and_other_files_are_not)
{
	struct handoff_server *h;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	make_path();
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_eq(handoff_listen(path, &h), ST_IO);
	ck_assert_ptr_null(h);
	ck_assert_int_eq(access(path, F_OK), 0);
	remove_path();
}
END_TEST

START_TEST(socket_file_is_for_its_owner_only)
{
	struct handoff_server *h;
	struct stat sb;

	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	remove_path();
}
END_TEST

/* Only root can be two users. */
START_TEST(reader_of_another_user_gets_nothing)
{
	struct handoff_server *h;
	pid_t child;
	int status;

	if (geteuid() != 0)
		return;
	make_path();
	ck_assert_int_eq(handoff_listen(path, &h), ST_OK);
	push(h, 1);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	child = fork();
	if (child == 0) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char c;

		memcpy(a.sun_path, path, strlen(path));
		if (setuid(65534) != 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
			_exit(2);
		_exit(recv(fd, &c, 1, 0) <= 0 ? 0 : 3);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	remove_path();
}
END_TEST

/* One packet from a server that is none of ours. */
static void send_strange(int reader, size_t bytes, int descriptors)
{
	char data[32] = { 0 };
	struct iovec iov = { data, bytes };
	union { struct cmsghdr align; char bytes[CMSG_SPACE(2 * sizeof(int))]; } control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t size = (size_t)descriptors * sizeof(int);
	int fds[2] = { 0, 0 };

	if (descriptors) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(size);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.align), fds, size);
	}
	ck_assert_int_eq(sendmsg(reader, &msg, MSG_NOSIGNAL), (ssize_t)bytes);
}

START_TEST(strange_packets_end_the_connection)
{
	static const struct { size_t bytes; int descriptors; } strange[] = { { 8, 0 }, { 4, 1 }, { 9, 1 }, { 8, 2 } };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct handoff_client *c;
	size_t before;
	int listener;

	make_path();
	memcpy(a.sun_path, path, strlen(path));
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	before = open_descriptors();
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
		int reader;

		c = connected();
		reader = accept(listener, NULL, NULL);
		send_strange(reader, strange[i].bytes, strange[i].descriptors);
		expect_status(c, PATIENCE_MS, ST_IO);
		expect_status(c, 0, ST_UNAVAILABLE);
		handoff_client_free(&c);
		close(reader);
	}
	ck_assert_uint_eq(open_descriptors(), before);
	remove_path();
}
END_TEST

START_TEST(path_too_long_for_a_socket_is_invalid)
{
	char longer[200] = "/tmp/";
	struct handoff_server *h;
	struct handoff_client *c;

	memset(longer + 5, 'x', 150);
	ck_assert_int_eq(handoff_listen(longer, &h), ST_INVALID);
	ck_assert_ptr_null(h);
	handoff_client_new(longer, &c);
	ck_assert_int_eq(handoff_connect(c), ST_INVALID);
	handoff_client_free(&c);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, reader_gets_what_was_pushed_before_and_after_it_came);
	tcase_add_test(tc, every_reader_gets_everything_in_order);
	tcase_add_test(tc, socket_becomes_readable_with_a_push);
	tcase_add_test(tc, retired_memtable_is_not_sent_to_later_readers);
	tcase_add_test(tc, what_was_pushed_can_be_taken_from_a_killed_engine);
	tcase_add_test(tc, reader_follows_to_the_next_engine);
	tcase_add_test(tc, reader_that_does_not_read_is_cut_off_and_gets_the_living_anew);
	tcase_add_test(tc, readers_that_come_and_go_leave_no_descriptor_behind);
	tcase_add_test(tc, old_socket_file_is_replaced_and_other_files_are_not);
	tcase_add_test(tc, socket_file_is_for_its_owner_only);
	tcase_add_test(tc, reader_of_another_user_gets_nothing);
	tcase_add_test(tc, strange_packets_end_the_connection);
	tcase_add_test(tc, path_too_long_for_a_socket_is_invalid);
}

CHECK_MAIN("ipc/handoff", suite)
