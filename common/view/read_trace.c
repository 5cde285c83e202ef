/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the steps of a trace (read_trace.h). Pure but for the clock; the reading thread's. */
#include "common/view/read_trace.h"

#include "common/base/clock.h"

void read_trace_begin(const struct read_cost *cost, int64_t now_ms)
{
	struct read_trace *t = cost->trace;

	if (!t)
		return;
	t->count = t->left_off = 0;
	t->now_ms = now_ms;
	t->mark_ns = clock_mono_ns();
}

static enum read_found found_of(const struct read_trace *t, enum st st, const struct entry *e, bool filtered)
{
	if (st == ST_NOT_FOUND)
		return filtered ? READ_FILTERED : READ_NOTHING;
	if (st != ST_OK)
		return READ_UNREADABLE;
	if (e->is_tombstone)
		return READ_TOMBSTONE;
	return entry_has_expired(e, t->now_ms) ? READ_EXPIRED : READ_VALUE;
}

void read_trace_step(const struct read_cost *cost, const struct read_cost *before, struct file_id id, int level,
		     enum st st, const struct entry *e)
{
	struct read_trace *t = cost->trace;
	uint64_t now = clock_mono_ns(), ns = now - t->mark_ns;
	uint32_t passed = cost->filter_checks - cost->filter_useful, passed_before = before->filter_checks - before->filter_useful;

	t->mark_ns = now;
	if (t->count == READ_TRACE_STEPS) {
		t->left_off++;
		return;
	}
	t->steps[t->count++] = (struct read_step){
		.id = id,
		.level = level,
		.found = found_of(t, st, e, level != READ_TRACE_MEMTABLE && passed == passed_before),
		.ns = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX,
		.blocks_cached = cost->blocks_cached - before->blocks_cached,
		.blocks_read = cost->blocks_read - before->blocks_read,
	};
}
