/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-frontend: one event loop that speaks HTTP, a few reading threads, and the threads of the link to the engine.
 *
 * It ends on SIGTERM after finishing what is under way (at most DRAIN_S seconds), and when the supervisor is gone.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "frontend/front.h"

enum { BEAT_MS = 500, DRAIN_S = 10, DRAIN_CHECK_MS = 50, TABLES_MIN = 64 };

struct program {
	struct event_base *base;
	struct front *front;
	struct event *drain;
	unsigned drain_checks;
};

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	proc_beat();
}

/* The supervisor sends nothing here: readable means it is gone. */
static void on_lifeline(evutil_socket_t fd, short what, void *arg)
{
	char bytes[16];
	ssize_t n = read(fd, bytes, sizeof bytes);

	(void)what, (void)arg;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	log_warn("the supervisor is gone");
	exit(EXIT_ORPHAN);
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct program *p = arg;
	size_t left = http_server_connections(front_server(p->front));

	(void)fd, (void)what;
	if (left && ++p->drain_checks < DRAIN_S * 1000 / DRAIN_CHECK_MS)
		return;
	if (left)
		log_warn("%zu connections did not end in %d s", left, DRAIN_S);
	event_base_loopbreak(p->base);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval check = { 0, DRAIN_CHECK_MS * 1000 };
	struct program *p = arg;
	struct signalfd_siginfo info;

	(void)what;
	if (read(fd, &info, sizeof info) != sizeof info || event_pending(p->drain, EV_TIMEOUT, NULL))
		return;
	log_info("stopping: %zu connections are being finished", http_server_connections(front_server(p->front)));
	http_server_drain(front_server(p->front));
	event_add(p->drain, &check);
}

static struct event *watch(struct program *p, int fd, event_callback_fn f)
{
	struct event *e = event_new(p->base, fd, EV_READ | EV_PERSIST, f, p);

	must(e != NULL);
	event_add(e, NULL);
	return e;
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
	static const struct timeval beat = { 0, BEAT_MS * 1000 };
	struct program p = { 0 };
	struct heritage h;
	struct front_setup setup = { .conf = &h.conf, .board_fd = HERITAGE_BOARD, .listener = HERITAGE_LISTENER };
	struct event *beating;
	int signals;

	proc_begin(ROLE_FRONTEND, argc, argv, &h);
	signals = proc_signal_fd();
	if (stats_begin(HERITAGE_SCOREBOARD, h.slot) != ST_OK)
		return EXIT_OSERR;
	p.base = setup.base = http_base_new();
	setup.index = h.index;
	setup.max_open_tables = raise_descriptor_limit(&h.conf);
	if (front_new(&setup, &p.front) != ST_OK)
		return EXIT_OSERR;
	p.drain = event_new(p.base, -1, EV_PERSIST, on_drain, &p);
	beating = event_new(p.base, -1, EV_PERSIST, on_beat, NULL);
	must(p.drain != NULL && beating != NULL);
	event_add(beating, &beat);
	watch(&p, signals, on_signal);
	watch(&p, HERITAGE_LIFELINE, on_lifeline);
	proc_ready();
	event_base_dispatch(p.base);
	log_info("stopped");
	return EXIT_DONE;
}
