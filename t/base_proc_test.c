/* SPDX-License-Identifier: Apache-2.0 */
/* How workers are numbered, and their first steps, taken in children that inherited fixed descriptors. */
#include "common/base/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "t/check_main.h"

START_TEST(slots_are_distinct_and_in_order)
{
	struct conf c;
	unsigned next = 0;

	conf_defaults(&c);
	c.compactor_workers = 16;
	c.frontend_workers = 32;
	ck_assert_uint_eq(heritage_slot(&c, ROLE_SUPERVISOR, 0), next++);
	ck_assert_uint_eq(heritage_slot(&c, ROLE_ENGINE, 0), next++);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(heritage_slot(&c, ROLE_COMPACTOR, i), next++);
	for (unsigned i = 0; i < 2 * 32; i++)
		ck_assert_uint_eq(heritage_slot(&c, ROLE_FRONTEND, i), next++);
	ck_assert_uint_le(next, SLOT_MAX);
	ck_assert_str_eq(role_name(ROLE_SUPERVISOR), "supervisor");
	ck_assert_str_eq(role_name(ROLE_FRONTEND), "frontend");
}
END_TEST

/* Runs in the worker after proc_begin(); what it returns is the exit code. */
typedef int worker_f(const struct heritage *h);

struct worker {
	pid_t pid;
	int lifeline;            /* the supervisor's end */
};

/* A descriptor of settings: three compactors, two frontends. */
static int settings(void)
{
	struct buf text = BUF_INIT;
	struct conf c;
	int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	conf_defaults(&c);
	c.compactor_workers = 3;
	c.frontend_workers = 2;
	c.log_format = 1;
	conf_write(&c, &text);
	ck_assert_int_eq(write(fd, text.p, text.n), (ssize_t)text.n);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	buf_fini(&text);
	return fd;
}

static struct worker start(enum role role, const char *name, const char *slot, worker_f *work)
{
	char *argv[] = { (char[]){ "lsm-worker" }, (char *)(uintptr_t)name, (char *)(uintptr_t)slot, NULL };
	int ends[2], high[2];
	struct worker w;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	w.lifeline = fcntl(ends[0], F_DUPFD_CLOEXEC, 50);
	w.pid = fork();
	if (w.pid == 0) {
		struct heritage h;

		high[0] = fcntl(settings(), F_DUPFD, 50);
		high[1] = fcntl(ends[1], F_DUPFD, 50);
		close(w.lifeline);
		for (int fd = HERITAGE_CONFIG; fd < 50; fd++)
			close(fd);
		dup2(high[0], HERITAGE_CONFIG);
		dup2(high[1], HERITAGE_LIFELINE);
		close(high[1]);
		proc_begin(role, 3, argv, &h);
		_exit(work(&h));
	}
	close(ends[0]);
	close(ends[1]);
	return w;
}

static int end_of(struct worker *w)
{
	int status;

	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
	close(w->lifeline);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int knows_itself(const struct heritage *h)
{
	int signal_at_death = 0;

	(void)prctl(PR_GET_PDEATHSIG, &signal_at_death);
	return strcmp(h->name, "frontend.1") == 0 && h->role == ROLE_FRONTEND && h->slot == 6 &&
	    h->index == 1 && h->conf.compactor_workers == 3 && signal_at_death == SIGKILL &&
	    signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 0 : 1;
}

START_TEST(a_worker_knows_itself_and_dies_with_the_supervisor)
{
	struct worker w = start(ROLE_FRONTEND, "frontend", "6", knows_itself);

	ck_assert_int_eq(end_of(&w), 0);
}
END_TEST

/* The second slot of the same frontend. */
static int knows_its_twin(const struct heritage *h)
{
	return strcmp(h->name, "frontend.1") == 0 && h->slot == 8 && h->index == 3 && h->number == 1 ? 0 : 1;
}

START_TEST(a_frontend_in_its_second_slot_has_the_same_name)
{
	struct worker w = start(ROLE_FRONTEND, "frontend", "8", knows_its_twin);

	ck_assert_int_eq(end_of(&w), 0);
}
END_TEST

static int only_one_engine(const struct heritage *h)
{
	return strcmp(h->name, "engine") == 0 && h->slot == SLOT_ENGINE && h->index == 0 ? 0 : 1;
}

START_TEST(the_engine_has_no_number_in_its_name)
{
	struct worker w = start(ROLE_ENGINE, "engine", "1", only_one_engine);

	ck_assert_int_eq(end_of(&w), 0);
}
END_TEST

static int has_all_descriptors(const struct heritage *h)
{
	struct rlimit l;

	(void)h;
	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == l.rlim_max && proc_descriptors() == l.rlim_max ? 0 : 1;
}

START_TEST(a_worker_may_open_as_many_files_as_the_system_allows)
{
	struct rlimit l;
	struct worker w;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	l.rlim_cur = 100;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
	w = start(ROLE_ENGINE, "engine", "1", has_all_descriptors);
	ck_assert_int_eq(end_of(&w), 0);
}
END_TEST

static int must_not_run(const struct heritage *h)
{
	(void)h;
	return 99;
}

static const struct { enum role role; const char *name, *slot; } wrong[] = {
	{ ROLE_ENGINE, "frontend", "1" }, { ROLE_ENGINE, "engine", "0" }, { ROLE_ENGINE, "engine", "2" },
	{ ROLE_ENGINE, "engine", "" }, { ROLE_ENGINE, "engine", "1x" }, { ROLE_ENGINE, "engine", "-1" },
	{ ROLE_COMPACTOR, "compactor", "1" }, { ROLE_COMPACTOR, "compactor", "5" },
	{ ROLE_FRONTEND, "frontend", "4" }, { ROLE_FRONTEND, "frontend", "9" },
};

START_TEST(a_slot_that_is_not_of_the_role_is_refused)
{
	struct worker w = start(wrong[_i].role, wrong[_i].name, wrong[_i].slot, must_not_run);

	ck_assert_int_eq(end_of(&w), EXIT_CONFIG);
}
END_TEST

START_TEST(a_worker_started_by_hand_says_so_in_one_line)
{
	char *argv[] = { (char[]){ "lsm-engine" }, NULL }, text[400];
	int ends[2], status;
	pid_t pid;
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct heritage h;

		dup2(ends[1], STDERR_FILENO);
		for (int fd = 3; fd < 50; fd++)
			close(fd);
		proc_begin(ROLE_ENGINE, 1, argv, &h);
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG);
	n = read(ends[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "lsm-engine"));
	ck_assert_ptr_nonnull(strstr(text, "is started by lsm-supervisor, not by hand\n"));
	ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
}
END_TEST

