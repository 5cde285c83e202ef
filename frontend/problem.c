/* SPDX-License-Identifier: Apache-2.0 */
/* The table of problem.def as C, and the body made of a row. Pure; any thread. */
#include "frontend/problem.h"

#include "common/base/must.h"
#include "frontend/http_status.h"
#include "frontend/text.h"

struct row {
	unsigned status;
	const char *code;
	bool closes;
	const char *detail;
};

static const struct row rows[PROBLEM_COUNT] = {
#define PROBLEM(id, status, code, closes, detail) [PROBLEM_##id] = { status, code, closes, detail },
#include "frontend/problem.def"
#undef PROBLEM
};

static const struct row *row_of(enum problem p)
{
	must(p > PROBLEM_NONE && p < PROBLEM_COUNT);
	return &rows[p];
}

unsigned problem_status(enum problem p)
{
	return row_of(p)->status;
}

const char *problem_code(enum problem p)
{
	return row_of(p)->code;
}

bool problem_closes(enum problem p)
{
	return row_of(p)->closes;
}

enum problem problem_of(enum st st)
{
	switch (st) {
	case ST_OK:          return PROBLEM_NONE;
	case ST_NOT_FOUND:   return PROBLEM_NOT_FOUND;
	case ST_INVALID:     return PROBLEM_INVALID;
	case ST_TOO_BIG:     return PROBLEM_TOO_BIG;
	case ST_BUSY:        return PROBLEM_BUSY;
	case ST_FULL:        return PROBLEM_FULL;
	case ST_IO:          return PROBLEM_IO;
	case ST_CORRUPT:     return PROBLEM_CORRUPT;
	case ST_UNAVAILABLE: return PROBLEM_ENGINE_UNAVAILABLE;
	case ST_TIMEOUT:     return PROBLEM_OUTCOME_UNKNOWN;
	case ST_CANCELLED:   return PROBLEM_ENGINE_UNAVAILABLE;
	case ST_INTERNAL:    return PROBLEM_INTERNAL;
	case ST_PRECONDITION: return PROBLEM_PRECONDITION;
	case ST_CONFLICT:    return PROBLEM_CONFLICT;
	}
	return PROBLEM_INTERNAL;
}

void problem_write(struct buf *out, enum problem p, const char *detail, struct slice members)
{
	const struct row *r = row_of(p);

	buf_append_str(out, "{\"success\":false,\"type\":\"about:blank\",\"title\":\"");
	buf_append_str(out, http_status_phrase(r->status));
	buf_append_str(out, "\",\"status\":");
	buf_append_u64(out, r->status);
	buf_append_str(out, ",\"code\":\"");
	buf_append_str(out, r->code);
	buf_append_str(out, "\",\"detail\":");
	text_quote_any(out, slice_str(detail && *detail ? detail : r->detail));
	buf_append_slice(out, members);
	buf_append_str(out, "}\n");
}
