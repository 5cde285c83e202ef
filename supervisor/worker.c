/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one worker process; states in worker.h. Run by the supervisor's only thread.
 *
 * A child is made by fork + exec with a fixed list of descriptors. Between the two it only moves descriptors and resets
 * signals; it never returns into the supervisor's code.
 */
#include "supervisor/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"
#include "common/stats/stats.h"

#define SILENCE_RUNNING_US (10u * 1000000u)     /* a running worker without a heartbeat for this long hangs */
#define SILENCE_STARTING_US (300u * 1000000u)   /* replaying a log may take its time, it beats meanwhile */
#define ABORT_GRACE_MS 2000u
#define HURRY_GRACE_MS 15000u
#define FIRST_FREE_FD 32                        /* above every number of the heritage */

void worker_init(struct worker *w, const struct conf *c, enum role role, unsigned index)
{
	memset(w, 0, sizeof *w);
	w->role = role;
	w->index = index;
	w->slot = heritage_slot(c, role, index);
	w->lifeline = -1;
	w->last_exit_code = -1;
	if (role == ROLE_ENGINE)
		snprintf(w->name, sizeof w->name, "%s", role_name(role));
	else
		snprintf(w->name, sizeof w->name, "%s.%u", role_name(role), index);
}

void worker_pair(struct worker *a, struct worker *b, const struct conf *c)
{
	must(a->role == ROLE_FRONTEND && b->role == ROLE_FRONTEND && a->index == b->index);
	a->twin = b;
	b->twin = a;
	b->slot = heritage_slot(c, b->role, b->index + (unsigned)c->frontend_workers);
	b->state = WORKER_RESTING;
}

bool worker_represents(const struct worker *w)
{
	return !w->twin || (w->state != WORKER_RESTING && !w->candidate && !w->retired);
}

const char *worker_state_name(enum worker_state s)
{
	static const char *const names[] = {
#define X(id, text) [WORKER_##id] = text,
		WORKER_STATES(X)
#undef X
	};

	must((unsigned)s < sizeof names / sizeof names[0]);
	return names[s];
}

bool worker_has_process(const struct worker *w)
{
	return w->state == WORKER_STARTING || w->state == WORKER_RUNNING || w->state == WORKER_STOPPING;
}

static void set_state(struct worker *w, enum worker_state to)
{
	static const unsigned allowed[] = {
		[WORKER_WAITING] = 1u << WORKER_STARTING | 1u << WORKER_WAITING | 1u << WORKER_FAILED | 1u << WORKER_ENDED |
			1u << WORKER_RESTING,
		[WORKER_STARTING] = 1u << WORKER_RUNNING | 1u << WORKER_STOPPING | 1u << WORKER_WAITING | 1u << WORKER_FAILED |
			1u << WORKER_ENDED | 1u << WORKER_RESTING,
		[WORKER_RUNNING] = 1u << WORKER_STOPPING | 1u << WORKER_WAITING | 1u << WORKER_FAILED | 1u << WORKER_ENDED,
		[WORKER_STOPPING] = 1u << WORKER_WAITING | 1u << WORKER_FAILED | 1u << WORKER_ENDED | 1u << WORKER_RESTING,
		[WORKER_FAILED] = 1u << WORKER_WAITING | 1u << WORKER_ENDED | 1u << WORKER_RESTING,
		[WORKER_RESTING] = 1u << WORKER_WAITING,
		[WORKER_ENDED] = 0,
	};

	must(allowed[w->state] & 1u << to);
	w->state = to;
	must(worker_has_process(w) == (w->pid > 0));
}

char *worker_find_programs(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash, *engine;
	bool beside;

	if (n <= 0)
		return mem_strdup(PKGLIBEXECDIR);
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	engine = mem_printf("%s/lsm-engine", self);
	beside = access(engine, X_OK) == 0;
	mem_free(engine);
	return mem_strdup(beside ? self : PKGLIBEXECDIR);
}

