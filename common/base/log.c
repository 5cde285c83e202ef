/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log (log.h): a line is formatted on the stack and leaves with one write(2), so that lines of several threads and
 * processes never mix. Longer ones are cut and end in "...".
 */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 4096u
#define MESSAGE_BYTES 2048u
#define TAIL_BYTES 24u          /* kept free for the end of a line */

static struct {
	_Atomic int level;
	enum log_format format;
	bool colour;
	char name[32];
} logger = { LOG_LEVEL_INFO, LOG_FORMAT_PRETTY, false, "lsm" };

struct line { char text[LINE_BYTES]; size_t n; };

void log_init(const char *name, enum log_level level, enum log_format format)
{
	snprintf(logger.name, sizeof logger.name, "%s", name);
	logger.format = format;
	logger.colour = format == LOG_FORMAT_PRETTY && isatty(STDERR_FILENO);
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

static void put(struct line *l, const char *s, size_t n)
{
	size_t room = LINE_BYTES - TAIL_BYTES - l->n;

	if (n > room)
		n = room;
	memcpy(l->text + l->n, s, n);
	l->n += n;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const uint8_t *s, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t v;

	if (want == 0 || want > n)
		return 0;
	v = want == 1 ? s[0] : s[0] & (0xffu >> (want + 1));
	for (size_t i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3fu);
	}
	return v < least[want] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : want;
}

/* Text for a JSON string, or for a terminal: no control characters, valid UTF-8. */
static void put_escaped(struct line *l, const char *message, bool json)
{
	const uint8_t *s = (const uint8_t *)message;
	size_t left = strlen(message);
	char code[8];

	while (left > 0) {
		size_t n = utf8_length(s, left);

		if (n == 0) {
			put(l, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (n == 1 && (s[0] < 0x20 || s[0] == 0x7f)) {
			put(l, code, (size_t)snprintf(code, sizeof code, "\\u%04x", s[0]));
		} else {
			if (json && (s[0] == '"' || s[0] == '\\'))
				put(l, "\\", 1);
			put(l, (const char *)s, n);
		}
		s += n;
		left -= n;
	}
}

static void put_json(struct line *l, enum log_level level, const struct timespec *now, const char *message)
{
	struct tm tm;
	char head[160], when[32];

	gmtime_r(&now->tv_sec, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	put(l, head, (size_t)snprintf(head, sizeof head, "{\"level\":%d,\"time\":\"%s.%03dZ\",\"pid\":%d,\"name\":\"%s\",\"msg\":\"",
				      (int)level, when, (int)(now->tv_nsec / 1000000), (int)getpid(), logger.name));
	put_escaped(l, message, true);
	memcpy(l->text + l->n, "\"}", 2);
	l->n += 2;
}

static void put_pretty(struct line *l, enum log_level level, const struct timespec *now, const char *message)
{
	const char *colour = level >= LOG_LEVEL_ERROR ? "\033[31m" : level >= LOG_LEVEL_WARN ? "\033[33m" :
			     level >= LOG_LEVEL_INFO ? "\033[32m" : "\033[2m";
	const char *mark = level >= LOG_LEVEL_ERROR ? "\u2716" : level >= LOG_LEVEL_WARN ? "!" : level >= LOG_LEVEL_INFO ? "\u2139" : "\u00b7";
	struct tm tm;
	char head[160], when[16];

	localtime_r(&now->tv_sec, &tm);
	strftime(when, sizeof when, "%H:%M:%S", &tm);
	put(l, head, (size_t)snprintf(head, sizeof head, "%s %s%s%s %-12s ", when, logger.colour ? colour : "", mark,
				      logger.colour ? "\033[0m" : "", logger.name));
	put_escaped(l, message, false);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno, n;
	char message[MESSAGE_BYTES];
	struct timespec now;
	struct line l;
	va_list ap;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof message)
		memcpy(message + sizeof message - 4, "...", 4);
	clock_gettime(CLOCK_REALTIME, &now);
	l.n = 0;
	if (logger.format == LOG_FORMAT_JSON)
		put_json(&l, level, &now, message);
	else
		put_pretty(&l, level, &now, message);
	l.text[l.n++] = '\n';
	(void)!write(STDERR_FILENO, l.text, l.n);
	errno = saved;
}
