/* SPDX-License-Identifier: Apache-2.0 */
/* A trace and its cost as JSON (v1_explain.h). Pure. */
#include "frontend/v1_explain.h"

#include <inttypes.h>

#include "frontend/text.h"

static const char *const outcomes[] = {
	[READ_NOTHING] = "nothing",     [READ_FILTERED] = "filtered", [READ_VALUE] = "value",
	[READ_TOMBSTONE] = "tombstone", [READ_EXPIRED] = "expired",   [READ_UNREADABLE] = "unreadable",
};

static double us_of(uint64_t ns)
{
	return (double)ns / 1000;
}

static void write_step(struct buf *out, const struct read_step *s)
{
	if (s->level == READ_TRACE_MEMTABLE)
		buf_printf(out, "{\"memtable\":%" PRIu64, s->id.v);
	else
		buf_printf(out, "{\"table\":%" PRIu64 ",\"level\":%d", s->id.v, s->level);
	buf_printf(out, ",\"outcome\":\"%s\"", outcomes[s->found]);
	if (s->level != READ_TRACE_MEMTABLE)
		buf_printf(out, ",\"blocks_cache\":%" PRIu32 ",\"blocks_disk\":%" PRIu32, s->blocks_cached, s->blocks_read);
	buf_printf(out, ",\"microseconds\":%.1f}", us_of(s->ns));
}

static void write_steps(struct buf *out, const struct read_trace *t)
{
	unsigned i;

	buf_append_str(out, ",\"steps\":[");
	for (i = 0; i < t->count; i++) {
		if (i)
			buf_append_byte(out, ',');
		write_step(out, &t->steps[i]);
	}
	buf_append_byte(out, ']');
	if (t->left_off)
		buf_printf(out, ",\"steps_left_off\":%u", t->left_off);
}

struct sums { unsigned memtables, tables, tombstones, false_positives; };

static struct sums sum_up(const struct read_trace *t)
{
	struct sums n = { 0, 0, 0, 0 };
	unsigned i;

	for (i = 0; i < t->count; i++) {
		const struct read_step *s = &t->steps[i];
		bool is_table = s->level != READ_TRACE_MEMTABLE;

		n.memtables += !is_table;
		n.tables += is_table;
		n.tombstones += s->found == READ_TOMBSTONE || s->found == READ_EXPIRED;
		n.false_positives += is_table && s->found == READ_NOTHING;
	}
	return n;
}

static void write_entry(struct buf *out, const struct read_outcome *o)
{
	const struct entry *e = o->entry;

	buf_printf(out, ",\"found\":%s", o->st == ST_OK ? "true" : "false");
	if (o->st != ST_OK)
		return;
	buf_printf(out, ",\"version\":%" PRIu64 ",\"timestamp\":%" PRId64, e->seq.v, e->timestamp_ms / 1000);
	if (e->expires_at_ms)
		buf_printf(out, ",\"expires_at\":%" PRId64, e->expires_at_ms / 1000);
	buf_printf(out, ",\"value_bytes\":%zu", e->value.n);
}

void v1_explain_write(struct buf *out, struct slice key, const struct read_outcome *o, const struct read_trace *t)
{
	const struct read_cost *c = o->cost;
	struct sums n = sum_up(t);

	buf_append_byte(out, '{');
	text_member(out, "key", key);
	write_entry(out, o);
	buf_printf(out, ",\"memtables\":%u,\"tables\":%u,\"tombstones\":%u", n.memtables, n.tables, n.tombstones);
	buf_printf(out, ",\"filter\":{\"checks\":%" PRIu32 ",\"negatives\":%" PRIu32 ",\"false_positives\":%u}",
		   c->filter_checks, c->filter_useful, n.false_positives);
	buf_printf(out, ",\"blocks\":{\"cache\":%" PRIu32 ",\"disk\":%" PRIu32 "}", c->blocks_cached, c->blocks_read);
	buf_printf(out, ",\"microseconds\":{\"wait\":%.1f,\"memory\":%.1f,\"disk\":%.1f,\"total\":%.1f}",
		   us_of(o->wait_ns), us_of(o->memory_ns), us_of(o->disk_ns), us_of(o->wait_ns + o->memory_ns + o->disk_ns));
	write_steps(out, t);
	buf_append_str(out, "}\n");
}
