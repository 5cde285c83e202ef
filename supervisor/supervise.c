/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of supervise.h, on the supervisor's only thread: signals (signalfd), the workers' lifelines, the control
 * socket, and a clock tick while something is due.
 *
 * Phases: SERVING -> DRAINING (frontends told to end) -> STOPPING (the others too) -> out. A worker that cannot be
 * helped: a compactor leaves the rest serving, degraded; an engine that had served before leaves the frontends reading;
 * anything else ends the server with that worker's exit code.
 */
#include "supervisor/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#else
#define sd_notifyf(...) ((void)0)
#define sd_notify(...) ((void)0)
#define sd_watchdog_enabled(unset, usec) 0
#endif

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/view/board.h"
#include "common/view/lease.h"
#include "supervisor/control.h"
#include "supervisor/datadir.h"

#define SUPERVISOR_MAGIC 0x51a7e90du
#define DRAIN_GRACE_MS 15000u
#define RETIRE_GRACE_MS 10000u           /* beyond DRAIN_S */
#define STOP_GRACE_MS 15000u
#define TICK_MS 100                     /* while something is due */
#define IDLE_MS 1000
#define SPAWN_RETRY_US 1000000u
#define SLOW_REQUEST_MAX_MS 3600000u

enum phase { PHASE_SERVING, PHASE_DRAINING, PHASE_STOPPING };

struct supervisor {
	uint32_t magic;
	/* fixed */
	const struct conf *conf;
	const struct listeners *listeners;
	char *libexec;
	int config_fd, board_rw, board_ro, scoreboard_fd, leases_fd, signal_fd, poll_fd;
	uint64_t started_us, watchdog_us;
	/* changing */
	struct control *control;
	struct worker *workers;
	unsigned worker_count;          /* twins count as two */
	enum phase phase;
	bool told_ready;
	int exit_code;
	uint64_t watchdog_at_us;
	struct worker_status *statuses; /* memory of the last answer */
	char detail[160];
};

/* ---- the control socket's questions ---- */

static void describe(const struct worker *w, struct worker_status *out)
{
	*out = (struct worker_status){
		.name = w->name, .last_end = w->last_end,
		.state = w->twin && w->twin->candidate ? "restarting" : worker_state_name(w->state),
		.pid = (int)w->pid, .restarts = w->restarts,
		.uptime_ms = w->pid ? (clock_mono_us() - w->started_us) / 1000 : 0,
	};
}

static void answer_status(struct supervisor *s, struct control_reply *r)
{
	mem_drop(&s->statuses);
	s->statuses = mem_zalloc(s->worker_count * sizeof *s->statuses);
	for (unsigned i = 0; i < s->worker_count; i++)
		if (worker_represents(&s->workers[i]))
			describe(&s->workers[i], &s->statuses[r->worker_count++]);
	r->workers = s->statuses;
	r->reloads = stats_sum(M_reloads);
	r->reload_failures = stats_sum(M_reload_failures);
}

static struct worker *find_worker(struct supervisor *s, const char *name)
{
	for (unsigned i = 0; i < s->worker_count; i++)
		if (worker_represents(&s->workers[i]) && strcmp(s->workers[i].name, name) == 0)
			return &s->workers[i];
	return NULL;
}

static void answer_restart(struct supervisor *s, const char *name, struct control_reply *r)
{
	struct worker *w = find_worker(s, name);

	if (!w) {
		r->status = ST_NOT_FOUND;
		snprintf(s->detail, sizeof s->detail, "there is no worker \"%.40s\"; lsmctl status lists them", name);
		return;
	}
	snprintf(s->detail, sizeof s->detail, "restarting %s (pid %d)", w->name, (int)w->pid);
	log_info("%s, as asked by lsmctl", s->detail);
	if (w->twin && w->state == WORKER_RUNNING) {
		worker_succeed(w);
		return;
	}
	w->restart.early_deaths = 0;
	w->start_at_us = 0;
	if (w->state == WORKER_FAILED)
		w->state = WORKER_WAITING;
	worker_stop(w, w->role == ROLE_FRONTEND ? DRAIN_GRACE_MS : STOP_GRACE_MS);
}

