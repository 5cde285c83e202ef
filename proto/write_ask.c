/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that are decided at commit, in place.
 *
 *   entry = tag(1) length [operation] [key] [value] [expires_at] [if_version | if_absent | if_present] [by] [end_key]
 *           fields 3 4 5 8 to 13 of WALEntry, rising
 *
 * 1. An entry with none of the fields above 8 and operation put or delete is a plain one; its bytes are those that
 *    write_batch_add() writes.
 * 2. A condition that can never hold or asks for nothing is not written: version 0 is written as if_absent.
 *
 * Runs where write.c does; nothing is shared.
 */
#include "proto/write_priv.h"

#define OPERATIONS 4u

/* ---- building ---- */

static void put_condition(struct buf *entry, const struct write_ask *ask)
{
	switch (ask->condition) {
	case WRITE_ALWAYS:
		break;
	case WRITE_IF_VERSION:
		wire_put_varint(entry, 9, ask->version.v);
		wire_put_varint(entry, 10, ask->version.v == 0);
		break;
	case WRITE_IF_ABSENT:
		wire_put_varint(entry, 10, 1);
		break;
	case WRITE_IF_PRESENT:
		wire_put_varint(entry, 11, 1);
		break;
	}
}

void write_batch_add_ask(struct buf *batch, const struct write_ask *ask)
{
	struct buf entry = BUF_INIT;

	if (write__is_plain(ask)) {
		write_batch_add(batch, &ask->op);
		return;
	}
	wire_put_varint(&entry, 3, ask->verb == WRITE_OP ? ask->op.is_delete : (uint64_t)ask->verb + 1);
	wire_put_bytes(&entry, 4, ask->op.key);
	wire_put_bytes(&entry, 5, ask->op.value);
	wire_put_varint(&entry, 8, (uint64_t)ask->op.expires_at_ms);
	put_condition(&entry, ask);
	if (ask->verb == WRITE_INCREMENT)
		wire_put_varint(&entry, 12, (uint64_t)ask->by);
	if (ask->verb == WRITE_DELETE_RANGE)
		wire_put_bytes(&entry, 13, ask->end);
	wire_put_message(batch, WRITE__ENTRY_FIELD, buf_slice(&entry));
	buf_fini(&entry);
}

struct slice write_prefix_end(struct slice prefix, uint8_t *out)
{
	size_t n = prefix.n;

	while (n > 0 && prefix.p[n - 1] == 0xff)
		n--;
	if (n == 0)
		return slice_of(NULL, 0);
	memcpy(out, prefix.p, n);
	out[n - 1]++;
	return slice_of(out, n);
}

/* ---- reading ---- */

static bool take_condition(struct write_ask *ask, const struct wire_field *f)
{
	bool yes = true;

	if (ask->condition != WRITE_ALWAYS)
		return false;
	ask->condition = (enum write_condition)(f->number - 8);
	if (ask->condition == WRITE_IF_VERSION)
		return fields_seq(f, &ask->version) && ask->version.v > 0;
	return fields_bool(f, &yes) && yes;
}

static bool take_operation(struct write_ask *ask, const struct wire_field *f)
{
	if (f->type != WIRE_VARINT || f->value >= OPERATIONS)
		return false;
	ask->op.is_delete = f->value == 1;
	ask->verb = f->value < 2 ? WRITE_OP : (enum write_verb)(f->value - 1);
	return true;
}

static bool take_ask_field(void *into, const struct wire_field *f)
{
	struct write_ask *ask = into;

	switch (f->number) {
	case 3:
		return take_operation(ask, f);
	case 4:
		return fields_bytes(f, &ask->op.key);
	case 5:
		return fields_bytes(f, &ask->op.value);
	case 8:
		return fields_i64(f, &ask->op.expires_at_ms);
	case 9:
	case 10:
	case 11:
		return take_condition(ask, f);
	case 12:
		return fields_i64(f, &ask->by) && ask->verb == WRITE_INCREMENT;
	case 13:
		return fields_bytes(f, &ask->end) && ask->verb == WRITE_DELETE_RANGE;
	default:
		return false;
	}
}

bool write__parse_ask(struct slice entry, struct write_ask *ask)
{
	*ask = (struct write_ask){ .verb = WRITE_OP };
	return fields_read_all(entry, take_ask_field, ask) == NULL;
}

bool write__is_plain(const struct write_ask *ask)
{
	return ask->verb == WRITE_OP && ask->condition == WRITE_ALWAYS;
}

static enum st check_range(const struct write_ask *ask)
{
	if (ask->op.value.n || ask->op.expires_at_ms || ask->condition != WRITE_ALWAYS)
		return fail(ST_INVALID, "range delete with a value, an expiry or a condition");
	if (ask->op.key.n > KEY_MAX_BYTES || ask->end.n > KEY_MAX_BYTES)
		return fail(ST_TOO_BIG, "range delete with an end of %zu and %zu bytes, at most %u are allowed", ask->op.key.n,
		    ask->end.n, KEY_MAX_BYTES);
	return ST_OK;
}

enum st write__check_ask(const struct write_ask *ask)
{
	if (ask->verb == WRITE_DELETE_RANGE)
		return check_range(ask);
	if (ask->verb == WRITE_INCREMENT && (ask->op.value.n || ask->op.expires_at_ms))
		return fail(ST_INVALID, "increment with a value or an expiry");
	return write__check_op(&ask->op);
}

/* ---- walking ---- */

static bool next_message(struct slice *rest, struct slice *messagep)
{
	struct wire_reader r = wire_reader(*rest);
	struct wire_field f;

	if (wire_next(&r, &f) <= 0 || f.type != WIRE_BYTES)
		return false;
	*messagep = f.bytes;
	*rest = slice_of(r.at, (size_t)(r.end - r.at));
	return true;
}

bool write_batches_next(struct slice *batchesp, struct slice *batchp)
{
	return next_message(batchesp, batchp);
}

bool write_asks_next(struct slice *batchp, struct write_ask *askp)
{
	struct slice entry;

	return next_message(batchp, &entry) && write__parse_ask(entry, askp);
}

uint32_t write_batch_count(struct slice batch)
{
	struct slice entry;
	uint32_t n = 0;

	while (next_message(&batch, &entry))
		n++;
	return n;
}
