/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request that asks to what it came to, on the commit thread: nothing in here waits for the disk.
 *
 *   what this group has written  >  memtables  >  what prepare.c has read  >  not known: to be read first
 *
 * What was read is older than the memtable that was active then. That one and newer ones are looked at here, and they hold
 * everything written since, as long as the first of them is still a memtable: once it is flushed the reading is done again.
 */
#ifndef ENGINE_ASKS_H
#define ENGINE_ASKS_H

#include "engine/prepare.h"
#include "engine/writer.h"

/* The most that the request can take of a memtable, and of the log. */
uint64_t asks_cost(struct slice batches);
uint64_t asks_bytes(const struct write_request *r, const struct write_counts *counts);

/* Decides conditions and increments against the open group of w. ST_BUSY: something has to be read first. */
enum st asks_decide(struct writer *w, const struct write_request *r, const struct prepare_job *j, struct decided *out) MUST_USE;

/* Decides a range delete; the group of w must be empty. ST_BUSY: as above. */
enum st asks_decide_range(struct writer *w, const struct write_request *r, const struct prepare_job *j,
			  struct decided *out) MUST_USE;

#endif
