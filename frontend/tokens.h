/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens: the text of AUTH_TOKENS_FILE, and whose token a presented one is. Pure but for tokens_read().
 *
 *	file   = { [ token BLANKS role [ BLANKS prefix ] ] [ "#" comment ] LF }
 *	token  = 16 to 128 of A-Z a-z 0-9 - . _ ~ + / =          (RFC 6750, b64token)
 *	role   = "reader" | "writer" | "admin"
 *	prefix = percent-encoded bytes that every key of this token begins with
 *
 * 1. A comment begins with the line, or behind a blank.
 * 2. A file with a mistake in it is refused whole: half of the tokens would be a surprise.
 * 3. How long tokens_find() takes does not depend on how much of a wrong token is right, nor on which one it is: every
 *    byte of every token is compared.
 * 4. A complaint names file and line, never a token.
 */
#ifndef FRONTEND_TOKENS_H
#define FRONTEND_TOKENS_H

#include "common/base/buf.h"
#include "common/base/status.h"

/* What one may do; each may what those before it may. */
enum role_needed { NEEDS_NOTHING, NEEDS_READER, NEEDS_WRITER, NEEDS_ADMIN };

/* What a call asks for. */
struct access_need {
	enum role_needed role;
	bool holds_keys;                 /* it reads or changes keys */
	bool checks_keys;                /* and asks access_key() for each of them */
};

enum { TOKEN_MIN_BYTES = 16, TOKEN_MAX_BYTES = 128, TOKENS_MAX = 1024, TOKENS_FILE_MAX = 1 << 20 };

struct tokens;

struct token {
	enum role_needed role;
	struct slice prefix;             /* decoded; empty: all keys. As long as the tokens */
	unsigned line;                   /* in the file: what logs call it */
};

const char *role_word(enum role_needed role);            /* "reader" */

/* Takes a file's text apart; name is for complaints. */
enum st tokens_parse(const char *name, struct slice text, struct tokens **tp, struct buf *complaint) MUST_USE;

/* The same with the file itself, which nobody but its owner may be able to read. */
enum st tokens_read(const char *path, struct tokens **tp, struct buf *complaint) MUST_USE;
void tokens_free(struct tokens **tp);

size_t tokens_count(const struct tokens *t);

/* The token that was presented, or NULL. */
const struct token *tokens_find(const struct tokens *t, struct slice presented);

#endif
