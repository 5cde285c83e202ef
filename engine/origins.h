/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which write requests were applied, per origin (a frontend process), so that one repeated after an engine
 * restart is answered and not applied twice.
 *
 * Kept in the WAL: every record names its origin and request id, and every segment opens with the whole
 * state, so that replay from any floor knows all of it. Bounded: an asker tells its oldest unanswered id,
 * everything smaller is forgotten; the least recently seen origin goes when there are more than ORIGINS_MAX.
 * One thread at a time.
 */
#ifndef ENGINE_ORIGINS_H
#define ENGINE_ORIGINS_H

#include "proto/write.h"

#define ORIGINS_MAX 256u
#define ORIGINS_RESULTS_MAX (8u << 20)   /* bytes; they stand at the beginning of every segment */

struct origins;

struct origins *origins_new(void);
void origins_free(struct origins **op);

/* Was this request applied? Then *ap says with which result; its `results` are good until the next change here. */
bool origins_find(const struct origins *o, uint64_t origin, uint64_t request_id, struct applied_request *ap);
void origins_record(struct origins *o, uint64_t origin, const struct applied_request *a);     /* copies */
void origins_settle(struct origins *o, uint64_t origin, uint64_t oldest_unanswered);   /* forgets smaller ids */

void origins_encode(const struct origins *o, struct buf *out);       /* OriginState fields of a WALBatch */
void origins_restore(struct origins *o, struct slice encoded);       /* replaces everything */

#endif
