/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's sentence, and when to come again. Event loop thread only. */
#include "frontend/write_refuse.h"

#include <stdio.h>

void write_refuse(struct http_request *r, const struct write_result *reply, enum problem p)
{
	char fields[48];
	unsigned seconds;

	if (!reply) {
		http_answer_problem(r, p, NULL);
		return;
	}
	seconds = (reply->retry_after_ms + 999) / 1000;
	snprintf(fields, sizeof fields, "Retry-After: %u\r\n", seconds ? seconds : 1);
	http_answer_problem_with(r, p, reply->detail, problem_status(p) == 503 || problem_status(p) == 507 ? fields : NULL);
}
