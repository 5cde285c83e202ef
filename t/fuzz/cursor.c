/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors: what is taken for one is what would be written again. With its checksum made right, so that more than that is tried. */
#include "frontend/cursor.h"

#include "frontend/base64url.h"
#include "frontend/media.h"
#include "t/fuzz/fuzz.h"

FUZZ_SEEDS("cursor",
	FUZZ_SEED("AQDAIAAAAAAAAL3inAwBAAAA0AcAAAAAAABAmHIapwDQoB0AAAAIAGswMDAwMDIA6xJwIw"), FUZZ_SEED("AQ"), FUZZ_SEED("A"),
	FUZZ_SEED("AQDAIAAAAAAAAL3inAwBAAAA0AcAAAAAAABAmHIapwDQoB0AAAAIAGswMDAwMDIA6xJwIw=="), FUZZ_SEED("a/b+"), FUZZ_SEED("____"),
	FUZZ_SEED("application/x-ndjson;q=0.5, */*;q=0"), FUZZ_SEED("text/html"), FUZZ_SEED("application/*"));

static void is_written_again(struct slice text)
{
	struct buf bytes = BUF_INIT, again = BUF_INIT, bytes2 = BUF_INIT;
	struct cursor c, d;

	if (cursor_read(text, &bytes, &c)) {
		must(c.rest.start.n <= bytes.n && c.rest.end.n <= bytes.n);
		cursor_write(&again, &c);
		must(slice_eq(buf_slice(&again), text));
		must(cursor_read(buf_slice(&again), &bytes2, &d));
		must(slice_eq(c.rest.start, d.rest.start) && slice_eq(c.rest.end, d.rest.end) && c.lease == d.lease);
	}
	buf_fini(&bytes);
	buf_fini(&again);
	buf_fini(&bytes2);
}

/* A cursor made of the bytes is read as it was made. */
static void comes_back(struct slice s)
{
	struct cursor c = { .lease = s.n, .taken_us = 7, .seq = seq(9), .reverse = s.n & 1, .keys_only = s.n & 2 }, d;
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	size_t half = s.n / 2 < 1000 ? s.n / 2 : 1000;

	c.rest.start = slice_of(s.p, half);
	c.rest.end = slice_of(s.p + half, s.n - half < 1000 ? s.n - half : 1000);
	c.asked = cursor_asked(&c.rest);
	cursor_write(&text, &c);
	must(cursor_read(buf_slice(&text), &bytes, &d));
	must(slice_eq(c.rest.start, d.rest.start) && slice_eq(c.rest.end, d.rest.end) && c.reverse == d.reverse);
	buf_fini(&text);
	buf_fini(&bytes);
}

static void is_base64_or_not(struct slice s)
{
	struct buf text = BUF_INIT, bytes = BUF_INIT;

	base64url_write(&text, s);
	must(base64url_read(buf_slice(&text), &bytes) && slice_eq(buf_slice(&bytes), s));
	buf_reset(&text);
	buf_reset(&bytes);
	if (base64url_read(s, &bytes)) {
		base64url_write(&text, buf_slice(&bytes));
		must(slice_eq(buf_slice(&text), s));
	} else {
		must(bytes.n == 0);
	}
	buf_fini(&text);
	buf_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice s = slice_of(n ? bytes : (const uint8_t *)"", n);

	is_written_again(s);
	comes_back(s);
	is_base64_or_not(s);
	(void)media_wish(s, MEDIA_NDJSON);
	(void)media_is(s, MEDIA_PROTOBUF);
	return 0;
}
