/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compactions that run now, one record each, on the scoreboard: the engine tells, anybody looks, without a message.
 *
 * 1. A look gets what was told together, or nothing when the teller was always in the middle of it (it may have died
 *    there; the next engine tells anew, first that nothing runs).
 * 2. Only the engine tells, and only one thread of it.
 */
#ifndef STATS_RUNNING_H
#define STATS_RUNNING_H

#include <stddef.h>
#include <stdint.h>

enum { STATS_JOBS_MOST = 16 };           /* as many as there can be compactors */

struct stats_job {
	uint64_t number;
	uint64_t bytes, done_bytes;      /* of its input; how many of them are done */
	uint32_t input_level, output_level;
	uint32_t parts;                  /* it was cut into so many */
	char reason[100];
};

/* What runs now is this and nothing else; what is beyond STATS_JOBS_MOST is left out. Harmless before any begin. */
void stats_tell_jobs(const struct stats_job *jobs, size_t n);

/* What was told last; their number. */
size_t stats_look_jobs(struct stats_job jobs[STATS_JOBS_MOST]);

/* 0 to 1. */
double stats_job_progress(const struct stats_job *job);

#endif