/* The frontends take their files anew: tokens, certificate, access log. */
static void reload(struct supervisor *s, const char *who)
{
	log_info("the frontends take their files anew, as asked by %s; settings are read at start only", who);
	for (unsigned i = 0; i < s->worker_count; i++)
		if (s->workers[i].role == ROLE_FRONTEND)
			worker_reload(&s->workers[i]);
}

static void answer_set(struct supervisor *s, const struct control_request *q, struct control_reply *r)
{
	unsigned long long ms;
	char *end;

	r->status = ST_INVALID;
	if (strcmp(q->setting, "slow-request-ms") != 0) {
		snprintf(s->detail, sizeof s->detail, "no setting \"%.40s\" that can be changed here", q->setting);
		return;
	}
	errno = 0;
	ms = strtoull(q->value, &end, 10);
	if (q->value[0] < '0' || q->value[0] > '9' || *end || errno || ms > SLOW_REQUEST_MAX_MS) {
		snprintf(s->detail, sizeof s->detail, "slow-request-ms=%.40s: give milliseconds from 0 (off) to %u", q->value,
			 SLOW_REQUEST_MAX_MS);
		return;
	}
	r->status = ST_OK;
	stats_set(M_slow_request_threshold, ms * 1000);
	snprintf(s->detail, sizeof s->detail, ms ? "requests of %llu ms and more are logged" : "slow requests are not logged", ms);
	log_info("%s, as asked by lsmctl", s->detail);
}

static void answer(void *ctx, const struct control_request *q, struct control_reply *r)
{
	struct supervisor *s = ctx;

	s->detail[0] = '\0';
	*r = (struct control_reply){
		.detail = s->detail, .listen = s->listeners->address, .data_dir = s->conf->data_dir,
		.version = PACKAGE_VERSION, .supervisor_pid = (int)getpid(),
		.uptime_ms = (clock_mono_us() - s->started_us) / 1000, .tls = s->conf->tls_cert_file[0] != '\0',
	};
	if (q->verb == CONTROL_STATUS) {
		answer_status(s, r);
	} else if (q->verb == CONTROL_RELOAD && s->phase == PHASE_SERVING) {
		reload(s, "lsmctl");
	} else if (q->verb == CONTROL_SET && s->phase == PHASE_SERVING) {
		answer_set(s, q, r);
	} else if (q->verb == CONTROL_RESTART && s->phase == PHASE_SERVING) {
		answer_restart(s, q->worker, r);
	} else {
		r->status = s->phase == PHASE_SERVING ? ST_INVALID : ST_UNAVAILABLE;
		snprintf(s->detail, sizeof s->detail, "%s", s->phase == PHASE_SERVING ? "unknown request" : "the server is stopping");
	}
}

/* ---- birth and end ---- */

/* A sealed memory file with the effective settings. */
static int config_file(const struct conf *c)
{
	struct buf b = BUF_INIT;
	int fd = memfd_create("lsm-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool ok;

	conf_write(c, &b);
	ok = fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n &&
	     fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
	buf_fini(&b);
	if (!ok && fd >= 0)
		close(fd);
	return ok ? fd : -1;
}

/* The same memory file, opened so that it can only be mapped read-only. */
static int reopen_read_only(int fd)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void add_workers(struct supervisor *s)
{
	const struct conf *c = s->conf;
	unsigned n = 0;

	s->worker_count = (unsigned)(1 + c->compactor_workers + 2 * c->frontend_workers);
	must(s->worker_count < SLOT_MAX);
	s->workers = mem_zalloc(s->worker_count * sizeof *s->workers);
	worker_init(&s->workers[n++], c, ROLE_ENGINE, 0);
	for (unsigned i = 0; i < c->frontend_workers; i++, n += 2) {
		worker_init(&s->workers[n], c, ROLE_FRONTEND, i);
		worker_init(&s->workers[n + 1], c, ROLE_FRONTEND, i);
		worker_pair(&s->workers[n], &s->workers[n + 1], c);
	}
	for (unsigned i = 0; i < c->compactor_workers; i++)
		worker_init(&s->workers[n++], c, ROLE_COMPACTOR, i);
}

static enum st watch(struct supervisor *s, int fd, void *who)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = who };

	if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		return fail(ST_INTERNAL, "epoll: %s", strerror(errno));
	return ST_OK;
}

