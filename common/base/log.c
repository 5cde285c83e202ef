/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines, made on the stack and written in one piece.
 *
 * 1. A line is one write(2) of at most LINE_BYTES, so lines of several processes do not mix. A longer one is
 *    cut between two characters and ends in an ellipsis.
 * 2. What goes out is valid UTF-8 without control characters: a message may quote bytes of a client, and
 *    neither a JSON reader nor a terminal may be led astray by them.
 * 3. No allocation and no lock; errno is left as it was. Any thread.
 */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

#define LINE_BYTES 4096
#define TAIL_BYTES 16           /* kept free for the ellipsis and what closes a line */
#define ELLIPSIS "\xe2\x80\xa6"

struct line {
	char p[LINE_BYTES];
	size_t n;
	bool cut;               /* something did not fit */
};

static char log_name[32] = "lsm";
static _Atomic int log_level = LOG_LEVEL_INFO;
static enum log_format log_format = LOG_FORMAT_PRETTY;
static bool log_colour;

void log_init(const char *name, enum log_level level, enum log_format format)
{
	snprintf(log_name, sizeof(log_name), "%s", name);
	log_format = format;
	log_colour = format == LOG_FORMAT_PRETTY && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* Appends all of n bytes, or none and marks the line as cut. */
static void line_add(struct line *l, const char *p, size_t n)
{
	if (l->cut || l->n + n > LINE_BYTES - TAIL_BYTES) {
		l->cut = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void line_printf(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line_printf(struct line *l, const char *fmt, ...)
{
	char s[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	line_add(l, s, n < (int)sizeof(s) ? (size_t)n : sizeof(s) - 1);
}

/* What closes a line; TAIL_BYTES are kept free for it. */
static void line_close(struct line *l, const char *tail)
{
	size_t n = strlen(tail);

	if (l->cut) {
		memcpy(l->p + l->n, ELLIPSIS, sizeof(ELLIPSIS) - 1);
		l->n += sizeof(ELLIPSIS) - 1;
	}
	memcpy(l->p + l->n, tail, n);
	l->n += n;
}

/* Bytes of the well-formed UTF-8 character at p (n > 0 bytes are there), 0 when there is none. */
static size_t utf8_size(const unsigned char *p, size_t n)
{
	static const unsigned char low[] = { 0xa0, 0x90 }, high[] = { 0x9f, 0x8f };
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 :
	    p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < low[0]) || (p[0] == 0xf0 && p[1] < low[1]))
		return 0;       /* longer than needed */
	if ((p[0] == 0xed && p[1] > high[0]) || (p[0] == 0xf4 && p[1] > high[1]))
		return 0;       /* a surrogate, or beyond U+10FFFF */
	return size;
}

/* One ASCII character or C1 control. */
static void line_add_ascii(struct line *l, unsigned c, bool json)
{
	static const char short_form[] = "\bb\tt\nn\ff\rr";
	const char *s = NULL;
	char ch = (char)c;

	if (c < 0x20)
		for (const char *q = short_form; *q && !s; q += 2)
			if ((unsigned)*q == c)
				s = q + 1;
	if (s)
		line_add(l, (char[]){ '\\', *s }, 2);
	else if (c < 0x20 || c >= 0x7f)
		line_printf(l, "\\u%04x", c);
	else if (json && (c == '"' || c == '\\'))
		line_add(l, (char[]){ '\\', ch }, 2);
	else
		line_add(l, &ch, 1);
}

static void line_add_text(struct line *l, const char *text, size_t n, bool json)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;

	while (p < end && !l->cut) {
		size_t size = utf8_size(p, (size_t)(end - p));

		if (size == 0 && json)
			line_add(l, "\\ufffd", 6);
		else if (size == 0)
			line_add(l, "\xef\xbf\xbd", 3);
		else if (size == 1)
			line_add_ascii(l, p[0], json);
		else if (size == 2 && p[0] == 0xc2 && p[1] < 0xa0)
			line_add_ascii(l, p[1], json);
		else
			line_add(l, (const char *)p, size);
		p += size ? size : 1;
	}
}

/* Length of text without the beginning of a character that was cut off at its end. */
static size_t whole_characters(const char *text, size_t n)
{
	size_t i = n;

	while (i > 0 && n - i < 3 && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
		i--;
	return i > 0 && (unsigned char)text[i - 1] >= 0xc0 ? i - 1 : n;
}

static void line_begin_json(struct line *l, enum log_level level)
{
	int64_t ms = clock_wall_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	line_printf(l, "{\"level\":%d,\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\","
	    "\"pid\":%ld,\"name\":\"",
	    (int)level, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (int)(ms % 1000), (long)getpid());
	line_add_text(l, log_name, strlen(log_name), true);
	line_printf(l, "\",\"msg\":\"");
}

static void line_begin_pretty(struct line *l, enum log_level level)
{
	static const char *const colour[] = { "\033[2m", "\033[32m", "\033[33m", "\033[31m" };
	static const char *const mark[] = { "\u00b7", "\u2139", "!", "\u2716" };
	unsigned i = level >= LOG_LEVEL_ERROR ? 3 : level >= LOG_LEVEL_WARN ? 2 :
	    level >= LOG_LEVEL_INFO ? 1 : 0;
	time_t s = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	localtime_r(&s, &tm);
	line_printf(l, "%02d:%02d:%02d %s%s%s %-12s ", tm.tm_hour, tm.tm_min, tm.tm_sec,
	    log_colour ? colour[i] : "", mark[i], log_colour ? "\033[0m" : "", log_name);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LINE_BYTES];
	struct line l;
	int saved_errno = errno, n;
	bool json = log_format == LOG_FORMAT_JSON;
	va_list ap;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l.n = 0;
	l.cut = false;
	if (json)
		line_begin_json(&l, level);
	else
		line_begin_pretty(&l, level);
	if (n >= (int)sizeof(text)) {
		line_add_text(&l, text, whole_characters(text, sizeof(text) - 1), json);
		l.cut = true;
	} else if (n > 0) {
		line_add_text(&l, text, (size_t)n, json);
	}
	line_close(&l, json ? "\"}\n" : "\n");
	while (write(STDERR_FILENO, l.p, l.n) < 0 && errno == EINTR)
		continue;
	errno = saved_errno;
}

const char *log_source(const char *file)
{
	static const char own[] = __FILE__;
	size_t top = sizeof(own) - sizeof("common/base/log.c");

	return strncmp(file, own, top) == 0 ? file + top : file;
}
