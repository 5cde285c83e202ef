/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a frontend tells the engine of damage it met (write.proto, DamageReport): a message of its own on the write edge, told
 * from a WriteRequest by its first field.
 */
#ifndef PROTO_DAMAGE_REPORT_H
#define PROTO_DAMAGE_REPORT_H

#include "common/base/buf.h"
#include "common/base/status.h"
#include "common/table/damage.h"

#define DAMAGE_REPORT_MAX 64u                /* blocks in one message */

struct damaged_block { struct file_id table; uint64_t offset; };       /* DAMAGE_WHOLE: nothing of the table */

void damage_report_add(struct buf *out, struct damaged_block b);        /* out becomes a DamageReport */
bool damage_report_is(struct slice message);
/* At most DAMAGE_REPORT_MAX blocks. */
enum st damage_report_decode(struct slice message, struct damaged_block *blocks, size_t *np) MUST_USE;

#endif
