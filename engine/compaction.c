/* SPDX-License-Identifier: Apache-2.0 */
/* One compaction under way; see compaction.h. */
#include "engine/compaction.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "engine/retired.h"

#define PART_IDS_MOST 4096u              /* of one part: a report of as many tables with the longest keys fits into a message */

struct compaction *compaction_new(void)
{
	struct compaction *c = mem_zalloc(sizeof(*c));

	c->started_ms = clock_wall_ms();
	arena_init(&c->arena);
	return c;
}

void compaction_free(struct compaction **cp)
{
	arena_fini(&(*cp)->arena);
	mem_drop(cp);
}

bool compaction_reads(const struct compaction *c, struct file_id table)
{
	for (size_t i = 0; i < c->pick.input_count; i++)
		if (c->pick.inputs[i]->facts.id.v == table.v)
			return true;
	return false;
}

size_t compaction_passes(const struct compaction *c, struct file_id table)
{
	size_t n = 0;

	for (size_t i = 0; i < c->passed_count; i++)
		n += c->passed[i].table.v == table.v;
	return n;
}

void compaction_own(struct compaction *c, const struct version *v)
{
	const struct damages *d = version_damages(v);
	struct table_damage *met = damages_describe(d, &c->arena);
	size_t count = 0;

	c->passed = arena_alloc(&c->arena, (d->count + 1) * sizeof(*c->passed));
	c->passed_count = 0;             /* what was picked before may have been no good */
	for (size_t i = 0; i < d->count; i++)
		if (compaction_reads(c, met[i].table))
			c->passed[c->passed_count++] = met[i];
	for (size_t i = 0; i < d->count; i++)
		if (slice_cmp(met[i].min, c->pick.max) <= 0 && slice_cmp(c->pick.min, met[i].max) <= 0)
			met[count++] = met[i];
	c->pick.deeper = damages_cover(c->pick.deeper, &c->pick.deeper_count, met, count, &c->arena);
}

void compaction_set_inputs(struct compaction *c)
{
	c->inputs = arena_alloc(&c->arena, c->pick.input_count * sizeof(*c->inputs));
	for (size_t i = 0; i < c->pick.input_count; i++) {
		c->inputs[i] = c->pick.inputs[i]->facts.id;
		c->level0_count += i >= c->pick.cover_count && c->pick.inputs[i]->level == 0;
	}
}

/* Tables reach half the target size for certain, unless they end early for what lies below. Where that is too many the last of
 * them takes all the rest (compactor/outputs.c). */
static uint32_t ids_for(const struct compaction *c, uint64_t bytes, uint64_t table_size_target)
{
	uint64_t below = 0, ids;

	for (size_t i = 0; i < c->pick.below_count; i++)
		below += c->pick.below[i].bytes;
	ids = bytes / table_size_target * 2 + below / (PICK_OVERLAP_MOST * table_size_target) + 8;
	return ids < PART_IDS_MOST ? (uint32_t)ids : PART_IDS_MOST;
}

uint32_t compaction_cut(struct compaction *c, size_t most, uint64_t least_bytes, uint64_t table_size_target)
{
	struct part_range *ranges;

	c->part_count = parts_cut(&c->pick, c->pick.cover_count ? 1 : most, least_bytes, &c->arena, &ranges);
	if (c->pick.cover_count)
		ranges[0].begin = c->pick.min;   /* of the covers no more is read than need be */
	c->parts = arena_alloc(&c->arena, c->part_count * sizeof(*c->parts));
	c->id_count = 0;
	for (size_t i = 0; i < c->part_count; i++) {
		c->parts[i] = (struct compaction_part){ .range = ranges[i],
							.id_count = ids_for(c, ranges[i].bytes, table_size_target) };
		c->id_count += c->parts[i].id_count;
	}
	return c->id_count;
}

void compaction_set_ids(struct compaction *c, struct file_id first)
{
	c->first_output = first;
	for (size_t i = 0; i < c->part_count; i++) {
		c->parts[i].first_output = first;
		first.v += c->parts[i].id_count;
	}
}

