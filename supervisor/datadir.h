/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data and run directories before anything starts: made when missing, refused when they are somebody else's, and
 * locked, so that one server at a time has them.
 *
 * LOCK is locked with POSIX record locks, which the kernel drops with the process: byte 0 by the supervisor, byte 1 by
 * the engine. The file also holds the supervisor's pid as text, for people. The run directory has a LOCK of its own:
 * two servers in one would take each other's sockets, and a frontend might find the wrong engine behind them.
 */
#ifndef SUPERVISOR_DATADIR_H
#define SUPERVISOR_DATADIR_H

#include "common/base/conf.h"

/* On failure complaint has a sentence, and *exit_codep says how to end (EXIT_LOCKED, EXIT_DATA, EXIT_OSERR).
 * The lock lives until the process ends. */
enum st datadir_take(const struct conf *c, struct buf *complaint, int *exit_codep) MUST_USE;

/* Makes the run directory again when somebody has removed it: no worker could be started without one. */
void datadir_keep_run(const struct conf *c);

#endif
