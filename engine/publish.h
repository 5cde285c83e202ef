/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the next view onto the board: which memtables and tables hold every visible entry (view.proto).
 * Called under the state lock (truth.h) only, so that generations follow the order of changes.
 */
#ifndef ENGINE_PUBLISH_H
#define ENGINE_PUBLISH_H

#include "common/view/board.h"
#include "engine/version.h"

/* head names incarnation, database and the memtables (newest first); levels come from v. ST_TOO_BIG: no room. */
enum st publish_view(struct board *b, const struct version *v, const struct view_desc *head) MUST_USE;

/* Tells people how the tables lie: metrics by level, and the sum. */
void publish_levels(const struct version *v, uint64_t *table_bytesp);

#endif
