/* SPDX-License-Identifier: Apache-2.0 */
/* What the write edge's files share: the check of batches. Seen only in this room. */
#ifndef PROTO_WRITE_PRIV_H
#define PROTO_WRITE_PRIV_H

#include "proto/fields.h"
#include "proto/write.h"

#define WRITE__BATCHES_FIELD 5u      /* of WriteRequest and of WALBatch: the same, so that bytes can be copied */
#define WRITE__RESULTS_FIELD 8u      /* of WriteReply, WALBatch and AppliedRequest, for the same reason */
#define WRITE__ENTRY_FIELD 1u        /* of WriteBatch */

/* Reads batches up to another field or the end of the message and checks every operation; *batchesp covers them.
 * plain: what would have to be decided is refused. */
enum st write__batches(struct wire_reader *r, bool plain, struct slice *batchesp, struct write_counts *countsp) MUST_USE;

/* Key, value and expiry within their limits, and no value where none may be. */
enum st write__check_op(const struct write_op *op) MUST_USE;

/* An entry that may ask; false: it is none. Limits are not looked at. */
bool write__parse_ask(struct slice entry, struct write_ask *ask);
enum st write__check_ask(const struct write_ask *ask) MUST_USE;
bool write__is_plain(const struct write_ask *ask);

/* Moves the reader over results; what is wrong with one of them, or NULL. */
const char *write__results(struct wire_reader *r, struct slice *resultsp);

#endif
