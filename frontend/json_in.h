/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON read from front to back (RFC 8259), without a tree: who knows what must come asks for it, piece by piece.
 *
 *	json_in_begin(&j, body, &r->arena);
 *	json_in_open(&j, '{');
 *	for (first = true; json_in_name(&j, &first, &name);)
 *		... json_in_string(&j, &value) ...
 *	json_in_end(&j);
 *
 * 1. Errors stick: after the first one every call is false, and j.wrong says what it was. Whoever ends a loop asks.
 * 2. Strings lie in the text where they can, else in the arena; both stay good as long as these. "\u0000" is a byte.
 * 3. Nothing is skipped and nothing recurs: depth costs nothing, and time is proportional to the text.
 *
 * Pure.
 */
#ifndef FRONTEND_JSON_IN_H
#define FRONTEND_JSON_IN_H

#include "common/base/arena.h"
#include "common/base/buf.h"

struct json_in {
	const uint8_t *begin, *at, *end;
	struct arena *arena;
	const char *wrong;               /* NULL: nothing yet */
};

void json_in_begin(struct json_in *j, struct slice text, struct arena *arena);

/* What stands next, by its first byte: '{' '[' '"' '0' (a number) 't' 'f' 'n', or 0 for anything else. */
char json_in_next(struct json_in *j);
const char *json_in_kind(char next);             /* "an object" ... */

bool json_in_open(struct json_in *j, char bracket);
/* The next member or element of what was opened; false behind the last one. *firstp: true at first. */
bool json_in_name(struct json_in *j, bool *firstp, struct slice *namep);
bool json_in_element(struct json_in *j, bool *firstp);

bool json_in_string(struct json_in *j, struct slice *sp);
bool json_in_bool(struct json_in *j, bool *vp);
/* A number that is whole, without fraction and exponent, and fits; *wholep false, and not an error: it is another one. */
bool json_in_integer(struct json_in *j, int64_t *vp, bool *wholep);

bool json_in_end(struct json_in *j);             /* nothing may follow */

/* Appends "Line 1, column 7: a value is expected." */
void json_in_complain(const struct json_in *j, struct buf *complaint);

#endif
