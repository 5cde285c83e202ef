/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others are told of compactions: people, by gauges, counters and the log; writers, by how fast it goes (drain.h).
 * The jobs thread's.
 */
#ifndef ENGINE_JOBNEWS_H
#define ENGINE_JOBNEWS_H

#include "engine/compaction.h"
#include "engine/drain.h"

/* What runs, anew after every change. */
void jobnews_running(struct compaction *const *running, size_t n, size_t compactors);

void jobnews_begun(const struct compaction *job);

/* Installed; memtable_bytes: of each table that it took from level 0. drain may be NULL. */
void jobnews_installed(const struct compaction *job, uint64_t memtable_bytes, struct drain *d);

#endif
