/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker: its process, its state, and how its last life ended.
 *
 *              spawn            'R'             SIGTERM
 *   WAITING ----------> STARTING -----> RUNNING ------> STOPPING
 *      ^                   |               |               |
 *      |  worker_ended     v               v               v        (the process was reaped)
 *      +-------------------+---------------+---------------+------> FAILED  (crash loop, or a restart cannot help)
 *      |                                                   +------> ENDED   (the server is stopping)
 *      restart policy: restart.h                           +------> RESTING (its twin serves)
 *
 * A frontend is two of these, twins: one serves, the other rests. A planned restart wakes the one that rests, the
 * candidate; when it serves, the first is retired: it accepts nothing more, finishes what it has, ends, and rests.
 * A candidate that ends before it served rests again, and the first goes on.
 *
 * What may be relied on: pid > 0 exactly in STARTING, RUNNING, STOPPING; the lifeline is open exactly then too.
 * A candidate's twin is no candidate; RESTING is never both of two twins.
 */
#ifndef SUPERVISOR_WORKER_H
#define SUPERVISOR_WORKER_H

#include <sys/types.h>

#include "common/base/heritage.h"
#include "supervisor/restart.h"

#define WORKER_STATES(X) \
	X(WAITING, "waiting")   /* not running; starts at start_at_us */ \
	X(STARTING, "starting") /* running, has not said that it serves */ \
	X(RUNNING, "running") \
	X(STOPPING, "stopping") /* told to end */ \
	X(FAILED, "failed")     /* given up; lsmctl restart tries again */ \
	X(RESTING, "resting")   /* not running, as its twin serves */ \
	X(ENDED, "ended")       /* not to be started again */

enum worker_state {
#define X(id, text) WORKER_##id,
	WORKER_STATES(X)
#undef X
};

struct worker {
	/* fixed */
	enum role role;
	unsigned index, slot;
	char name[32];                  /* "engine", "frontend.0"; twins have the same */
	struct worker *twin;            /* frontends; else NULL */
	/* this life */
	enum worker_state state;
	pid_t pid;
	int lifeline;
	uint64_t started_us, ready_us;  /* monotonic; ready_us 0 = not yet */
	uint64_t beat_us;               /* last sign of life */
	uint64_t kill_at_us;            /* 0 = no deadline; then SIGKILL */
	bool candidate;                 /* to take the place of its twin as soon as it serves */
	bool retired;                   /* STOPPING because its twin has taken its place */
	bool restart_again;             /* asked for while its twin had not ended yet */
	/* over lives */
	uint64_t start_at_us;           /* WAITING: when to start */
	struct restart restart;
	uint32_t restarts;
	bool ever_ready;
	int last_exit_code;             /* -1 when a signal ended it */
	char last_end[128];             /* "killed by SIGKILL after 3.2 s" */
};

/* The descriptors that are handed down. */
struct worker_heritage { int config, board, scoreboard, leases, listener; };   /* listener -1: none */

void worker_init(struct worker *w, const struct conf *c, enum role role, unsigned index);

/* Makes b, of the same index, the twin of a, which is to serve. */
void worker_pair(struct worker *a, struct worker *b, const struct conf *c);
const char *worker_state_name(enum worker_state s);
bool worker_has_process(const struct worker *w);

/* Where the workers' programs lie: beside this one in a build tree, in libexec once installed. Heap memory. */
char *worker_find_programs(void);

/* Starts the program in `folder`; on failure the worker is as if it had died early. */
enum st worker_spawn(struct worker *w, const char *folder, const struct worker_heritage *h) MUST_USE;

/* Reads what it says on the lifeline ('R', 'B'); true when it has just become ready. */
bool worker_listen(struct worker *w);

/* SIGTERM now, SIGKILL after grace_ms. */
void worker_stop(struct worker *w, uint64_t grace_ms);

/* Replaces one that serves by its twin, without a gap; later, when the twin has not ended yet from the time before,
 * which must hurry now. */
void worker_succeed(struct worker *w);

/* The candidate w serves: its twin is told to finish (SIGUSR1, SIGKILL after grace_ms). */
void worker_take_over(struct worker *w, uint64_t grace_ms);

/* Whether it is the one of two twins that stands for both. */
bool worker_represents(const struct worker *w);

/* Tells one that has a process to take its files anew. */
void worker_reload(struct worker *w);

/* SIGABRT (for a backtrace or core) when it has shown no sign of life for too long, then SIGKILL. */
void worker_check_alive(struct worker *w, uint64_t now_us);

/* It was reaped: writes the obituary to the log, decides what comes next (state WAITING, FAILED or ENDED). */
void worker_ended(struct worker *w, int wait_status, bool server_stopping);

#endif
