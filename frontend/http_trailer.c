/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	LINE --token--> NAME --":"--> VALUE --CR--> CR --LF--> LINE
 *	LINE --CR--> END --LF--> DONE
 *
 * Every other byte is a problem.
 */
#include "frontend/http_trailer.h"

#include <strings.h>

static bool frames_a_message(const struct http_trailer *t)
{
	static const char *const names[] = { "content-length", "transfer-encoding" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == t->name_n && strncasecmp(names[i], (const char *)t->name, t->name_n) == 0)
			return true;
	return false;
}

static enum problem at_line(struct http_trailer *t, uint8_t c)
{
	if (c == '\r') {
		t->state = HTTP_TRAILER_END;
		return PROBLEM_NONE;
	}
	if (!http_head_is_token_byte(c))
		return PROBLEM_MALFORMED;
	if (++t->lines > HTTP_HEAD_MAX_FIELDS)
		return PROBLEM_HEAD_TOO_LARGE;
	t->state = HTTP_TRAILER_NAME;
	t->name[0] = c;
	t->name_n = 1;
	return PROBLEM_NONE;
}

static enum problem in_name(struct http_trailer *t, uint8_t c)
{
	if (c == ':') {
		t->state = HTTP_TRAILER_VALUE;
		return frames_a_message(t) ? PROBLEM_FRAMING : PROBLEM_NONE;
	}
	if (t->name_n < HTTP_TRAILER_NAME_BYTES)
		t->name[t->name_n++] = c;
	return http_head_is_token_byte(c) ? PROBLEM_NONE : PROBLEM_MALFORMED;
}

static enum problem in_value(struct http_trailer *t, uint8_t c)
{
	if (c == '\r')
		t->state = HTTP_TRAILER_CR;
	else if ((c < 0x20 && c != '\t') || c == 0x7f)
		return PROBLEM_MALFORMED;
	return PROBLEM_NONE;
}

static enum problem at_lf(struct http_trailer *t, uint8_t c, enum http_trailer_state next)
{
	t->state = next;
	return c == '\n' ? PROBLEM_NONE : PROBLEM_MALFORMED;
}

static enum problem step(struct http_trailer *t, uint8_t c)
{
	if (++t->bytes > HTTP_TRAILERS_MAX_BYTES)
		return PROBLEM_HEAD_TOO_LARGE;
	switch (t->state) {
	case HTTP_TRAILER_LINE:  return at_line(t, c);
	case HTTP_TRAILER_NAME:  return in_name(t, c);
	case HTTP_TRAILER_VALUE: return in_value(t, c);
	case HTTP_TRAILER_CR:    return at_lf(t, c, HTTP_TRAILER_LINE);
	case HTTP_TRAILER_END:   return at_lf(t, c, HTTP_TRAILER_DONE);
	case HTTP_TRAILER_DONE:  break;
	}
	return PROBLEM_MALFORMED;
}

enum problem http_trailer_feed(struct http_trailer *t, struct slice bytes, size_t *usedp)
{
	enum problem p = PROBLEM_NONE;
	size_t i;

	for (i = 0; i < bytes.n && t->state != HTTP_TRAILER_DONE && p == PROBLEM_NONE; i++)
		p = step(t, bytes.p[i]);
	*usedp = i;
	return p;
}
