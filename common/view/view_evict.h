/* SPDX-License-Identifier: Apache-2.0 */
/* What a newer view makes superfluous: open tables that it no longer names. Any thread. */
#ifndef VIEW_VIEW_EVICT_H
#define VIEW_VIEW_EVICT_H

#include "common/view/view.h"

/* Closes, as soon as nobody uses them, the tables that only the older view names, and those whose damage is no longer on
 * record: they may have been mended. */
void view_evict(struct table_cache *tables, const struct view *older, const struct view *newer);

#endif
