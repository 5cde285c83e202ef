/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do next, as things stand: puts the question together that pick.h answers.
 *
 *   the levels, what runs, what was asked for, whether anybody writes, who rests   -->  pick  -->  one that fits on the disk
 *
 * 1. What fits into the room there is comes first; else, while writes are refused, what fits when the ballast is given
 *    back, which it then is. Else, with nothing under way, one table of the last level is rewritten alone, without what is
 *    hidden in it (pick_hidden.h); else, while writes are refused, what will fit if its deletes hide what they should. Without
 *    these two a disk full of deleted entries stayed full. If the hope was wrong the job fails and its outputs go (4).
 * 2. When nothing that is due fits, that is known (held_for_room), and said once.
 * 3. Inputs that made jobs fail rest, each for itself, and jobs go round them (setback.h).
 * 4. After a failure that is no input's fault nothing is begun for a while, longer each time until a job goes well.
 *
 * The jobs thread's.
 */
#ifndef ENGINE_CHOOSER_H
#define ENGINE_CHOOSER_H

#include "engine/compaction.h"
#include "engine/reserve.h"
#include "engine/setback.h"
#include "engine/truth.h"

struct chooser {
	/* fixed after start */
	struct truth *truth;
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct levels_conf levels;
	uint64_t rest_us;                /* nobody wrote for so long: at rest; 0: never */
	uint64_t table_size_target;
	/* found on the way */
	struct seq rest_seq;             /* the last write, as of rest_since_us */
	uint64_t rest_since_us;
	struct seq asked;                /* what the latest question asked for */
	bool held_for_room;              /* there is something to do and no room for it */
	bool waits;                      /* and nothing is under way, which was said */
	struct setback setback;
	uint64_t retry_us, retry_at_us;  /* (4); 0: the last job went well */
};

/* How things stand: what is under way, what was asked for (0: nothing), and whether a compactor is idle. */
struct chooser_scene {
	struct compaction *const *running;  size_t running_count;
	struct seq asked;
	bool idle;
};

/* Fills job with the next thing to do, its inputs owned and set; false: nothing. */
bool chooser_next(struct chooser *c, const struct chooser_scene *scene, struct compaction *job);

/* A job failed. culprit: the input that says so. Whoever is to blame rests (3), else all wait (4). */
void chooser_failed(struct chooser *c, const struct compaction *job, enum st st, struct file_id culprit);
void chooser_back_off(struct chooser *c);        /* nothing came of it, and no input is to blame */
void chooser_went_well(struct chooser *c);

int chooser_held_ms(const struct chooser *c);    /* how long nothing is to be begun; 0: go on */
bool chooser_goes_round(const struct chooser *c);        /* does anybody rest? */

/* Milliseconds until something may be to be done that nobody tells of, and that is not to be waited for otherwise. */
int chooser_look_ms(const struct chooser *c);

#endif