void compaction_encode(const struct compaction *c, size_t part, const struct compact_order *common, struct buf *out)
{
	const struct compaction_part *p = &c->parts[part];
	struct compact_input *inputs = mem_alloc(c->pick.input_count * sizeof(*inputs));
	struct compact_order o = *common;

	o.job = c->number;
	o.output_level = c->pick.output_level;
	o.first_output_id = p->first_output;
	o.output_id_count = p->id_count;
	o.deeper = c->pick.deeper;
	o.deeper_count = c->pick.deeper_count;
	o.below = c->pick.below;
	o.below_count = c->pick.below_count;
	o.below_limit = PICK_OVERLAP_MOST * common->table_size_target;
	o.begin = p->range.begin;
	o.end = p->range.end;
	o.range_bytes = c->part_count > 1 ? p->range.bytes : 0;
	o.passed = c->passed;
	o.passed_count = c->passed_count;
	o.inputs = inputs;
	o.cover_count = c->pick.cover_count;     /* all of them meet the one table, and so its range */
	for (size_t i = 0; i < c->pick.input_count; i++)
		if (parts_meet(&p->range, &c->pick.inputs[i]->facts))
			inputs[o.input_count++] = (struct compact_input){ c->inputs[i], c->pick.inputs[i]->level,
									  c->pick.inputs[i]->facts.size_bytes };
	compact_order_encode(&o, out);
	mem_free(inputs);
}

/* Tables it was told to make, within its range, in order. */
static bool as_told(const struct compaction_part *p, const struct compact_report *r)
{
	for (size_t i = 0; i < r->output_count; i++) {
		const struct table_facts *f = &r->outputs[i];

		if (f->id.v < p->first_output.v || f->id.v - p->first_output.v >= p->id_count)
			return false;
		if (i > 0 && (f->id.v <= f[-1].id.v || slice_cmp(f[-1].max_key, f->min_key) >= 0))
			return false;
		if ((p->range.begin.n && slice_cmp(f->min_key, p->range.begin) < 0) ||
		    (p->range.end.n && slice_cmp(f->max_key, p->range.end) >= 0))
			return false;
	}
	return true;
}

void compaction_note(struct compaction *c, size_t part, const struct compact_report *r, uint64_t now_us)
{
	struct compaction_part *p = &c->parts[part];
	uint64_t shown = r->bytes_read + r->entries_in + r->throttled_us;

	p->bytes_read = r->bytes_read;
	if (shown > p->shown) {
		p->shown = shown;
		p->shown_us = now_us;
	}
}

bool compaction_is_stuck(const struct compaction *c, uint64_t now_us, uint64_t patience_us)
{
	for (size_t i = 0; i < c->part_count; i++) {
		const struct compaction_part *p = &c->parts[i];

		if (!p->done && now_us - (p->shown_us ? p->shown_us : c->ordered_us) >= patience_us)
			return true;
	}
	return false;
}

static void add_up(struct compact_report *sums, const struct compact_report *r)
{
	sums->entries_in += r->entries_in;
	sums->dropped_overwritten += r->dropped_overwritten;
	sums->dropped_tombstones += r->dropped_tombstones;
	sums->dropped_expired += r->dropped_expired;
	sums->throttled_us += r->throttled_us;
	if (r->duration_us > sums->duration_us)
		sums->duration_us = r->duration_us;
}

enum st compaction_take(struct compaction *c, size_t part, const struct compact_report *r)
{
	struct compaction_part *p = &c->parts[part];

	if (p->done || !as_told(p, r))
		return fail(ST_INVALID, "compaction %" PRIu64 " reports tables that it was not told to make", c->number);
	p->outputs = arena_alloc(&c->arena, (r->output_count + 1) * sizeof(*p->outputs));
	for (size_t i = 0; i < r->output_count; i++) {
		p->outputs[i] = r->outputs[i];
		p->outputs[i].min_key = arena_dup(&c->arena, r->outputs[i].min_key);
		p->outputs[i].max_key = arena_dup(&c->arena, r->outputs[i].max_key);
	}
	p->output_count = r->output_count;
	p->bytes_read = p->range.bytes;
	p->done = true;
	c->done_count++;
	add_up(&c->sums, r);
	return ST_OK;
}

/* Are blocks passed over of which the entries would be counted? Those of covers are not. */
static bool passes_own(const struct compaction *c)
{
	size_t covers = c->pick.cover_count;

	return covers ? compaction_passes(c, c->pick.inputs[covers]->facts.id) > 0 : c->passed_count > 0;
}

enum st compaction_check(const struct compaction *c)
{
	const struct compact_report *s = &c->sums;
	uint64_t out = s->dropped_overwritten + s->dropped_tombstones + s->dropped_expired;

