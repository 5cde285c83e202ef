/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compaction edge: between plain structs and protobuf-c's. What the compactor reports is checked as if by
 * a stranger: it can at worst waste a job.
 *
 * Runs in the engine's control thread and in the compactor's loop.
 */
#include "proto/compact.h"

#include "common/base/conf.h"
#include "common/table/view_desc.h"
#include "proto/compact.pb-c.h"
#include "proto/fields.h"
#include "proto/limits.h"
#include "proto/unpack.h"

/* ---- keys ---- */

static ProtobufCBinaryData binary(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct slice plain(ProtobufCBinaryData b)
{
	return slice_of(b.data, b.len);
}

/* Two keys of legal size, min not above max. */
static bool range_ok(struct slice min, struct slice max)
{
	return min.n >= 1 && min.n <= KEY_MAX_BYTES && max.n >= 1 && max.n <= KEY_MAX_BYTES &&
	    slice_cmp(min, max) <= 0;
}

/* ---- order ---- */

static Lsm__CompactInput **input_messages(struct arena *a, const struct compact_order *o)
{
	Lsm__CompactInput **list = arena_alloc(a, o->input_count * sizeof *list);

	for (size_t i = 0; i < o->input_count; i++) {
		list[i] = arena_alloc(a, sizeof **list);
		lsm__compact_input__init(list[i]);
		list[i]->id = o->inputs[i].id.v;
		list[i]->level = o->inputs[i].level;
		list[i]->size_bytes = o->inputs[i].size_bytes;
	}
	return list;
}

static Lsm__KeyRange **range_messages(struct arena *a, const struct compact_order *o)
{
	Lsm__KeyRange **list = arena_alloc(a, o->deeper_count * sizeof *list);

	for (size_t i = 0; i < o->deeper_count; i++) {
		list[i] = arena_alloc(a, sizeof **list);
		lsm__key_range__init(list[i]);
		list[i]->min_key = binary(o->deeper[i].min);
		list[i]->max_key = binary(o->deeper[i].max);
	}
	return list;
}

static Lsm__CompactBelow **below_messages(struct arena *a, const struct compact_order *o)
{
	Lsm__CompactBelow **list = arena_alloc(a, o->below_count * sizeof *list);

	for (size_t i = 0; i < o->below_count; i++) {
		list[i] = arena_alloc(a, sizeof **list);
		lsm__compact_below__init(list[i]);
		list[i]->max_key = binary(o->below[i].max);
		list[i]->bytes = o->below[i].bytes;
	}
	return list;
}

static Lsm__PassedBlock **passed_messages(struct arena *a, const struct compact_order *o)
{
	Lsm__PassedBlock **list = arena_alloc(a, o->passed_count * sizeof *list);

	for (size_t i = 0; i < o->passed_count; i++) {
		list[i] = arena_alloc(a, sizeof **list);
		lsm__passed_block__init(list[i]);
		list[i]->table = o->passed[i].table.v;
		list[i]->offset = o->passed[i].offset;
	}
	return list;
}

void compact_order_encode(const struct compact_order *o, struct buf *out)
{
	Lsm__CompactOrder m = LSM__COMPACT_ORDER__INIT;
	struct arena a;

	arena_init(&a);
	m.incarnation = o->incarnation;
	m.job = o->job;
	m.database = o->database;
	m.cancel = o->cancel;
	m.n_inputs = o->input_count;
	m.cover_count = (uint32_t)o->cover_count;
	m.inputs = input_messages(&a, o);
	m.output_level = o->output_level;
	m.first_output_id = o->first_output_id.v;
	m.output_id_count = o->output_id_count;
	m.table_size_target = o->table_size_target;
	m.codec = o->codec;
	m.n_deeper = o->deeper_count;
	m.deeper = range_messages(&a, o);
	m.begin_key = binary(o->begin);
	m.end_key = binary(o->end);
	m.range_bytes = o->range_bytes;
	m.n_below = o->below_count;
	m.below = below_messages(&a, o);
	m.below_limit = o->below_limit;
	m.rate_limit = o->rate_limit;
	m.adjust = o->adjust;
	m.n_passed = o->passed_count;
	m.passed = passed_messages(&a, o);
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

static enum st take_inputs(const Lsm__CompactOrder *m, struct arena *a, struct compact_order *o)
{
	o->input_count = m->n_inputs;
	o->inputs = arena_alloc(a, m->n_inputs * sizeof *o->inputs);
	for (size_t i = 0; i < m->n_inputs; i++) {
		const Lsm__CompactInput *in = m->inputs[i];

		if (in->id == 0 || in->level >= LEVEL_COUNT)
			return fail(ST_INVALID, "compaction order with input %llu on level %u",
			    (unsigned long long)in->id, in->level);
		if (i < m->cover_count && in->level >= m->inputs[m->n_inputs - 1]->level)
			return fail(ST_INVALID, "compaction order with a cover on level %u", in->level);
		o->inputs[i] = (struct compact_input){ file_id(in->id), in->level, in->size_bytes };
	}
	return ST_OK;
}

static enum st take_deeper(const Lsm__CompactOrder *m, struct arena *a, struct compact_order *o)
{
	o->deeper_count = m->n_deeper;
	o->deeper = arena_alloc(a, m->n_deeper * sizeof *o->deeper);
	for (size_t i = 0; i < m->n_deeper; i++) {
		struct key_range r = { plain(m->deeper[i]->min_key), plain(m->deeper[i]->max_key) };

		if (!range_ok(r.min, r.max))
			return fail(ST_INVALID, "compaction order with a key range that is none");
		if (i > 0 && slice_cmp(o->deeper[i - 1].min, r.min) > 0)
			return fail(ST_INVALID, "compaction order with unsorted key ranges");
		o->deeper[i] = r;
	}
	return ST_OK;
}

static void take_passed(const Lsm__CompactOrder *m, struct arena *a, struct compact_order *o)
{
	o->passed_count = m->n_passed;
	o->passed = arena_alloc(a, m->n_passed * sizeof *o->passed);
	for (size_t i = 0; i < m->n_passed; i++)
		o->passed[i] = (struct table_damage){ .table = file_id(m->passed[i]->table), .offset = m->passed[i]->offset };
}

static enum st take_below(const Lsm__CompactOrder *m, struct arena *a, struct compact_order *o)
{
	o->below_count = m->n_below;
	o->below = arena_alloc(a, m->n_below * sizeof *o->below);
	for (size_t i = 0; i < m->n_below; i++) {
		struct slice max = plain(m->below[i]->max_key);

		if (!range_ok(max, max) || (i > 0 && slice_cmp(o->below[i - 1].max, max) >= 0))
			return fail(ST_INVALID, "compaction order with unsorted tables below");
		o->below[i] = (struct compact_below){ max, m->below[i]->bytes };
	}
	return ST_OK;
}

static bool bounds_ok(struct slice begin, struct slice end)
{
	return begin.n <= KEY_MAX_BYTES && end.n <= KEY_MAX_BYTES &&
	    (begin.n == 0 || end.n == 0 || slice_cmp(begin, end) < 0);
}

/* What a job needs; a cancellation or an adjustment needs none of it. */
static enum st check_job(const Lsm__CompactOrder *m)
{
	if (m->n_inputs == 0)
		return fail(ST_INVALID, "compaction order without an input");
	if (m->cover_count > 0 && m->n_inputs != (size_t)m->cover_count + 1)
		return fail(ST_INVALID, "compaction order with %u covers of %zu inputs", m->cover_count, m->n_inputs);
	if (m->output_level >= LEVEL_COUNT)
		return fail(ST_INVALID, "compaction order for level %u", m->output_level);
	if (m->first_output_id == 0 || m->output_id_count == 0 ||
	    m->first_output_id > UINT64_MAX - m->output_id_count)
		return fail(ST_INVALID, "compaction order with %u output ids from %llu on", m->output_id_count,
		    (unsigned long long)m->first_output_id);
	if (!bounds_ok(plain(m->begin_key), plain(m->end_key)))
		return fail(ST_INVALID, "compaction order with bounds that hold nothing");
	if (m->codec > BLOCK_COMPRESSION_ZSTD)
		return fail(ST_INVALID, "compaction order with unknown compression %u", m->codec);
	return ST_OK;
}

enum st compact_order_decode(struct slice message, struct arena *a, struct compact_order *op)
{
	ProtobufCMessage *base;
	Lsm__CompactOrder *m;
	enum st st;

	*op = (struct compact_order){ .job = 0 };
	st = unpack_strict(&lsm__compact_order__descriptor, message, COMPACT_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	m = (Lsm__CompactOrder *)base;
	if (!m->cancel && !m->adjust && (st = check_job(m)) != ST_OK)
		return st;
	*op = (struct compact_order){ .incarnation = m->incarnation, .job = m->job, .database = m->database,
	    .cover_count = m->cover_count, .cancel = m->cancel, .output_level = m->output_level, .first_output_id = file_id(m->first_output_id),
	    .output_id_count = m->output_id_count, .table_size_target = m->table_size_target, .codec = m->codec,
	    .begin = plain(m->begin_key), .end = plain(m->end_key), .range_bytes = m->range_bytes,
	    .below_limit = m->below_limit, .adjust = m->adjust, .rate_limit = m->rate_limit };
	take_passed(m, a, op);
	st = take_inputs(m, a, op);
	if (!st)
		st = take_deeper(m, a, op);
	return st ? st : take_below(m, a, op);
}

/* ---- report ---- */

static Lsm__CompactOutput *output_message(struct arena *a, const struct table_facts *t)
{
	Lsm__CompactOutput *m = arena_alloc(a, sizeof *m);

	lsm__compact_output__init(m);
	m->id = t->id.v;
	m->size_bytes = t->size_bytes;
	m->file_crc = t->file_crc;
	m->min_key = binary(t->min_key);
	m->max_key = binary(t->max_key);
	m->min_sequence = t->min_seq.v;
	m->max_sequence = t->max_seq.v;
	m->entry_count = t->entry_count;
	m->tombstone_count = t->tombstone_count;
	m->uncompressed_bytes = t->uncompressed_bytes;
	m->expiring_count = t->expiring_count;
	m->min_expires_ms = t->min_expires_ms;
	m->max_expires_ms = t->max_expires_ms;
	return m;
}

static void fill_report(const struct compact_report *r, struct arena *a, Lsm__CompactReport *m)
{
	m->incarnation = r->incarnation;
	m->job = r->job;
	m->done = r->done;
	m->status = (uint32_t)r->status;
	m->detail = unpack_text(a, r->detail);
	m->bytes_read = r->bytes_read;
	m->bytes_total = r->bytes_total;
	m->entries_in = r->entries_in;
	m->dropped_overwritten = r->dropped_overwritten;
	m->dropped_tombstones = r->dropped_tombstones;
	m->dropped_expired = r->dropped_expired;
	m->duration_us = r->duration_us;
	m->throttled_us = r->throttled_us;
	m->damaged_input = r->damaged_input.v;
}

void compact_report_encode(const struct compact_report *r, struct buf *out)
{
	Lsm__CompactReport m = LSM__COMPACT_REPORT__INIT;
	struct arena a;

	arena_init(&a);
	fill_report(r, &a, &m);
	m.n_outputs = r->output_count;
	m.outputs = arena_alloc(&a, r->output_count * sizeof *m.outputs);
	for (size_t i = 0; i < r->output_count; i++)
		m.outputs[i] = output_message(&a, &r->outputs[i]);
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

/* Expiries of a table that can exist: none, or a range of times within the count of what is no tombstone. */
static bool expiries_ok(const struct table_facts *t)
{
	if (t->expiring_count == 0)
		return t->min_expires_ms == 0 && t->max_expires_ms == 0;
	return t->expiring_count <= t->entry_count - t->tombstone_count && t->min_expires_ms != 0 &&
	    t->min_expires_ms <= t->max_expires_ms;
}

/* A table that can exist. Whether it is the one that was ordered is the engine's question. */
static enum st take_output(const Lsm__CompactOutput *m, struct table_facts *t)
{
	*t = (struct table_facts){ file_id(m->id), m->size_bytes, m->file_crc, plain(m->min_key), plain(m->max_key),
	    seq(m->min_sequence), seq(m->max_sequence), m->entry_count, m->tombstone_count, m->uncompressed_bytes,
	    m->expiring_count, m->min_expires_ms, m->max_expires_ms };
	if (t->id.v == 0 || t->size_bytes == 0 || t->entry_count == 0 || t->tombstone_count > t->entry_count ||
	    !expiries_ok(t))
		return fail(ST_INVALID, "compaction output that cannot be a table");
	if (!range_ok(t->min_key, t->max_key))
		return fail(ST_INVALID, "compaction output %llu with a key range that is none",
		    (unsigned long long)t->id.v);
	if (t->min_seq.v > t->max_seq.v || t->max_seq.v > SEQ_MAX.v)
		return fail(ST_INVALID, "compaction output %llu with sequences from %llu to %llu",
		    (unsigned long long)t->id.v, (unsigned long long)t->min_seq.v, (unsigned long long)t->max_seq.v);
	return ST_OK;
}

static enum st take_outputs(const Lsm__CompactReport *m, struct arena *a, struct compact_report *r)
{
	enum st st = ST_OK;

	r->output_count = m->n_outputs;
	r->outputs = arena_alloc(a, m->n_outputs * sizeof *r->outputs);
	for (size_t i = 0; i < m->n_outputs && !st; i++)
		st = take_output(m->outputs[i], &r->outputs[i]);
	return st;
}

enum st compact_report_decode(struct slice message, struct arena *a, struct compact_report *rp)
{
	ProtobufCMessage *base;
	Lsm__CompactReport *m;
	enum st st;

	*rp = (struct compact_report){ .job = 0 };
	st = unpack_strict(&lsm__compact_report__descriptor, message, COMPACT_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	m = (Lsm__CompactReport *)base;
	if (!fields_status_known(m->status))
		return fail(ST_INVALID, "compaction report with unknown status %u", m->status);
	*rp = (struct compact_report){ .incarnation = m->incarnation, .job = m->job, .done = m->done,
	    .status = (enum st)m->status, .detail = slice_str(m->detail), .bytes_read = m->bytes_read,
	    .bytes_total = m->bytes_total, .entries_in = m->entries_in, .dropped_overwritten = m->dropped_overwritten,
	    .dropped_tombstones = m->dropped_tombstones, .dropped_expired = m->dropped_expired,
	    .duration_us = m->duration_us, .throttled_us = m->throttled_us, .damaged_input = file_id(m->damaged_input) };
	return take_outputs(m, a, rp);
}
