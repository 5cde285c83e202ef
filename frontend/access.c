/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of access.h. What was found out about a token is copied into the request, so that a reload meanwhile takes
 * nothing from under it.
 */
#include "frontend/access.h"

#include <stdio.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "proto/write.h"

#define ACCESS_MAGIC 0x41636301u

#define CHALLENGE "WWW-Authenticate: Bearer realm=\"lsm-engine\""

struct access {
	uint32_t magic;
	char *path;                      /* empty: no tokens */
	struct tokens *tokens;
};

/* ---- life ---- */

static enum st load(struct access *a, const char *on_failure)
{
	struct buf complaint = BUF_INIT;
	struct tokens *fresh;
	enum st st = tokens_read(a->path, &fresh, &complaint);

	if (st) {
		log_error("%s%s", buf_cstr(&complaint), on_failure);
	} else {
		tokens_free(&a->tokens);
		a->tokens = fresh;
		log_info("%zu access tokens are known", tokens_count(fresh));
	}
	buf_fini(&complaint);
	return st;
}

enum st access_new(const char *path, struct access **ap)
{
	struct access *a = mem_zalloc(sizeof *a);
	enum st st = ST_OK;

	obj_init(a, ACCESS_MAGIC);
	a->path = mem_strdup(path);
	if (*path)
		st = load(a, "");
	if (st)
		access_free(&a);
	*ap = a;
	return st;
}

enum st access_reload(struct access *a)
{
	obj_check(a, ACCESS_MAGIC);
	return *a->path ? load(a, "; the tokens known before stay in force") : ST_OK;
}

void access_free(struct access **ap)
{
	struct access *a = *ap;

	if (!a)
		return;
	obj_check(a, ACCESS_MAGIC);
	tokens_free(&a->tokens);
	mem_free(a->path);
	obj_fini(a);
	mem_drop(ap);
}

/* ---- the question ---- */

/* The token of "Bearer TOKEN"; empty when there is none. */
static struct slice bearer(const struct http_request *r)
{
	static const char scheme[] = "Bearer ";
	struct slice field = http_request_field(r, HTTP_FIELD_AUTHORIZATION);
	size_t n = sizeof scheme - 1;

	if (field.n <= n || strncasecmp((const char *)field.p, scheme, n) != 0)
		return slice_of(NULL, 0);
	while (n < field.n && field.p[n] == ' ')
		n++;
	return slice_of(field.p + n, field.n - n);
}

/* PROBLEM_NONE, or why not; *tokenp is NULL where none was asked for or none fits. */
static enum problem judge(const struct access *a, const struct http_request *r, struct access_need need,
			  const struct token **tokenp)
{
	struct slice presented;
	const struct token *t;

	*tokenp = NULL;
	if (!a->tokens || need.role == NEEDS_NOTHING)
		return PROBLEM_NONE;
	presented = bearer(r);
	if (presented.n == 0)
		return PROBLEM_TOKEN_MISSING;
	*tokenp = t = tokens_find(a->tokens, presented);
	if (!t)
		return PROBLEM_TOKEN_INVALID;
	if (t->role < need.role)
		return PROBLEM_ROLE_INSUFFICIENT;
	return t->prefix.n && need.holds_keys && !need.checks_keys ? PROBLEM_PREFIX_FORBIDDEN : PROBLEM_NONE;
}

static void refuse(struct http_request *r, enum problem p, struct access_need need, const struct token *t)
{
	char detail[160] = "";
	const char *field = CHALLENGE "\r\n";

	if (p == PROBLEM_TOKEN_INVALID)
		field = CHALLENGE ", error=\"invalid_token\"\r\n";
	else if (p != PROBLEM_TOKEN_MISSING)
		field = CHALLENGE ", error=\"insufficient_scope\"\r\n";
	if (p == PROBLEM_ROLE_INSUFFICIENT)
		snprintf(detail, sizeof detail, "This needs the role %s; the token is a %s's.", role_word(need.role),
			 role_word(t->role));
	else if (p == PROBLEM_PREFIX_FORBIDDEN)
		snprintf(detail, sizeof detail, "The token is confined to a prefix of the keys, and this call is not.");
	stats_add(M_auth_failures, 1);
	http_answer_problem_with(r, p, detail, field);
}

bool access_admit(struct access *a, struct http_request *r, struct access_need need)
{
	const struct token *t;
	enum problem p;

	obj_check(a, ACCESS_MAGIC);
	p = judge(a, r, need, &t);
	if (p) {
		refuse(r, p, need, t);
		return false;
	}
	r->token_line = t ? t->line : 0;
	r->prefix = t && t->prefix.n ? arena_dup(&r->arena, t->prefix) : slice_of(NULL, 0);
	return true;
}

bool access_would_admit(const struct access *a, const struct http_request *r, struct access_need need)
{
	const struct token *t;

	return judge(a, r, need, &t) == PROBLEM_NONE;
}

bool access_still_admits(const struct access *a, const struct http_request *r, struct access_need need, struct slice prefix)
{
	const struct token *t;

	return judge(a, r, need, &t) == PROBLEM_NONE && (!t || slice_shared(prefix, t->prefix) == t->prefix.n);
}

bool access_is_confined(const struct http_request *r)
{
	return r->prefix.n > 0;
}

static bool forbid(struct http_request *r)
{
	stats_add(M_auth_failures, 1);
	http_answer_problem_with(r, PROBLEM_PREFIX_FORBIDDEN, NULL, CHALLENGE ", error=\"insufficient_scope\"\r\n");
	return false;
}

bool access_key(struct http_request *r, struct slice key)
{
	return slice_shared(key, r->prefix) == r->prefix.n || forbid(r);
}

bool access_range(struct http_request *r, struct slice start, struct slice end)
{
	struct slice most;

	if (r->prefix.n == 0)
		return true;
	most = write_prefix_end(r->prefix, arena_alloc(&r->arena, r->prefix.n));
	if (slice_shared(start, r->prefix) == r->prefix.n && (most.n == 0 || (end.n && slice_cmp(end, most) <= 0)))
		return true;
	return forbid(r);
}
