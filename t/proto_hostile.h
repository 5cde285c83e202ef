/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile or damaged peer may send: a good message cut short at every length, with bytes changed, with
 * pieces swapped, and plain noise. Every message lies in heap memory of exactly its size, so that a sanitizer
 * sees a read one byte too far. The decoder under test may refuse or accept, not crash; what it accepts it
 * checks itself.
 */
#ifndef T_PROTO_HOSTILE_H
#define T_PROTO_HOSTILE_H

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/base/slice.h"

typedef void hostile_try_f(struct slice message);

static inline void hostile_give(hostile_try_f *decode, const uint8_t *p, size_t n)
{
	uint8_t *exact = mem_dup(p, n);

	decode(slice_of(exact, n));
	mem_free(exact);
}

static inline void hostile_truncations(hostile_try_f *decode, struct slice good)
{
	for (size_t n = 0; n < good.n; n++)
		hostile_give(decode, good.p, n);
}

static inline void hostile_changes(hostile_try_f *decode, struct slice good, unsigned rounds)
{
	struct rnd r = { 42 };
	uint8_t *copy = mem_alloc(good.n);

	for (unsigned i = 0; i < rounds; i++) {
		memcpy(copy, good.p, good.n);
		for (uint64_t k = 1 + rnd_below(&r, 4); k > 0; k--)
			copy[rnd_below(&r, good.n)] = (uint8_t)rnd_next(&r);
		if (rnd_below(&r, 4) == 0)
			memcpy(copy + rnd_below(&r, good.n / 2), good.p, good.n / 2);
		hostile_give(decode, copy, good.n - (size_t)(rnd_below(&r, 2) ? rnd_below(&r, good.n) : 0));
	}
	mem_free(copy);
}

static inline void hostile_noise(hostile_try_f *decode, unsigned rounds)
{
	struct rnd r = { 43 };
	uint8_t noise[64];

	for (unsigned i = 0; i < rounds; i++) {
		for (size_t k = 0; k < sizeof noise; k++)
			noise[k] = (uint8_t)(rnd_below(&r, 2) ? rnd_below(&r, 0x60) : rnd_next(&r));
		hostile_give(decode, noise, (size_t)rnd_below(&r, sizeof noise));
	}
}

/* All of it. A refusal logs, which is as wanted but not thousands of times. */
static inline void hostile_all(hostile_try_f *decode, struct slice good)
{
	log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
	hostile_truncations(decode, good);
	hostile_changes(decode, good, 20000);
	hostile_noise(decode, 20000);
}

#endif /* T_PROTO_HOSTILE_H */