/* Moves the heritage to its numbers; everything else is closed. In the child. */
static void arrange_descriptors(const struct worker_heritage *h, int lifeline)
{
	const int from[] = { h->config, lifeline, h->board, h->scoreboard, h->leases, h->listener };
	const int to[] = { HERITAGE_CONFIG, HERITAGE_LIFELINE, HERITAGE_BOARD, HERITAGE_SCOREBOARD, HERITAGE_LEASES,
			   HERITAGE_LISTENER };
	enum { COUNT = sizeof to / sizeof to[0] };
	int safe[COUNT], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned last = HERITAGE_LEASES;

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
		_exit(EXIT_OSERR);
	for (int i = 0; i < COUNT; i++) {
		safe[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
		if (from[i] >= 0 && safe[i] < 0)
			_exit(EXIT_OSERR);
	}
	for (int i = 0; i < COUNT; i++) {
		if (safe[i] < 0)
			continue;
		if (dup2(safe[i], to[i]) < 0)
			_exit(EXIT_OSERR);
		last = (unsigned)to[i];
	}
	if (close_range(last + 1, ~0u, 0) != 0)
		_exit(EXIT_OSERR);
}

_Noreturn static void become(const struct worker *w, const char *path, const struct worker_heritage *h, int lifeline)
{
	char program[40], role[24], slot[12];
	char *argv[] = { program, role, slot, NULL };
	sigset_t none;

	setpgid(0, 0);              /* Ctrl-C on a terminal reaches the supervisor only, which stops us in order */
	arrange_descriptors(h, lifeline);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_IGN);    /* until it is ready for one: it has not read its files yet then */
	snprintf(program, sizeof program, "lsm-%s", role_name(w->role));
	snprintf(role, sizeof role, "%s", role_name(w->role));
	snprintf(slot, sizeof slot, "%u", w->slot);
	execv(path, argv);
	log_error("cannot execute %s: %s", path, strerror(errno));
	_exit(EXIT_OSERR);
}

enum st worker_spawn(struct worker *w, const char *folder, const struct worker_heritage *h)
{
	char *path = mem_printf("%s/lsm-%s", folder, role_name(w->role));
	int pair[2];
	enum st st = ST_OK;
	pid_t pid;

	must(w->state == WORKER_WAITING);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		st = fail(ST_INTERNAL, "no socket pair for %s: %s", w->name, strerror(errno));
		goto out;
	}
	pid = fork();
	if (pid == 0)
		become(w, path, h, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		st = fail(ST_INTERNAL, "cannot start %s: %s", w->name, strerror(errno));
		goto out;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	w->pid = pid;
	w->lifeline = pair[0];
	w->started_us = w->beat_us = clock_mono_us();
	w->ready_us = w->kill_at_us = 0;
	set_state(w, WORKER_STARTING);
	stats_worker_up(w->slot, pid);
	log_debug("%s started as pid %d", w->name, (int)pid);
out:
	mem_free(path);
	return st;
}

bool worker_listen(struct worker *w)
{
	char said[64];
	bool became_ready = false;
	ssize_t n;

	while ((n = read(w->lifeline, said, sizeof said)) > 0) {
		w->beat_us = clock_mono_us();
		if (memchr(said, 'R', (size_t)n) && w->state == WORKER_STARTING) {
			w->ready_us = w->beat_us;
			w->ever_ready = true;
			set_state(w, WORKER_RUNNING);
			became_ready = true;
		}
	}
	return became_ready;
}

static void tell_to_end(struct worker *w, int signal_number, uint64_t grace_ms)
{
	set_state(w, WORKER_STOPPING);
	w->kill_at_us = clock_mono_us() + grace_ms * 1000;
	kill(w->pid, signal_number);
}

/* A retired one need not be patient any more. */
static void hurry(struct worker *w, int signal_number, uint64_t grace_ms)
{
	uint64_t at = clock_mono_us() + grace_ms * 1000;

	if (w->kill_at_us == 0 || at < w->kill_at_us)
		w->kill_at_us = at;
	kill(w->pid, signal_number);
}

void worker_stop(struct worker *w, uint64_t grace_ms)
{
	if (w->state == WORKER_STOPPING && w->retired)
		hurry(w, SIGTERM, grace_ms);
	else if (worker_has_process(w) && w->state != WORKER_STOPPING)
		tell_to_end(w, SIGTERM, grace_ms);
}

void worker_reload(struct worker *w)
{
	if (worker_has_process(w))
		kill(w->pid, SIGHUP);
}

/* ---- twins ---- */

static void wake(struct worker *w)
{
	struct worker *old = w->twin;

	w->candidate = true;
	w->retired = false;
	w->ever_ready = false;
	w->restart.early_deaths = 0;
	w->start_at_us = 0;
	w->restarts = old->restarts + 1;
	snprintf(w->last_end, sizeof w->last_end, "%s", old->last_end);
	set_state(w, WORKER_WAITING);
}

void worker_succeed(struct worker *w)
{
	must(w->twin && w->state == WORKER_RUNNING);
	if (w->twin->state == WORKER_RESTING)
		wake(w->twin);
	else
		w->restart_again = true;        /* once the twin rests; a candidate is under way already */
	if (w->twin->candidate)
		w->restart_again = false;
	else if (w->twin->retired)
		hurry(w->twin, SIGUSR1, HURRY_GRACE_MS);
}

