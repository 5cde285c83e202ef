/* SPDX-License-Identifier: Apache-2.0 */
/* A list cut at commas, members at semicolons; the most specific member that fits decides. Pure. */
#include "frontend/media.h"

#include <strings.h>

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.n && is_space(s.p[0]))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* What comes before the first `end` in *s, which moves behind it. */
static struct slice cut(struct slice *s, char end)
{
	const uint8_t *at = s->n ? memchr(s->p, end, s->n) : NULL;
	struct slice head = slice_of(s->p, at ? (size_t)(at - s->p) : s->n);

	*s = slice_of(s->p + head.n + (at != NULL), s->n - head.n - (at != NULL));
	return trim(head);
}

static bool is_word(struct slice s, const char *word, size_t n)
{
	return s.n == n && strncasecmp((const char *)s.p, word, n) == 0;
}

/* Do the parameters say q=0? */
static bool says_no(struct slice parameters)
{
	while (parameters.n) {
		struct slice one = cut(&parameters, ';');
		size_t i;

		if (one.n < 3 || (one.p[0] | 0x20) != 'q' || one.p[1] != '=' || one.p[2] != '0')
			continue;
		for (i = 3; i < one.n && (one.p[i] == '.' || one.p[i] == '0'); i++)
			;
		return i == one.n;
	}
	return false;
}

/* 3: the type itself, 2: all with its first half, 1: all; 0: another one. */
static unsigned fit(struct slice range, const char *type)
{
	size_t half = (size_t)(strchr(type, '/') - type) + 1;

	if (is_word(range, type, strlen(type)))
		return 3;
	if (range.n == half + 1 && range.p[half] == '*' && strncasecmp((const char *)range.p, type, half) == 0)
		return 2;
	return is_word(range, "*/*", 3);
}

enum media_wish media_wish(struct slice accept, const char *type)
{
	unsigned best = 0;
	bool no = true;

	if (!accept.p)
		return MEDIA_TAKEN;
	while (accept.n) {
		struct slice parameters = cut(&accept, ','), range = cut(&parameters, ';');
		unsigned fits = fit(range, type);

		if (fits <= best)
			continue;
		best = fits;
		no = says_no(parameters);
	}
	if (no)
		return MEDIA_REFUSED;
	return best == 3 ? MEDIA_NAMED : MEDIA_TAKEN;
}

bool media_is(struct slice content_type, const char *type)
{
	struct slice s = cut(&content_type, ';');

	return is_word(s, type, strlen(type));
}
