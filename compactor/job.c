/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out one order (job.h):
 *
 *	inputs: run of tables --+
 *	        run of tables --+--> merge_iter -> drop -> outputs
 *	        run of tables --+
 *
 * Every block of every input is read and checked, so a job is also a scrub of what it reads. As a last check
 * the number of entries that came must be what the inputs say they hold: an entry that got lost on the way
 * would be lost for good once the inputs are removed. Of an order for a range the entries are counted in the
 * report, and the engine checks the sum over all ranges. Blocks that the order passes over are the exception: how
 * many entries they held nobody knows, so there may be fewer.
 *
 * An order with covers rewrites its last input alone. The others are read for what they hide in it (drop.c), from
 * where it begins to where it ends, and are neither counted nor written.
 *
 * job_run runs on the job thread, job_cancel and job_progress on the main thread.
 */
#include "compactor/job.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "compactor/drop.h"
#include "compactor/inputs.h"
#include "compactor/outputs.h"
#include "compactor/throttle.h"

#define JOB_MAGIC 0x6a6f6221u
#define SHOW_EVERY 1024u             /* entries between two looks at cancel and two showings of progress */
#define SHOW_BYTES (1u << 20)       /* or so many bytes of them */
#define DETAIL_BYTES 160

struct job {
	uint32_t magic;
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	const struct compact_order *order;
	int64_t now_ms;
	uint64_t bytes_total, inputs_bytes;  /* of the range; of the inputs as a whole, without covers */
	/* any thread */
	_Atomic bool cancelled;
	_Atomic uint64_t entries_shown, entries_expected;
	struct throttle throttle;            /* its rate; the rest is the running thread's */
	/* owned by the running thread */
	struct inputs inputs;
	struct iter *merge;                  /* belongs to the inputs */
	struct outputs outputs;
	uint64_t unshown_bytes, paid_bytes;
	struct compact_report report;
	char detail[DETAIL_BYTES];
};

struct job *job_new(struct vfs *v, const char *data_dir, const struct compact_order *order, int64_t now_ms)
{
	struct job *j = mem_zalloc(sizeof *j);

	obj_init(j, JOB_MAGIC);
	j->vfs = v;
	j->data_dir = data_dir;
	j->order = order;
	j->now_ms = now_ms;
	for (size_t i = order->cover_count; i < order->input_count; i++)
		j->inputs_bytes += order->inputs[i].size_bytes;
	j->bytes_total = order->range_bytes ? order->range_bytes : j->inputs_bytes;
	throttle_set(&j->throttle, order->rate_limit);
	inputs_init(&j->inputs, v, data_dir, order);
	outputs_init(&j->outputs, v, data_dir, order, &j->inputs.reads);
	return j;
}

void job_cancel(struct job *j)
{
	obj_check(j, JOB_MAGIC);
	atomic_store(&j->cancelled, true);
}

void job_set_rate(struct job *j, uint64_t bytes_per_second)
{
	obj_check(j, JOB_MAGIC);
	throttle_set(&j->throttle, bytes_per_second);
}

void job_progress(struct job *j, struct compact_report *rp)
{
	uint64_t expected = atomic_load(&j->entries_expected), shown = atomic_load(&j->entries_shown);

	obj_check(j, JOB_MAGIC);
	*rp = (struct compact_report){ .incarnation = j->order->incarnation, .job = j->order->job,
				       .bytes_total = j->bytes_total, .entries_in = shown,
				       .throttled_us = atomic_load(&j->throttle.waited_us) };
	/* Tables do not tell where in the file an iterator stands; entries are even enough for a progress
	 * bar. */
	if (expected > 0)
		rp->bytes_read = (uint64_t)((double)j->bytes_total * (double)shown / (double)expected);
	if (rp->bytes_read > j->bytes_total)
		rp->bytes_read = j->bytes_total;     /* of a range the number is a guess */
}

void job_discard(struct job *j)
{
	obj_check(j, JOB_MAGIC);
	outputs_remove(&j->outputs);
	j->report.output_count = 0;
}

/* ---- inputs ---- */

/* The i-th input is what ended the job. */
static enum st blame(struct job *j, size_t i, enum st st)
{
	const struct compact_input *in = &j->order->inputs[i];