	for (size_t i = 0; i < c->part_count; i++)
		for (size_t t = 0; t < c->parts[i].output_count; t++)
			out += c->parts[i].outputs[t].entry_count;
	if (out == s->entries_in && (s->entries_in == c->pick.input_entries ||
				     (s->entries_in < c->pick.input_entries && passes_own(c))))
		return ST_OK;
	return fail(ST_CORRUPT, "compaction %" PRIu64 " does not add up: %" PRIu64 " entries in its inputs, %" PRIu64
		    " came, %" PRIu64 " are accounted for", c->number, c->pick.input_entries, s->entries_in, out);
}

size_t compaction_output_count(const struct compaction *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->part_count; i++)
		n += c->parts[i].output_count;
	return n;
}

uint64_t compaction_output_bytes(const struct compaction *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->part_count; i++)
		for (size_t t = 0; t < c->parts[i].output_count; t++)
			sum += c->parts[i].outputs[t].size_bytes;
	return sum;
}

uint64_t compaction_bytes_read(const struct compaction *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->part_count; i++)
		sum += c->parts[i].bytes_read;
	return sum < c->pick.input_bytes ? sum : c->pick.input_bytes;
}

struct job_row compaction_row(const struct compaction *c)
{
	return (struct job_row){ .job = c->number, .reason = c->pick.reason, .input_level = c->pick.input_level,
				 .output_level = c->pick.output_level, .bytes_in = c->pick.input_bytes,
				 .bytes_out = compaction_output_bytes(c), .entries_in = c->sums.entries_in,
				 .dropped_overwritten = c->sums.dropped_overwritten,
				 .dropped_tombstones = c->sums.dropped_tombstones,
				 .dropped_expired = c->sums.dropped_expired, .duration_us = c->sums.duration_us,
				 .started_ms = c->started_ms, .finished_ms = clock_wall_ms(),
				 .sub_jobs = c->part_count ? (unsigned)c->part_count : 1 };
}

/* ---- the end ---- */

enum st compaction_move(const struct compaction *c, struct truth *t)
{
	struct live_table moved = *c->pick.inputs[0];
	struct job_row row = compaction_row(c);
	struct version_edit edit = { .added = &moved, .added_count = 1, .removed = c->inputs, .removed_count = 1,
				     .job = &row };

	moved.level = c->pick.output_level;
	row.bytes_out = row.bytes_in;
	return truth_commit(t, &edit);
}

static enum st believe(const struct compaction *c, const struct install_dir *dir)
{
	enum st st = compaction_check(c);

	for (size_t i = 0; i < c->part_count; i++)
		for (size_t n = 0; n < c->parts[i].output_count && !st; n++)
			st = install_table(dir, &c->parts[i].outputs[n], true);
	return st || compaction_output_count(c) == 0 ? st : install_sync_dirs(dir);
}

static enum st commit(const struct compaction *c, struct truth *t)
{
	struct live_table *added = mem_alloc((compaction_output_count(c) + 1) * sizeof(*added));
	struct job_row row = compaction_row(c);
	struct version_edit edit = { .added = added, .removed = c->inputs + c->pick.cover_count,
				     .removed_count = c->pick.input_count - c->pick.cover_count, .job = &row };
	enum st st;

	for (size_t i = 0; i < c->part_count; i++)
		for (size_t n = 0; n < c->parts[i].output_count; n++)
			added[edit.added_count++] = (struct live_table){ .facts = c->parts[i].outputs[n],
									 .level = c->pick.output_level,
									 .created_ms = row.finished_ms,
									 .filtered = c->pick.covered };
	st = truth_commit(t, &edit);
	mem_free(added);
	return st;
}

/* After the commit (invariant 4). Readers with an older view hold the files open, have a lease, or load the newer view. */
static void remove_inputs(const struct compaction *c, struct truth *t, const struct install_dir *dir)
{
	for (size_t i = c->pick.cover_count; i < c->pick.input_count; i++)
		if (retired_table(dir, t, c->inputs[i]))
			log_warn("Table %" PRIu64 " was replaced and could not be removed; the next start does.",
				 c->inputs[i].v);
}

enum st compaction_install(const struct compaction *c, struct truth *t, const struct install_dir *dir)
{
	enum st st = believe(c, dir);

	if (!st)
		st = commit(c, t);
	if (!st)
		remove_inputs(c, t, dir);
	return st;
}
