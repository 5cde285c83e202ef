/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocked bloom filter.
 *
 *	filter = fixed32 kind (1), fixed32 probes, fixed64 line_count, line_count * 64 bytes
 *
 * The upper half of a key's XXH3 picks the line; the lower half, multiplied by the golden ratio once more for
 * each probe, picks a bit of the 512 by its top nine bits. Bit b of a line is bit b % 8 of byte b / 8.
 * At 10 bits a key 0.98 % of the keys that are not there pass (measured).
 * (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007.)
 */
#include "common/table/filter.h"

#include "common/base/coding.h"
#include "common/base/mem.h"

enum { KIND = 1, HEAD_BYTES = 16, LINE_BYTES = 64, PROBES_MAX = 16 };

/* A filter is at most 48 MiB (40 million keys at 10 bits); beyond that more false positives are the price. */
#define LINES_MAX ((48ull << 20) / LINE_BYTES)

static uint64_t line_of(uint64_t hash, uint64_t line_count)
{
	return ((hash >> 32) * line_count) >> 32;
}

static void set_bits(uint8_t *line, uint32_t h, unsigned probes)
{
	for (; probes > 0; probes--) {
		unsigned bit = h >> 23;

		line[bit / 8] = (uint8_t)(line[bit / 8] | 1u << bit % 8);
		h *= 0x9e3779b9u;
	}
}

static bool has_bits(const uint8_t *line, uint32_t h, unsigned probes)
{
	for (; probes > 0; probes--) {
		unsigned bit = h >> 23;

		if (!(line[bit / 8] & 1u << bit % 8))
			return false;
		h *= 0x9e3779b9u;
	}
	return true;
}

void filter_build(const uint64_t *hashes, size_t n, unsigned bits_per_key, struct buf *out)
{
	uint64_t lines = ((uint64_t)n * bits_per_key + LINE_BYTES * 8 - 1) / (LINE_BYTES * 8);
	unsigned probes = bits_per_key * 6 / 10;     /* ln 2 less what sharing a line costs */
	uint8_t *p;

	if (lines == 0)
		lines = 1;
	if (lines > LINES_MAX)
		lines = LINES_MAX;
	probes = probes < 1 ? 1 : probes > PROBES_MAX ? PROBES_MAX : probes;
	p = buf_reserve(out, HEAD_BYTES + lines * LINE_BYTES);
	out->n += HEAD_BYTES + lines * LINE_BYTES;
	put_u32(p, KIND);
	put_u32(p + 4, probes);
	put_u64(p + 8, lines);
	p += HEAD_BYTES;
	memset(p, 0, lines * LINE_BYTES);
	for (size_t i = 0; i < n; i++)
		set_bits(p + line_of(hashes[i], lines) * LINE_BYTES, (uint32_t)hashes[i], probes);
}

bool filter_load(struct filter *f, struct slice bytes)
{
	uint8_t *lines;

	*f = (struct filter){ .memory = NULL };
	if (bytes.n < HEAD_BYTES + LINE_BYTES || get_u32(bytes.p) != KIND)
		return false;
	f->probes = get_u32(bytes.p + 4);
	f->line_count = get_u64(bytes.p + 8);
	if (f->probes < 1 || f->probes > PROBES_MAX || f->line_count > LINES_MAX ||
	    bytes.n != HEAD_BYTES + f->line_count * LINE_BYTES)
		return false;
	f->bytes = bytes.n - HEAD_BYTES;
	f->memory = mem_alloc(f->bytes + LINE_BYTES);
	lines = (uint8_t *)(((uintptr_t)f->memory + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
	memcpy(lines, bytes.p + HEAD_BYTES, f->bytes);
	f->lines = lines;
	return true;
}

void filter_fini(struct filter *f)
{
	mem_drop(&f->memory);
}

bool filter_may_hold(const struct filter *f, uint64_t hash)
{
	return has_bits(f->lines + line_of(hash, f->line_count) * LINE_BYTES, (uint32_t)hash, f->probes);
}