void worker_take_over(struct worker *w, uint64_t grace_ms)
{
	struct worker *old = w->twin;

	must(w->candidate && w->state == WORKER_RUNNING);
	w->candidate = false;
	stats_add(M_worker_restarts, 1);
	snprintf(w->last_end, sizeof w->last_end, "replaced pid %d", (int)old->pid);
	old->retired = true;
	if (!worker_has_process(old))
		set_state(old, WORKER_RESTING);
	else if (old->state != WORKER_STOPPING)
		tell_to_end(old, SIGUSR1, grace_ms);
}

/* A twin has ended that is not to be started again: it was retired, or was a candidate in vain. */
static void rest(struct worker *w)
{
	struct worker *other = w->twin;

	if (w->candidate) {
		log_error("the successor of %s %s; the process that serves goes on", w->name, w->last_end);
		snprintf(other->last_end, sizeof other->last_end, "its successor %.80s", w->last_end);
	}
	w->candidate = w->retired = false;
	set_state(w, WORKER_RESTING);
	stats_retire(w->slot);
	if (other->restart_again && other->state == WORKER_RUNNING) {
		other->restart_again = false;
		wake(w);
	}
}

/* Who has been told to end has its deadline; a retired one has a far one, and is seen after like those that serve. */
static bool may_be_ended(const struct worker *w, uint64_t now_us)
{
	if (w->state == WORKER_STOPPING)
		return w->retired && w->kill_at_us > now_us + ABORT_GRACE_MS * 1000;
	return w->kill_at_us == 0;
}

void worker_check_alive(struct worker *w, uint64_t now_us)
{
	uint64_t limit = w->state == WORKER_STARTING ? SILENCE_STARTING_US : SILENCE_RUNNING_US;

	if (!worker_has_process(w))
		return;
	if (w->kill_at_us && now_us >= w->kill_at_us) {
		log_warn("%s (pid %d) did not end when asked; killing it", w->name, (int)w->pid);
		kill(w->pid, SIGKILL);
		w->kill_at_us = 0;
	} else if (now_us > w->beat_us + limit && may_be_ended(w, now_us)) {
		log_error("%s (pid %d) has shown no sign of life for %.0f s; ending it", w->name, (int)w->pid,
			  (double)(now_us - w->beat_us) / 1e6);
		kill(w->pid, SIGABRT);
		w->kill_at_us = now_us + ABORT_GRACE_MS * 1000;
	}
}

static void write_obituary(struct worker *w, int status, bool expected)
{
	double lived = (double)(clock_mono_us() - w->started_us) / 1e6;

	w->last_exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (WIFSIGNALED(status))
		snprintf(w->last_end, sizeof w->last_end, "killed by SIG%s%s after %.1f s", sigabbrev_np(WTERMSIG(status)),
			 WCOREDUMP(status) ? " (core dumped)" : "", lived);
	else
		snprintf(w->last_end, sizeof w->last_end, "ended with status %d after %.1f s", w->last_exit_code, lived);
	if (expected)
		log_debug("%s (pid %d) %s", w->name, (int)w->pid, w->last_end);
	else
		log_warn("%s (pid %d) %s", w->name, (int)w->pid, w->last_end);
}

static uint64_t with_jitter_us(uint32_t pause_ms)
{
	return pause_ms ? pause_ms * 800ull + rand_id() % (pause_ms * 400ull) : 0;
}

void worker_ended(struct worker *w, int wait_status, bool server_stopping)
{
	bool was_asked = w->state == WORKER_STOPPING, rests = w->candidate || w->retired;
	uint64_t now = clock_mono_us();
	struct restart_verdict v = { false, 0 };
	struct restart_life life = {
		.was_ready = w->ready_us != 0,
		.ready_ms = w->ready_us ? (now - w->ready_us) / 1000 : 0,
		.was_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL,
	};

	write_obituary(w, wait_status, was_asked);
	life.permanent = restart_is_permanent(w->last_exit_code);
	life.no_room = w->last_exit_code == EXIT_FULL;
	if (w->role == ROLE_FRONTEND && w->last_exit_code == EXIT_CONFIG && w->ever_ready) {
		life.permanent = false;         /* one of its files is wrong at the moment */
		life.no_room = true;
	}
	if (!was_asked && !rests)
		v = restart_after(&w->restart, &life);
	close(w->lifeline);
	w->lifeline = -1;
	w->pid = 0;
	stats_worker_up(w->slot, 0);
	if (server_stopping) {
		set_state(w, WORKER_ENDED);
	} else if (rests) {
		rest(w);
	} else if (v.give_up) {
		log_error("%s is given up after it %s%s", w->name, w->last_exit_code < 0 ? "was " : "", w->last_end);
		set_state(w, WORKER_FAILED);
	} else {
		w->start_at_us = now + with_jitter_us(v.pause_ms);
		w->restarts++;
		stats_add(M_worker_restarts, 1);
		set_state(w, WORKER_WAITING);
	}
}
