/* SPDX-License-Identifier: Apache-2.0 */
/* Problems of scans. Pure but for the answer. */
#include "frontend/scan_problem.h"

#include "frontend/damage_text.h"

struct scan_problem scan_problem_of(enum st st, const struct table_damage *d)
{
	struct scan_problem p = { .problem = problem_of(st) };

	if (st == ST_UNAVAILABLE)        /* a file of the view is not there any more */
		p.problem = PROBLEM_SNAPSHOT_GONE;
	if (st == ST_CORRUPT)
		p.damage = d;
	return p;
}

void scan_problem_answer(struct http_request *r, const struct scan_problem *p, struct buf *scratch)
{
	buf_reset(scratch);
	if (p->damage)
		damage_text_members(scratch, p->damage);
	http_answer_problem_members(r, p->problem, buf_slice(scratch));
}

void scan_problem_line(struct buf *out, const struct scan_problem *p)
{
	struct buf members = BUF_INIT;

	if (p->damage)
		damage_text_members(&members, p->damage);
	buf_append_str(out, "{\"error\":");
	problem_write(out, p->problem, NULL, buf_slice(&members));
	out->n--;                        /* its line feed */
	buf_append_str(out, "}\n");
	buf_fini(&members);
}
