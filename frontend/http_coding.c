/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of Accept-Encoding, with weights in thousandths. Pure. */
#include "frontend/http_coding.h"

#include <strings.h>

enum { UNSAID = -1, FULL = 1000 };

static struct slice trimmed(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* What comes before the first `end` in *s, which moves behind it. */
static struct slice cut(struct slice *s, char end)
{
	const uint8_t *at = s->n ? memchr(s->p, end, s->n) : NULL;
	struct slice head = slice_of(s->p, at ? (size_t)(at - s->p) : s->n);

	*s = slice_of(s->p + head.n + (at != NULL), s->n - head.n - (at != NULL));
	return trimmed(head);
}

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

/* "q=0.5" in thousandths, FULL for nothing at all, UNSAID for anything else. */
static int weight(struct slice s)
{
	int q, place = 100;
	size_t i;

	if (s.n == 0)
		return FULL;
	if (s.n < 3 || s.n > 7 || (s.p[0] | 0x20) != 'q' || s.p[1] != '=' || (s.p[2] != '0' && s.p[2] != '1'))
		return UNSAID;
	q = (s.p[2] - '0') * FULL;
	if (s.n > 3 && s.p[3] != '.')
		return UNSAID;
	for (i = 4; i < s.n; i++, place /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return UNSAID;
		q += (s.p[i] - '0') * place;
	}
	return q <= FULL ? q : UNSAID;
}

unsigned http_coding_accepted(struct slice list)
{
	int gzip = UNSAID, identity = UNSAID, any = UNSAID;
	unsigned takes = 0;
	bool named;

	while (list.n) {
		struct slice parameters = cut(&list, ','), coding = cut(&parameters, ';');
		int q = weight(trimmed(parameters));

		if (q == UNSAID)
			continue;
		if (is_word(coding, "gzip") || is_word(coding, "x-gzip"))
			gzip = q;
		else if (is_word(coding, "identity"))
			identity = q;
		else if (is_word(coding, "*"))
			any = q;
	}
	named = identity != UNSAID;
	if (gzip == UNSAID)
		gzip = any == UNSAID ? 0 : any;
	if (!named)
		identity = any == 0 ? 0 : FULL;
	takes |= identity ? HTTP_TAKES_IDENTITY : 0;
	takes |= gzip ? HTTP_TAKES_GZIP : 0;
	takes |= gzip && (!named || gzip >= identity) ? HTTP_PREFERS_GZIP : 0;
	return takes;
}

enum http_coding http_coding_of(struct slice coding)
{
	if (coding.n == 0 || is_word(coding, "identity"))
		return HTTP_CODING_IDENTITY;
	return is_word(coding, "gzip") || is_word(coding, "x-gzip") ? HTTP_CODING_GZIP : HTTP_CODING_OTHER;
}
