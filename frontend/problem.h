/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problems: what a client is told when a request fails, as application/problem+json (RFC 7807) with a stable
 * code.
 *
 *	{"success":false,"type":"about:blank","title":"Not Found","status":404,"code":"not_found",
 *	 "detail":"..."}
 */
#ifndef FRONTEND_PROBLEM_H
#define FRONTEND_PROBLEM_H

#include "common/base/buf.h"
#include "common/base/status.h"

enum problem {
	PROBLEM_NONE,
#define PROBLEM(id, status, code, closes, detail) PROBLEM_##id,
#include "frontend/problem.def"
#undef PROBLEM
	PROBLEM_COUNT
};

unsigned problem_status(enum problem p);          /* the HTTP status */
const char *problem_code(enum problem p);
bool problem_closes(enum problem p);              /* the connection must end after it */

/* The problem of an outcome that reached a client; ST_OK has none. */
enum problem problem_of(enum st st);

/* Appends the body, with further members (each behind a comma) at its end. detail NULL or empty: the row's own. detail may hold any bytes. */
void problem_write(struct buf *out, enum problem p, const char *detail, struct slice members);

#endif
