/* SPDX-License-Identifier: Apache-2.0 */
/* Damage of memory has no place, and says nothing. Pure. */
#include "frontend/damage_text.h"

#include <inttypes.h>

#include "frontend/text.h"

void damage_text_members(struct buf *out, const struct table_damage *d)
{
	if (d->table.v)
		buf_printf(out, ",\"table\":%" PRIu64, d->table.v);
	if (d->table.v && d->offset != DAMAGE_WHOLE)
		buf_printf(out, ",\"offset\":%" PRIu64, d->offset);
	if (d->record)
		buf_printf(out, ",\"record\":%" PRIu64, d->record);
	if (d->max.n) {
		buf_append_str(out, ",\"range\":{");
		text_member(out, "min", d->min);
		buf_append_byte(out, ',');
		text_member(out, "max", d->max);
		buf_append_byte(out, '}');
	}
}
