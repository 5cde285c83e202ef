/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's lock on its data directory: byte 1 of DATA_DIR/LOCK (byte 0 is the supervisor's). An engine that lost
 * its supervisor may still be at its last write when the next one starts; the two must never both have the log.
 *
 * The kernel drops the lock with the process. It also drops it when any descriptor of that file is closed, so nobody
 * else in this process opens it.
 */
#ifndef ENGINE_DATALOCK_H
#define ENGINE_DATALOCK_H

#include "common/base/buf.h"
#include "common/base/status.h"

/* Waits up to wait_ms for a dying owner. ST_BUSY: the complaint names the pid that holds it. */
enum st datalock_take(const char *data_dir, unsigned wait_ms, struct buf *complaint) MUST_USE;

#endif
