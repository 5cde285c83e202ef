/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the buckets and the search among them. Pure; any thread. */
#include "common/stats/durations.h"

#include "common/base/must.h"

#define DECADE(x) \
	(x) * 10, (x) * 12, (x) * 15, (x) * 20, (x) * 25, (x) * 30, (x) * 40, (x) * 50, (x) * 60, (x) * 80

static const uint64_t bounds[] = {
	1, 2, 3, 4, 5, 6, 8,
	DECADE(1u), DECADE(10u), DECADE(100u), DECADE(1000u), DECADE(10000u), DECADE(100000u),
	10000000, 12000000, 15000000, 20000000, 25000000, 30000000, 40000000, 50000000, 60000000,
	UINT64_MAX,
};

_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == DURATION_BUCKETS, "DURATION_BUCKETS counts the bounds");

uint64_t duration_bound_us(unsigned bucket)
{
	must(bucket < DURATION_BUCKETS);
	return bounds[bucket];
}

bool duration_is_exposed(unsigned bucket)
{
	uint64_t v = duration_bound_us(bucket);

	if (v < 10)
		return false;
	if (v == UINT64_MAX)
		return true;
	while (v >= 100)
		v /= 10;        /* every bound has at most two significant digits */
	return v == 10 || v == 25 || v == 50;
}

unsigned duration_bucket(uint64_t us)
{
	unsigned low = 0, high = DURATION_BUCKETS - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (us <= bounds[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
