/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3, 64 bits: filters, cache shards, hash tables. Stored in tables, so it never changes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "common/base/slice.h"

uint64_t hash64(struct slice s);

#endif
