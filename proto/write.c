/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write requests and the operations in them, in place.
 *
 *   request = [incarnation] origin request_id [oldest_unanswered] batch+ [sync]      batches without a gap
 *   batch   = tag(5) length entry+                                            at most BATCH_MAX_OPS
 *   entry   = tag(1) length [operation] key [value] [expires_at]              fields 3 4 5 8 of WALEntry, rising
 *           | what asks for a decision                                        write_ask.c
 *
 * 1. The batches of an accepted request are one run of bytes. Without asks they mean the same inside a WALBatch: the
 *    engine copies them as they are.
 * 2. Every operation is checked once, at decode. The walk trusts the limits but not the framing: it never
 *    reads outside its bytes, whatever they are.
 *
 * Runs in the frontend's loop and the engine's receive and commit threads; nothing is shared.
 */
#include "proto/write_priv.h"

#define SYNC_FIELD 6u                /* of WriteRequest */

#define OP_PUT 0u
#define OP_DELETE 1u

/* ---- building ---- */

static uint8_t *put_tag(uint8_t *p, uint32_t field, enum wire_type type)
{
	return put_varint(p, (uint64_t)field << 3 | type);
}

static uint8_t *put_field_bytes(uint8_t *p, uint32_t field, struct slice s)
{
	p = put_tag(p, field, WIRE_BYTES);
	p = put_varint(p, s.n);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

static size_t bytes_field_size(struct slice s)
{
	return 1 + varint_size(s.n) + s.n;
}

static size_t entry_size(const struct write_op *op)
{
	size_t n = (op->is_delete ? 2 : 0) + bytes_field_size(op->key);

	if (op->value.n)
		n += bytes_field_size(op->value);
	if (op->expires_at_ms)
		n += 1 + varint_size((uint64_t)op->expires_at_ms);
	return n;
}

void write_batch_add(struct buf *batch, const struct write_op *op)
{
	size_t n = entry_size(op);
	uint8_t *begin = buf_reserve(batch, 1 + VARINT_MAX_BYTES + n), *p = begin;

	p = put_tag(p, WRITE__ENTRY_FIELD, WIRE_BYTES);
	p = put_varint(p, n);
	if (op->is_delete) {
		p = put_tag(p, 3, WIRE_VARINT);
		*p++ = OP_DELETE;
	}
	p = put_field_bytes(p, 4, op->key);
	if (op->value.n)
		p = put_field_bytes(p, 5, op->value);
	if (op->expires_at_ms) {
		p = put_tag(p, 8, WIRE_VARINT);
		p = put_varint(p, (uint64_t)op->expires_at_ms);
	}
	batch->n += (size_t)(p - begin);
}

void write_request_add_batch(struct buf *batches, struct slice batch)
{
	wire_put_message(batches, WRITE__BATCHES_FIELD, batch);
}

void write_request_encode(const struct write_request *r, struct buf *out)
{
	wire_put_fixed64(out, 1, r->incarnation);
	wire_put_fixed64(out, 2, r->origin);
	wire_put_varint(out, 3, r->request_id);
	wire_put_varint(out, 4, r->oldest_unanswered);
	buf_append_slice(out, r->batches);
	wire_put_varint(out, SYNC_FIELD, r->sync);
}

/* ---- one operation ---- */

static inline bool take_op_field(struct write_op *op, const struct wire_field *f)
{
	switch (f->number) {
	case 3:
		op->is_delete = f->value == OP_DELETE;
		return f->type == WIRE_VARINT && (f->value == OP_PUT || f->value == OP_DELETE);
	case 4:
		return fields_bytes(f, &op->key);
	case 5:
		return fields_bytes(f, &op->value);
	case 8:
		return fields_i64(f, &op->expires_at_ms);
	default:
		return false;
	}
}

/* The shape of an entry, without limits. */
static inline bool parse_op(struct slice entry, struct write_op *op)
{
	struct wire_reader r = wire_reader(entry);
	struct wire_field f;
	uint32_t last = 0;
	int got;

	*op = (struct write_op){ .is_delete = false };
	while ((got = wire_next(&r, &f)) > 0) {
		if (f.number <= last || !take_op_field(op, &f))
			return false;
		last = f.number;
	}
	return got == 0;
}

enum st write__check_op(const struct write_op *op)
{
	if (op->key.n == 0)
		return fail(ST_INVALID, "operation without a key");
	if (op->key.n > KEY_MAX_BYTES)
		return fail(ST_TOO_BIG, "key of %zu bytes, at most %u are allowed", op->key.n, KEY_MAX_BYTES);
	if (op->value.n > VALUE_MAX_BYTES)
		return fail(ST_TOO_BIG, "value of %zu bytes, at most %u are allowed", op->value.n,
		    VALUE_MAX_BYTES);
	if (op->is_delete && (op->value.n || op->expires_at_ms))
		return fail(ST_INVALID, "delete with a value or an expiry");
	if (op->expires_at_ms < 0)
		return fail(ST_INVALID, "operation that expires before 1970");
	return ST_OK;
}

/* ---- checking ---- */

static void count_op(const struct write_op *op, struct write_counts *c)
{
	c->entries++;
	c->deletes += op->is_delete;
	c->puts += !op->is_delete;
	c->key_value_bytes += op->key.n + op->value.n;
}

/* An entry that is no plain operation. *lonelyp: it must be alone in its batch. */
static enum st check_ask(struct slice entry, struct write_counts *c, bool *lonelyp)
{
	struct write_ask ask;
	enum st st;

	if (!write__parse_ask(entry, &ask))
		return fail(ST_INVALID, "batch with an entry that is no operation");
	st = write__check_ask(&ask);
	if (st)
		return st;
	if (ask.verb == WRITE_DELETE_RANGE)
		ask.op.is_delete = true;
	count_op(&ask.op, c);
	c->asks++;
	c->ranges += ask.verb == WRITE_DELETE_RANGE;
	*lonelyp |= ask.verb != WRITE_OP;
	return ST_OK;
}

static enum st check_entry(const struct wire_field *f, bool plain, struct write_counts *c, bool *lonelyp)
{
	struct write_op op;
	enum st st;

	if (f->number != WRITE__ENTRY_FIELD || f->type != WIRE_BYTES)
		return fail(ST_INVALID, "batch with field %u, which is no entry", f->number);
	if (!parse_op(f->bytes, &op))
		return plain ? fail(ST_INVALID, "batch with an entry that is no put and no delete")
			     : check_ask(f->bytes, c, lonelyp);
	st = write__check_op(&op);
	if (!st)
		count_op(&op, c);
	return st;
}

static enum st check_batch(struct slice batch, bool plain, struct write_counts *c)
{
	struct wire_reader r = wire_reader(batch);
	struct wire_field f;
	bool lonely = false;
	uint32_t ops = 0;
	enum st st;
	int got;

	while ((got = wire_next(&r, &f)) > 0) {
		if (++ops > BATCH_MAX_OPS)
			return fail(ST_TOO_BIG, "batch of more than %u operations", BATCH_MAX_OPS);
		st = check_entry(&f, plain, c, &lonely);
		if (st)
			return st;
	}
	if (got < 0)
		return fail(ST_INVALID, "batch that is cut short or no protobuf message");
	if (ops == 0)
		return fail(ST_INVALID, "batch without an operation");
	if (lonely && ops > 1)
		return fail(ST_INVALID, "increment or range delete beside other operations in a batch");
	c->batches++;
	return ST_OK;
}

bool write_batch_only_deletes(struct slice batch)
{
	struct wire_reader r = wire_reader(batch);
	struct write_ask ask;
	struct wire_field f;

	while (wire_next(&r, &f) > 0)
		if (!write__parse_ask(f.bytes, &ask) || !(ask.op.is_delete || ask.verb == WRITE_DELETE_RANGE))
			return false;
	return true;
}

enum st write__batches(struct wire_reader *r, bool plain, struct slice *batchesp, struct write_counts *countsp)
{
	struct wire_reader next = *r;
	const uint8_t *begin = r->at;
	struct wire_field f;
	enum st st;
	int got;

	while ((got = wire_next(&next, &f)) > 0 && f.number == WRITE__BATCHES_FIELD && f.type == WIRE_BYTES) {
		st = check_batch(f.bytes, plain, countsp);
		if (st)
			return st;
		*r = next;
	}
	if (got < 0)
		return fail(ST_INVALID, "batches are cut short or no protobuf message");
	*batchesp = slice_of(begin, (size_t)(r->at - begin));
	return ST_OK;
}

static bool take_request_field(void *into, const struct wire_field *f)
{
	struct write_request *r = into;

	switch (f->number) {
	case 1:
		return fields_fixed64(f, &r->incarnation);
	case 2:
		return fields_fixed64(f, &r->origin);
	case 3:
		return fields_u64(f, &r->request_id);
	case 4:
		return fields_u64(f, &r->oldest_unanswered);
	default:
		return false;
	}
}

/* The numbers of a request: who, which, and not too far ahead of what it still waits for. */
static enum st check_request(const struct write_request *r)
{
	uint64_t oldest = r->oldest_unanswered ? r->oldest_unanswered : 1;

	if (r->origin == 0 || r->request_id == 0)
		return fail(ST_INVALID, "write request without origin or id");
	if (oldest > r->request_id)
		return fail(ST_INVALID, "write request %llu that says it was answered",
		    (unsigned long long)r->request_id);
	if (r->request_id - oldest >= ORIGIN_WINDOW_MAX)
		return fail(ST_INVALID, "write request %llu while %llu is not answered, at most %u may wait",
		    (unsigned long long)r->request_id, (unsigned long long)oldest, ORIGIN_WINDOW_MAX);
	return ST_OK;
}

static bool take_last_field(void *into, const struct wire_field *f)
{
	struct write_request *r = into;

	return f->number == SYNC_FIELD && fields_bool(f, &r->sync);
}

/* What a request with asks may hold: every batch has a result, and all results must fit into one answer. */
static enum st check_counts(const struct write_counts *c, size_t message_bytes)
{
	if (c->entries == 0)
		return fail(ST_INVALID, "write request without an operation");
	if (c->ranges && c->batches > 1)
		return fail(ST_INVALID, "range delete beside other batches in a request");
	if (c->asks && c->batches > WRITE_GATHER_BATCHES)
		return fail(ST_TOO_BIG, "write request with conditions in %u batches, at most %u are allowed", c->batches,
		    WRITE_GATHER_BATCHES);
	if (c->asks && message_bytes + (size_t)c->batches * WRITE_DECIDED_ROOM > WRITE_MESSAGE_MAX)
		return fail(ST_TOO_BIG, "write request with conditions of %zu bytes in %u batches", message_bytes, c->batches);
	return ST_OK;
}

enum st write_request_decode(struct slice message, struct write_request *rp, struct write_counts *countsp)
{
	struct wire_reader r = wire_reader(message);
	const char *wrong;
	enum st st;

	*rp = (struct write_request){ .incarnation = 0 };
	*countsp = (struct write_counts){ .batches = 0 };
	if (message.n > WRITE_MESSAGE_MAX)
		return fail(ST_TOO_BIG, "write request of %zu bytes, at most %u are allowed", message.n,
		    WRITE_MESSAGE_MAX);
	wrong = fields_read(&r, WRITE__BATCHES_FIELD, take_request_field, rp);
	if (wrong)
		return fail(ST_INVALID, "write request %s", wrong);
	st = check_request(rp);
	if (st)
		return st;
	st = write__batches(&r, false, &rp->batches, countsp);
	if (st)
		return st;
	wrong = fields_read(&r, UINT32_MAX, take_last_field, rp);
	if (wrong)
		return fail(ST_INVALID, "write request %s behind its batches", wrong);
	return check_counts(countsp, message.n);
}

/* ---- walking ---- */

struct write_walk write_walk_begin(struct slice batches)
{
	return (struct write_walk){ batches.p, slice_end(batches), batches.p, UINT32_MAX };
}

/* The walk stands at the end of a batch: steps into the next one. */
static bool enter_batch(struct write_walk *w)
{
	struct wire_reader r = { w->at, w->end };
	struct wire_field f;

	if (wire_next(&r, &f) <= 0 || f.type != WIRE_BYTES)
		return false;
	w->at = f.bytes.p;
	w->batch_end = slice_end(f.bytes);
	w->batch++;
	return true;
}

bool write_walk_next(struct write_walk *w, struct write_op *opp)
{
	struct wire_reader r;
	struct wire_field f;

	while (w->at == w->batch_end)
		if (!enter_batch(w))
			return false;
	r = (struct wire_reader){ w->at, w->batch_end };
	if (wire_next(&r, &f) <= 0 || f.type != WIRE_BYTES || !parse_op(f.bytes, opp))
		return false;
	w->at = r.at;
	return true;
}
