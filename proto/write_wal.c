/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WAL's payload, a WALBatch, in place.
 *
 *   payload = [first_sequence] [timestamp] [origin] [request_id] origin_state* result* batch*
 *   origin_state = tag(6) length origin [floor] applied*
 *   applied = tag(3) length request_id [first_sequence] [timestamp] result*
 *
 * 1. Batches come last. They are the bytes of the request, or what its batches came to when they were decided; then
 *    results tell what was answered. The head is what the engine adds.
 * 2. Nothing that the encoder can write is refused: what was acknowledged must be readable.
 *
 * Runs in the engine's commit thread and in recovery.
 */
#include "common/base/mem.h"
#include "proto/write_priv.h"

#define ORIGINS_FIELD 6u
#define APPLIED_FIELD 3u

/* ---- the payload ---- */

void wal_batch_encode_head(const struct wal_batch *b, struct buf *out)
{
	wire_put_varint(out, 1, b->first_sequence.v);
	wire_put_varint(out, 2, (uint64_t)b->timestamp_ms);
	wire_put_fixed64(out, 3, b->origin);
	wire_put_varint(out, 4, b->request_id);
	buf_append_slice(out, b->origins);
	buf_append_slice(out, b->results);
}

static bool take_wal_field(void *into, const struct wire_field *f)
{
	struct wal_batch *b = into;

	switch (f->number) {
	case 1:
		return fields_seq(f, &b->first_sequence);
	case 2:
		return fields_i64(f, &b->timestamp_ms);
	case 3:
		return fields_fixed64(f, &b->origin);
	case 4:
		return fields_u64(f, &b->request_id);
	default:
		return false;
	}
}

static bool take_applied_field(void *into, const struct wire_field *f)
{
	struct applied_request *a = into;

	switch (f->number) {
	case 1:
		return fields_u64(f, &a->request_id);
	case 2:
		return fields_seq(f, &a->first_sequence);
	case 3:
		return fields_i64(f, &a->timestamp_ms);
	default:
		return false;
	}
}

static const char *read_applied(struct slice message, struct applied_request *a)
{
	struct wire_reader r = wire_reader(message);
	const char *wrong;

	*a = (struct applied_request){ .request_id = 0 };
	wrong = fields_read(&r, WRITE__RESULTS_FIELD, take_applied_field, a);
	if (!wrong)
		wrong = write__results(&r, &a->results);
	if (!wrong && r.at != r.end)
		wrong = "has fields behind the results";
	return wrong;
}

/* An OriginState on its way out of its bytes: the head, then where the applied requests lie. */
struct origin_state {
	uint64_t origin, floor;
	struct slice applied;
	size_t applied_count;
};

static bool take_origin_field(void *into, const struct wire_field *f)
{
	struct origin_state *o = into;

	switch (f->number) {
	case 1:
		return fields_fixed64(f, &o->origin);
	case 2:
		return fields_u64(f, &o->floor);
	default:
		return false;
	}
}

static const char *read_origin_state(struct slice message, struct origin_state *o)
{
	struct wire_reader r = wire_reader(message);
	struct applied_request a;
	struct wire_field f;
	const char *wrong;
	int got;

	*o = (struct origin_state){ .origin = 0 };
	wrong = fields_read(&r, APPLIED_FIELD, take_origin_field, o);
	if (wrong)
		return wrong;
	o->applied = slice_of(r.at, (size_t)(r.end - r.at));
	while ((got = wire_next(&r, &f)) > 0) {
		if (f.number != APPLIED_FIELD || f.type != WIRE_BYTES)
			return "has a field among the applied requests";
		wrong = read_applied(f.bytes, &a);
		if (wrong)
			return wrong;
		o->applied_count++;
	}
	return got == 0 ? NULL : "is cut short or no protobuf message";
}

static enum st check_origins(struct slice origins)
{
	struct wire_reader r = wire_reader(origins);
	struct origin_state o;
	struct wire_field f;
	const char *wrong;

