/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a list of tags (etag.h). Pure. */
#include "frontend/etag.h"

struct tag { struct slice text; bool weak; };

static bool skip(struct slice *s, const char *literal)
{
	size_t n = strlen(literal);

	if (s->n < n || memcmp(s->p, literal, n) != 0)
		return false;
	*s = slice_of(s->p + n, s->n - n);
	return true;
}

static void skip_spaces(struct slice *s)
{
	while (skip(s, " ") || skip(s, "\t"))
		;
}

static bool take_tag(struct slice *s, struct tag *t)
{
	const uint8_t *end;

	t->weak = skip(s, "W/");
	if (!skip(s, "\""))
		return false;
	end = s->n ? memchr(s->p, '"', s->n) : NULL;
	if (!end)
		return false;
	t->text = slice_of(s->p, (size_t)(end - s->p));
	*s = slice_of(end + 1, s->n - t->text.n - 1);
	return true;
}

/* The version a tag stands for, written as we write it; 0: none. */
static uint64_t version_of(struct slice text)
{
	uint64_t v = 0;
	size_t i;

	if (text.n == 0 || text.n > 18 || text.p[0] == '0')
		return 0;
	for (i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	return v;
}

struct etag_set etag_read(struct slice field, uint64_t version, bool weak)
{
	struct etag_set malformed = { .form = ETAG_MALFORMED }, set = malformed;
	struct tag tag;

	if (slice_eq(field, slice_str("*")))
		return (struct etag_set){ .form = ETAG_ANY, .matches = true };
	do {
		uint64_t v;

		skip_spaces(&field);
		if (field.n == 0 || field.p[0] == ',')
			continue;                /* an empty element, as of a list built from parts */
		if (!take_tag(&field, &tag))
			return malformed;
		v = tag.weak && !weak ? 0 : version_of(tag.text);
		set.form = set.form == ETAG_MALFORMED ? ETAG_ONE : ETAG_LIST;
		set.version = v;
		set.matches |= v != 0 && v == version;
		skip_spaces(&field);
	} while (skip(&field, ","));
	return field.n == 0 ? set : malformed;
}

void etag_append(struct buf *out, uint64_t version)
{
	buf_append_str(out, "ETag: \"");
	buf_append_u64(out, version);
	buf_append_str(out, "\"\r\n");
}
