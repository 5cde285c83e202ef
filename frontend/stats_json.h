/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/stats: sizes, levels and counters, from the scoreboard and the attached view. */
#ifndef FRONTEND_STATS_JSON_H
#define FRONTEND_STATS_JSON_H

#include "common/base/buf.h"
#include "common/table/view_desc.h"

enum { STATS_FILES_PER_LEVEL = 1000 };   /* further ones are counted, not named */

/* desc NULL: nothing attached yet, no levels. visible: the newest sequence that reads see. */
void stats_json_write(struct buf *out, const struct view_desc *desc, struct seq visible);

#endif
