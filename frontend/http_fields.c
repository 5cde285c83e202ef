/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of http_fields.def as C. A name is looked up for every field of every request, so most are put
 * aside by their length alone.
 */
#include "frontend/http_fields.h"

static const struct row {
	const char *name;
	size_t length;
	enum http_field_kind kind;
} rows[HTTP_FIELD_COUNT] = {
#define HTTP_FIELD(id, name, kind) [HTTP_FIELD_##id] = { name, sizeof(name) - 1, HTTP_KIND_##kind },
#include "frontend/http_fields.def"
#undef HTTP_FIELD
};

/* Bit n: a name of n bytes is known. */
static const uint32_t lengths =
#define HTTP_FIELD(id, name, kind) 1u << (sizeof(name) - 1) |
#include "frontend/http_fields.def"
#undef HTTP_FIELD
	0;

/* name, a token, is the one of a row. A byte of a token that becomes one of a-z or '-' by this bit is the same letter. */
static bool is_same(const char *row, struct slice name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if ((name.p[i] | 0x20) != (uint8_t)row[i])
			return false;
	return true;
}

enum http_field_id http_field_find(struct slice name)
{
	unsigned id;

	if (name.n > 31 || !(lengths >> name.n & 1))
		return HTTP_FIELD_OTHER;
	for (id = HTTP_FIELD_OTHER + 1; id < HTTP_FIELD_COUNT; id++)
		if (rows[id].length == name.n && is_same(rows[id].name, name))
			return (enum http_field_id)id;
	return HTTP_FIELD_OTHER;
}

enum http_field_kind http_field_kind(enum http_field_id id)
{
	return rows[id].kind;
}

const char *http_field_name(enum http_field_id id)
{
	return rows[id].name;
}
