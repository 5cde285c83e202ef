/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine can be told by its operators: a function for each row of proto/commands.def. They run on the control
 * thread, one at a time, and may take seconds; what they wait for they wait for in small pieces and end when `stop` is set.
 *
 * A new command: the row there, and here in commands.c `static enum st do_<name>(const struct commands *c,
 * const struct command *q, struct buf *text)`. Between least and most words follow q->words[0]; whether they make sense
 * is the function's to say (ST_INVALID). text is for people: what was done, or why not; whole lines.
 */
#ifndef ENGINE_COMMANDS_H
#define ENGINE_COMMANDS_H

#include <stdatomic.h>

#include "engine/commit.h"
#include "engine/jobs.h"
#include "proto/command.h"

/* What they act on; all on loan. */
struct commands {
	struct vfs *vfs;
	const struct conf *conf;
	struct truth *truth;
	struct commit *commit;
	struct jobs *jobs;
	const _Atomic bool *stop;        /* the engine wants to end */
};

/* Does what q says. ST_INVALID also for what no row says; text then tells what there is. */
enum st commands_run(const struct commands *c, const struct command *q, struct buf *text);

#endif
