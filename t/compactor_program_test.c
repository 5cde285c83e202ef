/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-compactor as a process: born with a heritage as the supervisor gives it; this test (or a child of it)
 * plays the engine at the other end of the link.
 */
#include "t/compactor_help.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/ipc/link.h"
#include "common/stats/stats.h"
#include "proto/limits.h"
#include "supervisor/worker.h"
#include "t/ipc_raw_peer.h"

#define SMALL 2000u
#define LARGE 100000u

static struct worker compactor;
static struct help_job h;
static struct rnd rnd = { 2026 };

static void begin(size_t entries)
{
	struct worker_heritage heritage = { .listener = -1 };
	struct buf text = BUF_INIT;
	struct conf c;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, entries);
	h.now_ms = clock_wall_ms();
	conf_defaults(&c);
	strcpy(c.data_dir, help_dir);
	strcpy(c.run_dir, help_dir);
	ck_assert_int_eq(conf_finish(&c, false, &text), ST_OK);
	conf_write(&c, &text);
	heritage.config = memfd_create("config", 0);
	heritage.board = memfd_create("board", 0);
	heritage.scoreboard = stats_create();
	ck_assert(write(heritage.config, text.p, text.n) == (ssize_t)text.n);
	ck_assert_int_eq(stats_begin(heritage.scoreboard, SLOT_SUPERVISOR), ST_OK);
	buf_fini(&text);
	worker_init(&compactor, &c, ROLE_COMPACTOR, 0);
	ck_assert_int_eq(worker_spawn(&compactor, getenv("LSM_BUILD_DIR"), &heritage), ST_OK);
}

static int exit_status(void)
{
	int status = 0;

	ck_assert_int_eq(waitpid(compactor.pid, &status, 0), compactor.pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void end(void)
{
	kill(compactor.pid, SIGTERM);
	ck_assert_int_eq(exit_status(), EXIT_DONE);
	help_job_end(&h);
	help_end();
}

/* ---- the engine's side ---- */

static int wake_fd;

static void wake(void *ctx)
{
	(void)ctx;
	eventfd_write(wake_fd, 1);
}

static struct link *engine(void)
{
	struct path socket = path_compactor_socket(help_dir, 0);
	struct link *l;

	wake_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_eq(link_listen(socket.s, COMPACT_MESSAGE_MAX, wake, NULL, &l), ST_OK);
	return l;
}

static struct link_event next_event(struct link *l)
{
	struct pollfd p = { .fd = wake_fd, .events = POLLIN };
	struct link_event e;
	eventfd_t n;

	while ((e = link_receive(l)).kind == LINK_NOTHING) {
		poll(&p, 1, 100);
		(void)!eventfd_read(wake_fd, &n);
		link_guard(l);
	}
	return e;
}

static void send_order(struct link *l)
{
	struct buf b = BUF_INIT;
	struct link_msg *m;

	compact_order_encode(&h.order, &b);
	m = link_msg_new(b.n);
	memcpy(link_msg_body(m), b.p, b.n);
	buf_fini(&b);
	ck_assert_int_eq(link_send(l, 0, &m), ST_OK);
}

static void send_cancel(struct link *l)
{
	h.order.cancel = true;
	send_order(l);
	h.order.cancel = false;
}

/* The final report of a job; memory holds what it points to. */
static struct compact_report final_report(struct link *l, struct arena *memory)
{
	struct compact_report r;

	do {
		struct link_event e = next_event(l);

		ck_assert_int_eq(e.kind, LINK_MESSAGE);
		ck_assert_int_eq(compact_report_decode(link_msg_slice(e.msg), memory, &r), ST_OK);
		ck_assert(r.incarnation == h.order.incarnation && r.bytes_read <= r.bytes_total);
		link_msg_free(&e.msg);
	} while (!r.done);
	return r;
}

/* ---- tests ---- */

START_TEST(orders_are_carried_out_and_reported_one_after_the_other)
{
	struct compact_report r;
	struct arena memory;
	struct link *l;

	begin(SMALL);
	arena_init(&memory);
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.job, h.order.job);
	help_check_outputs(&h, &r);
	ck_assert_uint_eq(stats_sum(M_compaction_bytes_read), r.bytes_read);
	h.order.job++;
	h.order.first_output_id.v += 1000;
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.job, h.order.job);
	ck_assert_uint_eq(r.outputs[0].id.v, h.order.first_output_id.v);
	arena_fini(&memory);
	end();
}
END_TEST

START_TEST(cancelled_order_is_reported_as_such_and_the_next_one_is_taken)
{
	struct compact_report r;
	struct arena memory;
	struct link *l;

	begin(LARGE);
	arena_init(&memory);
	h.order.table_size_target = 1 << 20;
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	send_cancel(l);
	h.order.job++;
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_CANCELLED);
	ck_assert_uint_eq(r.job, h.order.job - 1);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.job, h.order.job);
	help_check_outputs(&h, &r);
	arena_fini(&memory);
	end();
}
END_TEST

