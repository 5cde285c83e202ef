/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard over processes and restarts, and its exposition. Every test runs in a process of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/heritage.h"
#include "common/stats/stats.h"
#include "t/check_main.h"

/* Runs `work` in a child that has begun with a slot, and waits for its end. */
static void in_worker(int fd, unsigned slot, void (*work)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (stats_begin(fd, slot) != ST_OK)
			_exit(1);
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void count_and_hold(void)
{
	stats_add(M_flushes, 3);
	stats_set(M_http_connections, 5);
	stats_set_level(M_sstable_files, 6, 7);
}

static void nothing(void)
{
}

static void expect_text(const char *wanted)
{
	struct buf out = BUF_INIT;

	stats_write_prometheus(&out);
	ck_assert_msg(strstr(buf_cstr(&out), wanted), "no \"%s\" in:\n%s", wanted, buf_cstr(&out));
	buf_fini(&out);
}

START_TEST(sums_are_over_the_slots_of_all_processes)
{
	int fd = stats_create();

	ck_assert_int_ge(fd, 0);
	in_worker(fd, 2, count_and_hold);
	in_worker(fd, SLOT_MAX - 1, count_and_hold);
	ck_assert_int_eq(stats_begin(fd, SLOT_SUPERVISOR), ST_OK);
	ck_assert_uint_eq(stats_sum(M_flushes), 6);
	ck_assert_uint_eq(stats_sum(M_http_connections), 10);
	ck_assert(stats_of(2, M_http_connections) == 5 && stats_of(SLOT_MAX - 1, M_http_connections) == 5);
	ck_assert_uint_eq(stats_of(3, M_http_connections), 0);
	ck_assert_uint_eq(stats_sum_level(M_sstable_files, 6), 14);
	ck_assert_uint_eq(stats_sum_level(M_sstable_files, 5), 0);
	ck_assert_uint_eq(stats_sum(M_compactions), 0);
	close(fd);
}
END_TEST

START_TEST(a_restarted_worker_keeps_its_counters_and_loses_its_gauges)
{
	int fd = stats_create();

	in_worker(fd, 2, count_and_hold);
	in_worker(fd, 3, count_and_hold);
	in_worker(fd, 2, nothing);
	ck_assert_int_eq(stats_begin(fd, SLOT_SUPERVISOR), ST_OK);
	ck_assert_uint_eq(stats_sum(M_flushes), 6);
	ck_assert_uint_eq(stats_sum(M_http_connections), 5);
	ck_assert_uint_eq(stats_sum_level(M_sstable_files, 6), 7);
	close(fd);
}
END_TEST

START_TEST(calls_before_begin_do_nothing)
{
	stats_add(M_flushes, 1);
	stats_set(M_wal_size, 1);
	stats_set_level(M_sstable_files, 0, 1);
	stats_time(OP_READ, 1);
	stats_worker_up(1, 42);
	ck_assert_uint_eq(stats_sum(M_flushes), 0);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0.5), 0);
	ck_assert_int_eq(stats_worker_pid(1), 0);
	expect_text("\nlsm_flushes_total 0\n");
	stats_begin_private();
	ck_assert_uint_eq(stats_sum(M_flushes), 0);
}
END_TEST

static void *add_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		stats_add(M_wal_bytes, 3);
		stats_time(OP_WRITE, 100);
	}
	return NULL;
}

START_TEST(threads_of_a_worker_lose_no_count)
{
	pthread_t threads[4];

	stats_begin_private();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(stats_sum(M_wal_bytes), 4 * 20000 * 3);
	expect_text("lsm_operation_duration_seconds_count{operation=\"write\"} 80000\n");
	expect_text("lsm_operation_duration_seconds_sum{operation=\"write\"} 8\n");
}
END_TEST

START_TEST(a_quantile_is_the_bound_of_the_bucket_that_holds_it)
{
	stats_begin_private();
	for (int i = 0; i < 90; i++)
		stats_time(OP_READ, 100);
	for (int i = 0; i < 9; i++)
		stats_time(OP_READ, 11000);
	stats_time(OP_READ, 900000000);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0), 100);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0.5), 100);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0.9), 100);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0.95), 12000);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 0.99), 12000);
	ck_assert_uint_eq(stats_quantile_us(OP_READ, 1), 60000000);
	ck_assert_uint_eq(stats_quantile_us(OP_WRITE, 0.5), 0);
}
END_TEST

