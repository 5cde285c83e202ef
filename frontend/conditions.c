/* SPDX-License-Identifier: Apache-2.0 */
/* Three looks at the fields (conditions.h). */
#include "frontend/conditions.h"

bool conditions_take_no_date(struct http_request *r)
{
	if (!http_request_has(r, HTTP_FIELD_IF_UNMODIFIED_SINCE) || http_request_has(r, HTTP_FIELD_IF_MATCH))
		return true;
	http_answer_problem(r, PROBLEM_CONDITION, "If-Unmodified-Since is too coarse to decide a write: If-Match tells versions apart.");
	return false;
}

bool conditions_take_none(struct http_request *r)
{
	if (!http_request_has(r, HTTP_FIELD_IF_MATCH) && !http_request_has(r, HTTP_FIELD_IF_NONE_MATCH))
		return conditions_take_no_date(r);
	http_answer_problem(r, PROBLEM_CONDITION, "If-Match and If-None-Match have no meaning here.");
	return false;
}

bool conditions_take_no_part(struct http_request *r)
{
	if (!http_request_has(r, HTTP_FIELD_CONTENT_RANGE))
		return true;
	http_answer_problem(r, PROBLEM_INVALID, "A value is written as a whole: a part of one (Content-Range) is not taken.");
	return false;
}
