/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that calls llhttp. A head is read when it is there as a whole: http_head.c finds its end and
 * refuses what llhttp would let through, then llhttp reads the fields and afterwards the body. As the head is
 * contiguous, every name and value comes in one span. With the line of the last chunk llhttp is done: http_trailer.c
 * reads what follows.
 * Content-Length and Upgrade are read inside llhttp, the fields of http_fields.def here.
 *
 * llhttp is begun anew for each request: nothing of one can reach the next.
 */
#include "frontend/http_parse.h"

#include <strings.h>

#include "common/base/must.h"

enum {
	BODY_FIRST_BYTES = 65536,
	FRAMING_MAX_BYTES = 8192,        /* of a chunked body, beside its data: sizes, extensions */
	FRAMING_CHUNK_BYTES = 32         /* and so many more for each chunk that has data */
};

static struct http_parser *parser_of(llhttp_t *ll)
{
	return ll->data;
}

static int refuse(struct http_parser *p, enum problem problem)
{
	p->problem = problem;
	return -1;
}

static bool same_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static struct slice trimmed(struct slice s)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* ---- llhttp's callbacks ---- */

static int on_field(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);
	struct slice name = slice_of(at, n);

	p->field = http_field_find(name);
	p->spans = 0;
	return 0;
}

static int host_value(struct http_parser *p, struct slice value)
{
	if (p->host_count++ || !http_head_host_valid(value))
		return refuse(p, PROBLEM_HOST);
	p->host = value;
	return 0;
}

static int transfer_encoding_value(struct http_parser *p, struct slice value)
{
	if (p->head.http10 || p->chunked)
		return refuse(p, PROBLEM_FRAMING);
	if (!same_word(value, "chunked"))
		return refuse(p, PROBLEM_TRANSFER_CODING);
	p->chunked = true;
	return 0;
}

static int expect_value(struct http_parser *p, struct slice value)
{
	if (!same_word(value, "100-continue"))
		return refuse(p, PROBLEM_EXPECTATION);
	p->expects = !p->head.http10;
	return 0;
}

/* A list of words; those that are not known mean nothing here (RFC 9110 7.6.1). */
static int connection_value(struct http_parser *p, struct slice list)
{
	while (list.n) {
		const uint8_t *comma = memchr(list.p, ',', list.n);
		struct slice word = slice_of(list.p, comma ? (size_t)(comma - list.p) : list.n);

		list = slice_of(list.p + word.n, list.n - word.n);
		if (list.n)
			list = slice_of(list.p + 1, list.n - 1);
		while (word.n && (word.p[0] == ' ' || word.p[0] == '\t'))
			word = slice_of(word.p + 1, word.n - 1);
		p->says_close |= same_word(trimmed(word), "close");
		p->says_keep_alive |= same_word(trimmed(word), "keep-alive");
	}
	return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);
	struct slice value = trimmed(slice_of(at, n));

	if (p->field == HTTP_FIELD_OTHER)
		return 0;
	if (p->spans++)
		return refuse(p, PROBLEM_MALFORMED);
	switch (p->field) {
	case HTTP_FIELD_HOST:              return host_value(p, value);
	case HTTP_FIELD_CONNECTION:        return connection_value(p, value);
	case HTTP_FIELD_EXPECT:            return expect_value(p, value);
	case HTTP_FIELD_TRANSFER_ENCODING: return transfer_encoding_value(p, value);
	default:
		return http_request_add_field(p->req, p->field, value) ? 0 : refuse(p, PROBLEM_HEADER_REPEATED);
	}
}

static enum http_method method_of(const llhttp_t *ll)
{
	switch (ll->method) {
	case HTTP_GET:     return HTTP_M_GET;
	case HTTP_HEAD:    return HTTP_M_HEAD;
	case HTTP_POST:    return HTTP_M_POST;
	case HTTP_PUT:     return HTTP_M_PUT;
	case HTTP_DELETE:  return HTTP_M_DELETE;
	case HTTP_OPTIONS: return HTTP_M_OPTIONS;
	default:           return HTTP_M_OTHER;
	}
}

/* What stands behind the authority, with the "/" that an empty path means (RFC 9110 4.2.3). */
static struct slice with_path(struct http_request *r, struct slice rest)
{
	uint8_t *p;

	if (rest.n && rest.p[0] == '/')
		return rest;
	p = arena_alloc(&r->arena, rest.n + 1);
	p[0] = '/';
	if (rest.n)
		memcpy(p + 1, rest.p, rest.n);
	return slice_of(p, rest.n + 1);
}

/* How many bytes of a target are the scheme and what stands behind it; 0: it begins with none that is spoken here. */
static size_t scheme_bytes(const struct http_parser *p, struct slice target)
{
	const char *t = (const char *)target.p;

	if (target.n > 7 && strncasecmp(t, "http://", 7) == 0)
		return 7;
	return p->secure && target.n > 8 && strncasecmp(t, "https://", 8) == 0 ? 8 : 0;
}

/* The path of a target: "/path", "http://authority/path" where the authority is what Host says, over TLS "https://" as
 * well, or the "*" of OPTIONS. */
