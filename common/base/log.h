/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line an event, to stderr only; journald or a container runtime collects.
 *
 * Two forms. JSON, for machines: {"level":30,"time":"2026-01-22T10:00:00.000Z","pid":7,"name":"engine","msg":"..."}
 * (level numbers of pino: 20 debug, 30 info, 40 warn, 50 error). Pretty, coloured on a terminal:
 * 10:00:00 ℹ engine       Compaction completed.
 *
 * error = someone must act; warn = handled, but tell; info = beginnings and ends of things that take seconds, with
 * numbers and units; debug = off. No log line inside a per-key path. Any thread; a line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG = 20, LOG_LEVEL_INFO = 30, LOG_LEVEL_WARN = 40, LOG_LEVEL_ERROR = 50 };
enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_PRETTY };

/* Before anything logs; name ("engine", "frontend.1") is copied. Defaults: info, pretty, "lsm". */
void log_init(const char *name, enum log_level level, enum log_format format);
void log_set_level(enum log_level level);                  /* any time, any thread */
bool log_on(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A __FILE__ as a path from the top of the tree, wherever the build took place. */
const char *log_source(const char *file);

#define log_debug(...) do { if (log_on(LOG_LEVEL_DEBUG)) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); } while (0)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
