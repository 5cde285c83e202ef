/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets how much of what is bounded: memory between blocks and tables, descriptors between snapshots, tables and connections.
 * Pure. */
#ifndef FRONTEND_SHARES_H
#define FRONTEND_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- memory ---- */

struct memory_setup {
	uint64_t memory_limit;           /* 0: cache_size_limit for reading, and the memtables beside it */
	uint64_t cache_size_limit, memtable_size_limit;
	unsigned workers, index;         /* how many frontends, which one this is */
};

struct memory_share { uint64_t block_bytes, table_bytes; };

/* What others have of the budget, and its own indexes and filters. */
struct memory_taken {
	uint64_t memtable_bytes;         /* all memtables */
	uint64_t engine_bytes;           /* what the engine keeps of tables, for writes that depend on what is stored */
	uint64_t held_bytes;
};

/* How much this process may hold of decompressed blocks, and at most of indexes and filters. What is taken blocks do not get. */
struct memory_share memory_share(const struct memory_setup *m, const struct memory_taken *taken);

/* This process' part of the whole budget; those of all frontends add up to it. */
uint64_t memory_budget_part(const struct memory_setup *m);

/* ---- descriptors ---- */

#define DESCRIPTORS_LEAST 128u

struct descriptor_share { uint64_t connections; size_t tables, snapshots; };

/* Of `limit` descriptors; false when they are too few to serve anybody. */
bool descriptor_share(uint64_t limit, uint64_t max_connections, struct descriptor_share *sp);

#endif
