/* SPDX-License-Identifier: Apache-2.0 */
/* A list cut at commas, members at semicolons; the most specific member that fits decides. Pure. */
#include "frontend/media.h"

#include <strings.h>

enum { FULL = 1000 };                    /* weights are thousandths */

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

/* "q=0.5" in thousandths into *qp; false: it is another parameter, or none that can be read. */
static bool is_weight(struct slice s, unsigned *qp)
{
	unsigned q, place = FULL / 10;
	size_t i;

	if (s.n < 3 || s.n > 7 || (s.p[0] | 0x20) != 'q' || s.p[1] != '=' || (s.p[2] != '0' && s.p[2] != '1') ||
	    (s.n > 3 && s.p[3] != '.'))
		return false;
	q = (unsigned)(s.p[2] - '0') * FULL;
	for (i = 4; i < s.n; i++, place /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		q += (unsigned)(s.p[i] - '0') * place;
	}
	*qp = q;
	return q <= FULL;
}

static unsigned weight(struct slice parameters)
{
	unsigned q;

	while (parameters.n)
		if (is_weight(cut(&parameters, ';'), &q))
			return q;
	return FULL;
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

/* What the most specific member says of a type. */
struct verdict { unsigned fits, weight; };

static struct verdict judge(struct slice accept, const char *type)
{
	struct verdict v = { 0, accept.p ? 0 : FULL };

	while (accept.n) {
		struct slice parameters = cut(&accept, ','), range = cut(&parameters, ';');
		unsigned fits = fit(range, type);

		if (fits > v.fits)
			v = (struct verdict){ fits, weight(parameters) };
	}
	return v;
}

enum media_wish media_wish(struct slice accept, const char *type)
{
	struct verdict v = judge(accept, type);

	if (v.weight == 0)
		return MEDIA_REFUSED;
	return v.fits == 3 ? MEDIA_NAMED : MEDIA_TAKEN;
}

bool media_is_preferred(struct slice accept, const char *type, const char *usual)
{
	struct verdict v = judge(accept, type);

	return v.fits == 3 && v.weight > 0 && v.weight >= judge(accept, usual).weight;
}

bool media_is(struct slice content_type, const char *type)
{
	struct slice s = cut(&content_type, ';');

	return is_word(s, type, strlen(type));
}
