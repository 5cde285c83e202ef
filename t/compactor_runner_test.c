/* SPDX-License-Identifier: Apache-2.0 */
/* compactor/runner.c: a job on its thread, and what becomes of it. */
#include "t/compactor_help.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "compactor/runner.h"

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, -1), 1);
}

START_TEST(end_of_a_job_wakes_the_loop_and_kept_outputs_stay)
{
	struct rnd rnd = { 1 };
	int wake = eventfd(0, 0);
	struct runner *r;
	struct help_job h;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1000);
	r = runner_new(h.vfs, h.dir, wake);
	ck_assert_int_eq(runner_state(r), RUNNER_IDLE);
	runner_start(r, &h.order);
	wait_for(wake);
	ck_assert_int_eq(runner_state(r), RUNNER_FINISHED);
	ck_assert_int_eq(runner_collect(r)->status, ST_OK);
	runner_release(r, true);
	ck_assert_int_eq(runner_state(r), RUNNER_IDLE);
	ck_assert_uint_gt(help_files_in_tmp(&h), 0);
	runner_free(&r);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(outputs_nobody_took_are_removed)
{
	struct rnd rnd = { 2 };
	int wake = eventfd(0, 0);
	struct runner *r;
	struct help_job h;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1000);
	r = runner_new(h.vfs, h.dir, wake);
	runner_start(r, &h.order);
	ck_assert_int_eq(runner_collect(r)->status, ST_OK);
	runner_release(r, false);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	runner_free(&r);
	help_job_end(&h);
	help_end();
}
END_TEST

/* Whenever the cancellation comes, even when the job has just succeeded. */
START_TEST(cancelled_job_never_hands_over_outputs)
{
	struct rnd rnd = { 3 };
	int wake = eventfd(0, 0);
	struct runner *r;
	struct help_job h;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 2000);
	r = runner_new(h.vfs, h.dir, wake);
	for (unsigned i = 0; i < 20; i++) {
		struct compact_report progress;

		runner_start(r, &h.order);
		if (i == 0)
			wait_for(wake);
		usleep(i * 300);
		runner_progress(r, &progress);
		ck_assert(!progress.done && progress.bytes_read <= progress.bytes_total);
		runner_cancel(r);
		ck_assert(runner_cancelled(r));
		ck_assert_int_eq(runner_collect(r)->status, ST_CANCELLED);
		ck_assert_uint_eq(runner_collect(r)->output_count, 0);
		runner_release(r, true);
		ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	}
	runner_free(&r);
	help_job_end(&h);
	help_end();
}
END_TEST

/* An input that is a pipe nobody writes to: opening it waits. */
START_TEST(job_that_hangs_after_it_was_cancelled_is_overdue_in_the_end)
{
	struct rnd rnd = { 5 };
	int wake = eventfd(0, 0), fd;
	struct path input;
	struct runner *r;
	struct help_job h;
	uint64_t now;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 100);
	input = path_sst(h.dir, h.inputs[0].id);
	ck_assert_int_eq(unlink(input.s), 0);
	ck_assert_int_eq(mkfifo(input.s, 0600), 0);
	r = runner_new(h.vfs, h.dir, wake);
	ck_assert(!runner_is_overdue(r, UINT64_MAX));
	runner_start(r, &h.order);
	ck_assert(!runner_is_overdue(r, UINT64_MAX));            /* nobody wants it to end */
	now = clock_mono_us();
	runner_cancel(r);
	ck_assert(!runner_is_overdue(r, now + RUNNER_WIND_DOWN_US - 1));
	now = clock_mono_us();
	runner_cancel(r);                                        /* it counts from the first time */
	ck_assert(runner_is_overdue(r, now + RUNNER_WIND_DOWN_US));
	while (runner_state(r) == RUNNER_RUNNING) {              /* the thread comes back, each time that it looks */
		fd = open(input.s, O_WRONLY | O_NONBLOCK);
		if (fd >= 0)
			close(fd);
		usleep(1000);
	}
	ck_assert(!runner_is_overdue(r, UINT64_MAX));
	runner_free(&r);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(free_of_a_busy_runner_waits_and_clears_away)
{
	struct rnd rnd = { 4 };
	int wake = eventfd(0, 0);
	struct runner *r;
	struct help_job h;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 2000);
	r = runner_new(h.vfs, h.dir, wake);
	runner_start(r, &h.order);
	runner_free(&r);
	ck_assert_ptr_null(r);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	help_job_end(&h);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, end_of_a_job_wakes_the_loop_and_kept_outputs_stay);
	tcase_add_test(tc, outputs_nobody_took_are_removed);
	tcase_add_test(tc, cancelled_job_never_hands_over_outputs);
	tcase_add_test(tc, job_that_hangs_after_it_was_cancelled_is_overdue_in_the_end);
	tcase_add_test(tc, free_of_a_busy_runner_waits_and_clears_away);
}

CHECK_MAIN("compactor/runner", suite)