	if (st == ST_CORRUPT || st == ST_NOT_FOUND || st == ST_IO)
		j->report.damaged_input = in->id;
	snprintf(j->detail, sizeof j->detail, "input table %" PRIu64 " of level %u: %s", in->id.v, in->level,
		 st_text(st));
	return st;
}

static bool has_bounds(const struct job *j)
{
	return j->order->begin.n > 0 || j->order->end.n > 0;
}

static enum st look_at_inputs(struct job *j)
{
	size_t culprit = 0;
	enum st st = inputs_look(&j->inputs, &culprit);
	uint64_t entries = j->inputs.entries;

	if (st)
		return blame(j, culprit, st);
	if (has_bounds(j) && j->inputs_bytes > 0)
		entries = (uint64_t)((double)entries * (double)j->bytes_total / (double)j->inputs_bytes) + 1;
	atomic_store(&j->entries_expected, entries);
	return ST_OK;
}

static void begin_merge(struct job *j)
{
	j->merge = inputs_merge(&j->inputs);
	if (j->order->begin.n > 0)
		iter_seek(j->merge, j->order->begin, SEQ_MAX);
	else
		iter_first(j->merge);
}

/* The merge ended with an error of one of the inputs: says which. */
static enum st blame_failed(struct job *j)
{
	size_t i = inputs_failed(&j->inputs);

	return i < j->order->input_count ? blame(j, i, j->merge->status) : j->merge->status;
}

/* The merge shows an entry that goes back behind an earlier one: the input that shows it is to blame. */
static enum st blame_order(struct job *j)
{
	size_t i = inputs_showing(&j->inputs);

	if (i == j->order->input_count)
		return fail(ST_INTERNAL, "job %" PRIu64 ": merged entries are not in order", j->order->job);
	(void)blame(j, i, ST_CORRUPT);
	return fail(ST_CORRUPT, "table %" PRIu64 ": its entries are not in order", j->order->inputs[i].id.v);
}

/* ---- the merge ---- */

/* Is the entry at hand one of a cover? It stays where it is, and is seen for what it hides. */
static bool is_cover(const struct job *j)
{
	return j->order->cover_count > 0 && !inputs_shows_last(&j->inputs);
}

static enum st take_entry(struct job *j, struct drop *d)
{
	struct compact_report *r = &j->report;
	enum drop_verdict verdict;
	struct entry grave;

	if (drop_next(d, &j->merge->entry, &verdict))
		return blame_order(j);
	if (is_cover(j))
		return ST_OK;
	r->entries_in++;
	switch (verdict) {
	case DROP_KEEP:
		return outputs_add(&j->outputs, &j->merge->entry);
	case DROP_OVERWRITTEN:
		r->dropped_overwritten++;
		break;
	case DROP_TOMBSTONE:
		r->dropped_tombstones++;
		break;
	case DROP_EXPIRED:
		r->dropped_expired++;
		break;
	case DROP_BURIED:
		grave = entry_buried(&j->merge->entry);
		return outputs_add(&j->outputs, &grave);
	}
	return ST_OK;
}

/* Shows how far the run is, and waits when that is too fast; false when it is to end. */
static bool show(struct job *j)
{
	struct compact_report r;
	uint64_t moved;

	atomic_store(&j->entries_shown, j->report.entries_in);
	job_progress(j, &r);
	moved = r.bytes_read + outputs_written(&j->outputs);
	if (moved > j->paid_bytes)
		throttle_pay(&j->throttle, moved - j->paid_bytes, &j->cancelled);
	j->paid_bytes = moved > j->paid_bytes ? moved : j->paid_bytes;
	j->unshown_bytes = 0;
	return !atomic_load(&j->cancelled);
}

/* Is the merge at its end, or at the end of the order's range, or has it no more than covers? */
static bool at_end(const struct job *j)
{
	const struct slice end = j->order->end;

	return !j->merge->valid || (end.n > 0 && slice_cmp(j->merge->entry.key, end) >= 0) ||
	       (j->order->cover_count > 0 && inputs_last_is_over(&j->inputs));
}

static enum st merge(struct job *j)
{
	uint64_t seen = 0;
	struct drop d;
	enum st st = ST_OK;

	drop_init(&d, j->order->deeper, j->order->deeper_count, j->now_ms);
	for (begin_merge(j); !at_end(j); iter_next(j->merge)) {
		j->unshown_bytes += j->merge->entry.value.n;
		if ((seen++ % SHOW_EVERY == 0 || j->unshown_bytes > SHOW_BYTES) && !show(j))
			st = ST_CANCELLED;
		else
			st = take_entry(j, &d);
		if (st)
			break;
	}
	drop_fini(&d);
	if (st == ST_OK && j->merge->status)
		st = blame_failed(j);
	return st;
}

