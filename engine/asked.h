/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compaction that an operator asked for: everything up to a sequence goes to the last level. How it stands, and when
 * it is over. What was written later does not keep it going.
 *
 *   begin -> { note | fail | look } ... -> done, or ended early
 *
 * 1. It ends: every job takes something up to that sequence deeper (pick.h), of which there is only so much; and a look
 *    ends it when nothing more can be done, when jobs fail ASKED_FAILURES_MOST times in a row, or when nothing has run
 *    for ASKED_PATIENCE_US.
 * 2. Asked again while it is under way, it goes on up to the later sequence; its counts go on too.
 *
 * Any thread; the jobs thread notes and looks.
 */
#ifndef ENGINE_ASKED_H
#define ENGINE_ASKED_H

#include <pthread.h>

#include "engine/version.h"

#define ASKED_FAILURES_MOST 3u
#define ASKED_PATIENCE_US 60000000u

enum asked_state { ASKED_NEVER, ASKED_UNDER_WAY, ASKED_DONE, ASKED_ENDED_EARLY };

struct asked_status {
	enum asked_state state;
	struct seq up_to;
	uint64_t jobs, bytes_in, bytes_out;      /* that were installed since */
	size_t left;  uint64_t left_bytes;       /* tables that have not arrived, as of the latest look */
	uint64_t began_us, ended_us;
	const char *why;                         /* it ended early */
};

struct asked {
	pthread_mutex_t lock;                    /* of all below */
	struct asked_status status;
	uint64_t progress_us;                    /* when something last ran or was done */
	unsigned failures;                       /* in a row */
};

/* What a look found. */
struct asked_view {
	size_t left;  uint64_t left_bytes;       /* tables above the last level with something up to the sequence */
	bool running;                            /* some job is */
	bool stuck;                              /* nothing is to be done though somebody could do it */
};

void asked_init(struct asked *a);
void asked_begin(struct asked *a, struct seq up_to, uint64_t now_us);
void asked_note(struct asked *a, uint64_t bytes_in, uint64_t bytes_out, uint64_t now_us);        /* a job is installed */
void asked_fail(struct asked *a, uint64_t now_us);                                               /* a job was worth nothing */
void asked_look(struct asked *a, const struct asked_view *v, uint64_t now_us);
struct asked_status asked_status(struct asked *a);

/* What has not arrived yet. The version's lock is the caller's. */
void asked_count(const struct version *v, struct seq up_to, struct asked_view *view);

#endif
