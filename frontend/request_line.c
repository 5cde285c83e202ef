/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of request_line.h. Pure; any thread. */
#include "frontend/request_line.h"

#include <time.h>

#include "common/base/must.h"
#include "frontend/text.h"

static const char *method_word(enum http_method m)
{
	static const char *const words[] = {
		[HTTP_M_GET] = "GET", [HTTP_M_HEAD] = "HEAD", [HTTP_M_POST] = "POST", [HTTP_M_PUT] = "PUT",
		[HTTP_M_DELETE] = "DELETE", [HTTP_M_OPTIONS] = "OPTIONS", [HTTP_M_OTHER] = "OTHER",
	};

	must((unsigned)m < sizeof words / sizeof *words);
	return words[m];
}

/* What may be told of the path. */
static struct slice shown_path(const struct request_facts *f)
{
	if (f->with_keys)
		return f->path;
	return f->routed ? slice_of(f->path.p, f->path.n - f->argument_bytes) : slice_str("?");
}

static void append_time(struct buf *out, int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&s, &tm);
	buf_append(out, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &tm));
	buf_printf(out, "%03uZ", (unsigned)(wall_ms % 1000));
}

static void append_number(struct buf *out, const char *name, uint64_t v)
{
	buf_append_str(out, name);
	buf_append_u64(out, v);
}

void request_line_access(struct buf *out, const struct request_facts *f)
{
	buf_append_str(out, "{\"time\":\"");
	append_time(out, f->wall_ms);
	buf_append_str(out, "\",\"client\":\"");
	buf_append_str(out, f->client);
	buf_append_str(out, "\",\"method\":\"");
	buf_append_str(out, method_word(f->method));
	buf_append_str(out, "\",\"path\":");
	text_quote_any(out, shown_path(f));
	if (f->with_keys && f->query.n) {
		buf_append_str(out, ",\"query\":");
		text_quote_any(out, f->query);
	}
	if (f->argument_bytes)
		append_number(out, ",\"argumentBytes\":", f->argument_bytes);
	append_number(out, ",\"status\":", f->status);
	append_number(out, ",\"bytes\":", f->bytes);
	append_number(out, ",\"us\":", f->hold_us + f->serve_us);
	if (f->token_line)
		append_number(out, ",\"tokenLine\":", f->token_line);
	buf_append_str(out, "}\n");
}

void request_line_slow(struct buf *out, const struct request_facts *f)
{
	buf_printf(out, "Slow request: %s ", method_word(f->method));
	buf_append_slice(out, shown_path(f));
	if (f->argument_bytes && !f->with_keys)
		append_number(out, "... with a key of ", f->argument_bytes);
	append_number(out, f->argument_bytes && !f->with_keys ? " bytes was answered " : " was answered ", f->status);
	append_number(out, " with ", f->bytes);
	append_number(out, " bytes after ", f->hold_us + f->serve_us);
	append_number(out, " us: ", f->hold_us);
	append_number(out, " us behind earlier requests, ", f->serve_us);
	append_number(out, " us with the server; it had arrived within ", f->receive_us);
	buf_append_str(out, " us.");
}
