/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads of many keys out of one view at one sequence: no write falls between two of them.
 *
 *	           all in memory, few
 *	keys ---------------------------> done
 *	  |  \--> disk needed, or many --> reading thread --^
 *	  |                                  | a file is gone: all over again in a newer view
 *	  `--> newest view not open -> held, as in reads.c
 *
 * What is found is written key after key into one buffer, by whoever looks; no value is held beyond that.
 */
#ifndef FRONTEND_READS_MANY_H
#define FRONTEND_READS_MANY_H

#include "frontend/reads.h"

struct reads_many {
	/* set by the caller; all in r's arena */
	const struct slice *keys;
	size_t count;
	size_t max_bytes;                        /* when out has so many before the last key it is ST_TOO_BIG */
	/* Appends one key's outcome to out: ST_OK with e, ST_NOT_FOUND or ST_CORRUPT. Any thread. */
	void (*item)(struct buf *out, struct slice key, enum st st, const struct entry *e);
	/* Answers r, once, and takes over m->out; m is gone with r. st: ST_OK, ST_TOO_BIG (key number at did not fit), ST_IO, ST_UNAVAILABLE. */
	void (*done)(struct http_request *r, struct reads_many *m, enum st st);

	/* for done */
	struct buf out;
	struct seq seq;
	size_t at;

	/* reads_many's own */
	struct cold_job job;
	struct reads *reads;
	struct http_request *request;
	struct view *view;
	int64_t now_ms;
	enum st st;
	struct read_cost cost;
};

void reads_get_many(struct reads *reads, struct http_request *r, struct reads_many *m);

#endif
