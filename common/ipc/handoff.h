/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing out memtables: the engine gives the descriptor of each memory file to every reader over AF_UNIX
 * seqpacket sockets (SCM_RIGHTS), always before the view that names it is published.
 *
 * 1. What was pushed lies in the reader's socket queue, kept by the kernel: it can be taken even when the
 *    engine died right after. So a reader connected at the time of the push can always follow to the view
 *    published behind it.
 * 2. A reader that connects later is sent all living memtables at once.
 * 3. A reader whose queue is full is cut off; it connects again and is sent everything.
 * 4. The kernel counts references: a retired memtable lives as long as somebody maps it.
 *
 * Server: the engine, any thread (one lock inside); one thread of its own accepts. Client: one thread.
 */
#ifndef IPC_HANDOFF_H
#define IPC_HANDOFF_H

#include <stddef.h>

#include "common/base/ids.h"
#include "common/base/status.h"

struct handoff_server;

/* Listens at path (an old socket file is replaced) and starts accepting. */
enum st handoff_listen(const char *path, struct handoff_server **hp) MUST_USE;

/* Makes id:fd known and sends it to every connected reader. fd is on loan until handoff_retire(). */
void handoff_push(struct handoff_server *h, struct file_id id, int fd);

/* No longer sent to new readers. */
void handoff_retire(struct handoff_server *h, struct file_id id);

/* How many readers are connected now: who publishes a first view may wait for them a little (1). */
size_t handoff_readers(struct handoff_server *h);

/* The reader's side: a socket to poll for reading (event loop), or to read with a time-out. */
struct handoff_client;
void handoff_client_new(const char *path, struct handoff_client **cp);
void handoff_client_free(struct handoff_client **cp);

/* Connects when not connected; ST_UNAVAILABLE (not logged) when nobody listens. */
enum st handoff_connect(struct handoff_client *c) MUST_USE;
int handoff_fd(const struct handoff_client *c);           /* -1: never connected, or not again */

/* The next memtable: id and a descriptor that is now the caller's. wait_ms 0: do not block. ST_NOT_FOUND:
 * none within that time. ST_UNAVAILABLE: the engine is gone (all queued ones were taken); connect again. Until then handoff_fd()
 * stays open, for whoever watches it to stop that: its number must not be somebody else's by then. */
enum st handoff_take(struct handoff_client *c, int wait_ms, struct file_id *idp, int *fdp) MUST_USE;

#endif
