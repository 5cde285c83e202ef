/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding a request, batch by batch; see decide.h.
 *
 *   everything needed is known?  ->  per batch: check all operations  ->  encode them, note them as written
 *
 * Pure. Runs on the commit thread.
 */
#include "engine/decide.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/coding.h"
#include "common/base/must.h"

#define NUMBER_BYTES 20u                 /* of the longest: -9223372036854775808 */

void decided_fini(struct decided *d)
{
	buf_fini(&d->batches);
	buf_fini(&d->results);
	d->entries = 0;
}

size_t decide_delete_bytes(struct slice key)
{
	size_t inner = 2 + 1 + varint_size(key.n) + key.n;

	return 1 + varint_size(inner) + inner;
}

/* ---- numbers ---- */

bool decide_number(struct slice text, int64_t *np)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	size_t i = negative;
	int64_t n = 0;

	*np = 0;
	if (i == text.n || text.n > NUMBER_BYTES)
		return false;
	if (text.p[i] == '0' && text.n > 1)
		return false;
	for (; i < text.n; i++) {
		int digit = text.p[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, digit, &n))        /* downwards: there is one number more */
			return false;
	}
	if (!negative && n == INT64_MIN)
		return false;
	*np = negative ? n : -n;
	return true;
}

/* ---- what is ---- */

static bool needs_look(const struct write_ask *ask)
{
	return ask->verb == WRITE_INCREMENT || ask->condition != WRITE_ALWAYS;
}

static struct present look(const struct decide *d, struct slice key)
{
	const struct present *written = known_find(d->written, key);
	struct present p = written ? *written : d->look(d->ctx, key);

	if (p.st == ST_OK && p.expires_at_ms != 0 && p.expires_at_ms <= d->now_ms)
		p.st = ST_NOT_FOUND;
	if (p.st != ST_OK)
		p = (struct present){ .st = p.st };
	return p;
}

/* Is all that these batches need known? */
static bool is_known(const struct decide *d, struct slice batches)
{
	struct slice batch;
	struct write_ask ask;

	while (write_batches_next(&batches, &batch))
		while (write_asks_next(&batch, &ask)) {
			must(ask.verb != WRITE_DELETE_RANGE);
			if (needs_look(&ask) && look(d, ask.op.key).st == ST_BUSY)
				return false;
		}
	return true;
}

/* ---- one operation ---- */

static bool holds(const struct write_ask *ask, const struct present *p)
{
	switch (ask->condition) {
	case WRITE_ALWAYS:     return true;
	case WRITE_IF_VERSION: return p->st == ST_OK && p->version.v == ask->version.v;
	case WRITE_IF_ABSENT:  return p->st == ST_NOT_FOUND;
	case WRITE_IF_PRESENT: return p->st == ST_OK;
	}
	return false;
}

/* What the increment comes to, in the result; or why it fails. */
static enum st add_up(const struct write_ask *ask, const struct present *p, struct write_result *r)
{
	int64_t n = 0;

	if (p->st == ST_OK && !decide_number(p->value, &n)) {
		r->reason = WRITE_NO_NUMBER;
		return ST_CONFLICT;
	}
	if (__builtin_add_overflow(n, ask->by, &r->value)) {
		r->reason = WRITE_OVERFLOW;
		r->value = 0;
		return ST_CONFLICT;
	}
	return ST_OK;
}

/* ST_OK, or why the operation fails, with the rest in the result. */
static enum st check(const struct decide *d, const struct write_ask *ask, struct write_result *r)
{
	struct present p;
	enum st st = ST_OK;

	if (!needs_look(ask))
		return ST_OK;
	p = look(d, ask->op.key);
	if (p.st != ST_OK && p.st != ST_NOT_FOUND)
		return p.st;
	if (!holds(ask, &p))
		st = ST_PRECONDITION;
	else if (ask->verb == WRITE_INCREMENT)
		st = add_up(ask, &p, r);
	if (st)
		r->present = p.version;
	return st;
}

/* The put that an increment is. */
static struct write_op sum_op(const struct decide *d, const struct write_ask *ask, int64_t sum)
{
	struct write_op op = { .key = ask->op.key, .expires_at_ms = look(d, ask->op.key).expires_at_ms };
	char text[NUMBER_BYTES + 1];
	int n = snprintf(text, sizeof(text), "%" PRId64, sum);

	op.value = arena_dup(d->texts, slice_of(text, (size_t)n));
	return op;
}

/* ---- one batch ---- */

static void apply(const struct decide *d, struct slice batch, struct decided *out, struct write_result *r)
{
	struct buf plain = BUF_INIT;
	struct write_ask ask;

	r->first_sequence = seq(d->first.v + out->entries);
	while (write_asks_next(&batch, &ask)) {
		struct write_op op = ask.verb == WRITE_INCREMENT ? sum_op(d, &ask, r->value) : ask.op;
		struct present now = { .st = op.is_delete ? ST_NOT_FOUND : ST_OK, .version = seq(d->first.v + out->entries),
				       .value = op.value, .expires_at_ms = op.expires_at_ms };

		write_batch_add(&plain, &op);
		known_put(d->written, op.key, &now);
		out->entries++;
		r->written++;
	}
	write_request_add_batch(&out->batches, buf_slice(&plain));
	buf_fini(&plain);
}

static void decide_batch(const struct decide *d, struct slice batch, struct decided *out)
{
	struct write_result r = { .status = ST_OK };
	struct slice rest = batch;
	struct write_ask ask;

	while (!r.status && write_asks_next(&rest, &ask)) {
		r.status = check(d, &ask, &r);
		r.failed_index += !r.status;
	}
	if (!r.status) {
		r.failed_index = 0;
		apply(d, batch, out, &r);
	}
	write_result_encode(&r, &out->results);
}

enum st decide_request(const struct decide *d, struct slice batches, struct decided *out)
{
	struct slice batch;

	*out = (struct decided){ BUF_INIT, BUF_INIT, 0 };
	if (!is_known(d, batches))
		return ST_BUSY;
	while (write_batches_next(&batches, &batch))
		decide_batch(d, batch, out);
	return ST_OK;
}
