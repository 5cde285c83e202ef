/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3 (hash.h). Pure. */
#include "common/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(struct slice s)
{
	return XXH3_64bits(s.p, s.n);
}
