/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to start a worker again: the policy, without clocks or processes.
 *
 * A death is early when the worker never became ready, or ended by itself within a second of being ready. Early deaths in a row
 * double the pause before the next start (0, 100 ms, 200 ms ... 10 s); RESTART_EARLY_MAX of them are a crash loop and
 * the worker is given up. A worker that had served for a second is started again at once: whoever killed it, or
 * whatever crashed it, was not the start. The same goes for one that was ready and got SIGKILL: that comes from outside.
 * One that found no room on the disk is tried again every RESTART_NO_ROOM_MS, for ever: room may come back. The same goes
 * for one that lacks something else that may be mended while the others serve.
 */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_EARLY_MAX 8u
#define RESTART_PAUSE_MAX_MS 10000u
#define RESTART_HEALTHY_MS 1000u
#define RESTART_NO_ROOM_MS 2000u

struct restart { uint32_t early_deaths; };

struct restart_verdict {
	bool give_up;
	uint32_t pause_ms;          /* before the next start, jitter not yet added */
};

/* How a life went. */
struct restart_life {
	bool was_ready;
	uint64_t ready_ms;          /* for how long */
	bool was_killed;            /* by SIGKILL */
	bool permanent;             /* its exit code says that a restart cannot help */
	bool no_room;               /* its exit code says that the disk is full, or that a file of its is wrong by now */
};

struct restart_verdict restart_after(struct restart *r, const struct restart_life *life);

/* Exit codes (base/status.h) after which starting again would end the same way. */
bool restart_is_permanent(int exit_code);

#endif