static bool all_came(const struct job *j, uint64_t expected)
{
	uint64_t came = j->report.entries_in;

	return came == expected || (came < expected && j->order->passed_count > 0);
}

static enum st carry_out(struct job *j)
{
	uint64_t expected;
	enum st st = look_at_inputs(j);

	if (st)
		return st;
	expected = atomic_load(&j->entries_expected);
	outputs_expect(&j->outputs, expected);
	st = merge(j);
	if (st == ST_OK && !has_bounds(j) && !all_came(j, expected))
		st = fail(ST_INTERNAL, "job %" PRIu64 ": %" PRIu64 " entries came, the inputs hold %" PRIu64,
			  j->order->job, j->report.entries_in, expected);
	if (st == ST_OK)
		st = outputs_finish(&j->outputs);
	return st == ST_OK && atomic_load(&j->cancelled) ? ST_CANCELLED : st;
}

/* ---- the end ---- */

static uint64_t bytes_written(const struct job *j)
{
	uint64_t n = 0;

	for (size_t i = 0; i < j->outputs.done_count; i++)
		n += j->outputs.done[i].size_bytes;
	return n;
}

static void count(const struct job *j)
{
	uint64_t raw = 0, stored = bytes_written(j);

	for (size_t i = 0; i < j->outputs.done_count; i++)
		raw += j->outputs.done[i].uncompressed_bytes;
	stats_add(M_compaction_duration, j->report.duration_us);
	stats_add(M_compaction_bytes_read, j->report.bytes_read);
	stats_add(M_compaction_bytes_written, stored);
	stats_add(M_table_raw_bytes, raw);
	stats_add(M_table_stored_bytes, stored);
}

static void tell(const struct job *j)
{
	const struct compact_report *r = &j->report;
	uint64_t dropped = r->dropped_overwritten + r->dropped_tombstones + r->dropped_expired;

	if (r->status == ST_OK)
		log_info("Compaction job %" PRIu64 " to level %u: %zu tables of %" PRIu64 " KiB into %zu of %"
			 PRIu64 " KiB, %" PRIu64 " of %" PRIu64 " entries dropped, %" PRIu64 " ms.",
			 r->job, j->order->output_level, j->order->input_count, j->bytes_total >> 10,
			 j->outputs.done_count, bytes_written(j) >> 10, dropped, r->entries_in,
			 r->duration_us / 1000);
	else if (r->status == ST_CANCELLED)
		log_info("Compaction job %" PRIu64 " cancelled after %" PRIu64 " ms.", r->job,
			 r->duration_us / 1000);
	else
		log_warn("Compaction job %" PRIu64 " given up: %s. Its inputs are untouched.", r->job,
			 j->detail);
}

void job_run(struct job *j, struct compact_report *rp)
{
	struct compact_report *r = &j->report;
	uint64_t began_us = clock_mono_us();

	obj_check(j, JOB_MAGIC);
	must(!r->done);
	*r = (struct compact_report){ .incarnation = j->order->incarnation, .job = j->order->job,
				      .bytes_total = j->bytes_total };
	r->status = carry_out(j);
	j->merge = NULL;
	inputs_fini(&j->inputs);
	if (r->status && !j->detail[0])
		snprintf(j->detail, sizeof j->detail, "%s", st_text(r->status));
	job_progress(j, rp);
	r->done = true;
	r->bytes_read = r->status == ST_OK ? j->bytes_total : rp->bytes_read;
	r->duration_us = clock_mono_us() - began_us;
	r->throttled_us = atomic_load(&j->throttle.waited_us);
	r->detail = slice_str(j->detail);
	r->outputs = j->outputs.done;
	r->output_count = j->outputs.done_count;
	count(j);
	tell(j);
	if (r->status)
		job_discard(j);
	*rp = *r;
}

void job_free(struct job **jp)
{
	struct job *j = *jp;

	*jp = NULL;
	if (!j)
		return;
	obj_check(j, JOB_MAGIC);
	outputs_fini(&j->outputs);
	inputs_fini(&j->inputs);
	obj_fini(j);
	mem_free(j);
}
