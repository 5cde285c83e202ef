/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's control door: RUN_DIR/engine.sock, where lsmctl asks (proto/command.h). A thread of its own
 * takes one question after the other and runs its command; whatever a client does or a command takes, writes and
 * reads go on.
 */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "engine/commands.h"

struct control;

/* Listens and starts the thread. c is copied; its `stop` is set here. */
enum st control_start(const char *path, const struct commands *c, struct control **cp) MUST_USE;

/* Ends the present command at its next piece, then the thread; removes the socket. */
void control_stop(struct control **cp);

#endif
