/* SPDX-License-Identifier: Apache-2.0 */
/* A small table of what was told lately; walked, as it is asked for damage only. */
#include "frontend/suspects.h"

#include "proto/damage_report.h"

/* Where to note this block; -1: it was told lately, or too many were. */
static int place(const struct suspects *s, const struct table_damage *d, uint64_t now_us)
{
	int at = -1;

	for (int i = 0; i < SUSPECTS_MAX; i++) {
		bool old = s->told[i].table.v == 0 || now_us - s->told[i].told_us >= SUSPECTS_AGAIN_US;

		if (s->told[i].table.v == d->table.v && s->told[i].offset == d->offset)
			return old ? i : -1;
		if (old && at < 0)
			at = i;
	}
	return at;
}

void suspects_tell(struct suspects *s, const struct table_damage *d, uint64_t now_us)
{
	struct buf message = BUF_INIT;
	int at;

	if (d->table.v == 0 || d->record != 0)
		return;
	at = place(s, d, now_us);
	if (at < 0)
		return;
	damage_report_add(&message, (struct damaged_block){ d->table, d->offset });
	if (pending_tell(s->pending, buf_slice(&message))) {
		s->told[at].table = d->table;
		s->told[at].offset = d->offset;
		s->told[at].told_us = now_us;
	}
	buf_fini(&message);
}
