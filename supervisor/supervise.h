/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's loop: keeps the workers of one server alive and stops them in order. One thread, no nng, no disk
 * access: a parent that does little cannot be dragged down.
 *
 * Order of stopping: frontends drain first (nobody is left who could ask), then the compactors, then the engine.
 */
#ifndef SUPERVISOR_SUPERVISE_H
#define SUPERVISOR_SUPERVISE_H

#include "supervisor/listener.h"
#include "supervisor/worker.h"

struct supervisor;

/* Makes the shared memory and the configuration file that workers inherit. libexec: folder of the worker programs.
 * conf and listeners are on loan for the life of the supervisor. */
enum st supervisor_new(const struct conf *c, const struct listeners *l, const char *libexec, struct supervisor **sp) MUST_USE;

/* Runs until told to stop; the exit code of the program. Once. */
int supervisor_run(struct supervisor *s);
void supervisor_free(struct supervisor **sp);

#endif
