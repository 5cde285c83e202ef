/* SPDX-License-Identifier: Apache-2.0 */
/* Where damage is and which keys it keeps from being read, for clients. Pure. */
#ifndef FRONTEND_DAMAGE_TEXT_H
#define FRONTEND_DAMAGE_TEXT_H

#include "common/base/buf.h"
#include "common/table/damage.h"

/* Members for a problem, each behind a comma: table, offset, record, range, as far as they are known. */
void damage_text_members(struct buf *out, const struct table_damage *d);

#endif
