/* SPDX-License-Identifier: Apache-2.0 */
/* The compactions under way; see underway.h. */
#include "engine/underway.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "engine/jobnews.h"

#define PART_TARGETS 4u                  /* a part of a job has at least so many table size targets */

enum st underway_listen(struct underway *u, const struct conf *conf, link_notify_f *notify, void *ctx)
{
	u->memtable_size_limit = conf->memtable_size_limit;
	u->table_size_target = conf->table_size_target;
	u->codec = conf->block_compression;
	u->codec_last = conf->block_compression_last;
	u->jobs = mem_zalloc(conf->compactor_workers * sizeof(struct compaction *));
	return crew_listen(&u->crew, conf, notify, ctx);
}

void underway_tell(const struct underway *u)
{
	jobnews_running(u->jobs, u->count, crew_there(&u->crew));
}

enum st underway_begin(struct underway *u, struct compaction *job)
{
	uint32_t ids = compaction_cut(job, crew_idle(&u->crew), u->table_size_target * PART_TARGETS, u->table_size_target);
	struct file_id first;
	enum st st = truth_take_ids(u->truth, ids, &first);

	if (st)
		return st;
	compaction_set_ids(job, first);
	truth_set_busy(u->truth, job->inputs, job->pick.input_count, true);
	job->ordered_us = clock_mono_us();
	u->jobs[u->count++] = job;
	jobnews_begun(job);
	underway_tell(u);
	return ST_OK;
}

enum st underway_send(struct underway *u, struct compaction *job, uint64_t rate)
{
	struct compact_order common = { .database = u->dir.database, .table_size_target = u->table_size_target,
					.codec = job->pick.output_level == LEVEL_LAST ? u->codec_last : u->codec };

	crew_seat(&u->crew, job);
	crew_share_rate(&u->crew, rate, job);
	return crew_order(&u->crew, job, &common);
}

static void forget(struct underway *u, struct compaction *job)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->jobs[i] == job)
			u->jobs[i] = u->jobs[--u->count];
	compaction_free(&job);
	underway_tell(u);
}

struct compaction *underway_stuck(const struct underway *u, uint64_t patience_us)
{
	uint64_t now = clock_mono_us();

	for (size_t i = 0; i < u->count; i++)
		if (compaction_is_stuck(u->jobs[i], now, patience_us))
			return u->jobs[i];
	return NULL;
}

void underway_drop(struct underway *u, struct compaction *job)
{
	crew_cancel(&u->crew, job);
	install_remove(&u->dir, job->first_output, job->id_count);
	truth_set_busy(u->truth, job->inputs, job->pick.input_count, false);
	forget(u, job);
}

void underway_settle(struct underway *u, struct worker *w)
{
	install_remove(&u->dir, w->owes_first, w->owes_count);
	w->owes = 0;
}

enum st underway_install(struct underway *u, struct compaction *job)
{
	enum st st = compaction_install(job, u->truth, &u->dir);

	if (st)
		return st;
	if (job->pick.cover_count)
		truth_set_busy(u->truth, job->inputs, job->pick.cover_count, false);     /* the others are gone */
	jobnews_installed(job, u->memtable_size_limit, u->drain);
	forget(u, job);
	return ST_OK;
}
