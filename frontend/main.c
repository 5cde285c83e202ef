/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-frontend: one event loop that speaks HTTP, a few reading threads, and the threads of the link to the
 * engine.
 *
 * How it ends: it accepts nothing more, answers what is under way, says Connection: close with each last answer, and
 * closes what is idle only after a grace in which a request may still be on its way.
 *
 *	SIGUSR1   its successor serves: a long grace, as clients that come back are served at once; streams go on to their end,
 *	          for DRAIN_S at most; the snapshots that it keeps for later pages are taken over by others before it ends
 *	          A second time: it has STOP_MS left
 *	SIGTERM   the server stops: a short grace, and STOP_MS in all
 *
 * SIGHUP: it takes its files anew. When the supervisor is gone it ends at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "common/view/lease.h"
#include "frontend/front.h"
#include "frontend/loop.h"
#include "frontend/shares.h"

enum { BEAT_MS = 500, READY_CHECK_MS = 3, READY_CHECKS = 300 };
enum { DRAIN_CHECK_MS = 50, STOP_MS = 10000, GRACE_STOP_MS = 200, GRACE_RETIRE_MS = 3000, LEAVE_MS = 3000 };

struct program {
	struct loop *loop;
	struct front *front;
	struct loop_event *drain, *ready;
	int signals;
	unsigned ready_checks;
	uint64_t retire_ms;              /* DRAIN_S */
	bool retired;                    /* its successor serves, and the server goes on */
	/* of the drain, as are these times, from its beginning */
	uint64_t drained_ms, drain_most_ms, grace_ms, leave_most_ms;
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
	struct http_server *server = front_server(p->front);
	size_t left;

	p->drained_ms += DRAIN_CHECK_MS;
	if (p->drained_ms >= p->grace_ms)
		http_server_close_idle(server);
	left = http_server_connections(server);
	if (left && p->drained_ms < p->drain_most_ms) {
		p->leave_most_ms = p->drained_ms + LEAVE_MS;
		return;
	}
	if (p->retired && !front_leave(p->front) && p->drained_ms < p->leave_most_ms)
		return;
	if (left)
		log_warn("%zu connections did not end in %" PRIu64 " s", left, p->drained_ms / 1000);
	http_server_cut_streams(server);         /* the end of the process would look like theirs */
	loop_stop(p->loop);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first call begins it; one behind that makes it end sooner. */
static void drain(struct program *p, bool retired, uint64_t most_ms, uint64_t grace_ms)
{
	p->retired = retired;
	if (p->drain) {
		p->drain_most_ms = earlier(p->drain_most_ms, p->drained_ms + most_ms);
		p->grace_ms = earlier(p->grace_ms, p->drained_ms + grace_ms);
		return;
	}
	log_info("stopping: %zu connections are being finished", http_server_connections(front_server(p->front)));
	p->drain_most_ms = most_ms;
	p->grace_ms = grace_ms;
	p->leave_most_ms = LEAVE_MS;
	http_server_drain(front_server(p->front));
	p->drain = loop_every(p->loop, DRAIN_CHECK_MS, on_drain, p);
}

static void on_signal(void *ctx)
{
	struct program *p = ctx;
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP)
			front_reload(p->front);
		else if (info.ssi_signo == SIGUSR1)
			drain(p, true, p->drain ? STOP_MS : p->retire_ms, GRACE_RETIRE_MS);
		else
			drain(p, false, STOP_MS, GRACE_STOP_MS);
	}
}

/* Deals the descriptors out; false when there are too few to begin with. */
static bool share_descriptors(const struct conf *c, struct front_setup *setup)
{
	uint64_t limit = proc_descriptors();
	struct descriptor_share share;

	if (!descriptor_share(limit, c->max_connections, &share)) {
		log_error("Only %" PRIu64 " open files are allowed, at least %u are needed: raise the limit (ulimit -n, "
			  "LimitNOFILE).", limit, DESCRIPTORS_LEAST);
		return false;
	}
	if (share.connections < c->max_connections)
		log_warn("%" PRIu64 " open files are allowed: only %" PRIu64 " connections at once instead of MAX_CONNECTIONS=%"
			 PRIu64 ", and %zu open tables.", limit, share.connections, c->max_connections, share.tables);
	else
		log_info("%" PRIu64 " open files are allowed: %" PRIu64 " for connections, %zu for tables.", limit,
			 share.connections, share.tables);
	setup->max_connections = share.connections;
	setup->max_open_tables = share.tables;
	setup->snapshot_descriptors = share.snapshots;
	return true;
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGHUP, SIGUSR1 };
	struct program p = { 0 };
	struct heritage h;
	struct front_setup setup = { .conf = &h.conf,
				     .board_fd = HERITAGE_BOARD,
				     .listener = HERITAGE_LISTENER };
	enum st st;

	proc_begin(ROLE_FRONTEND, argc, argv, &h);
	p.signals = proc_signal_fd_also(signals, sizeof signals / sizeof *signals);
	if (stats_begin(HERITAGE_SCOREBOARD, h.slot) != ST_OK ||
	    leases_attach(HERITAGE_LEASES, h.slot, &setup.leases) != ST_OK)
		return EXIT_OSERR;
	p.loop = setup.loop = loop_new();
	p.retire_ms = h.conf.drain_s * 1000;
	setup.index = h.index;
	setup.number = h.number;
	st = share_descriptors(&h.conf, &setup) ? front_new(&setup, &p.front) : ST_BUSY;
	if (st) {
		leases_detach(&setup.leases);
		loop_free(&p.loop);
		return st == ST_INVALID ? EXIT_CONFIG : EXIT_OSERR;
	}
	(void)loop_every(p.loop, BEAT_MS, on_beat, NULL);
	(void)loop_watch(p.loop, p.signals, on_signal, &p);
	(void)loop_watch(p.loop, HERITAGE_LIFELINE, on_lifeline, NULL);
	p.ready = loop_later(p.loop, on_ready_check, &p);
	on_ready_check(&p);
	loop_run(p.loop);
	loop_forget(&p.ready);
	loop_forget(&p.drain);
	front_end(p.front);
	leases_detach(&setup.leases);
	log_info("stopped");
	return EXIT_DONE;
}
