/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's life: a shell script in a temporary folder plays the program. */
#include "supervisor/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "t/check_main.h"

static char folder[] = "/tmp/lsm-worker-XXXXXX";
static char program[64];
static struct worker_heritage heritage = { 0, 0, 0, 0, -1 };

static void play(const char *script)
{
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(program, sizeof program, "%s/lsm-engine", folder);
	f = fopen(program, "w");
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	chmod(program, 0700);
	stats_begin_private();
}

static void clean(void)
{
	unlink(program);
	rmdir(folder);
}

static struct worker born(void)
{
	struct conf c;
	struct worker w;

	conf_defaults(&c);
	worker_init(&w, &c, ROLE_ENGINE, 0);
	ck_assert_int_eq(worker_spawn(&w, folder, &heritage), ST_OK);
	ck_assert_int_eq(w.state, WORKER_STARTING);
	return w;
}

static int await_end(struct worker *w)
{
	int status = 0;

	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
	return status;
}

static void await_ready(struct worker *w)
{
	for (int i = 0; i < 500 && w->state == WORKER_STARTING; i++) {
		(void)worker_listen(w);
		clock_sleep_us(10000);
	}
	ck_assert_int_eq(w->state, WORKER_RUNNING);
}

START_TEST(it_runs_from_its_word_until_it_is_told_to_end)
{
	struct worker w;

	play("printf R >&4; exec sleep 60");
	w = born();
	await_ready(&w);
	ck_assert(w.ever_ready);
	worker_stop(&w, 1000);
	ck_assert_int_eq(w.state, WORKER_STOPPING);
	worker_ended(&w, await_end(&w), false);
	ck_assert_int_eq(w.state, WORKER_WAITING);
	ck_assert_int_eq(w.pid, 0);
	ck_assert_str_eq(worker_state_name(w.state), "waiting");
	clean();
}
END_TEST

START_TEST(it_inherits_its_descriptors_and_nothing_else)
{
	struct worker w;

	/* 0-2 and the heritage without a listener are open, 7 and everything above is not */
	play("for n in 3 4 5 6 7; do [ -e /proc/self/fd/$n ] || exit 1; done\n"
	     "[ \"$(readlink /proc/self/fd/0)\" = /dev/null ] || exit 2\n"
	     "for n in 8 9 33 40; do [ ! -e /proc/$$/fd/$n ] || exit 3; done\n"
	     "[ \"$1\" = engine ] && [ \"$2\" = 1 ] || exit 4\nexit 0");
	ck_assert_int_ge(dup2(0, 40), 0);
	w = born();
	ck_assert_int_eq(WEXITSTATUS(await_end(&w)), 0);
	clean();
}
END_TEST

START_TEST(an_obituary_names_the_signal)
{
	struct worker w;

	play("printf R >&4; exec sleep 60");
	w = born();
	await_ready(&w);
	kill(w.pid, SIGKILL);
	worker_ended(&w, await_end(&w), false);
	ck_assert_ptr_nonnull(strstr(w.last_end, "killed by SIGKILL after "));
	ck_assert_uint_eq(w.restarts, 1);
	ck_assert_uint_eq(stats_sum(M_worker_restarts), 1);
	clean();
}
END_TEST

START_TEST(an_exit_that_cannot_be_helped_gives_up)
{
	struct worker w;

	play("exit 65");
	w = born();
	worker_ended(&w, await_end(&w), false);
	ck_assert_int_eq(w.state, WORKER_FAILED);
	ck_assert_int_eq(w.last_exit_code, 65);
	clean();
}
END_TEST

START_TEST(one_that_will_not_end_is_killed_after_its_grace)
{
	struct worker w;
	int status;

	play("trap '' TERM; printf R >&4; while :; do sleep 0.05; done");
	w = born();
	await_ready(&w);
	worker_stop(&w, 10);
	clock_sleep_us(20000);
	worker_check_alive(&w, clock_mono_us());
	status = await_end(&w);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	worker_ended(&w, status, true);
	ck_assert_int_eq(w.state, WORKER_ENDED);
	clean();
}
END_TEST

START_TEST(one_without_a_heartbeat_is_aborted)
{
	struct worker w;
	int status;

	play("printf R >&4; exec sleep 60");
	w = born();
	await_ready(&w);
	worker_check_alive(&w, clock_mono_us() + 5 * 1000000);
	ck_assert_int_eq(waitpid(w.pid, &status, WNOHANG), 0);
	worker_check_alive(&w, clock_mono_us() + 11 * 1000000);
	status = await_end(&w);
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
	worker_ended(&w, status, false);
	clean();
}
END_TEST

START_TEST(a_program_that_is_missing_is_an_early_death)
{
	struct worker w;

	play("exit 0");
	unlink(program);
	w = born();
	worker_ended(&w, await_end(&w), false);
	ck_assert_int_eq(w.last_exit_code, EXIT_OSERR);
	ck_assert_int_eq(w.state, WORKER_WAITING);
	ck_assert_uint_eq(w.restart.early_deaths, 1);
	rmdir(folder);
}
END_TEST

