/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of running jobs arrives whole, in other processes too. Every test runs in a process of its own. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/heritage.h"
#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "t/check_main.h"

static const struct stats_job two[] = { { 7, 1000, 250, 0, 6, 2, "level 0 has 4 tables" }, { 8, 10, 10, 5, 6, 1, "b" } };

static void check_two(void)
{
	struct stats_job got[STATS_JOBS_MOST];

	ck_assert_uint_eq(stats_look_jobs(got), 2);
	ck_assert_mem_eq(got, two, sizeof(two));
}

START_TEST(another_process_sees_what_was_told_last)
{
	struct stats_job got[STATS_JOBS_MOST];
	int fd = stats_create(), status;
	pid_t pid = fork();

	if (pid == 0) {
		if (stats_begin(fd, SLOT_ENGINE) != ST_OK)
			_exit(1);
		stats_tell_jobs(two, 1);
		stats_tell_jobs(two, 2);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(stats_begin(fd, SLOT_SUPERVISOR), ST_OK);
	check_two();
	stats_tell_jobs(NULL, 0);
	ck_assert_uint_eq(stats_look_jobs(got), 0);
	close(fd);
}
END_TEST

START_TEST(before_any_begin_nothing_runs)
{
	struct stats_job got[STATS_JOBS_MOST];

	stats_tell_jobs(two, 2);
	ck_assert_uint_eq(stats_look_jobs(got), 0);
}
END_TEST

START_TEST(more_than_fit_are_cut)
{
	struct stats_job many[STATS_JOBS_MOST + 1] = { 0 }, got[STATS_JOBS_MOST];

	stats_begin_private();
	many[STATS_JOBS_MOST - 1].number = 5;
	stats_tell_jobs(many, STATS_JOBS_MOST + 1);
	ck_assert_uint_eq(stats_look_jobs(got), STATS_JOBS_MOST);
	ck_assert_uint_eq(got[STATS_JOBS_MOST - 1].number, 5);
}
END_TEST

/* Round n: n % 16 records, all of whose fields are n. */
static void tell_round(uint64_t n)
{
	struct stats_job jobs[STATS_JOBS_MOST];

	memset(jobs, 0, sizeof(jobs));
	for (size_t i = 0; i < n % STATS_JOBS_MOST; i++) {
		jobs[i] = (struct stats_job){ .number = n, .bytes = n, .done_bytes = n, .parts = (uint32_t)n };
		snprintf(jobs[i].reason, sizeof(jobs[i].reason), "%090llu", (unsigned long long)n);
	}
	stats_tell_jobs(jobs, n % STATS_JOBS_MOST);
}

static _Atomic bool enough;

static void *tell_all_the_time(void *arg)
{
	(void)arg;
	for (uint64_t n = 1; !enough; n++)
		tell_round(n);
	return NULL;
}

START_TEST(a_look_never_gets_parts_of_two_tellings)
{
	struct stats_job got[STATS_JOBS_MOST];
	pthread_t teller;

	stats_begin_private();
	ck_assert_int_eq(pthread_create(&teller, NULL, tell_all_the_time, NULL), 0);
	for (unsigned looks = 0; looks < 20000;) {
		size_t n = stats_look_jobs(got);

		for (size_t i = 0; i < n; i++) {
			uint64_t round = got[0].number;

			ck_assert_uint_eq(round % STATS_JOBS_MOST, n);
			ck_assert(got[i].number == round && got[i].bytes == round && got[i].parts == (uint32_t)round);
			ck_assert_uint_eq(strtoull(got[i].reason, NULL, 10), round);
		}
		looks += n > 0;
	}
	enough = true;
	pthread_join(teller, NULL);
}
END_TEST

START_TEST(a_teller_that_dies_in_the_middle_holds_nobody_up)
{
	struct stats_job got[STATS_JOBS_MOST];
	int fd = stats_create(), status;

	ck_assert_int_eq(stats_begin(fd, SLOT_SUPERVISOR), ST_OK);
	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)tell_all_the_time(NULL);
			_exit(1);
		}
		usleep(2000);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		(void)stats_look_jobs(got);              /* comes back, with whatever */
		stats_tell_jobs(two, 2);
		check_two();
	}
	close(fd);
}
END_TEST

START_TEST(progress_ends_at_one)
{
	ck_assert(stats_job_progress(&two[0]) == 0.25 && stats_job_progress(&two[1]) == 1);
	ck_assert(stats_job_progress(&(struct stats_job){ .bytes = 10, .done_bytes = 11 }) == 1);
	ck_assert(stats_job_progress(&(struct stats_job){ .bytes = 0 }) == 1);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, another_process_sees_what_was_told_last);
	tcase_add_test(tc, before_any_begin_nothing_runs);
	tcase_add_test(tc, more_than_fit_are_cut);
	tcase_add_test(tc, a_look_never_gets_parts_of_two_tellings);
	tcase_add_test(tc, a_teller_that_dies_in_the_middle_holds_nobody_up);
	tcase_add_test(tc, progress_ends_at_one);
}

CHECK_MAIN("stats/running", suite)