enum st supervisor_new(const struct conf *c, const struct listeners *l, const char *libexec, struct supervisor **sp)
{
	struct supervisor *s = mem_zalloc(sizeof *s);
	struct path control = path_control_socket(c->run_dir);
	enum st st;

	obj_init(s, SUPERVISOR_MAGIC);
	s->conf = c;
	s->listeners = l;
	s->libexec = mem_strdup(libexec);
	s->started_us = clock_mono_us();
	s->config_fd = config_file(c);
	s->board_rw = board_create();
	s->board_ro = s->board_rw < 0 ? -1 : reopen_read_only(s->board_rw);
	s->scoreboard_fd = stats_create();
	s->leases_fd = leases_create();
	s->signal_fd = signals();
	s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	add_workers(s);
	*sp = s;
	if (s->config_fd < 0 || s->board_ro < 0 || s->scoreboard_fd < 0 || s->leases_fd < 0 ||
	    s->signal_fd < 0 || s->poll_fd < 0)
		return fail(ST_INTERNAL, "no shared memory or descriptors for the workers: %s", strerror(errno));
	st = stats_begin(s->scoreboard_fd, SLOT_SUPERVISOR);
	stats_set(M_slow_request_threshold, c->slow_request_ms * 1000);
	if (st == ST_OK)
		st = watch(s, s->signal_fd, s);
	if (st == ST_OK)
		st = control_open(control.s, s->poll_fd, answer, s, &s->control);
	if (sd_watchdog_enabled(0, &s->watchdog_us) <= 0)
		s->watchdog_us = 0;
	return st;
}

void supervisor_free(struct supervisor **sp)
{
	struct supervisor *s = *sp;

	if (!s)
		return;
	control_close(&s->control);
	const int fds[] = { s->config_fd, s->board_rw, s->board_ro, s->scoreboard_fd, s->leases_fd, s->signal_fd,
			    s->poll_fd };
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	mem_free(s->workers);
	mem_free(s->statuses);
	mem_free(s->libexec);
	obj_fini(s);
	mem_drop(sp);
}

/* ---- workers ---- */

static void start_worker(struct supervisor *s, struct worker *w)
{
	struct worker_heritage h = {
		.config = s->config_fd,
		.board = w->role == ROLE_ENGINE ? s->board_rw : s->board_ro,
		.scoreboard = s->scoreboard_fd,
		.leases = s->leases_fd,
		.listener = w->role == ROLE_FRONTEND ? listeners_fd(s->listeners, w->index) : -1,
	};

	datadir_keep_run(s->conf);
	if (worker_spawn(w, s->libexec, &h) != ST_OK) {
		w->start_at_us = clock_mono_us() + SPAWN_RETRY_US;
		return;
	}
	if (watch(s, w->lifeline, w) != ST_OK)
		worker_stop(w, 0);
}

static unsigned count_in(const struct supervisor *s, enum role role, bool (*test)(const struct worker *))
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->worker_count; i++)
		n += s->workers[i].role == role && test(&s->workers[i]);
	return n;
}

static bool serves(const struct worker *w) { return w->state == WORKER_RUNNING; }

static void tell_ready(struct supervisor *s)
{
	const char *scheme = s->conf->tls_cert_file[0] ? "https" : "http";

	if (s->told_ready || !count_in(s, ROLE_ENGINE, serves) || !count_in(s, ROLE_FRONTEND, serves))
		return;
	s->told_ready = true;
	log_info("ready after %.0f ms: %s://%s, data in %s", (double)(clock_mono_us() - s->started_us) / 1000.0, scheme,
		 s->listeners->address, s->conf->data_dir);
	sd_notifyf(0, "READY=1\nSTATUS=serving %s://%s", scheme, s->listeners->address);
}

/* A worker said something; when it has just become ready, it takes the place it is meant for. */
static void hear(struct supervisor *s, struct worker *w)
{
	if (!worker_listen(w))
		return;
	if (w->candidate)
		worker_take_over(w, s->conf->drain_s * 1000 + RETIRE_GRACE_MS);
	tell_ready(s);
}

