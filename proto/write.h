/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write edge as plain structs: what frontends ask (write.proto), what the engine answers, and the WAL's
 * payload (lsm.proto, WALBatch). The hot path never unpacks: entries are walked in place in the message's
 * bytes, and the engine copies the batches of a request into its WAL record as they are.
 *
 * Beside plain puts and deletes a batch may ask for what is decided at commit (struct write_ask): conditions on the
 * present version of a key, increments, range deletes. Such a batch is applied whole or not at all, and what came of
 * it is told by a result of its own (struct write_result).
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

/* Does a batch being encoded hold nothing but deletes (of single keys or ranges)? */
bool write_batch_only_deletes(struct slice batch);

/* ---- what is decided at commit ---- */

enum write_condition { WRITE_ALWAYS, WRITE_IF_VERSION, WRITE_IF_ABSENT, WRITE_IF_PRESENT };
enum write_verb { WRITE_OP, WRITE_INCREMENT, WRITE_DELETE_RANGE };

/*
 * One operation with what it asks for. All conditions of a batch are held against the state before the batch.
 *
 *   WRITE_OP             op, and a condition on its key's entry: its version (sequence) is this one; 0, or IF_ABSENT:
 *                        there is none (never written, deleted, expired); IF_PRESENT: there is one
 *   WRITE_INCREMENT      op.key's value, decimal text of 64 signed bits, grows by `by`; absent counts as 0; an expiry
 *                        stays as it is. Conditions too. Alone in its batch.
 *   WRITE_DELETE_RANGE   keys from op.key (empty: the first) up to, without, end (empty: no bound). Alone in its batch,
 *                        and that one alone in its request.
 */
struct write_ask {
	struct write_op op;
	enum write_verb verb;
	enum write_condition condition;
	struct seq version;
	int64_t by;
	struct slice end;
};

/* As write_batch_add(), which writes the same bytes for an ask that asks nothing. */
void write_batch_add_ask(struct buf *batch, const struct write_ask *ask);

/* The end of the range that holds all keys with this prefix, written to out (room for prefix.n); empty: no bound. */
struct slice write_prefix_end(struct slice prefix, uint8_t *out);

struct write_request {
	uint64_t incarnation, origin, request_id, oldest_unanswered;
	struct slice batches;            /* encoded `batches` fields, tags included, one after the other */
	bool sync;                       /* answer after a sync, whatever WAL_SYNC says */
};

/* Appends a WriteBatch field (tag, length, the encoded batch) to the batches of a request. */
void write_request_add_batch(struct buf *batches, struct slice batch);
void write_request_encode(const struct write_request *r, struct buf *out);

/* Checks every field and every operation; r->batches lies in message. A request whose id is ORIGIN_WINDOW_MAX
 * or more ahead of oldest_unanswered is ST_INVALID. */
struct write_counts {
	uint32_t batches, entries, puts, deletes;        /* increments count as puts, range deletes as deletes */
	uint32_t asks, ranges;                           /* of the entries: to be decided at commit; range deletes */
	uint64_t key_value_bytes;
};
enum st write_request_decode(struct slice message, struct write_request *rp, struct write_counts *countsp) MUST_USE;

/* ---- walking operations (engine; works on checked batches and on WAL payloads) ---- */

struct write_walk { const uint8_t *at, *end, *batch_end; uint32_t batch; };    /* batch: of the last one, from 0 */
struct write_walk write_walk_begin(struct slice batches);
bool write_walk_next(struct write_walk *w, struct write_op *opp);    /* false at the end */

/* The same for requests that ask (counts.asks > 0): batch by batch, and in each operation by operation. */
bool write_batches_next(struct slice *batchesp, struct slice *batchp);     /* takes the first batch off */
bool write_asks_next(struct slice *batchp, struct write_ask *askp);        /* takes the first operation off */
uint32_t write_batch_count(struct slice batch);                            /* its operations */

/* ---- answers ---- */

struct write_reply {
	uint64_t request_id;
	enum st status;
	int64_t timestamp_ms;
	struct seq first_sequence;
	uint32_t retry_after_ms;
	char detail[160];
	bool synced;                     /* what was written is on disk */
	struct slice results;            /* encoded `results` fields, one per batch, on loan; empty: nothing had to be decided */
};

/* Why a batch that was decided failed, where the status does not say it all. */
enum write_reason { WRITE_REASON_NONE, WRITE_NO_NUMBER, WRITE_OVERFLOW };

/* What came of one batch. */
struct write_result {
	enum st status;                  /* PRECONDITION, CONFLICT: the batch changed nothing; others as of the reply */
	struct seq first_sequence;       /* of the entries it wrote, in the order of its operations; 0: it wrote none */
	uint32_t written;                /* entries; of a range delete: keys that were deleted */
	uint32_t failed_index;           /* with PRECONDITION, CONFLICT, CORRUPT: which operation, from 0 */
	struct seq present;              /* and the version of its key; 0: it has no entry */
	int64_t value;                   /* what an increment came to */
	enum write_reason reason;
	uint64_t keys;                   /* with TOO_BIG: so many keys a range delete had met */

	/* for all batches of a request */
	int64_t timestamp_ms;
	uint32_t retry_after_ms;
	bool synced;
	char detail[160];                /* a sentence for the client when status is not OK; may be empty */
};

/* The results of a reply, batch by batch; batches: those of the request. Where nothing was decided they follow from the
 * reply's first sequence and the number of operations. */
struct write_results { const struct write_reply *reply; struct slice results, batches; uint64_t next; };
struct write_results write_results_begin(const struct write_reply *reply, struct slice batches);
bool write_results_next(struct write_results *w, struct write_result *rp);

void write_result_encode(const struct write_result *r, struct buf *out);   /* one `results` field (engine) */

void engine_hello_encode(uint64_t incarnation, uint64_t pid, struct buf *out);
void engine_replies_add(struct buf *out, const struct write_reply *r);     /* out becomes an EngineMessage */

struct engine_message { bool has_hello; uint64_t incarnation, pid; struct slice rest; };
enum st engine_message_decode(struct slice message, struct engine_message *mp) MUST_USE;   /* checks all of it */
bool engine_message_next_reply(struct engine_message *m, struct write_reply *rp);          /* false at the end */

/* ---- the WAL's payload ---- */

struct applied_request {
	uint64_t request_id;
	struct seq first_sequence;
	int64_t timestamp_ms;
	struct slice results;            /* as in write_reply; on loan */
};

struct wal_batch {
	struct seq first_sequence;
	int64_t timestamp_ms;
	uint64_t origin, request_id;
	struct slice batches;            /* as in write_request */
	struct slice origins;            /* encoded OriginState fields, tags included */
	struct slice results;            /* as in write_reply */
};

/* The head of a WALBatch, origins included, without batches; the caller writes batches behind it as they are.
 */
void wal_batch_encode_head(const struct wal_batch *b, struct buf *out);
enum st wal_batch_decode(struct slice payload, struct wal_batch *bp, struct write_counts *countsp) MUST_USE;

/* Origin states: encode one; walk a decoded wal_batch.origins. */
void origin_state_encode(uint64_t origin, uint64_t floor, const struct applied_request *applied, size_t n,
    struct buf *out);
struct origin_walk { struct slice rest; };
/* The next state; *appliedp is heap memory that the caller frees (mem_free), with results in the walked bytes. false at
 * the end. */
bool origin_walk_next(struct origin_walk *w, uint64_t *originp, uint64_t *floorp,
    struct applied_request **appliedp, size_t *np);

#endif
