/* SPDX-License-Identifier: Apache-2.0 */
/* What the write edge's files share: the check of batches. Seen only in this room. */
#ifndef PROTO_WRITE_PRIV_H
#define PROTO_WRITE_PRIV_H

#include "proto/fields.h"
#include "proto/write.h"

#define WRITE__BATCHES_FIELD 5u      /* of WriteRequest and of WALBatch: the same, so that bytes can be copied */

/* Reads batches up to the end of the message and checks every operation; *batchesp covers them. */
enum st write__batches(struct wire_reader *r, struct slice *batchesp, struct write_counts *countsp) MUST_USE;

#endif
