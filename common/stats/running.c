/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running jobs on the scoreboard; see running.h.
 *
 *   area = version, odd while it is being written; count; records as words
 *
 * Words are stored with release and loaded with acquire, so who meets one of a later telling also sees its odd version.
 */
#include "common/stats/running.h"

#include <string.h>

#include "common/stats/stats_priv.h"

#define LOOKS 1000                       /* a telling takes a microsecond */
#define RECORD_WORDS (sizeof(struct stats_job) / sizeof(uint64_t))

_Static_assert(sizeof(struct stats_job) * STATS_JOBS_MOST == sizeof(((struct stats_running *)0)->words),
	       "the area holds whole records, of whole words");

static void store(_Atomic uint64_t *to, uint64_t word)
{
	atomic_store_explicit(to, word, memory_order_release);
}

static uint64_t load(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_acquire);
}

void stats_tell_jobs(const struct stats_job *jobs, size_t n)
{
	struct stats_running *area = stats__running();
	uint64_t words[RECORD_WORDS], odd;

	if (!area)
		return;
	n = n > STATS_JOBS_MOST ? STATS_JOBS_MOST : n;
	odd = load(&area->version) | 1;
	store(&area->version, odd);
	store(&area->count, n);
	for (size_t i = 0; i < n; i++) {
		memcpy(words, &jobs[i], sizeof(words));
		for (size_t w = 0; w < RECORD_WORDS; w++)
			store(&area->words[i * RECORD_WORDS + w], words[w]);
	}
	store(&area->version, odd + 1);
}

/* SIZE_MAX: it is being written. */
static size_t look(const struct stats_running *area, struct stats_job *jobs)
{
	uint64_t words[RECORD_WORDS], version = load(&area->version);
	size_t n = (size_t)load(&area->count);

	if (version & 1 || n > STATS_JOBS_MOST)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		for (size_t w = 0; w < RECORD_WORDS; w++)
			words[w] = load(&area->words[i * RECORD_WORDS + w]);
		memcpy(&jobs[i], words, sizeof(words));
		jobs[i].reason[sizeof(jobs[i].reason) - 1] = '\0';
	}
	return load(&area->version) == version ? n : SIZE_MAX;
}

size_t stats_look_jobs(struct stats_job jobs[STATS_JOBS_MOST])
{
	const struct stats_running *area = stats__running();

	for (unsigned tries = 0; area && tries < LOOKS; tries++) {
		size_t n = look(area, jobs);

		if (n != SIZE_MAX)
			return n;
	}
	return 0;
}

double stats_job_progress(const struct stats_job *job)
{
	return job->done_bytes < job->bytes ? (double)job->done_bytes / (double)job->bytes : 1;
}
