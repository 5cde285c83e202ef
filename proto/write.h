/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write edge as plain structs: what frontends ask (write.proto), what the engine answers, and the WAL's
 * payload (lsm.proto, WALBatch). The hot path never unpacks: entries are walked in place in the message's
 * bytes, and the engine copies the batches of a request into its WAL record as they are.
 *
 * Everything that comes in is checked at decode against limits.h; a decoder answers ST_INVALID or ST_TOO_BIG
 * with a sentence, and never reads outside the bytes.
 */
#ifndef PROTO_WRITE_H
#define PROTO_WRITE_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "proto/limits.h"

/* One operation, its bytes on loan from the message. */
struct write_op {
	bool is_delete;
	struct slice key, value;         /* value empty for a delete */
	int64_t expires_at_ms;           /* 0 = never */
};

/* ---- building a request (frontend) ---- */

/* Appends one operation to a batch being encoded (the inside of a WriteBatch). Cannot fail; sizes were
 * checked. */
void write_batch_add(struct buf *batch, const struct write_op *op);

/* Does a batch being encoded hold nothing but deletes? */
bool write_batch_only_deletes(struct slice batch);

struct write_request {
	uint64_t incarnation, origin, request_id, oldest_unanswered;
	struct slice batches;            /* encoded `batches` fields, tags included, one after the other */
};

/* Appends a WriteBatch field (tag, length, the encoded batch) to the batches of a request. */
void write_request_add_batch(struct buf *batches, struct slice batch);
void write_request_encode(const struct write_request *r, struct buf *out);

/* Checks every field and every operation; r->batches lies in message. A request whose id is ORIGIN_WINDOW_MAX
 * or more ahead of oldest_unanswered is ST_INVALID. */
struct write_counts { uint32_t batches, entries, puts, deletes; uint64_t key_value_bytes; };
enum st write_request_decode(struct slice message, struct write_request *rp, struct write_counts *countsp) MUST_USE;

/* ---- walking operations (engine; works on checked batches and on WAL payloads) ---- */

struct write_walk { const uint8_t *at, *end, *batch_end; uint32_t batch; };    /* batch: of the last one, from 0 */
struct write_walk write_walk_begin(struct slice batches);
bool write_walk_next(struct write_walk *w, struct write_op *opp);    /* false at the end */

/* ---- answers ---- */

struct write_reply {
	uint64_t request_id;
	enum st status;
	int64_t timestamp_ms;
	struct seq first_sequence;
	uint32_t retry_after_ms;
	char detail[160];
};

void engine_hello_encode(uint64_t incarnation, uint64_t pid, struct buf *out);
void engine_replies_add(struct buf *out, const struct write_reply *r);     /* out becomes an EngineMessage */

struct engine_message { bool has_hello; uint64_t incarnation, pid; struct slice rest; };
enum st engine_message_decode(struct slice message, struct engine_message *mp) MUST_USE;   /* checks all of it */
bool engine_message_next_reply(struct engine_message *m, struct write_reply *rp);          /* false at the end */

/* ---- the WAL's payload ---- */

struct applied_request { uint64_t request_id; struct seq first_sequence; int64_t timestamp_ms; };

struct wal_batch {
	struct seq first_sequence;
	int64_t timestamp_ms;
	uint64_t origin, request_id;
	struct slice batches;            /* as in write_request */
	struct slice origins;            /* encoded OriginState fields, tags included */
};

/* The head of a WALBatch, origins included, without batches; the caller writes batches behind it as they are.
 */
void wal_batch_encode_head(const struct wal_batch *b, struct buf *out);
enum st wal_batch_decode(struct slice payload, struct wal_batch *bp, struct write_counts *countsp) MUST_USE;

/* Origin states: encode one; walk a decoded wal_batch.origins. */
void origin_state_encode(uint64_t origin, uint64_t floor, const struct applied_request *applied, size_t n,
    struct buf *out);
struct origin_walk { struct slice rest; };
/* The next state; *appliedp is heap memory that the caller frees (mem_free). false at the end. */
bool origin_walk_next(struct origin_walk *w, uint64_t *originp, uint64_t *floorp,
    struct applied_request **appliedp, size_t *np);

#endif
