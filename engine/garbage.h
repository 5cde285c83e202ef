/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a table is garbage, as far as its facts tell: tombstones, and what has expired. Overwritten entries tell
 * nothing of themselves; levels.h bounds them. Pure, and an estimate: times between the first and the last expiry are
 * taken to be even.
 */
#ifndef ENGINE_GARBAGE_H
#define ENGINE_GARBAGE_H

#include "engine/edit.h"

/* Entries that have expired by now. Exact when none or all of them have. */
uint64_t garbage_expired(const struct table_facts *f, int64_t now_ms);

/* Tombstones and expired entries, as a share of all. */
double garbage_share(const struct table_facts *f, int64_t now_ms);

/*
 * Would rewriting a table of the last level in place free at least this share of it? Expired entries go there for
 * certain, as nothing lies deeper, so whatever was rewritten holds none of that moment any more: the answer for it is
 * no until time has passed. An estimate spoilt by one very late expiry is made good once a day: then it is enough that
 * some have expired and the share would be reached if all had. A table that holds what had expired a day before it was
 * written stays as it is: whoever wrote it has another clock, and would write the same again.
 */
bool garbage_worth_rewriting(const struct live_table *t, int64_t now_ms, double share);

#endif
