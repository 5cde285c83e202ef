/* SPDX-License-Identifier: Apache-2.0 */
/* What others are told of compactions; see jobnews.h. */
#include "engine/jobnews.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/stats/running.h"
#include "common/stats/stats.h"

static struct stats_job describe(const struct compaction *job)
{
	struct stats_job d = { job->number, job->pick.input_bytes, compaction_bytes_read(job), job->pick.input_level,
			       job->pick.output_level, (uint32_t)job->part_count, { 0 } };

	(void)snprintf(d.reason, sizeof(d.reason), "%s", job->pick.reason);
	return d;
}

void jobnews_running(struct compaction *const *running, size_t n, size_t compactors)
{
	struct stats_job told[STATS_JOBS_MOST];
	uint64_t bytes = 0, done = 0;
	size_t told_count = 0;

	for (size_t i = 0; i < n; i++) {
		struct stats_job d = describe(running[i]);

		bytes += d.bytes;
		done += d.done_bytes;
		if (told_count < STATS_JOBS_MOST)
			told[told_count++] = d;
	}
	stats_tell_jobs(told, told_count);
	stats_set(M_compaction_in_progress, n);
	stats_set(M_compactors, compactors);
	stats_set(M_compaction_running_bytes, bytes);
	stats_set(M_compaction_running_done, done);
}

void jobnews_begun(const struct compaction *job)
{
	log_info("Compaction %" PRIu64 " begins: %s; %zu tables, %" PRIu64 " KiB, from level %u to level %u, in %zu parts.",
		 job->number, job->pick.reason, job->pick.input_count - job->pick.cover_count, job->pick.input_bytes >> 10, job->pick.input_level,
		 job->pick.output_level, job->part_count);
}

/* From the order to the commit: what the job brought down, and what it moved. */
static void note_speed(const struct compaction *job, uint64_t memtable_bytes, struct drain *d)
{
	uint64_t us = clock_mono_us() - job->ordered_us;

	drain_note(&d->level0_rate, job->level0_count * memtable_bytes, us);
	drain_note(&d->byte_rate, job->pick.input_bytes + compaction_output_bytes(job), us);
}

void jobnews_installed(const struct compaction *job, uint64_t memtable_bytes, struct drain *d)
{
	const struct compact_report *s = &job->sums;

	if (d)
		note_speed(job, memtable_bytes, d);
	stats_add(M_compactions, 1);     /* bytes and time the compactor counts, with those of jobs that failed */
	log_info("Compaction %" PRIu64 " is installed: %zu tables, %" PRIu64 " KiB, %" PRIu64 " of %" PRIu64
		 " entries dropped, %" PRIu64 " ms.", job->number, compaction_output_count(job),
		 compaction_output_bytes(job) >> 10, s->dropped_overwritten + s->dropped_tombstones + s->dropped_expired,
		 s->entries_in, s->duration_us / 1000);
}