static bool origin_form(struct http_parser *p, struct slice *targetp)
{
	struct slice t = *targetp, authority;
	size_t n = 0, scheme = scheme_bytes(p, t);

	if (t.p[0] == '/' || (p->req->method == HTTP_M_OPTIONS && slice_eq(t, slice_str("*"))))
		return true;
	if (scheme == 0)
		return false;
	authority = slice_of(t.p + scheme, t.n - scheme);
	while (n < authority.n && authority.p[n] != '/' && authority.p[n] != '?')
		n++;
	*targetp = with_path(p->req, slice_of(authority.p + n, authority.n - n));
	return n == p->host.n && strncasecmp((const char *)authority.p, (const char *)p->host.p, n) == 0;
}

static int expect_body(struct http_parser *p, uint64_t n)
{
	if (n > p->limit)
		return refuse(p, PROBLEM_BODY_TOO_LARGE);
	if (n)
		buf_reserve(&p->req->body, n < BODY_FIRST_BYTES ? n : BODY_FIRST_BYTES);
	return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
	struct http_parser *p = parser_of(ll);
	struct http_request *r = p->req;
	struct slice target = p->head.target;
	const uint8_t *mark;

	ll->upgrade = 0;                 /* an Upgrade field is ignored, as RFC 9110 7.8 allows */
	if (p->host_count == 0 && !p->head.http10)
		return refuse(p, PROBLEM_HOST);
	r->method = method_of(ll);
	if (!origin_form(p, &target))
		return refuse(p, PROBLEM_TARGET);
	r->http10 = p->head.http10;
	r->keep_alive = !p->says_close && (!r->http10 || p->says_keep_alive);
	target = arena_dup(&r->arena, target);
	mark = memchr(target.p, '?', target.n);
	r->path = slice_of(target.p, mark ? (size_t)(mark - target.p) : target.n);
	r->query = mark ? slice_of(mark + 1, target.n - r->path.n - 1) : slice_of(target.p, 0);
	p->limit = p->plan ? p->plan(p->ctx, r) : p->max_body;
	return expect_body(p, ll->flags & F_CONTENT_LENGTH ? ll->content_length : 0);
}

/* Whether the body so far, up to `at` in the piece being read, brought more than data for so many chunks explains. */
static bool framing_too_large(const struct http_parser *p, const uint8_t *at, uint64_t chunks)
{
	uint64_t framing = p->fed_bytes + (uint64_t)(at - p->piece) - p->body_bytes;

	return framing > FRAMING_MAX_BYTES + FRAMING_CHUNK_BYTES * chunks;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = parser_of(ll);

	if (framing_too_large(p, (const uint8_t *)at, p->chunks))
		return refuse(p, PROBLEM_FRAMING);
	if (n > p->limit - p->body_bytes)
		return refuse(p, PROBLEM_BODY_TOO_LARGE);
	p->body_bytes += n;
	buf_append(&p->req->body, at, n);
	return 0;
}

/* A chunk that will be too much is refused before it is read. The one without data is the last. */
static int on_chunk_header(llhttp_t *ll)
{
	struct http_parser *p = parser_of(ll);

	if (ll->content_length == 0) {
		p->in_trailer = true;
		return HPE_PAUSED;
	}
	p->chunks++;
	return ll->content_length > p->limit - p->body_bytes ? refuse(p, PROBLEM_BODY_TOO_LARGE) : 0;
}

static int on_message_complete(llhttp_t *ll)
{
	parser_of(ll)->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

/* ---- the parser ---- */

void http_parser_init(struct http_parser *p, uint64_t max_body)
{
	*p = (struct http_parser){ .max_body = max_body };
}

void http_parser_fini(struct http_parser *p)
{
	buf_fini(&p->partial);
}

void http_parser_begin(struct http_parser *p, struct http_request *req)
{
	llhttp_init(&p->ll, HTTP_REQUEST, &callbacks);
	p->ll.data = p;
	http_head_begin(&p->head);
	p->req = req;
	p->in_head = p->in_body = p->skipped_line = p->cr_seen = false;
	p->expects = p->chunked = p->complete = p->in_trailer = false;
	p->says_close = p->says_keep_alive = false;
	http_trailer_begin(&p->trailer);
	p->host_count = p->spans = 0;
	p->host = slice_of(NULL, 0);
	p->body_bytes = p->fed_bytes = p->chunks = 0;
	p->problem = PROBLEM_NONE;
}

void http_parser_drop(struct http_parser *p)
{
	p->req = NULL;
	p->in_head = p->in_body = false;
}

static enum http_parse bad(struct http_parser *p, enum problem problem)
{
	p->problem = problem;
	return HTTP_PARSE_BAD;
}

/* What llhttp refused by itself. */
static enum problem problem_of_errno(llhttp_errno_t e)
{
	switch (e) {
	case HPE_UNEXPECTED_CONTENT_LENGTH:
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_INVALID_TRANSFER_ENCODING:
	case HPE_INVALID_CHUNK_SIZE:
	case HPE_STRICT:
		return PROBLEM_FRAMING;
	case HPE_INVALID_URL:
		return PROBLEM_TARGET;
	case HPE_INVALID_VERSION:
		return PROBLEM_VERSION;
	default:
		return PROBLEM_MALFORMED;
	}
}

/* Runs llhttp over bytes; *usedp of them belong to this request. */
static enum http_parse execute(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	llhttp_errno_t e;

	*usedp = bytes.n;
	e = llhttp_execute(&p->ll, (const char *)bytes.p, bytes.n);
	if (e == HPE_PAUSED && (p->complete || p->in_trailer)) {
		*usedp = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->ll) - bytes.p);
		return p->complete ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
	}
	if (e == HPE_OK)
		return HTTP_PARSE_MORE;
	return bad(p, p->problem ? p->problem : problem_of_errno(e));
}

