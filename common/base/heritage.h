/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heritage: all that a worker inherits from the supervisor, at fixed descriptor numbers. Every other descriptor
 * is closed before exec, and nothing else (no argument, no environment variable) carries meaning.
 *
 *   3  config      sealed memory file, KEY=value lines (conf_write)
 *   4  lifeline    stream socket to the supervisor. Worker -> supervisor: one byte 'R' when ready, then one byte 'B'
 *                  at least every second from its main loop (heartbeat). End of file = the supervisor is gone: exit.
 *   5  board       memory file; the engine gets it read-write, everybody else read-only
 *   6  scoreboard  memory file, read-write; a worker writes its own slot only
 *   7  leases      memory file, read-write, for all workers (common/view/lease.h)
 *   8  listener    frontends only: a listening TCP socket
 *
 * argv: <program> <role name> <slot>, for ps. Slots number the scoreboard: supervisor 0, engine 1, then compactors,
 * then frontends. index counts within the role from 0. A frontend has two slots, so that a successor can begin to serve
 * before it ends: its index, and that plus FRONTEND_WORKERS.
 */
#ifndef BASE_HERITAGE_H
#define BASE_HERITAGE_H

#include "common/base/conf.h"

enum { HERITAGE_CONFIG = 3, HERITAGE_LIFELINE = 4, HERITAGE_BOARD = 5, HERITAGE_SCOREBOARD = 6, HERITAGE_LEASES = 7,
       HERITAGE_LISTENER = 8 };
enum { SLOT_SUPERVISOR = 0, SLOT_ENGINE = 1, SLOT_MAX = 96 };

enum role { ROLE_SUPERVISOR, ROLE_ENGINE, ROLE_COMPACTOR, ROLE_FRONTEND };

const char *role_name(enum role role);                     /* "engine" */

/* Slot of the index-th worker of a role under this configuration. */
unsigned heritage_slot(const struct conf *c, enum role role, unsigned index);

struct heritage {
	struct conf conf;
	enum role role;
	unsigned slot, index;
	unsigned number;         /* which frontend: index without the second slots; else index */
	char name[32];           /* "engine", "frontend.0" */
};

#endif
