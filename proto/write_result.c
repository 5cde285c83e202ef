/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of each batch of a request.
 *
 *   result = tag(8) length [status] [first_sequence] [written] [failed_index] [present_version] [value] [reason] [keys]
 *
 * Results are kept with the request in the log and in the state of its origin, so that a repeat is answered as the first
 * time: they hold numbers only, at most RESULT_MAX_BYTES each, and sentences are made of them where they are told.
 *
 * Runs in the engine's commit thread (encode) and in the frontend's loop (all else).
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/write_priv.h"

#define RESULT_MAX_BYTES 64u

_Static_assert(WRITE_GATHER_BATCHES * RESULT_MAX_BYTES <= ENGINE_MESSAGE_MAX / 2, "the results of a request fit into an answer");

void write_result_encode(const struct write_result *r, struct buf *out)
{
	struct buf inner = BUF_INIT;

	wire_put_varint(&inner, 1, (uint64_t)r->status);
	wire_put_varint(&inner, 2, r->first_sequence.v);
	wire_put_varint(&inner, 3, r->written);
	wire_put_varint(&inner, 4, r->failed_index);
	wire_put_varint(&inner, 5, r->present.v);
	wire_put_varint(&inner, 6, (uint64_t)r->value);
	wire_put_varint(&inner, 7, (uint64_t)r->reason);
	wire_put_varint(&inner, 8, r->keys);
	wire_put_message(out, WRITE__RESULTS_FIELD, buf_slice(&inner));
	buf_fini(&inner);
}

static bool take_reason(const struct wire_field *f, enum write_reason *rp)
{
	*rp = (enum write_reason)f->value;
	return f->type == WIRE_VARINT && f->value <= WRITE_OVERFLOW;
}

static bool take_result_field(void *into, const struct wire_field *f)
{
	struct write_result *r = into;

	switch (f->number) {
	case 1:
		return fields_status(f, &r->status);
	case 2:
		return fields_seq(f, &r->first_sequence);
	case 3:
		return fields_u32(f, &r->written);
	case 4:
		return fields_u32(f, &r->failed_index);
	case 5:
		return fields_seq(f, &r->present);
	case 6:
		return fields_i64(f, &r->value);
	case 7:
		return take_reason(f, &r->reason);
	case 8:
		return fields_u64(f, &r->keys);
	default:
		return false;
	}
}

static const char *read_result(struct slice message, struct write_result *r)
{
	*r = (struct write_result){ .status = ST_OK };
	return fields_read_all(message, take_result_field, r);
}

const char *write__results(struct wire_reader *r, struct slice *resultsp)
{
	struct wire_reader in;
	struct write_result result;
	struct wire_field f;
	const char *wrong;

	*resultsp = fields_run(r, WRITE__RESULTS_FIELD);
	in = wire_reader(*resultsp);
	while (wire_next(&in, &f) > 0) {
		wrong = read_result(f.bytes, &result);
		if (wrong)
			return wrong;
	}
	return NULL;
}

/* ---- the results of a reply ---- */

static void explain(struct write_result *r)
{
	if (r->status == ST_PRECONDITION && r->present.v)
		(void)snprintf(r->detail, sizeof r->detail, "the key of operation %" PRIu32 " has version %" PRIu64
			       "; nothing was changed", r->failed_index, r->present.v);
	else if (r->status == ST_PRECONDITION)
		(void)snprintf(r->detail, sizeof r->detail, "the key of operation %" PRIu32 " has no value; nothing was changed",
			       r->failed_index);
	else if (r->status == ST_CONFLICT)
		(void)snprintf(r->detail, sizeof r->detail, "%s", r->reason == WRITE_OVERFLOW
			       ? "the sum does not fit into 64 signed bits; nothing was changed"
			       : "the value is no decimal number of 64 signed bits; nothing was changed");
	else if (r->status == ST_TOO_BIG)
		(void)snprintf(r->detail, sizeof r->detail, "the range holds %" PRIu64 " keys or more, too many for one write; "
			       "nothing was changed, delete it in parts", r->keys);
	else if (r->status == ST_CORRUPT)
		(void)snprintf(r->detail, sizeof r->detail, "stored data that had to be looked at is damaged; nothing was changed");
	else if (r->status == ST_UNAVAILABLE)
		(void)snprintf(r->detail, sizeof r->detail, "stored data that had to be looked at cannot be read; nothing was changed");
}

struct write_results write_results_begin(const struct write_reply *reply, struct slice batches)
{
	return (struct write_results){ reply, reply->results, batches, reply->first_sequence.v };
}

/* A batch of plain operations: it is as the reply says. */
static void follow(struct write_results *w, struct slice batch, struct write_result *r)
{
	*r = (struct write_result){ .status = w->reply->status };
	memcpy(r->detail, w->reply->detail, sizeof r->detail);
	if (r->status)
		return;
	r->written = write_batch_count(batch);
	r->first_sequence = seq(w->next);
	if (w->next)
		w->next += r->written;
}

bool write_results_next(struct write_results *w, struct write_result *rp)
{
	struct slice batch, result;

	if (!write_batches_next(&w->batches, &batch))
		return false;
	if (!w->reply->status && write_batches_next(&w->results, &result)) {
		if (read_result(result, rp))
			return false;
		explain(rp);
	} else {
		follow(w, batch, rp);
	}
	rp->timestamp_ms = w->reply->timestamp_ms;
	rp->retry_after_ms = w->reply->retry_after_ms;
	rp->synced = w->reply->synced;
	return true;
}