/* ---- twins ---- */

static struct worker twins[2];

static void play_frontend(const char *script)
{
	char frontend[2 * sizeof program];
	struct conf c;

	play(script);
	snprintf(frontend, sizeof frontend, "%s/lsm-frontend", folder);
	ck_assert_int_eq(rename(program, frontend), 0);
	memcpy(program, frontend, sizeof program);
	conf_defaults(&c);
	c.frontend_workers = 3;
	for (unsigned i = 0; i < 2; i++)
		worker_init(&twins[i], &c, ROLE_FRONTEND, 1);
	worker_pair(&twins[0], &twins[1], &c);
	ck_assert_uint_eq(twins[0].slot, heritage_slot(&c, ROLE_FRONTEND, 1));
	ck_assert_uint_eq(twins[1].slot, heritage_slot(&c, ROLE_FRONTEND, 4));
	ck_assert_str_eq(twins[1].name, "frontend.1");
	ck_assert_int_eq(worker_spawn(&twins[0], folder, &heritage), ST_OK);
}

/* Exactly this one stands for both. */
static void expect_representative(const struct worker *w)
{
	ck_assert(worker_represents(w) && !worker_represents(w->twin));
}

START_TEST(a_candidate_takes_over_when_it_serves_and_the_first_finishes)
{
	struct worker *first = &twins[0], *second = &twins[1];

	play_frontend("trap 'exit 7' USR1; printf R >&4; while :; do sleep 0.02; done");
	await_ready(first);
	expect_representative(first);
	worker_succeed(first);
	ck_assert(second->candidate && second->state == WORKER_WAITING);
	worker_succeed(first);                   /* asked twice: once is enough */
	ck_assert(!first->restart_again);
	expect_representative(first);
	ck_assert_int_eq(worker_spawn(second, folder, &heritage), ST_OK);
	await_ready(second);
	worker_take_over(second, 10000);
	expect_representative(second);
	ck_assert_int_eq(first->state, WORKER_STOPPING);
	ck_assert_uint_eq(second->restarts, 1);
	worker_succeed(second);                  /* the first has not ended yet */
	ck_assert(second->restart_again);
	worker_ended(first, await_end(first), false);
	ck_assert_int_eq(first->last_exit_code, 7);
	ck_assert(first->candidate && first->state == WORKER_WAITING && !second->restart_again);
	expect_representative(second);
	worker_stop(second, 1000);
	worker_ended(second, await_end(second), true);
	ck_assert_int_eq(second->state, WORKER_ENDED);
	clean();
}
END_TEST

START_TEST(a_candidate_that_ends_before_it_served_rests_and_the_first_goes_on)
{
	struct worker *first = &twins[0], *second = &twins[1];

	play_frontend("[ \"$2\" = 4 ] || exit 65; printf R >&4; exec sleep 60");       /* slot 4 is the first's */
	await_ready(first);
	worker_succeed(first);
	ck_assert_int_eq(worker_spawn(second, folder, &heritage), ST_OK);
	worker_ended(second, await_end(second), false);
	ck_assert_int_eq(second->state, WORKER_RESTING);
	ck_assert(!second->candidate && first->state == WORKER_RUNNING);
	expect_representative(first);
	ck_assert_ptr_nonnull(strstr(first->last_end, "its successor ended with status 65"));
	worker_stop(first, 1000);
	worker_ended(first, await_end(first), true);
	clean();
}
END_TEST

START_TEST(a_retired_one_is_hurried_when_the_server_stops)
{
	struct worker *first = &twins[0], *second = &twins[1];

	play_frontend("trap '' USR1; trap 'exit 9' TERM; printf R >&4; while :; do sleep 0.02; done");
	await_ready(first);
	worker_succeed(first);
	ck_assert_int_eq(worker_spawn(second, folder, &heritage), ST_OK);
	await_ready(second);
	worker_take_over(second, 10000);
	worker_stop(first, 10000);
	worker_stop(second, 10000);
	worker_ended(first, await_end(first), true);
	worker_ended(second, await_end(second), true);
	ck_assert_int_eq(first->last_exit_code, 9);
	ck_assert(first->state == WORKER_ENDED && second->state == WORKER_ENDED);
	clean();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_candidate_takes_over_when_it_serves_and_the_first_finishes);
	tcase_add_test(tc, a_candidate_that_ends_before_it_served_rests_and_the_first_goes_on);
	tcase_add_test(tc, a_retired_one_is_hurried_when_the_server_stops);
	tcase_add_test(tc, it_runs_from_its_word_until_it_is_told_to_end);
	tcase_add_test(tc, it_inherits_its_descriptors_and_nothing_else);
	tcase_add_test(tc, an_obituary_names_the_signal);
	tcase_add_test(tc, an_exit_that_cannot_be_helped_gives_up);
	tcase_add_test(tc, one_that_will_not_end_is_killed_after_its_grace);
	tcase_add_test(tc, one_without_a_heartbeat_is_aborted);
	tcase_add_test(tc, a_program_that_is_missing_is_an_early_death);
}

CHECK_MAIN("supervisor/worker", suite)
