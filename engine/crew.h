/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compactors: who is there, who is at what, and what is said to them.
 *
 *   away --peer came--> idle --seated--> working --done report--> idle                   any --peer went--> away
 *                                           | the job is cancelled
 *                                           v
 *                                        owing a last word --done report--> idle
 *
 * 1. A job that is cancelled may have ended just then, and its outputs be on the way. So whoever was at it gets no other order
 *    before his last word about it: then all that he made of it is there, and goes. One who goes without a word has made all
 *    that he will, too.
 *
 * The jobs thread's; crew_guard() is for any thread.
 */
#ifndef ENGINE_CREW_H
#define ENGINE_CREW_H

#include "common/base/conf.h"
#include "common/ipc/link.h"
#include "engine/compaction.h"

struct worker {
	struct link *link;
	uint64_t connection;             /* 0: away */
	struct compaction *job;          /* NULL: idle */
	size_t part;                     /* of it */
	uint64_t owes;                   /* the job about which he owes a last word; 0: none */
	struct file_id owes_first;  uint32_t owes_count;     /* the ids of what he may have made of it */
};

struct crew {
	struct worker *workers;
	unsigned count;
	uint64_t incarnation;            /* in everything that is said */
	uint64_t rate_told;              /* what each of them was told last */
};

/* Links are never closed: a failed start leaves them to the process' end. */
enum st crew_listen(struct crew *c, const struct conf *conf, link_notify_f *notify, void *ctx) MUST_USE;
void crew_guard(struct crew *c);         /* link_guard() for every link */

size_t crew_there(const struct crew *c);
size_t crew_idle(const struct crew *c);

/* Gives each part of the job to somebody who is idle: there are enough. Nothing is said yet. */
void crew_seat(struct crew *c, struct compaction *job);

/* Sends everybody who is at the job the order for his part; common has what is the same for all orders. On failure those whom
 * it did not reach are not at the job any more. */
enum st crew_order(struct crew *c, const struct compaction *job, const struct compact_order *common) MUST_USE;

/* Whoever is at it stops, and owes a last word. */
void crew_cancel(struct crew *c, const struct compaction *job);

/* The rate in bytes per second (0: none) is for all of those at work together. When the share of one changed all are told,
 * but those of a job that is still to be ordered (fresh, or NULL). */
void crew_share_rate(struct crew *c, uint64_t rate, const struct compaction *fresh);

#endif
