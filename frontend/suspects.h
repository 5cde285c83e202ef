/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage that this frontend met, told to the engine, which looks itself (proto/damage_report.h).
 *
 * 1. The same block is told again after SUSPECTS_AGAIN_US at the earliest, and no more than SUSPECTS_MAX in that time: a
 *    broken disk does not drown the engine.
 * 2. What cannot be told, with the engine away, is told by the next read that meets it.
 * 3. What is on record is not told.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_SUSPECTS_H
#define FRONTEND_SUSPECTS_H

#include "common/table/damage.h"
#include "frontend/pending.h"

enum { SUSPECTS_MAX = 64, SUSPECTS_AGAIN_US = 2000000 };

struct suspects {
	struct pending *pending;         /* on loan */
	struct { struct file_id table; uint64_t offset, told_us; } told[SUSPECTS_MAX];       /* table 0: free */
};

/* d: what a read met; nothing is done when it is no damage. */
void suspects_tell(struct suspects *s, const struct table_damage *d, uint64_t now_us);

#endif
