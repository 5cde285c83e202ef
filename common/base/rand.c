/* SPDX-License-Identifier: Apache-2.0 */
/* True random ids and bytes (rand.h). Any thread. */
#include "common/base/rand.h"

#include <sys/random.h>

#include "common/base/must.h"

void rand_bytes(uint8_t *p, size_t n)
{
	must(n <= 256 && getrandom(p, n, 0) == (ssize_t)n);
}

uint64_t rand_id(void)
{
	uint64_t v = 0;

	while (v == 0)
		rand_bytes((uint8_t *)&v, sizeof v);
	return v;
}
