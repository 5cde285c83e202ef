/* SPDX-License-Identifier: Apache-2.0 */
/* Estimating garbage; see garbage.h. */
#include "engine/garbage.h"

#define DAY_MS 86400000

uint64_t garbage_expired(const struct table_facts *f, int64_t now_ms)
{
	double part;

	if (f->expiring_count == 0 || f->min_expires_ms > now_ms)
		return 0;
	if (f->max_expires_ms <= now_ms)
		return f->expiring_count;
	part = ((double)now_ms - (double)f->min_expires_ms) / ((double)f->max_expires_ms - (double)f->min_expires_ms);
	return 1 + (uint64_t)(part * (double)(f->expiring_count - 1));
}

double garbage_share(const struct table_facts *f, int64_t now_ms)
{
	if (f->entry_count == 0)
		return 0;
	return (double)(f->tombstone_count + garbage_expired(f, now_ms)) / (double)f->entry_count;
}

bool garbage_worth_rewriting(const struct live_table *t, int64_t now_ms, double share)
{
	const struct table_facts *f = &t->facts;
	uint64_t expired = garbage_expired(f, now_ms);

	if (expired == 0 || f->min_expires_ms < t->created_ms - DAY_MS)
		return false;
	if (t->created_ms <= now_ms - DAY_MS)
		expired = f->expiring_count;
	return (double)expired >= share * (double)f->entry_count;
}
