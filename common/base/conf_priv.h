/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of conf share: a row of the table, and setting a key that knows where it came from.
 */
#ifndef BASE_CONF_PRIV_H
#define BASE_CONF_PRIV_H

#include "common/base/conf.h"

/* The words of LOG_FORMAT and NODE_ENV by index. */
enum { CONF_LOG_AUTO, CONF_LOG_JSON, CONF_LOG_PRETTY };
enum { CONF_ENV_UNSET, CONF_ENV_DEVELOPMENT, CONF_ENV_PRODUCTION, CONF_ENV_TEST };

enum conf_kind { CONF_NUM, CONF_STR, CONF_ENUM };

struct conf_row {
	enum conf_kind kind;
	const char *key;
	size_t offset;           /* of the field in struct conf */
	const char *def;         /* the default as text */
	uint64_t min, max;       /* numbers */
	const char *unit;        /* numbers; "" = a plain number */
	const char *words;       /* enums: "a|b|c" */
	const char *prose;
};

/* Where a value stands, for complaints: in a file, or in a place with a name ("environment"), or neither. */
struct conf_where {
	const char *file;
	unsigned line;
	const char *place;
};

extern const struct conf_row conf__rows[];
extern const unsigned conf__row_count;

const struct conf_row *conf__find(const char *key);        /* NULL: no such key */

/* The field of a row, for the kind that the row has. */
static inline void *conf__field(struct conf *c, const struct conf_row *row)
{
	return (char *)c + row->offset;
}

/* Begins a complaint about a value: "<file> line <n>: <key>=<value> (<place>): ". */
void conf__complain(struct buf *complaint, struct conf_where where, const char *key, const char *value);

/* conf_set() with a place. */
enum st conf__set(struct conf *c, const struct conf_row *row, const char *value, struct conf_where where,
    struct buf *complaint) MUST_USE;

#endif
