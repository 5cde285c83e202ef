/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first steps of every worker, the same for all: read the heritage, name the log, set signals, and promise to
 * end when the supervisor does.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <pthread.h>

#include "common/base/heritage.h"

/* Reads heritage from argv and the fixed descriptors, starts the log, ignores SIGPIPE, raises the limit of open files as far as it goes, sets
 * PR_SET_PDEATHSIG(SIGKILL) and checks the parent is still there. Ends the process with EXIT_CONFIG when not started by a supervisor. */
void proc_begin(enum role role, int argc, char **argv, struct heritage *hp);

/* How many descriptors this process may have. */
uint64_t proc_descriptors(void);

/* Tells the supervisor that this worker serves. Once. */
void proc_ready(void);

/* A heartbeat; call at least every second from the loop whose being stuck should end the process. Never blocks. */
void proc_beat(void);

/* True when the supervisor is gone: end with EXIT_ORPHAN. Loops that poll may watch HERITAGE_LIFELINE instead. */
bool proc_orphaned(void);

/* Blocks SIGTERM and SIGINT in the calling thread (so all threads made later inherit that) and returns a signalfd for them. */
int proc_signal_fd(void);
int proc_signal_fd_also(const int *more, size_t n);      /* and for these */

/* A thread with a name for ps -L and gdb (15 bytes are kept). Ends the process when the system refuses one. */
pthread_t proc_thread(const char *name, void *(*run)(void *), void *arg);

#endif
