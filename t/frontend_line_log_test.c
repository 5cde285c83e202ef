/* SPDX-License-Identifier: Apache-2.0 */
/* The log of lines: written whole and in order, reopened under its name, and bounded when nobody takes its bytes. */
#include "frontend/line_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "t/check_main.h"

static char folder[] = "/tmp/lsm-lines-XXXXXX";
static char path[64], moved[64];

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/access.log", folder);
	snprintf(moved, sizeof moved, "%s/access.log.1", folder);
}

static void end(void)
{
	unlink(path);
	unlink(moved);
	rmdir(folder);
}

static struct line_log *opened(const char *name)
{
	struct buf complaint = BUF_INIT;
	struct line_log *l;

	ck_assert_msg(line_log_open(name, &l, &complaint) == ST_OK, "%s", buf_cstr(&complaint));
	buf_fini(&complaint);
	return l;
}

static size_t read_file(const char *name, char *p, size_t n)
{
	int fd = open(name, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, p, n - 1);

	if (fd >= 0)
		close(fd);
	p[got] = '\0';
	return (size_t)got;
}

static void add_line(struct line_log *l, unsigned i)
{
	char line[32];

	snprintf(line, sizeof line, "line %u\n", i);
	ck_assert(line_log_add(l, slice_str(line)));
}

START_TEST(lines_come_out_whole_and_in_order)
{
	static char text[64 << 10], wanted[64 << 10];
	struct line_log *l;
	size_t n = 0;

	begin();
	l = opened(path);
	for (unsigned i = 0; i < 3000; i++) {
		add_line(l, i);
		n += (size_t)sprintf(wanted + n, "line %u\n", i);
		if (i % 1000 == 0)
			clock_sleep_us(1000);
	}
	line_log_close(&l);
	ck_assert_ptr_null(l);
	ck_assert_uint_eq(read_file(path, text, sizeof text), n);
	ck_assert_str_eq(text, wanted);
	end();
}
END_TEST

START_TEST(after_a_reopen_lines_go_to_the_new_file)
{
	char text[200];
	struct line_log *l;

	begin();
	l = opened(path);
	add_line(l, 1);
	ck_assert_int_eq(rename(path, moved), 0);
	add_line(l, 2);
	line_log_reopen(l);
	for (unsigned i = 0; i < 1000 && access(path, F_OK) != 0; i++)
		clock_sleep_us(10000);
	add_line(l, 3);
	line_log_close(&l);
	read_file(moved, text, sizeof text);
	ck_assert_str_eq(text, "line 1\nline 2\n");
	read_file(path, text, sizeof text);
	ck_assert_str_eq(text, "line 3\n");
	end();
}
END_TEST

START_TEST(a_file_that_cannot_be_reopened_leaves_the_old_one_in_use)
{
	char text[200];
	struct line_log *l;

	begin();
	l = opened(path);
	add_line(l, 1);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	line_log_reopen(l);
	add_line(l, 2);
	line_log_close(&l);
	read_file(moved, text, sizeof text);
	ck_assert_str_eq(text, "line 1\nline 2\n");
	ck_assert_int_eq(rmdir(path), 0);
	end();
}
END_TEST

START_TEST(what_cannot_be_opened_is_told)
{
	struct buf complaint = BUF_INIT;
	struct line_log *l;

	ck_assert_int_eq(line_log_open("/nonexistent/access.log", &l, &complaint), ST_INVALID);
	ck_assert_ptr_null(l);
	ck_assert_str_eq(buf_cstr(&complaint), "ACCESS_LOG=/nonexistent/access.log: cannot be opened: No such file or directory");
	buf_fini(&complaint);
}
END_TEST

/* A pipe that nobody reads is a disk that takes nothing: adding must neither wait nor grow. */
START_TEST(when_nothing_is_taken_lines_are_dropped_and_nobody_waits)
{
	static char line[1000];
	char piece[4096];
	struct line_log *l;
	size_t taken = 0;
	int reader;

	begin();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	l = opened(path);
	memset(line, 'x', sizeof line);
	while (line_log_add(l, slice_of(line, sizeof line))) {
		taken += sizeof line;
		ck_assert_uint_lt(taken, 3 * LINE_LOG_BYTES);
	}
	ck_assert_uint_ge(taken, LINE_LOG_BYTES - sizeof line);
	fcntl(reader, F_SETFL, 0);
	for (size_t got = 0; got < taken;) {             /* now it is taken, and there is room again */
		ssize_t n = read(reader, piece, sizeof piece);

		ck_assert_int_gt((int)n, 0);
		got += (size_t)n;
	}
	ck_assert(line_log_add(l, slice_str("again\n")));
	line_log_close(&l);
	ck_assert_int_eq((int)read(reader, piece, sizeof piece), 6);
	close(reader);
	end();
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, lines_come_out_whole_and_in_order);
	tcase_add_test(tc, after_a_reopen_lines_go_to_the_new_file);
	tcase_add_test(tc, a_file_that_cannot_be_reopened_leaves_the_old_one_in_use);
	tcase_add_test(tc, what_cannot_be_opened_is_told);
	tcase_add_test(tc, when_nothing_is_taken_lines_are_dropped_and_nobody_waits);
}

CHECK_MAIN("frontend/line_log", add)
