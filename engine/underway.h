/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compactions under way, from the order to the commit.
 *
 *   begin: ids taken, inputs busy --> send: parts at the crew  ...  every part done --> install
 *                                                      \--> drop: whoever is at it stops, its outputs go (jobs.h, 4)
 *
 * At most one a compactor. The jobs thread's.
 */
#ifndef ENGINE_UNDERWAY_H
#define ENGINE_UNDERWAY_H

#include "engine/crew.h"
#include "engine/drain.h"

struct underway {
	/* fixed after start */
	struct truth *truth;
	struct install_dir dir;
	struct drain *drain;             /* NULL: nobody is told how fast it goes */
	uint64_t memtable_size_limit, table_size_target;
	unsigned codec, codec_last;      /* BLOCK_COMPRESSION_* */
	/* what changes */
	struct crew crew;
	struct compaction **jobs;
	size_t count;
};

enum st underway_listen(struct underway *u, const struct conf *conf, link_notify_f *notify, void *ctx) MUST_USE;

/* What runs and who is there, told to people after every change. */
void underway_tell(const struct underway *u);

/* Cuts the job for all who are idle; from here on it is one of those under way. On failure it is not. */
enum st underway_begin(struct underway *u, struct compaction *job) MUST_USE;

/* To the compactors, which share the rate (bytes per second, 0: none). On failure one of them is gone: to be dropped. */
enum st underway_send(struct underway *u, struct compaction *job, uint64_t rate) MUST_USE;

/* One that comes no further (compaction.h), or NULL. */
struct compaction *underway_stuck(const struct underway *u, uint64_t patience_us);

/* All or nothing: its inputs stay what they were. Frees it. */
void underway_drop(struct underway *u, struct compaction *job);

/* The last word about a job that was dropped, or whoever owes it is gone: what has come of it since goes, too. */
void underway_settle(struct underway *u, struct worker *w);

/* Every part is done: believes, commits, and frees it. On failure it is still under way, and to be dropped. */
enum st underway_install(struct underway *u, struct compaction *job) MUST_USE;

#endif