static int tells(const struct heritage *h)
{
	(void)h;
	proc_ready();
	for (int i = 0; i < 1000; i++)
		proc_beat();
	return 0;
}

START_TEST(readiness_comes_first_and_beats_are_few)
{
	struct worker w = start(ROLE_COMPACTOR, "compactor", "2", tells);
	char bytes[1000];
	size_t n = 0;
	ssize_t got;

	while ((got = read(w.lifeline, bytes + n, sizeof(bytes) - n)) > 0)
		n += (size_t)got;
	ck_assert_int_eq(end_of(&w), 0);
	ck_assert_uint_ge(n, 2);
	ck_assert_uint_lt(n, 1000);
	ck_assert_int_eq(bytes[0], 'R');
	for (size_t i = 1; i < n; i++)
		ck_assert_int_eq(bytes[i], 'B');
}
END_TEST

static int waits_for_the_end(const struct heritage *h)
{
	struct pollfd p = { HERITAGE_LIFELINE, POLLIN | POLLRDHUP, 0 };

	(void)h;
	if (proc_orphaned())
		return 1;
	proc_ready();
	while (!proc_orphaned())
		if (poll(&p, 1, -1) < 0)
			return 2;
	proc_beat();                    /* into a closed socket: no signal, no wait */
	return EXIT_ORPHAN;
}

START_TEST(the_end_of_the_lifeline_tells_that_the_supervisor_is_gone)
{
	struct worker w = start(ROLE_COMPACTOR, "compactor", "2", waits_for_the_end);
	int status;
	char c;

	ck_assert_int_eq(read(w.lifeline, &c, 1), 1);
	close(w.lifeline);
	ck_assert_int_eq(waitpid(w.pid, &status, 0), w.pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_ORPHAN);
}
END_TEST

static void *say_name(void *arg)
{
	ck_assert_int_eq(pthread_getname_np(pthread_self(), arg, 16), 0);
	return NULL;
}

static void *wait_then_say_name(void *arg)
{
	char now[16];

	do
		(void)pthread_getname_np(pthread_self(), now, sizeof(now));
	while (strncmp(now, "a-thread-with-a", 15) != 0);
	return say_name(arg);
}

START_TEST(a_thread_has_the_first_fifteen_bytes_of_its_name)
{
	char name[16] = "";
	pthread_t t = proc_thread("a-thread-with-a-long-name", wait_then_say_name, name);

	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_str_eq(name, "a-thread-with-a");
}
END_TEST

START_TEST(a_termination_signal_arrives_at_the_descriptor)
{
	struct signalfd_siginfo info;
	int fd = proc_signal_fd();

	ck_assert_int_lt(read(fd, &info, sizeof(info)), 0);
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
	ck_assert_int_eq(read(fd, &info, sizeof(info)), (ssize_t)sizeof(info));
	ck_assert_uint_eq(info.ssi_signo, SIGTERM);
	close(fd);
}
END_TEST

START_TEST(clocks_go_forward_and_agree_on_units)
{
	uint64_t us = clock_mono_us(), ns = clock_mono_ns();

	ck_assert_uint_ge(ns / 1000, us);
	clock_sleep_us(2000);
	ck_assert_uint_ge(clock_mono_us() - us, 2000);
	ck_assert_int_gt(clock_wall_ms(), 1700000000000);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, slots_are_distinct_and_in_order);
	tcase_add_test(tc, a_worker_knows_itself_and_dies_with_the_supervisor);
	tcase_add_test(tc, a_frontend_in_its_second_slot_has_the_same_name);
	tcase_add_test(tc, the_engine_has_no_number_in_its_name);
	tcase_add_test(tc, a_worker_may_open_as_many_files_as_the_system_allows);
	tcase_add_loop_test(tc, a_slot_that_is_not_of_the_role_is_refused, 0,
	    (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tc, a_worker_started_by_hand_says_so_in_one_line);
	tcase_add_test(tc, readiness_comes_first_and_beats_are_few);
	tcase_add_test(tc, the_end_of_the_lifeline_tells_that_the_supervisor_is_gone);
	tcase_add_test(tc, a_thread_has_the_first_fifteen_bytes_of_its_name);
	tcase_add_test(tc, a_termination_signal_arrives_at_the_descriptor);
	tcase_add_test(tc, clocks_go_forward_and_agree_on_units);
}

CHECK_MAIN("base/proc", suite)