static void stop_role(struct supervisor *s, enum role role, uint64_t grace_ms)
{
	for (unsigned i = 0; i < s->worker_count; i++)
		if (s->workers[i].role == role)
			worker_stop(&s->workers[i], grace_ms);
}

static void begin_stop(struct supervisor *s, const char *why, int exit_code)
{
	if (s->phase != PHASE_SERVING)
		return;
	log_info("stopping: %s", why);
	sd_notify(0, "STOPPING=1");
	s->phase = PHASE_DRAINING;
	s->exit_code = exit_code;
	stop_role(s, ROLE_FRONTEND, DRAIN_GRACE_MS);
}

/* Draining ends with the last frontend; then everybody else is told. True when nobody is left. */
static bool stop_further(struct supervisor *s)
{
	unsigned frontends = count_in(s, ROLE_FRONTEND, worker_has_process);
	unsigned others = count_in(s, ROLE_COMPACTOR, worker_has_process) + count_in(s, ROLE_ENGINE, worker_has_process);

	if (s->phase == PHASE_DRAINING && frontends == 0) {
		s->phase = PHASE_STOPPING;
		stop_role(s, ROLE_COMPACTOR, 1000);
		stop_role(s, ROLE_ENGINE, STOP_GRACE_MS);
	}
	return s->phase != PHASE_SERVING && frontends == 0 && others == 0;
}

/* A worker was given up. */
static void consider_failure(struct supervisor *s, const struct worker *w)
{
	int code = w->last_exit_code > 0 ? w->last_exit_code : EXIT_CRASH;

	if (w->state != WORKER_FAILED)
		return;
	if (w->role == ROLE_COMPACTOR)
		log_error("%s stays down; reads and writes go on, tables pile up: lsmctl restart %s", w->name, w->name);
	else if (w->role == ROLE_ENGINE && w->ever_ready)
		log_error("the engine stays down; reads go on, writes are refused: lsmctl restart engine");
	else
		begin_stop(s, "a worker cannot be kept running", code);
}

static void reap(struct supervisor *s)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (unsigned i = 0; i < s->worker_count; i++) {
			struct worker *w = &s->workers[i];

			if (w->pid != pid)
				continue;
			hear(s, w);
			worker_ended(w, status, s->phase != PHASE_SERVING);
			consider_failure(s, w);
		}
	}
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else if (info.ssi_signo == SIGHUP)
			reload(s, "SIGHUP");
		else if (s->phase == PHASE_SERVING)
			begin_stop(s, info.ssi_signo == SIGINT ? "interrupted" : "asked to end", EXIT_DONE);
	}
}

/* Everything that time brings; the time until the next look, in milliseconds. */
static int tick(struct supervisor *s)
{
	uint64_t now = clock_mono_us();
	int wait_ms = IDLE_MS;

	for (unsigned i = 0; i < s->worker_count; i++) {
		struct worker *w = &s->workers[i];

		if (w->state == WORKER_WAITING && s->phase == PHASE_SERVING) {
			if (w->start_at_us <= now)
				start_worker(s, w);
			else if (w->start_at_us - now < TICK_MS * 1000u)
				wait_ms = (int)((w->start_at_us - now) / 1000) + 1;
		}
		worker_check_alive(w, now);
		if (w->kill_at_us || w->state == WORKER_WAITING)
			wait_ms = wait_ms < TICK_MS ? wait_ms : TICK_MS;
	}
	if (s->watchdog_us && now >= s->watchdog_at_us) {
		sd_notify(0, "WATCHDOG=1");
		s->watchdog_at_us = now + s->watchdog_us / 3;
	}
	return wait_ms;
}

static void take_event(struct supervisor *s, void *who)
{
	if (who == s)
		take_signals(s);
	else if (who == s->control)
		control_turn(s->control);
	else
		hear(s, who);
}

int supervisor_run(struct supervisor *s)
{
	struct epoll_event events[16];

	obj_check(s, SUPERVISOR_MAGIC);
	while (!stop_further(s)) {
		int n = epoll_wait(s->poll_fd, events, 16, tick(s));

		for (int i = 0; i < n; i++)
			take_event(s, events[i].data.ptr);
	}
	log_info("stopped");
	return s->exit_code;
}
