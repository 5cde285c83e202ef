/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of requests: what is read is the same however the bytes are cut, and a request that was read is read again
 * from the plainest way to write it.
 */
#include "frontend/http_parse.h"

#include "common/base/hash.h"
#include "t/fuzz/fuzz.h"

enum { MAX_BODY = 1000 };

const char fuzz_name[] = "http_parse";
const struct fuzz_seed fuzz_seeds[] = {
#define HTTP_CASE(name, status, keeps, bytes) FUZZ_SEED(bytes),
#include "t/http_cases.def"
#undef HTTP_CASE
	FUZZ_SEED("GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /c HTTP/1.0\r\n\r\n"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof *fuzz_seeds;

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH" };

static void write_part(struct buf *out, struct slice s)
{
	buf_printf(out, "%zu:", s.n);
	buf_append_slice(out, s);
}

/* The request in full, with the fields that are kept. */
static void write_request(struct buf *out, const struct http_request *r)
{
	unsigned id;

	buf_printf(out, "[%d %d %d ", r->method, r->http10, r->keep_alive);
	write_part(out, r->path);
	write_part(out, r->query);
	write_part(out, buf_slice(&r->body));
	for (id = 0; id < HTTP_FIELD_COUNT; id++)
		if (http_request_field(r, id).p)
			write_part(out, http_request_field(r, id));
	buf_append_str(out, "]");
}

struct rig {
	struct http_pool pool;
	struct http_parser parser;
	struct http_request *req;
	struct buf told;                 /* what was read */
	bool over;
};

static void rig_begin(struct rig *rig)
{
	*rig = (struct rig){ 0 };
	http_parser_init(&rig->parser, MAX_BODY);
	rig->req = http_request_new(&rig->pool);
	http_parser_begin(&rig->parser, rig->req);
}

static void rig_end(struct rig *rig)
{
	http_parser_fini(&rig->parser);
	http_request_free(&rig->pool, &rig->req);
	http_pool_fini(&rig->pool);
	buf_fini(&rig->told);
}

static void next_request(struct rig *rig)
{
	write_request(&rig->told, rig->req);
	http_request_free(&rig->pool, &rig->req);
	rig->req = http_request_new(&rig->pool);
	http_parser_begin(&rig->parser, rig->req);
}

static void feed(struct rig *rig, struct slice bytes)
{
	while (bytes.n && !rig->over) {
		size_t used;
		enum http_parse got = http_parser_feed(&rig->parser, bytes, &used);

		must(used <= bytes.n && rig->req->body.n <= MAX_BODY && rig->parser.partial.n <= HTTP_HEAD_MAX_BYTES + 2);
		must(got != HTTP_PARSE_MORE || used == bytes.n);
		bytes = slice_of(bytes.p + used, bytes.n - used);
		if (got == HTTP_PARSE_DONE)
			next_request(rig);
		rig->over = got == HTTP_PARSE_BAD;
	}
	if (rig->over)
		buf_printf(&rig->told, "%s", problem_code(rig->parser.problem));
}

/* Reads bytes in pieces of so many; the first one is shorter. */
static void read_in_pieces(struct rig *rig, struct slice bytes, size_t first, size_t piece)
{
	size_t at = 0, n = first;

	while (at < bytes.n && !rig->over) {
		if (n > bytes.n - at)
			n = bytes.n - at;
		feed(rig, slice_of(bytes.p + at, n));
		at += n;
		n = piece;
	}
}

static void is_read_alike(struct slice bytes, const struct buf *told, size_t first, size_t piece)
{
	struct rig rig;

	rig_begin(&rig);
	read_in_pieces(&rig, bytes, first, piece);
	must(slice_eq(buf_slice(&rig.told), buf_slice(told)));
	rig_end(&rig);
}

static void write_plainly(struct buf *out, const struct http_request *r)
{
	buf_printf(out, "%s ", methods[r->method]);
	buf_append_slice(out, r->path);
	if (r->query.n) {
		buf_append_str(out, "?");
		buf_append_slice(out, r->query);
	}
	buf_printf(out, " HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", r->body.n);
	buf_append_slice(out, buf_slice(&r->body));
}

/* The first request of bytes, written plainly, is the same request. */
static void is_read_again(struct slice bytes)
{
	struct buf plain = BUF_INIT;
	struct rig one, two;
	size_t used = 0;
	enum http_parse got = HTTP_PARSE_MORE;

	rig_begin(&one);
	rig_begin(&two);
	while (bytes.n && (got == HTTP_PARSE_MORE || got == HTTP_PARSE_HEAD)) {
		got = http_parser_feed(&one.parser, bytes, &used);
		bytes = slice_of(bytes.p + used, bytes.n - used);
	}
	if (got == HTTP_PARSE_DONE && one.req->path.n + one.req->query.n < HTTP_HEAD_MAX_BYTES - 100) {
		write_plainly(&plain, one.req);
		feed(&two, buf_slice(&plain));
		one.req->http10 = false;
		one.req->keep_alive = true;
		one.req->fields = NULL;
		write_request(&one.told, one.req);
		must(slice_eq(buf_slice(&one.told), buf_slice(&two.told)));
	}
	buf_fini(&plain);
	rig_end(&one);
	rig_end(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice all = slice_of(bytes, n);
	struct rig whole;

	if (n == 0)
		return 0;
	rig_begin(&whole);
	feed(&whole, all);
	is_read_alike(all, &whole.told, 1, 1);
	is_read_alike(all, &whole.told, hash64(all) % n + 1, n);
	rig_end(&whole);
	is_read_again(all);
	return 0;
}
