/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: a small fast generator (splitmix64, Steele et al. 2014) and true ones from the kernel. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rnd { uint64_t state; };

static inline uint64_t rnd_next(struct rnd *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t rnd_below(struct rnd *r, uint64_t n) { return rnd_next(r) % n; }  /* n > 0 */

/* 64 bits from getrandom(2), never 0: origins and database ids. */
uint64_t rand_id(void);
void rand_bytes(uint8_t *p, size_t n);           /* at most 256: so many come at once (getrandom(2)) */

#endif
