/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast flush and compaction are when they work, and what they have before them: measured where they end, read where
 * writers are paced. Any thread; single values, without a lock.
 */
#ifndef ENGINE_DRAIN_H
#define ENGINE_DRAIN_H

#include <stdatomic.h>
#include <stdint.h>

struct drain {
	_Atomic uint64_t flush_rate;     /* bytes a second of memtables that become tables; 0: not measured yet */
	_Atomic uint64_t level0_rate;    /* ... of memtables, as tables, that leave level 0 */
	_Atomic uint64_t byte_rate;      /* bytes a second that compaction reads and writes */
	_Atomic uint64_t byte_limit;     /* what it may read and write a second (COMPACTION_RATE_LIMIT); 0: as fast as it can */
	_Atomic uint64_t debt_bytes;     /* that it has still to read and write */
};

/* So many bytes took so long: a quarter of what the rate is from now on. NULL: nobody wants to know. */
static inline void drain_note(_Atomic uint64_t *rate, uint64_t bytes, uint64_t us)
{
	uint64_t before = atomic_load_explicit(rate, memory_order_relaxed), now;

	if (bytes == 0)
		return;
	now = (uint64_t)((double)bytes * 1e6 / (double)(us ? us : 1)) + 1;
	atomic_store_explicit(rate, before ? before - before / 4 + now / 4 : now, memory_order_relaxed);
}

static inline uint64_t drain_get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

#endif