static enum http_parse read_head(struct http_parser *p, struct slice head)
{
	size_t used;
	enum http_parse got = execute(p, head, &used);

	p->in_head = false;
	p->in_body = got == HTTP_PARSE_MORE;
	return p->in_body ? HTTP_PARSE_HEAD : got;
}

/* The head came in pieces: adds bytes to what is there. *usedp counts of the new bytes only. */
static enum http_parse feed_partial(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	size_t before = p->partial.n, room = HTTP_HEAD_MAX_BYTES + 2 - before, length;
	enum http_parse got;
	enum problem problem;

	buf_append(&p->partial, bytes.p, bytes.n < room ? bytes.n : room);
	*usedp = p->partial.n - before;
	switch (http_head_scan(&p->head, buf_slice(&p->partial), &length, &problem)) {
	case HTTP_HEAD_MORE:
		return HTTP_PARSE_MORE;
	case HTTP_HEAD_BAD:
		return bad(p, problem);
	case HTTP_HEAD_COMPLETE:
		break;
	}
	*usedp = length - before;
	got = read_head(p, slice_of(p->partial.p, length));
	buf_fini(&p->partial);
	return got;
}

/* Skips one empty line before a request (RFC 9112 2.2): its bytes into *usedp. */
static enum problem skip_line(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	if (!p->cr_seen && (p->skipped_line || bytes.p[0] != '\r'))
		return PROBLEM_NONE;
	if (!p->cr_seen)
		*usedp = 1;
	p->cr_seen = true;
	if (*usedp == bytes.n)
		return PROBLEM_NONE;
	if (bytes.p[(*usedp)++] != '\n')
		return PROBLEM_MALFORMED;
	p->cr_seen = false;
	p->skipped_line = true;
	return PROBLEM_NONE;
}

static enum http_parse feed_head(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	size_t skipped = 0, length;
	enum problem problem;

	if (p->partial.n)
		return feed_partial(p, bytes, usedp);
	problem = p->in_head ? PROBLEM_NONE : skip_line(p, bytes, &skipped);
	if (problem)
		return bad(p, problem);
	bytes = slice_of(bytes.p + skipped, bytes.n - skipped);
	*usedp = skipped;
	if (bytes.n == 0)
		return HTTP_PARSE_MORE;
	p->in_head = true;
	switch (http_head_scan(&p->head, bytes, &length, &problem)) {
	case HTTP_HEAD_BAD:
		return bad(p, problem);
	case HTTP_HEAD_MORE:
		buf_append(&p->partial, bytes.p, bytes.n);
		*usedp += bytes.n;
		return HTTP_PARSE_MORE;
	case HTTP_HEAD_COMPLETE:
		break;
	}
	*usedp += length;
	return read_head(p, slice_of(bytes.p, length));
}

static enum http_parse feed_trailer(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	enum problem problem = http_trailer_feed(&p->trailer, bytes, usedp);

	if (problem)
		return bad(p, problem);
	return p->trailer.state == HTTP_TRAILER_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

static enum http_parse feed_data(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	enum http_parse got;

	p->piece = bytes.p;
	got = execute(p, bytes, usedp);
	if (got != HTTP_PARSE_BAD && framing_too_large(p, bytes.p + *usedp, p->chunks + 1))
		return bad(p, PROBLEM_FRAMING);
	p->fed_bytes += *usedp;
	return got;
}

static enum http_parse feed_body(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	enum http_parse got = HTTP_PARSE_MORE;

	if (!p->in_trailer)
		got = feed_data(p, bytes, usedp);
	if (got == HTTP_PARSE_MORE && p->in_trailer && *usedp < bytes.n) {
		size_t used;

		got = feed_trailer(p, slice_of(bytes.p + *usedp, bytes.n - *usedp), &used);
		*usedp += used;
	}
	if (got == HTTP_PARSE_DONE)
		p->in_body = false;
	return got;
}

enum http_parse http_parser_feed(struct http_parser *p, struct slice bytes, size_t *usedp)
{
	*usedp = 0;
	must(p->req != NULL && bytes.n > 0);
	return p->in_body ? feed_body(p, bytes, usedp) : feed_head(p, bytes, usedp);
}
