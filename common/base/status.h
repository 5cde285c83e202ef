/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes: the one type a function that can fail returns.
 *
 * 1. Expected outcomes (not found, would block) are returned plainly.
 * 2. Unexpected ones are born in fail(), which logs one sentence with the place, once; whoever
 *    passes the code on adds nothing.
 * 3. Answers leave through out-parameters, set to NULL or 0 first.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum st {
#define ST(name, number, text) ST_##name = (number),
#include "common/base/status.def"
#undef ST
};

/* The sentence of a code ("corrupt"); "unknown" for a number that is no code. */
const char *st_text(enum st st);

/* Logs an error at file:line with the sentence (printf form) and returns st. Never call it with ST_OK. */
enum st fail_at(const char *file, int line, enum st st, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), warn_unused_result));
#define fail(st, ...) fail_at(__FILE__, __LINE__, (st), __VA_ARGS__)

#define MUST_USE __attribute__((warn_unused_result))

/* Exit codes of every program; the supervisor decides by them whether a restart can help. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_CONFIG = 64,   /* wrong configuration or command line: never restarted */
	EXIT_DATA = 65,     /* data directory damaged or foreign: never restarted */
	EXIT_LOCKED = 66,   /* another server holds the data directory: never restarted */
	EXIT_CRASH = 70,    /* a fault of our own that ends without SIGABRT (a failed must() aborts) */
	EXIT_OSERR = 71,    /* the system refused something at start (descriptor, memory, socket) */
	EXIT_FULL = 73,     /* no room on the disk to start: tried again until there is */
	EXIT_IO = 74,       /* WAL or manifest could not be synced: restart and recover */
	EXIT_ORPHAN = 75    /* the supervisor is gone */
};

#endif
