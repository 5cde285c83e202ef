/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-frontend: one event loop that speaks HTTP, a few reading threads, and the threads of the link to the
 * engine.
 *
 * It ends on SIGTERM after finishing what is under way (at most DRAIN_S seconds), and when the supervisor is
 * gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "frontend/front.h"
#include "frontend/loop.h"

enum { BEAT_MS = 500, DRAIN_S = 10, DRAIN_CHECK_MS = 50, TABLES_MIN = 64, READY_CHECK_MS = 3,
       READY_CHECKS = 300 };

struct program {
	struct loop *loop;
	struct front *front;
	struct loop_event *drain, *ready;
	int signals;
	unsigned drain_checks, ready_checks;
};

/* Ready is who can read. Without an engine for a second we serve what can be served without one. */
static void on_ready_check(void *ctx)
{
	struct program *p = ctx;

	if (front_can_read(p->front) || ++p->ready_checks >= READY_CHECKS)
		proc_ready();
	else
		loop_after(p->ready, READY_CHECK_MS);
}

static void on_beat(void *ctx)
{
	(void)ctx;
	proc_beat();
}

/* The supervisor sends nothing here: readable means it is gone. */
static void on_lifeline(void *ctx)
{
	char bytes[16];
	ssize_t n = read(HERITAGE_LIFELINE, bytes, sizeof bytes);

	(void)ctx;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	log_warn("the supervisor is gone");
	exit(EXIT_ORPHAN);
}

static void on_drain(void *ctx)
{
	struct program *p = ctx;
	size_t left = http_server_connections(front_server(p->front));

	if (left && ++p->drain_checks < DRAIN_S * 1000 / DRAIN_CHECK_MS)
		return;
	if (left)
		log_warn("%zu connections did not end in %d s", left, DRAIN_S);
	loop_stop(p->loop);
}

static void on_signal(void *ctx)
{
	struct program *p = ctx;
	struct signalfd_siginfo info;

	if (read(p->signals, &info, sizeof info) != sizeof info || p->drain)
		return;
	log_info("stopping: %zu connections are being finished",
		 http_server_connections(front_server(p->front)));
	http_server_drain(front_server(p->front));
	p->drain = loop_every(p->loop, DRAIN_CHECK_MS, on_drain, p);
}

/* As many descriptors as the system allows; how many of them tables may hold. */
static size_t raise_descriptor_limit(const struct conf *c)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return TABLES_MIN;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0 || getrlimit(RLIMIT_NOFILE, &l) != 0)
		return TABLES_MIN;
	if (l.rlim_cur < c->max_connections + 2 * TABLES_MIN)
		log_warn("only %llu descriptors for up to %llu connections: raise the limit of open files",
			 (unsigned long long)l.rlim_cur, (unsigned long long)c->max_connections);
	if (l.rlim_cur <= c->max_connections + 2 * TABLES_MIN)
		return TABLES_MIN;
	return (size_t)(l.rlim_cur - c->max_connections - TABLES_MIN);
}

int main(int argc, char **argv)
{
	struct program p = { 0 };
	struct heritage h;
	struct front_setup setup = { .conf = &h.conf,
				     .board_fd = HERITAGE_BOARD,
				     .listener = HERITAGE_LISTENER };

	proc_begin(ROLE_FRONTEND, argc, argv, &h);
	p.signals = proc_signal_fd();
	if (stats_begin(HERITAGE_SCOREBOARD, h.slot) != ST_OK)
		return EXIT_OSERR;
	p.loop = setup.loop = loop_new();
	setup.index = h.index;
	setup.max_open_tables = raise_descriptor_limit(&h.conf);
	if (front_new(&setup, &p.front) != ST_OK)
		return EXIT_OSERR;
	(void)loop_every(p.loop, BEAT_MS, on_beat, NULL);
	(void)loop_watch(p.loop, p.signals, on_signal, &p);
	(void)loop_watch(p.loop, HERITAGE_LIFELINE, on_lifeline, NULL);
	p.ready = loop_later(p.loop, on_ready_check, &p);
	on_ready_check(&p);
	loop_run(p.loop);
	loop_forget(&p.ready);
	loop_forget(&p.drain);
	log_info("stopped");
	return EXIT_DONE;
}
