/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that many short lines go to, written by a thread of its own, so that who adds a line never waits for a disk.
 *
 *	add --> filling --(swapped under the lock)--> writing --> file
 *
 * 1. A line is written whole, by one write(2) with those around it; several processes may share the file.
 * 2. What waits is bounded by LINE_LOG_BYTES; a line that finds no room is dropped, and counted.
 * 3. After line_log_reopen() lines go to the file that has the name then. When it cannot be opened they go on to the
 *    old one, and an error is logged.
 * 4. Lines are on their way for at most LINE_LOG_PAUSE_MS before they are written, unless the disk is slow.
 *
 * line_log_add, line_log_reopen: any thread. The others: once, by the owner.
 */
#ifndef FRONTEND_LINE_LOG_H
#define FRONTEND_LINE_LOG_H

#include "common/base/buf.h"
#include "common/base/status.h"

enum { LINE_LOG_BYTES = 4 << 20, LINE_LOG_PAUSE_MS = 50 };

struct line_log;

/* path: a file, made when missing (mode 0640) and appended to; or "stdout". ST_INVALID with a sentence. */
enum st line_log_open(const char *path, struct line_log **lp, struct buf *complaint) MUST_USE;

/* False: dropped. */
bool line_log_add(struct line_log *l, struct slice line);
void line_log_reopen(struct line_log *l);

/* Writes what is left and closes. */
void line_log_close(struct line_log **lp);

#endif
