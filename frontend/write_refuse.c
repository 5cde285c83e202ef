/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's sentence, with members and fields (write_refuse.h). Event loop thread only. */
#include "frontend/write_refuse.h"

#include <inttypes.h>
#include <stdio.h>

enum { FIELDS_BYTES = 48, MEMBERS_BYTES = 120 };

static void write_retry(char *fields, const struct write_result *w)
{
	unsigned seconds = (w->retry_after_ms + 999) / 1000;

	(void)snprintf(fields, FIELDS_BYTES, "Retry-After: %u\r\n", seconds ? seconds : 1);
}

/* Why it was decided so, and the version that is there. */
static struct slice write_decision(char *members, char *fields, const struct write_result *w)
{
	static const char *const reasons[] = { [WRITE_NO_NUMBER] = ",\"reason\":\"not_a_number\"",
					       [WRITE_OVERFLOW] = ",\"reason\":\"overflow\"",
					       [WRITE_REASON_NONE] = "" };

	if (w->present.v)
		(void)snprintf(fields, FIELDS_BYTES, "ETag: \"%" PRIu64 "\"\r\n", w->present.v);
	(void)snprintf(members, MEMBERS_BYTES, ",\"index\":%" PRIu32 ",\"version\":%" PRIu64 "%s", w->failed_index, w->present.v,
		       reasons[w->reason]);
	return slice_str(members);
}

void write_refuse(struct http_request *r, const struct write_result *reply, enum problem p)
{
	char fields[FIELDS_BYTES] = "", members[MEMBERS_BYTES];
	struct problem_answer a = { .detail = reply ? reply->detail : NULL };

	if (reply && (problem_status(p) == 503 || problem_status(p) == 507))
		write_retry(fields, reply);
	else if (reply && (p == PROBLEM_PRECONDITION || p == PROBLEM_CONFLICT))
		a.members = write_decision(members, fields, reply);
	a.fields = *fields ? fields : NULL;
	http_answer_problem_of(r, p, &a);
}