	while (wire_next(&r, &f) > 0) {
		wrong = read_origin_state(f.bytes, &o);
		if (wrong)
			return fail(ST_INVALID, "origin state %s", wrong);
	}
	return ST_OK;
}

/* The sequences of all entries exist. */
static enum st check_sequences(const struct wal_batch *b, const struct write_counts *c)
{
	if (c->entries == 0)
		return ST_OK;
	if (b->first_sequence.v == 0 || c->entries - 1 > SEQ_MAX.v - b->first_sequence.v)
		return fail(ST_INVALID, "%u entries from sequence %llu on", c->entries,
		    (unsigned long long)b->first_sequence.v);
	return ST_OK;
}

enum st wal_batch_decode(struct slice payload, struct wal_batch *bp, struct write_counts *countsp)
{
	struct wire_reader r = wire_reader(payload);
	const char *wrong;
	enum st st;

	*bp = (struct wal_batch){ .timestamp_ms = 0 };
	*countsp = (struct write_counts){ .batches = 0 };
	wrong = fields_read(&r, WRITE__BATCHES_FIELD, take_wal_field, bp);
	if (wrong)
		return fail(ST_INVALID, "WAL batch %s", wrong);
	bp->origins = fields_run(&r, ORIGINS_FIELD);
	st = check_origins(bp->origins);
	if (st)
		return st;
	wrong = write__results(&r, &bp->results);
	if (wrong)
		return fail(ST_INVALID, "WAL batch %s", wrong);
	st = write__batches(&r, true, &bp->batches, countsp);
	if (st)
		return st;
	if (r.at != r.end)
		return fail(ST_INVALID, "WAL batch with a field among or behind the batches");
	return check_sequences(bp, countsp);
}

/* ---- origin states ---- */

static void add_applied(struct buf *state, const struct applied_request *a, struct buf *scratch)
{
	buf_reset(scratch);
	wire_put_varint(scratch, 1, a->request_id);
	wire_put_varint(scratch, 2, a->first_sequence.v);
	wire_put_varint(scratch, 3, (uint64_t)a->timestamp_ms);
	buf_append_slice(scratch, a->results);
	wire_put_message(state, APPLIED_FIELD, buf_slice(scratch));
}

void origin_state_encode(uint64_t origin, uint64_t floor, const struct applied_request *applied, size_t n,
			 struct buf *out)
{
	struct buf state = BUF_INIT, scratch = BUF_INIT;

	wire_put_fixed64(&state, 1, origin);
	wire_put_varint(&state, 2, floor);
	for (size_t i = 0; i < n; i++)
		add_applied(&state, &applied[i], &scratch);
	wire_put_message(out, ORIGINS_FIELD, buf_slice(&state));
	buf_fini(&scratch);
	buf_fini(&state);
}

/* The applied requests of a checked state, on the heap. */
static struct applied_request *copy_applied(const struct origin_state *o)
{
	struct applied_request *list = mem_zalloc((o->applied_count + 1) * sizeof *list);
	struct wire_reader r = wire_reader(o->applied);
	struct wire_field f;
	size_t i = 0;

	while (i < o->applied_count && wire_next(&r, &f) > 0 &&
	    !read_applied(f.bytes, &list[i]))
		i++;
	return list;
}

bool origin_walk_next(struct origin_walk *w, uint64_t *originp, uint64_t *floorp,
		      struct applied_request **appliedp, size_t *np)
{
	struct wire_reader r = wire_reader(w->rest);
	struct origin_state o;
	struct wire_field f;

	*originp = *floorp = 0;
	*appliedp = NULL;
	*np = 0;
	if (wire_next(&r, &f) <= 0 || f.type != WIRE_BYTES || read_origin_state(f.bytes, &o))
		return false;
	w->rest = slice_of(r.at, (size_t)(r.end - r.at));
	*originp = o.origin;
	*floorp = o.floor;
	*appliedp = copy_applied(&o);
	*np = o.applied_count;
	return true;
}