/* Orders the next job, which waits for the one before it to wind down, and cancels it there: both get their last word. */
START_TEST(order_that_is_cancelled_while_it_waits_is_never_begun)
{
	struct compact_report r;
	struct arena memory;
	uint64_t other;
	struct link *l;

	begin(LARGE);
	arena_init(&memory);
	h.order.table_size_target = 1 << 20;
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	send_cancel(l);
	h.order.job++;
	send_order(l);
	send_cancel(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_CANCELLED);
	other = r.job == h.order.job ? h.order.job - 1 : h.order.job;
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_CANCELLED);
	ck_assert_uint_eq(r.job, other);
	h.order.job++;
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.job, h.order.job);
	arena_fini(&memory);
	end();
}
END_TEST

START_TEST(order_that_cannot_be_read_ends_the_compactor)
{
	struct link_msg *m = link_msg_new(7);
	struct link *l;

	begin(SMALL);
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	memset(link_msg_body(m), 0xff, 7);
	ck_assert_int_eq(link_send(l, 0, &m), ST_OK);
	ck_assert_int_eq(exit_status(), EXIT_CRASH);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(second_order_at_a_time_is_refused_as_busy)
{
	struct compact_report r;
	struct arena memory;
	struct link *l;

	begin(LARGE);
	arena_init(&memory);
	h.order.table_size_target = 1 << 20;
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	h.order.job++;
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_BUSY);
	ck_assert_uint_eq(r.job, h.order.job);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.job, h.order.job - 1);
	arena_fini(&memory);
	end();
}
END_TEST

/* Sends an order, waits until the job has begun to write, and is gone. */
static void play_engine_that_dies(void)
{
	struct link *l = engine();

	while (next_event(l).kind != LINK_PEER_CAME)
		continue;
	send_order(l);
	while (help_files_in_tmp(&h) == 0)
		clock_sleep_us(1000);
	kill(getpid(), SIGKILL);
}

START_TEST(result_for_an_engine_that_is_gone_is_removed)
{
	pid_t engine_pid;
	int status;

	begin(LARGE);
	engine_pid = fork();
	if (engine_pid == 0)
		play_engine_that_dies();
	ck_assert_int_eq(waitpid(engine_pid, &status, 0), engine_pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (help_files_in_tmp(&h) > 0)
		clock_sleep_us(1000);
	ck_assert_int_eq(waitpid(compactor.pid, &status, WNOHANG), 0);
	end();
}
END_TEST

/* nng's dialler gives up for ever when its peer dies within the handshake; then no later engine would have a compactor. */
START_TEST(engine_that_dies_within_the_handshake_is_not_the_last_one)
{
	struct compact_report r;
	struct arena memory;
	struct path socket;
	struct link *l;
	int listener;

	begin(SMALL);
	socket = path_compactor_socket(help_dir, 0);
	listener = raw_listen(socket.s);
	ck_assert_int_ge(listener, 0);
	close(accept(listener, NULL, NULL));
	close(listener);
	arena_init(&memory);
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	r = final_report(l, &memory);
	ck_assert_int_eq(r.status, ST_OK);
	arena_fini(&memory);
	end();
}
END_TEST

START_TEST(sigterm_during_a_job_clears_away_and_ends)
{
	struct link *l;

	begin(LARGE);
	l = engine();
	ck_assert_int_eq(next_event(l).kind, LINK_PEER_CAME);
	send_order(l);
	while (help_files_in_tmp(&h) == 0)
		clock_sleep_us(1000);
	kill(compactor.pid, SIGTERM);
	ck_assert_int_eq(exit_status(), EXIT_DONE);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(compactor_whose_supervisor_is_gone_ends)
{
	begin(SMALL);
	close(compactor.lifeline);
	ck_assert_int_eq(exit_status(), EXIT_ORPHAN);
	help_job_end(&h);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, orders_are_carried_out_and_reported_one_after_the_other);
	tcase_add_test(tc, cancelled_order_is_reported_as_such_and_the_next_one_is_taken);
	tcase_add_test(tc, order_that_is_cancelled_while_it_waits_is_never_begun);
	tcase_add_test(tc, order_that_cannot_be_read_ends_the_compactor);
	tcase_add_test(tc, second_order_at_a_time_is_refused_as_busy);
	tcase_add_test(tc, result_for_an_engine_that_is_gone_is_removed);
	tcase_add_test(tc, engine_that_dies_within_the_handshake_is_not_the_last_one);
	tcase_add_test(tc, sigterm_during_a_job_clears_away_and_ends);
	tcase_add_test(tc, compactor_whose_supervisor_is_gone_ends);
}

CHECK_MAIN("compactor/program", suite)
