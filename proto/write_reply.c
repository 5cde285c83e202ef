/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine answers: an EngineMessage, with a hello first or replies or both, read in place.
 *
 *   message = [hello] reply*
 *
 * Runs in the engine's commit thread (encode) and in the frontend's loop (decode).
 */
#include <stdio.h>

#include "proto/write_priv.h"

#define HELLO_FIELD 1u
#define REPLIES_FIELD 2u

static void add_message(struct buf *out, uint32_t field, struct buf *inner)
{
	wire_put_message(out, field, buf_slice(inner));
	buf_fini(inner);
}

void engine_hello_encode(uint64_t incarnation, uint64_t pid, struct buf *out)
{
	struct buf inner = BUF_INIT;

	wire_put_fixed64(&inner, 1, incarnation);
	wire_put_varint(&inner, 2, pid);
	add_message(out, HELLO_FIELD, &inner);
}

void engine_replies_add(struct buf *out, const struct write_reply *r)
{
	struct slice detail = slice_of(r->detail, strnlen(r->detail, sizeof r->detail - 1));
	struct buf inner = BUF_INIT;

	wire_put_varint(&inner, 1, r->request_id);
	wire_put_varint(&inner, 2, (uint64_t)r->status);
	wire_put_varint(&inner, 3, (uint64_t)r->timestamp_ms);
	wire_put_varint(&inner, 4, r->first_sequence.v);
	wire_put_varint(&inner, 5, r->retry_after_ms);
	wire_put_bytes(&inner, 6, fields_text_prefix(detail));
	wire_put_varint(&inner, 7, r->synced);
	buf_append_slice(&inner, r->results);
	add_message(out, REPLIES_FIELD, &inner);
}

static bool take_detail(const struct wire_field *f, struct write_reply *r)
{
	if (f->type != WIRE_BYTES || f->bytes.n >= sizeof r->detail ||
	    fields_text_prefix(f->bytes).n != f->bytes.n)
		return false;
	if (f->bytes.n)
		memcpy(r->detail, f->bytes.p, f->bytes.n);
	r->detail[f->bytes.n] = '\0';
	return true;
}

static bool take_reply_field(void *into, const struct wire_field *f)
{
	struct write_reply *r = into;

	switch (f->number) {
	case 1:
		return fields_u64(f, &r->request_id);
	case 2:
		return fields_status(f, &r->status);
	case 3:
		return fields_i64(f, &r->timestamp_ms);
	case 4:
		return fields_seq(f, &r->first_sequence);
	case 5:
		return fields_u32(f, &r->retry_after_ms);
	case 6:
		return take_detail(f, r);
	case 7:
		return fields_bool(f, &r->synced);
	default:
		return false;
	}
}

static const char *read_reply(struct slice message, struct write_reply *r)
{
	struct wire_reader in = wire_reader(message);
	const char *wrong;

	r->request_id = 0;
	r->status = ST_OK;
	r->timestamp_ms = 0;
	r->first_sequence = seq(0);
	r->retry_after_ms = 0;
	r->detail[0] = '\0';
	r->synced = false;
	wrong = fields_read(&in, WRITE__RESULTS_FIELD, take_reply_field, r);
	if (!wrong)
		wrong = write__results(&in, &r->results);
	if (!wrong && in.at != in.end)
		wrong = "has fields behind the results";
	return wrong;
}

static bool take_hello_field(void *into, const struct wire_field *f)
{
	struct engine_message *m = into;

	switch (f->number) {
	case 1:
		return fields_fixed64(f, &m->incarnation);
	case 2:
		return fields_u64(f, &m->pid);
	default:
		return false;
	}
}

/* A field of EngineMessage before the replies: the hello. */
static bool take_hello(void *into, const struct wire_field *f)
{
	struct engine_message *m = into;

	m->has_hello = true;
	return f->number == HELLO_FIELD && f->type == WIRE_BYTES &&
	    !fields_read_all(f->bytes, take_hello_field, m);
}

enum st engine_message_decode(struct slice message, struct engine_message *mp)
{
	struct wire_reader r = wire_reader(message);
	struct write_reply reply;
	struct wire_field f;
	const char *wrong;
	int got;

	*mp = (struct engine_message){ .has_hello = false };
	if (message.n > ENGINE_MESSAGE_MAX)
		return fail(ST_TOO_BIG, "engine message of %zu bytes, at most %u are allowed", message.n,
		    ENGINE_MESSAGE_MAX);
	wrong = fields_read(&r, REPLIES_FIELD, take_hello, mp);
	if (wrong)
		return fail(ST_INVALID, "engine message %s", wrong);
	mp->rest = slice_of(r.at, (size_t)(r.end - r.at));
	while ((got = wire_next(&r, &f)) > 0) {
		if (f.number != REPLIES_FIELD || f.type != WIRE_BYTES)
			return fail(ST_INVALID, "engine message with field %u among the replies", f.number);
		wrong = read_reply(f.bytes, &reply);
		if (wrong)
			return fail(ST_INVALID, "reply of the engine %s", wrong);
	}
	return got == 0 ? ST_OK : fail(ST_INVALID, "engine message is cut short or no protobuf message");
}

bool engine_message_next_reply(struct engine_message *m, struct write_reply *rp)
{
	struct wire_reader r = wire_reader(m->rest);
	struct wire_field f;

	if (wire_next(&r, &f) <= 0 || f.type != WIRE_BYTES || read_reply(f.bytes, rp))
		return false;
	m->rest = slice_of(r.at, (size_t)(r.end - r.at));
	return true;
}
