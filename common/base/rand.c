/* SPDX-License-Identifier: Apache-2.0 */
/* True random ids (rand.h). Any thread. */
#include "common/base/rand.h"

#include <sys/random.h>

#include "common/base/must.h"

uint64_t rand_id(void)
{
	uint64_t v = 0;

	while (v == 0)
		must(getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v);
	return v;
}