START_TEST(buckets_are_cumulated_up_to_the_count)
{
	stats_begin_private();
	stats_time(OP_READ, 7);
	stats_time(OP_READ, 1000);
	stats_time(OP_READ, 1001);
	stats_time(OP_READ, 100000000);
	expect_text("_bucket{operation=\"read\",le=\"0.00001\"} 1\n");
	expect_text("_bucket{operation=\"read\",le=\"0.0005\"} 1\n");
	expect_text("_bucket{operation=\"read\",le=\"0.001\"} 2\n");
	expect_text("_bucket{operation=\"read\",le=\"0.0025\"} 3\n");
	expect_text("_bucket{operation=\"read\",le=\"50\"} 3\n");
	expect_text("_bucket{operation=\"read\",le=\"+Inf\"} 4\n");
	expect_text("_sum{operation=\"read\"} 100.002008\n");
	expect_text("_count{operation=\"read\"} 4\n");
}
END_TEST

START_TEST(times_are_exposed_in_seconds)
{
	stats_begin_private();
	stats_add(M_compaction_duration, 1500000);
	stats_add(M_stalled_us, 10);
	expect_text("\n# TYPE lsm_compaction_duration_seconds_total counter\n"
	    "lsm_compaction_duration_seconds_total 1.5\n");
	expect_text("\nlsm_write_stall_seconds_total 0.00001\n");
}
END_TEST

START_TEST(every_kind_is_exposed_with_its_type)
{
	stats_begin_private();
	stats_set_level(M_sstable_bytes, 1, 77);
	stats_set(M_disk_free, 18446744073709551615u);
	expect_text("# HELP lsm_write_operations_total Single-key writes and deletes that were acknowledged.\n"
	    "# TYPE lsm_write_operations_total counter\nlsm_write_operations_total 0\n");
	expect_text("# TYPE lsm_sstable_bytes gauge\n"
	    "lsm_sstable_bytes{level=\"0\"} 0\nlsm_sstable_bytes{level=\"1\"} 77\n");
	expect_text("# TYPE lsm_disk_free_bytes gauge\nlsm_disk_free_bytes 18446744073709551615\n");
	expect_text("# TYPE lsm_operation_duration_seconds histogram\n");
	expect_text("# TYPE lsm_crc32_verification_failed untyped\n");
}
END_TEST

START_TEST(promtool_finds_nothing_to_say)
{
	struct buf out = BUF_INIT;
	FILE *p;

	stats_begin_private();
	stats_time(OP_READ, 5);
	stats_write_prometheus(&out);
	p = popen("promtool check metrics >&2", "w");
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(fwrite(out.p, 1, out.n, p), out.n);
	ck_assert_int_eq(pclose(p), 0);
	buf_fini(&out);
}
END_TEST

START_TEST(a_descriptor_that_is_no_scoreboard_is_refused)
{
	int fd = stats_create(), other = memfd_create("other", MFD_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);

	ck_assert_int_eq(stats_begin(other, 1), ST_INVALID);
	ck_assert_int_eq(ftruncate(other, size), 0);
	ck_assert_int_eq(stats_begin(other, 1), ST_INVALID);
	ck_assert_int_eq(stats_begin(-1, 1), ST_INVALID);
	close(other);
	close(fd);
}
END_TEST

START_TEST(the_segment_cannot_be_cut)
{
	int fd = stats_create();

	ck_assert_int_lt(ftruncate(fd, 0), 0);
	close(fd);
}
END_TEST

START_TEST(a_worker_is_up_until_the_supervisor_says_otherwise)
{
	int fd = stats_create();

	ck_assert_int_eq(stats_begin(fd, SLOT_SUPERVISOR), ST_OK);
	stats_worker_up(SLOT_ENGINE, 4711);
	in_worker(fd, SLOT_ENGINE, nothing);
	ck_assert_int_eq(stats_worker_pid(SLOT_ENGINE), 4711);
	stats_worker_up(SLOT_ENGINE, 0);
	ck_assert_int_eq(stats_worker_pid(SLOT_ENGINE), 0);
	close(fd);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, sums_are_over_the_slots_of_all_processes);
	tcase_add_test(tc, a_restarted_worker_keeps_its_counters_and_loses_its_gauges);
	tcase_add_test(tc, calls_before_begin_do_nothing);
	tcase_add_test(tc, threads_of_a_worker_lose_no_count);
	tcase_add_test(tc, a_quantile_is_the_bound_of_the_bucket_that_holds_it);
	tcase_add_test(tc, buckets_are_cumulated_up_to_the_count);
	tcase_add_test(tc, times_are_exposed_in_seconds);
	tcase_add_test(tc, every_kind_is_exposed_with_its_type);
	if (system("command -v promtool >/dev/null 2>&1") == 0)       /* where this judge is installed */
		tcase_add_test(tc, promtool_finds_nothing_to_say);
	tcase_add_test(tc, a_descriptor_that_is_no_scoreboard_is_refused);
	tcase_add_test(tc, the_segment_cannot_be_cut);
	tcase_add_test(tc, a_worker_is_up_until_the_supervisor_says_otherwise);
}

CHECK_MAIN("stats/scoreboard", suite)
