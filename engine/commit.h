/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit thread: takes what all frontends have asked, makes it one group, answers each frontend with one message.
 *
 * 1. One link per frontend slot, of which each frontend has two (heritage.h); every new connection, and every request meant for another incarnation, is answered
 *    with a hello. Such a request is not applied and not replied to: the frontend repeats it, addressed to us.
 * 2. A group is all that is queued, bounded in bytes. A request that asks for what only the disk can tell is overtaken by
 *    others until it was read for.
 * 3. When the log fails nobody is answered and the engine ends (EXIT_IO): frontends repeat to the next incarnation,
 *    which knows from the log what was applied (invariant 9).
 */
#ifndef ENGINE_COMMIT_H
#define ENGINE_COMMIT_H

#include "common/base/conf.h"
#include "engine/writer.h"

struct commit;

/* Listens for the frontends of this configuration; messages wait until the thread starts. */
enum st commit_listen(const struct conf *conf, struct commit **cp) MUST_USE;

/* Who is told of damage that frontends report; on the commit thread, so it waits for nothing. Before commit_start(). */
typedef void commit_damage_f(void *ctx, struct file_id table, uint64_t offset);
void commit_tell_damage(struct commit *c, commit_damage_f *tell, void *ctx);

/* Starts the thread; w is its own from now on. */
void commit_start(struct commit *c, struct writer *w, uint64_t incarnation);

/* Has the thread begin a new segment and memtable, unless nothing was written to the present ones, and waits for that;
 * any other thread, while it runs. *lastp: every write that was answered before the call is at or below. ST_BUSY: too
 * many memtables wait for the flush thread, try again when there are fewer (truth_wait_below()); other outcomes as in
 * writer_rotate(), told in *rp. */
enum st commit_rotate(struct commit *c, struct seq *lastp, struct write_reply *rp) MUST_USE;

/* Lets the thread make a turn though nobody asked for anything. Any thread. */
void commit_wake(struct commit *c);

/* No more groups after the present one; waits for the thread. The writer is the caller's again. */
void commit_stop(struct commit *c);

/* Did the thread make a turn lately, or has it nothing to do? */
bool commit_is_alive(const struct commit *c);

void commit_guard(struct commit *c);         /* link_guard() for every link */

#endif
