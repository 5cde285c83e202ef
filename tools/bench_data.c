/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values of lsm-bench; see bench_data.h. */
#include "tools/bench_data.h"

#include "common/base/mem.h"

#define PIECE 100u
#define POOL (1u << 20)

/* One piece: `fresh` random printable bytes, repeated. */
static void fill_piece(uint8_t *p, size_t n, size_t fresh, struct rnd *rnd)
{
	for (size_t i = 0; i < n; i++)
		p[i] = i < fresh ? (uint8_t)(' ' + rnd_below(rnd, 95)) : p[i - fresh];
}

void bench_values_init(struct bench_values *v, uint64_t seed, double compression_ratio, size_t value_size)
{
	size_t fresh = (size_t)(compression_ratio * PIECE);
	struct rnd rnd = { seed };

	v->n = value_size > POOL ? value_size : POOL;
	v->at = 0;
	v->bytes = mem_alloc(v->n);
	for (size_t i = 0; i < v->n; i += PIECE)
		fill_piece(v->bytes + i, v->n - i < PIECE ? v->n - i : PIECE, fresh ? fresh : 1, &rnd);
}

void bench_values_fini(struct bench_values *v)
{
	mem_drop(&v->bytes);
}

struct slice bench_values_next(struct bench_values *v, size_t n)
{
	if (v->at + n > v->n)
		v->at = 0;
	v->at += n;
	return slice_of(v->bytes + v->at - n, n);
}

void bench_key(uint8_t *key, size_t key_size, uint64_t number)
{
	uint64_t big = __builtin_bswap64(number);

	memcpy(key, &big, sizeof big);
	memset(key + sizeof big, '0', key_size - sizeof big);
}
