/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan that cannot go on tells its client: as an answer, or as the last line of a stream. */
#ifndef FRONTEND_SCAN_PROBLEM_H
#define FRONTEND_SCAN_PROBLEM_H

#include "common/table/damage.h"
#include "frontend/http_conn.h"

struct scan_problem {
	enum problem problem;
	const struct table_damage *damage;       /* with CORRUPT, when it is known; on loan */
};

/* d may be NULL. */
struct scan_problem scan_problem_of(enum st st, const struct table_damage *d);

void scan_problem_answer(struct http_request *r, const struct scan_problem *p, struct buf *scratch);
void scan_problem_line(struct buf *out, const struct scan_problem *p);   /* {"error":{...}} and a line feed */

#endif
