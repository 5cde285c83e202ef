/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a job on a thread of its own with low priority, so that the caller's loop stays free for heartbeats
 * and cancellation. One job at a time.
 *
 *	IDLE --start--> RUNNING --(job ends; wake fd becomes readable)--> FINISHED --release--> IDLE
 *
 * All calls by one thread.
 */
#ifndef COMPACTOR_RUNNER_H
#define COMPACTOR_RUNNER_H

#include "compactor/job.h"

#define RUNNER_WIND_DOWN_US 300000000u   /* one sync of a table, or a look at all inputs, on a slow disk */

struct runner;

enum runner_state { RUNNER_IDLE, RUNNER_RUNNING, RUNNER_FINISHED };

/* wake_fd: an eventfd on loan, written when a job ends. */
struct runner *runner_new(struct vfs *v, const char *data_dir, int wake_fd);
void runner_free(struct runner **rp);            /* cancels and waits */

enum runner_state runner_state(const struct runner *r);

/* Starts a job; the order and what it points to are on loan until runner_release(). State must be IDLE. */
void runner_start(struct runner *r, const struct compact_order *order);

/* The run will end soon, and whatever it made goes: its report will say ST_CANCELLED. Fine in any state. */
void runner_cancel(struct runner *r);
bool runner_cancelled(const struct runner *r);   /* of the job at hand */

/* The job was cancelled RUNNER_WIND_DOWN_US ago and has not ended: its thread hangs in the system, and only the process' end
 * may get it out of there. */
bool runner_is_overdue(const struct runner *r, uint64_t now_us);

/* Another bound on bytes per second for the job at hand; fine in any state. */
void runner_set_rate(struct runner *r, uint64_t bytes_per_second);

/* How far a RUNNING job is. */
void runner_progress(struct runner *r, struct compact_report *rp);

/* Waits for the end of a job that is not IDLE; its report, slices good until runner_release(). */
const struct compact_report *runner_collect(struct runner *r);

/* Done with the report. keep: somebody has taken the outputs; else they are removed. */
void runner_release(struct runner *r, bool keep);

#endif
