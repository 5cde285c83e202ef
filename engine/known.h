/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of keys while writes are decided: a hash table from key to its newest entry. One holds what a group has
 * written so far, which no memtable has yet; another what was read for a request that needed the disk.
 *
 * Keys and values are on loan. One thread at a time.
 */
#ifndef ENGINE_KNOWN_H
#define ENGINE_KNOWN_H

#include "common/table/entry.h"
#include "common/base/status.h"

/* What a key is. OK: it has this entry, which may have expired. NOT_FOUND: it has none, or a tombstone. BUSY: nobody knows
 * without the disk. CORRUPT, UNAVAILABLE: nobody can know. */
struct present {
	enum st st;
	struct seq version;
	struct slice value;
	int64_t expires_at_ms;
};

struct present present_of(const struct entry *e);

struct known;

struct known *known_new(void);
void known_free(struct known **kp);                      /* NULL is fine */
void known_put(struct known *k, struct slice key, const struct present *p);      /* replaces what was known */
const struct present *known_find(const struct known *k, struct slice key);       /* NULL: nothing; good until the next put */

#endif
